//! A whole front door of real servers: Dex, a relying party before it, an application behind.
//!
//! ```text
//! client -> oauth2-proxy or Apache (the origin) -> recorder -> Dex -> slapd
//!                                               -> the KFP stand-in, which records too
//! ```

mod scenarios;

use std::path::Path;

use url::form_urlencoded;

use super::Found;
use super::apache::{self, Apache};
use super::dex::{self, Account, Connector, Dex};
use super::oauth2_proxy::{self, OAuth2Proxy};
use super::ports::Port;
use super::slapd::Slapd;
use crate::http::{Request, Response, Server, forward};
use crate::kfp_api;

/// Is the connector of the directory.
pub const LDAP: &str = "ldap";
/// Is the connector that redirects to an identity provider ([`RealDoor::identity_provider`]).
pub const SSO: &str = "github";
/// Is the connector that logs everybody in without asking.
pub const MOCK: &str = "mock";

/// Describes a front door. The default: oauth2-proxy with its sign-in page, static passwords only.
pub struct Options {
    pub relying_party: RelyingParty,
    /// The connectors that Dex offers.
    pub connectors: &'static [Offer],
    /// Ask the user to approve.
    pub approval: bool,
    /// How long a login form may wait, such as `2s`.
    pub auth_requests: Option<&'static str>,
    /// How long an ID token lives.
    pub id_tokens: &'static str,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            relying_party: RelyingParty::default(),
            connectors: &[Offer::Local],
            approval: false,
            auth_requests: None,
            id_tokens: "24h",
        }
    }
}

/// Is a connector to offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// Static passwords, the accounts of [`dex`]; its id is `local`.
    Local,
    /// A directory with the accounts of [`super::slapd`]; its id is [`LDAP`].
    Ldap,
    /// An identity provider that the browser is sent to; its id is [`SSO`].
    Sso,
    /// Logs everybody in without asking; its id is [`MOCK`].
    Mock,
}

/// Is the server between the client and Dex.
pub enum RelyingParty {
    OAuth2Proxy(oauth2_proxy::Options),
    Apache,
}

impl Default for RelyingParty {
    fn default() -> Self {
        Self::OAuth2Proxy(oauth2_proxy::Options::default())
    }
}

/// Is a running front door.
pub struct RealDoor {
    front: Front,
    prefix: &'static str,
    recorder: Server,
    upstream: Server,
    dex: Dex,
    identity_provider: Option<Server>,
    slapd: Option<Slapd>,
}

enum Front {
    OAuth2Proxy(OAuth2Proxy),
    Apache(Apache),
}

impl Options {
    /// Describes static passwords behind an oauth2-proxy with these options.
    pub fn behind(proxy: oauth2_proxy::Options) -> Self {
        Self {
            relying_party: RelyingParty::OAuth2Proxy(proxy),
            ..Self::default()
        }
    }
}

impl RealDoor {
    /// Starts everything, and waits until it answers.
    pub fn start(options: &Options) -> Found<Self> {
        let offers = |offer| options.connectors.contains(&offer);
        let slapd = offers(Offer::Ldap).then(Slapd::start).transpose()?;
        let identity_provider = offers(Offer::Sso).then(|| Server::start(sso_page));
        let port = Port::reserve();
        let prefix = options.relying_party.prefix();
        let dex = Dex::start(dex::Options {
            issuer: options.issuer(&port),
            path: if prefix.is_empty() { "/dex" } else { "/kf/dex" },
            static_passwords: offers(Offer::Local),
            connectors: connectors(options, slapd.as_ref(), identity_provider.as_ref()),
            approval: options.approval,
            auth_requests: options.auth_requests,
            id_tokens: options.id_tokens,
            redirect_uris: vec![options.relying_party.redirect_uri(&port)],
            ..dex::Options::default()
        })?;
        let dex_origin = dex.origin().to_owned();
        let recorder = Server::start(move |request| forward(request, &dex_origin));
        let upstream = Server::start(move |request| application(request, prefix));
        let before = (recorder.origin(), upstream.origin());
        let front = match &options.relying_party {
            RelyingParty::OAuth2Proxy(proxy) => {
                Front::OAuth2Proxy(OAuth2Proxy::start(proxy, port, &dex, &before.0, &before.1)?)
            }
            RelyingParty::Apache => Front::Apache(Apache::start(port, &dex, &before.0, &before.1)?),
        };
        recorder.clear();
        upstream.clear();
        Ok(Self {
            front,
            prefix,
            recorder,
            upstream,
            dex,
            identity_provider,
            slapd,
        })
    }

