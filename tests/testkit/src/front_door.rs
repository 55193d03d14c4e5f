//! The embedded front door: Dex and a relying party on one origin, with Kubeflow behind them.
//!
//! It reproduces hop by hop what Dex v2.45.1 with oauth2-proxy v7.15.3 answers (paths, statuses,
//! cookie names and attributes, forms), and what no server that can be installed gives any more:
//! Dex of before v2.29 and oidc-authservice. Sessions, CSRF cookies and codes are random and are
//! really checked, so a cookie that comes back with 200 from behind it is the right one.
//!
//! ```text
//! GET  /pipeline            403 sign-in page (or the 302 of the next line)
//! GET  /oauth2/start?rd=    302, CSRF cookie
//! GET  /dex/auth?…          302 to the only connector, or 200 with a link for each
//! GET  /dex/auth/local?…    302
//! GET  /dex/auth/local/login?back=&state=   200, the form
//! POST the same             303
//! GET  /oauth2/callback?…   302, session cookie
//! GET  /pipeline            200
//! ```

mod authservice;
mod dex;
mod oauth2_proxy;
mod state;
mod text;

use std::collections::HashMap;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;

use super::http::{Request, Response, Server, TestCa};
use super::kfp_api;
use state::State;

/// The user whom every front door knows unless told otherwise.
pub const USER: &str = "user@example.com";
/// That user's password.
pub const PASSWORD: &str = "12341234";
/// The relying party's name at Dex.
const CLIENT_ID: &str = "kubeflow";

// ----------------------------------------------------------------- options

/// Says which of the real world's front doors this one is.
#[derive(Clone, Debug)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "they are independent of one another"
)]
pub struct Options {
    /// oauth2-proxy shows its sign-in page (403) before it redirects.
    pub sign_in_page: bool,
    /// Dex's connectors, by id.
    pub connectors: Vec<(String, Connector)>,
    /// Dex asks whether the user grants access.
    pub approval: bool,
    /// How long a session lives, in seconds; 0 is a cookie without any age, good until
    /// [`FrontDoor::kill_sessions`].
    pub session_seconds: u64,
    /// User names and their passwords.
    pub users: HashMap<String, String>,
    /// The first form that is posted turns out to be too old.
    pub expired_form: bool,
    pub wrong_password: WrongPassword,
    /// Dex of before v2.29: the form is at `/dex/auth/ID?req=…`.
    pub old_dex: bool,
    /// The session is so large that oauth2-proxy splits its cookie.
    pub split_cookie: bool,
    pub relying_party: RelyingParty,
    /// Every redirect names the origin, as proxies before the door may make them.
    pub absolute_redirects: bool,
    /// oauth2-proxy's cookie; with TLS, `__Secure-` is put before it.
    pub cookie_name: String,
    /// Bearer tokens that are let through without any login.
    pub bearer_tokens: Vec<String>,
}

/// Is a way to log in at Dex.
#[derive(Clone, Debug)]
pub enum Connector {
    /// Asks for a password in a form (static passwords, LDAP).
    Password,
    /// Redirects to this URL, where somebody else would ask.
    Sso(String),
    /// Redirects to Dex's own callback and so logs in without asking anybody.
    Silent,
}

/// Says how Dex refuses a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrongPassword {
    /// The form again with 401, since Dex v2.36.
    New401,
    /// The form again with 200, before that.
    Old200,
}

/// Says who stands before Kubeflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelyingParty {
    Oauth2Proxy,
    Authservice,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            sign_in_page: true,
            connectors: vec![("local".to_owned(), Connector::Password)],
            approval: false,
            session_seconds: 86_400,
            users: HashMap::from([(USER.to_owned(), PASSWORD.to_owned())]),
            expired_form: false,
            wrong_password: WrongPassword::New401,
            old_dex: false,
            split_cookie: false,
            relying_party: RelyingParty::Oauth2Proxy,
            absolute_redirects: false,
            cookie_name: "oauth2_proxy_kubeflow".to_owned(),
            bearer_tokens: Vec::new(),
        }
    }
}

// ---------------------------------------------------------------- the door

/// Runs a front door until it is dropped; its `server` has recorded what was asked.
pub struct FrontDoor {
    pub server: Server,
    door: Arc<Door>,
}

impl FrontDoor {
    /// Starts one on plain HTTP.
    pub fn start(options: Options) -> Self {
        Self::start_with(options, |_| None)
    }

