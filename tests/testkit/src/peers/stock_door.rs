//! A whole Kubeflow as its manifests set it up: Dex inside the cluster, oauth2-proxy beside it,
//! Istio's gateway before both, and KFP behind.
//!
//! ```text
//! client -> Envoy (the origin) -> /dex/     recorder -> Dex (-> an identity provider)
//!                              -> /oauth2/  oauth2-proxy, which Envoy also asks who may pass
//!                              -> all else  the KFP stand-in, which records too
//! ```
//!
//! Dex takes itself for [`ISSUER`], a name that only the cluster's pods can resolve, and is reached
//! at `/dex` of the gateway's origin. The only change to the manifests is a public client of Dex,
//! [`CLIENT_ID`].

mod login;
mod sso;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Found;
use super::dex::{self, Client, Dex};
use super::envoy::{Backends, CLOCK_SKEW, Envoy, Trusted};
use super::oauth2_proxy::{self, OAuth2Proxy};
use super::ports::Port;
use crate::http::{self, Request, Response, Server, forward};
use crate::kfp_api;

pub use crate::oauth::{DEVICE_CODE, VERIFIER, challenge};
pub use login::{Landing, walk};
pub use sso::{CONNECTOR, SingleSignOn};

/// Is what Dex's tokens and its discovery name as the issuer.
pub const ISSUER: &str = "http://dex.auth.svc.cluster.local:5556/dex";

/// Is the public client that an admin has added to Dex.
pub const CLIENT_ID: &str = "kfp-credential";

/// Describes a door. The default is a stock Kubeflow with Dex's static passwords ([`dex::USER`]).
pub struct Options {
    /// How Dex is set up; its issuer is that of the door.
    pub dex: dex::Options,
    /// The issuer is Dex's address at the gateway. An admin must change it so for connectors that
    /// send the browser away: it could not come back to a name inside the cluster.
    pub public_issuer: bool,
    pub oauth2_proxy: oauth2_proxy::Options,
    /// The audiences of which a token of Dex's must have one; none: any passes.
    pub audiences: Vec<String>,
    /// Other issuers whose tokens the gateway takes.
    pub trusted: Vec<Trusted>,
    /// How many seconds past its end a token is still taken.
    pub clock_skew: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            dex: dex::Options {
                clients: vec![Client {
                    id: CLIENT_ID,
                    ..Client::default()
                }],
                password_connector: None,
                ..dex::Options::default()
            },
            public_issuer: false,
            oauth2_proxy: oauth2_proxy::Options::default(),
            audiences: Vec::new(),
            trusted: Vec::new(),
            clock_skew: CLOCK_SKEW,
        }
    }
}

type Interceptor = dyn Fn(&Request) -> Option<Response> + Send + Sync;

/// Is a running door.
pub struct StockDoor {
    envoy: Envoy,
    oauth2_proxy: OAuth2Proxy,
    recorder: Server,
    interceptor: Arc<Mutex<Option<Arc<Interceptor>>>>,
    application: Server,
    dex: Dex,
}

impl StockDoor {
    /// Starts everything, and waits until it answers.
    pub fn start(options: Options) -> Found<Self> {
        let port = Port::reserve();
        let public = format!("http://127.0.0.1:{}/dex", port.number());
        let issuer = if options.public_issuer {
            public
        } else {
            ISSUER.to_owned()
        };
        let dex = Dex::start(dex::Options {
            issuer: Some(issuer.clone()),
            ..options.dex
        })?;
        let origin = dex.origin().to_owned();
        let interceptor: Arc<Mutex<Option<Arc<Interceptor>>>> = Arc::default();
        let recorder = Server::start({
            let interceptor = Arc::clone(&interceptor);
            move |request| {
                // Not held while the answer is held back.
                let ask = lock(&interceptor).clone();
                let answer = ask.and_then(|ask| ask(request));
                answer.unwrap_or_else(|| forward(request, &origin))
            }
        });
        let application = Server::start(kfp_api::behind_gateway);
        let oauth2_proxy = OAuth2Proxy::start_for_gateway(&options.oauth2_proxy, &dex)?;
        let backends = Backends {
            dex: recorder.origin(),
            oauth2_proxy: oauth2_proxy.origin().to_owned(),
            application: application.origin(),
        };
        let own = Trusted {
            issuer,
            keys: format!("{}{}/keys", dex.origin(), dex.path()),
            audiences: options.audiences,
            headers: vec![("email", "kubeflow-userid"), ("groups", "kubeflow-groups")],
        };
        let trusted = [vec![own], options.trusted].concat();
        let envoy = Envoy::start(port, &backends, &trusted, options.clock_skew)?;
        recorder.clear();
        application.clear();
        Ok(Self {
            envoy,
            oauth2_proxy,
            recorder,
            interceptor,
            application,
            dex,
        })
    }

    /// Starts one as the manifests and one public client make it.
    pub fn stock() -> Found<Self> {
        Self::start(Options::default())
    }

    /// Returns scheme, host and port of the gateway.
    pub fn origin(&self) -> &str {
        self.envoy.origin()
    }

    /// Returns KFP's address.
    pub fn endpoint(&self) -> String {
        format!("{}/pipeline", self.origin())
    }

    /// Returns where Dex is reached, which is not what it calls itself.
    pub fn base(&self) -> String {
        format!("{}/dex", self.origin())
    }

    /// Returns what Dex calls itself.
    pub fn issuer(&self) -> &str {
        self.dex.issuer()
    }

    pub fn dex(&self) -> &Dex {
        &self.dex
    }

    /// Returns what records every request on its way to Dex.
    pub fn recorder(&self) -> &Server {
        &self.recorder
    }

    /// Asks this function before Dex from now on; what it answers, Dex is not asked. It may ask Dex
    /// itself ([`forward`] to [`Dex::origin`]) and change the answer.
    pub fn intercept(&self, answer: impl Fn(&Request) -> Option<Response> + Send + Sync + 'static) {
        *lock(&self.interceptor) = Some(Arc::new(answer));
    }

    /// Returns the application; a request recorded here has passed the gateway.
    pub fn application(&self) -> &Server {
        &self.application
    }

    /// Returns every peer's log.
    pub fn logs(&self) -> String {
        let (envoy, proxy) = (self.envoy.log(), self.oauth2_proxy.log());
        let dex = self.dex.log();
        format!("== Envoy\n{envoy}\n== oauth2-proxy\n{proxy}\n== Dex\n{dex}\n")
    }

    /// Lists experiments with this `Authorization` header.
    pub fn ask(&self, authorization: &str) -> Response {
        let url = format!(
            "{}/apis/v2beta1/experiments?namespace=team-a",
            self.endpoint()
        );
        http::get(&url, &[("Authorization", authorization)])
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