    /// Returns scheme, host and port.
    pub fn origin(&self) -> &str {
        match &self.front {
            Front::OAuth2Proxy(proxy) => proxy.origin(),
            Front::Apache(apache) => apache.origin(),
        }
    }

    /// Returns the dashboard's address: the origin with the path prefix, if any.
    pub fn base(&self) -> String {
        format!("{}{}", self.origin(), self.prefix)
    }

    /// Returns KFP's address, `/pipeline` below [`RealDoor::base`].
    pub fn endpoint(&self) -> String {
        self.base() + "/pipeline"
    }

    /// Returns the file with the CA's certificate of a door with TLS.
    pub fn certificate_authority(&self) -> &Path {
        match &self.front {
            Front::OAuth2Proxy(proxy) => &proxy.tls().expect("a door with TLS").ca,
            Front::Apache(_) => panic!("this Apache has no TLS"),
        }
    }

    /// Returns what records every request on its way to Dex.
    pub fn recorder(&self) -> &Server {
        &self.recorder
    }

    /// Returns the application; a request recorded here has passed the front door.
    pub fn upstream(&self) -> &Server {
        &self.upstream
    }

    /// Returns the identity provider that [`SSO`] redirects to.
    pub fn identity_provider(&self) -> &Server {
        self.identity_provider
            .as_ref()
            .expect("a door with Offer::Sso")
    }

    pub fn dex(&self) -> &Dex {
        &self.dex
    }

    pub fn dex_log(&self) -> String {
        self.dex.log()
    }

    /// Returns the relying party's log.
    pub fn front_log(&self) -> String {
        match &self.front {
            Front::OAuth2Proxy(proxy) => proxy.log(),
            Front::Apache(apache) => apache.log(),
        }
    }

    /// Counts the login forms posted to Dex.
    pub fn posts(&self) -> usize {
        let is_login = |request: &&Request| {
            request.method == "POST"
                && request.path().contains("/auth/")
                && request.path().ends_with("/login")
        };
        self.recorder.requests().iter().filter(is_login).count()
    }

    /// Counts the logins that Dex took for successful.
    pub fn logins(&self) -> usize {
        self.dex.logins()
    }

    /// Forgets what Dex and the application were asked so far.
    pub fn forget_requests(&self) {
        self.recorder.clear();
        self.upstream.clear();
    }

    /// Asserts that neither Dex nor the application was asked anything since then.
    #[track_caller]
    pub fn assert_no_request(&self) {
        let asked = [self.recorder.hops(), self.upstream.hops()].concat();
        assert!(asked.is_empty(), "{asked:?}");
    }

    /// Fetches a bearer that the front door lets pass, like a pod's projected token (its audience
    /// is `pipelines.kubeflow.org`). It counts as no login form.
    pub fn bearer(&self, account: Account) -> String {
        self.dex.id_token(dex::PIPELINES_AUDIENCE, account)
    }

    /// Makes every session worthless (oauth2-proxy only).
    pub fn forget_sessions(&mut self) {
        match &mut self.front {
            Front::OAuth2Proxy(proxy) => proxy.forget_sessions(),
            Front::Apache(_) => panic!("only oauth2-proxy forgets on demand"),
        }
    }

    /// Returns every peer's log and every recorded request, each under a line that names it.
    pub fn logs(&self) -> String {
        let parts = self.records().into_iter();
        parts.fold(String::new(), |logs, (name, text)| {
            logs + "== " + &name + "\n" + &text + "\n"
        })
    }

    /// Names every log and recorded request in which a secret occurs, as it is or encoded for a
    /// URL or form. A login posts its password to Dex: that is `before Dex: POST /dex/auth/…`.
    pub fn mentions(&self, secret: &str) -> Vec<String> {
        let form: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        let percent = form.replace('+', "%20");
        let spellings = [secret, &form, &percent];
        let records = self.records().into_iter();
        records
            .filter(|(_, text)| spellings.iter().any(|spelling| text.contains(spelling)))
            .map(|(name, _)| name)
            .collect()
    }