    /// Starts one which asks this closure first: what it answers is sent in the door's place.
    pub fn start_with(
        options: Options,
        instead: impl Fn(&Request) -> Option<Response> + Send + Sync + 'static,
    ) -> Self {
        let door = Arc::new(Door::new(options, false));
        let answering = Arc::clone(&door);
        let server = Server::start(move |request| {
            instead(request).unwrap_or_else(|| answering.answer(request))
        });
        Self { server, door }
    }

    /// Starts one on TLS, with a certificate of this CA for these names.
    pub fn start_tls(options: Options, ca: &TestCa, names: &[&str]) -> Self {
        let door = Arc::new(Door::new(options, true));
        let answering = Arc::clone(&door);
        let server = Server::start_tls(ca, names, move |request| answering.answer(request));
        Self { server, door }
    }

    /// Starts one on a listener that is already bound (to `[::1]`, say).
    pub fn start_on(options: Options, listener: TcpListener) -> Self {
        Self::start_changed(options, listener, None, |_, answer| answer)
    }

    /// Starts one on a listener that is already bound, with or without TLS, whose answers this
    /// closure may change on their way out.
    pub fn start_changed(
        options: Options,
        listener: TcpListener,
        tls: Option<Arc<ServerConfig>>,
        change: impl Fn(&Request, Response) -> Response + Send + Sync + 'static,
    ) -> Self {
        let door = Arc::new(Door::new(options, tls.is_some()));
        let answering = Arc::clone(&door);
        let server = Server::start_on(listener, tls, move |request| {
            change(request, answering.answer(request))
        });
        Self { server, door }
    }

    /// Answers a request as if it had come over the network; neither recorded nor changed.
    pub fn ask(&self, request: &Request) -> Response {
        self.door.answer(request)
    }

    /// Returns the origin.
    pub fn origin(&self) -> String {
        self.server.origin()
    }

    /// Returns the KFP API's base URL.
    pub fn endpoint(&self) -> String {
        format!("{}/pipeline", self.origin())
    }

    /// Ends every session at the server; the cookies handed out know nothing of it.
    pub fn kill_sessions(&self) {
        self.door.state().sessions.clear();
    }

    /// Returns how many sessions were begun since the start.
    pub fn logins(&self) -> usize {
        self.door.state().logins
    }
}

/// Decides what is answered.
struct Door {
    options: Options,
    secure: bool,
    state: Mutex<State>,
}

impl Door {
    fn new(options: Options, secure: bool) -> Self {
        Self {
            options,
            secure,
            state: Mutex::default(),
        }
    }

    fn answer(&self, request: &Request) -> Response {
        let path = request.path();
        let mut response = match (path.strip_prefix("/dex"), self.options.relying_party) {
            (Some(dex_path), _) if dex_path.starts_with('/') => self.dex(request, dex_path),
            (_, RelyingParty::Oauth2Proxy) => self.oauth2_proxy(request, path),
            (_, RelyingParty::Authservice) => self.authservice(request, path),
        };
        if self.options.absolute_redirects {
            let origin = self.origin(request);
            let locations = response
                .headers
                .iter_mut()
                .filter(|(name, _)| name == "Location");
            for (_, location) in locations.filter(|(_, location)| location.starts_with('/')) {
                location.insert_str(0, &origin);
            }
        }
        response
    }

    /// Is the origin as the client sees it.
    fn origin(&self, request: &Request) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}", request.header("host").unwrap_or_default())
    }

    /// Passes a request of a known user on to Kubeflow, with the headers that tell who it is.
    fn kubeflow(user: &str, token: &str, request: &Request) -> Response {
        const OURS: [&str; 6] = [
            "authorization",
            "kubeflow-userid",
            "kubeflow-groups",
            "x-auth-request-user",
            "x-auth-request-email",
            "x-auth-request-groups",
        ];
        let mut inside = request.clone();
        inside
            .headers
            .retain(|(name, _)| !OURS.contains(&name.to_ascii_lowercase().as_str()));
        for (name, value) in [
            ("Authorization", format!("Bearer {token}").as_str()),
            ("X-Auth-Request-User", user),
            ("X-Auth-Request-Email", user),
            ("kubeflow-userid", user),
        ] {
            inside.headers.push((name.to_owned(), value.to_owned()));
        }
        kfp_api::kubeflow(&inside)
    }
}