    fn records(&self) -> Vec<(String, String)> {
        let front = match &self.front {
            Front::OAuth2Proxy(proxy) => ("oauth2-proxy's log".to_owned(), proxy.log()),
            Front::Apache(apache) => ("Apache's log".to_owned(), apache.log()),
        };
        let mut records = vec![front, ("Dex's log".to_owned(), self.dex.log())];
        if let Some(slapd) = &self.slapd {
            records.push(("slapd's log".to_owned(), slapd.log()));
        }
        records.extend(spoken("before Dex", &self.recorder));
        records.extend(spoken("application", &self.upstream));
        if let Some(provider) = &self.identity_provider {
            records.extend(spoken("identity provider", provider));
        }
        records
    }
}

impl Options {
    /// Returns the issuer, where it must lie at the front door: Apache asks it for its addresses,
    /// and browsers come back to it from elsewhere. Kubeflow's own is one inside the cluster.
    fn issuer(&self, port: &Port) -> Option<String> {
        let elsewhere = [Offer::Sso, Offer::Mock];
        let comes_back = elsewhere
            .iter()
            .any(|offer| self.connectors.contains(offer));
        let path = |prefix: &str| format!("{}{prefix}/dex", self.relying_party.origin(port));
        match &self.relying_party {
            RelyingParty::OAuth2Proxy(proxy) => comes_back.then(|| path(proxy.prefix)),
            RelyingParty::Apache => Some(path("")),
        }
    }
}

impl RelyingParty {
    fn origin(&self, port: &Port) -> String {
        match self {
            Self::OAuth2Proxy(proxy) => proxy.origin(port),
            Self::Apache => apache::origin(port),
        }
    }

    fn prefix(&self) -> &'static str {
        match self {
            Self::OAuth2Proxy(proxy) => proxy.prefix,
            Self::Apache => "",
        }
    }

    fn redirect_uri(&self, port: &Port) -> String {
        match self {
            Self::OAuth2Proxy(proxy) => proxy.redirect_uri(port),
            Self::Apache => apache::origin(port) + apache::CALLBACK,
        }
    }
}

fn connectors(options: &Options, slapd: Option<&Slapd>, sso: Option<&Server>) -> Vec<Connector> {
    let ldap = slapd.map(|slapd| Connector::ldap(LDAP, "Directory", slapd));
    let sso = sso.map(|server| Connector::sso(SSO, "GitHub", &server.origin()));
    let mock = options.connectors.contains(&Offer::Mock);
    let mock = mock.then(|| Connector::mock_callback(MOCK, "Mock"));
    [ldap, sso, mock].into_iter().flatten().collect()
}

/// Is the application behind the gateway, which names the user as Istio's configuration does.
fn application(request: &Request, prefix: &str) -> Response {
    let mut inner = request.clone();
    if let Some(rest) = inner.target.strip_prefix(prefix) {
        inner.target = rest.to_owned();
    }
    let user = ["x-forwarded-email", "oidc_claim_email"];
    let user = user.iter().find_map(|name| request.header(name));
    inner
        .headers
        .retain(|(name, _)| !name.eq_ignore_ascii_case("kubeflow-userid"));
    if let Some(user) = user {
        inner.headers.push(("kubeflow-userid".into(), user.into()));
    }
    kfp_api::kubeflow(&inner)
}

/// Is an identity provider's own login page: it has a password field, and it is not Dex's.
fn sso_page(request: &Request) -> Response {
    let action = request.path();
    Response::html(
        200,
        format!(
            "<title>GitHub</title><form method=\"post\" action=\"{action}\">\
             <input name=\"login\"><input type=\"password\" name=\"password\"></form>"
        ),
    )
}

/// Renders each request of a server, with a name that tells where it was seen.
fn spoken(place: &str, server: &Server) -> Vec<(String, String)> {
    let render = |request: Request| {
        let lines = request.headers.iter();
        let headers = lines.fold(String::new(), |text, (name, value)| {
            text + name
                + ": "
                + value
                + "
"
        });
        let name = format!("{place}: {} {}", request.method, request.path());
        let text = format!("{}\n{headers}\n{}", request.target, request.text());
        (name, text)
    };
    server.requests().into_iter().map(render).collect()
}
