//! All of Google that the tests need, started as one.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tempfile::TempDir;
use url::{Url, form_urlencoded};

use super::behaviour::Behaviour;
use super::browser::Closing;
use super::proxy::{Proxy, Seen, lock};
use super::state::State;
use super::{IAP_HOST, PIPELINES_HOST, authorize, iam, iap, metadata, token};
use crate::http::{Request, Response, Server, TestCa, forward};

/// Is where Google's own host names begin.
pub const HOSTS: [&str; 5] = [
    "accounts.google.com",
    "oauth2.googleapis.com",
    "www.googleapis.com",
    "iamcredentials.googleapis.com",
    "sts.googleapis.com",
];

type Answer = Arc<dyn Fn(&Request) -> Response + Send + Sync>;
type Interceptor = Arc<dyn Fn(&str, &Request) -> Option<Response> + Send + Sync>;
type Change = Arc<dyn Fn(&str, &Request, Response) -> Response + Send + Sync>;

/// Says what else there is beside Google's own hosts.
pub struct Options {
    /// Hosts behind IAP.
    pub iap_hosts: Vec<&'static str>,
    /// Hosts of AI Platform Pipelines.
    pub pipelines_hosts: Vec<&'static str>,
    /// Hosts of the test's own, with what answers for them.
    pub others: Vec<(&'static str, Answer)>,
    /// Is the origin of an OAuth server that does the authorization and token endpoints' work,
    /// such as `peers::oidc_provider`; only `audience` is then done here.
    pub oauth_server: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            iap_hosts: vec![IAP_HOST],
            pipelines_hosts: vec![PIPELINES_HOST],
            others: Vec::new(),
            oauth_server: None,
        }
    }
}

/// Runs until it is dropped.
pub struct Google {
    proxy: Proxy,
    metadata: Server,
    shared: Arc<Shared>,
    /// Before the folder, in which browsers look for their URLs.
    closing: Closing,
    folder: TempDir,
}

/// Is what all the servers know.
pub struct Shared {
    pub state: Mutex<State>,
    interceptor: Mutex<Option<Interceptor>>,
    change: Mutex<Option<Change>>,
    options: Options,
}

impl Google {
    /// Starts everything.
    pub fn start(options: Options) -> Self {
        let ca = TestCa::generate();
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("ca.pem"), ca.pem()).expect("the CA's certificate");
        let mut hosts: Vec<&'static str> = HOSTS.to_vec();
        hosts.extend(&options.iap_hosts);
        hosts.extend(&options.pipelines_hosts);
        hosts.extend(options.others.iter().map(|(host, _)| host));
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            interceptor: Mutex::default(),
            change: Mutex::default(),
            options,
        });
        let (front, machine) = (Arc::clone(&shared), Arc::clone(&shared));
        Self {
            proxy: Proxy::start(&ca, &hosts, move |host, request| {
                front.answer(host, request)
            }),
            metadata: Server::start(move |request| machine.metadata(request)),
            shared,
            closing: Closing::default(),
            folder,
        }
    }

    /// Returns the variables that make a program meet this Google.
    pub fn env(&self) -> Vec<(&'static str, String)> {
        let ca = self.ca_file().to_string_lossy().into_owned();
        let proxy = self.proxy.origin();
        vec![
            ("HTTPS_PROXY", proxy.clone()),
            ("https_proxy", proxy),
            ("NO_PROXY", String::new()),
            ("no_proxy", String::new()),
            ("SSL_CERT_FILE", ca.clone()),
            ("REQUESTS_CA_BUNDLE", ca),
        ]
    }

    /// Returns the variables that make a program believe that it runs on a machine of Google's.
    pub fn metadata_env(&self) -> Vec<(&'static str, String)> {
        let host = self.metadata.origin().replace("http://", "");
        ["GCE_METADATA_HOST", "GCE_METADATA_IP", "GCE_METADATA_ROOT"]
            .map(|name| (name, host.clone()))
            .to_vec()
    }

    /// Returns the file with the certificate of the test CA.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Returns a folder for whatever belongs to this Google.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn proxy(&self) -> &Proxy {
        &self.proxy
    }

    /// Returns the metadata server.
    pub fn metadata(&self) -> &Server {
        &self.metadata
    }

    /// Returns every request through the proxy, in the order of arrival.
    pub fn requests(&self) -> Vec<Seen> {
        self.proxy.requests()
    }

    /// Returns every request through the proxy as `POST oauth2.googleapis.com/token`.
    pub fn lines(&self) -> Vec<String> {
        self.requests().iter().map(Seen::line).collect()
    }

    /// Forgets the requests so far, those to the metadata server too.
    pub fn clear(&self) {
        self.proxy.clear();
        self.metadata.clear();
    }

    /// Changes how Google answers from now on.
    pub fn behave(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut lock(&self.shared.state).behaviour);
    }

    /// Asks this function before Google answers; the host is `metadata` for that server.
    pub fn intercept(
        &self,
        answer: impl Fn(&str, &Request) -> Option<Response> + Send + Sync + 'static,
    ) {
        *lock(&self.shared.interceptor) = Some(Arc::new(answer));
    }

    /// Lets this function change, or hold back, what Google has answered already; the host is
    /// `metadata` for that server.
    pub fn change(
        &self,
        change: impl Fn(&str, &Request, Response) -> Response + Send + Sync + 'static,
    ) {
        *lock(&self.shared.change) = Some(Arc::new(change));
    }

    /// Gives a refresh token, as a login long ago left it.
    pub fn refresh_token(&self, email: &str) -> String {
        let mut state = lock(&self.shared.state);
        let grant = state.next_number();
        let scope = "openid https://www.googleapis.com/auth/userinfo.email";
        state.new_refresh_token(email, scope, grant)
    }

    /// Gives a refresh token with this scope, such as that of application default credentials.
    pub fn refresh_token_for(&self, email: &str, scope: &str) -> String {
        let mut state = lock(&self.shared.state);
        let grant = state.next_number();
        state.new_refresh_token(email, scope, grant)
    }

    /// Signs an ID token of a person.
    pub fn id_token(&self, email: &str, audience: &str) -> String {
        lock(&self.shared.state).person_token(email, audience, None)
    }

    /// Gives an access token.
    pub fn access_token(&self, principal: &str, scope: &str) -> String {
        lock(&self.shared.state).new_access_token(principal, scope)
    }

    /// Ends every login: each refresh token is refused from now on.
    pub fn revoke_all(&self) {
        lock(&self.shared.state).refresh_tokens.clear();
    }

    /// Tells whether a refresh token would be taken.
    pub fn is_live(&self, refresh_token: &str) -> bool {
        let state = lock(&self.shared.state);
        state
            .refresh_tokens
            .get(refresh_token)
            .is_some_and(|token| !token.replaced)
    }

    /// Counts the refreshes that went well.
    pub fn refreshes(&self) -> usize {
        lock(&self.shared.state).refreshes
    }

    /// Counts the uses of refresh tokens that rotation had replaced.
    pub fn reuses(&self) -> usize {
        lock(&self.shared.state).reuses
    }

    /// Counts the uses of codes that had been used.
    pub fn replays(&self) -> usize {
        lock(&self.shared.state).replays
    }

    /// Asks a question without proxy, TLS and record: `url` as a client would write it.
    pub fn ask(&self, method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Response {
        let url = Url::parse(url).expect("a URL");
        let host = url.host_str().expect("a host");
        let mut request = request(method, &url, host);
        let headers = headers.iter();
        request
            .headers
            .extend(headers.map(|&(name, value)| (name.to_owned(), value.to_owned())));
        if !body.is_empty() {
            let length = ("Content-Length".to_owned(), body.len().to_string());
            request.headers.push(length);
            request.body = body.into();
        }
        self.shared.answer(host, &request)
    }

    /// Posts a form to the token endpoint, likewise.
    pub fn ask_token(&self, form: &[(&str, &str)]) -> (u16, Value) {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let kind = ("Content-Type", "application/x-www-form-urlencoded");
        let url = "https://oauth2.googleapis.com/token";
        let response = self.ask("POST", url, &[kind], &body);
        let json = serde_json::from_slice(&response.body).unwrap_or_default();
        (response.status, json)
    }

    /// Plays the browser: consents to an authorization URL, and returns the URL that the browser
    /// is sent to. What is not a redirect is an error: the page's status and text. (An OAuth server
    /// of the options wants cookies: [`Google::browser`] has them.)
    pub fn consent(&self, url: &str) -> Result<String, (u16, String)> {
        assert!(url.starts_with("https://accounts.google.com/"), "{url}");
        let page = self.ask("GET", url, &[], "");
        let location = page.headers.iter().find(|(name, _)| name == "Location");
        location
            .map(|(_, target)| target.clone())
            .ok_or_else(|| (page.status, String::from_utf8_lossy(&page.body).into()))
    }

    /// Plays the browser to the end: visits the redirect on loopback too, and returns its answer.
    pub fn consent_and_return(&self, url: &str) -> Response {
        visit(&self.consent(url).expect("a redirect"))
    }

    pub(super) fn has_oauth_server(&self) -> bool {
        self.shared.options.oauth_server.is_some()
    }

    pub(super) fn closing(&self) -> &Closing {
        &self.closing
    }
}

impl Default for Google {
    fn default() -> Self {
        Self::start(Options::default())
    }
}

/// Gets a plain http URL of loopback.
pub fn visit(url: &str) -> Response {
    let url = Url::parse(url).expect("a URL");
    let host = url.host_str().expect("a host");
    let host = format!("{host}:{}", url.port().unwrap_or(80));
    forward(&request("GET", &url, &host), &format!("http://{host}"))
}

pub(super) fn request(method: &str, url: &Url, host: &str) -> Request {
    let query = url.query().map(|query| format!("?{query}"));
    Request {
        method: method.to_owned(),
        target: format!("{}{}", url.path(), query.unwrap_or_default()),
        headers: vec![("Host".to_owned(), host.to_owned())],
        body: Vec::new(),
    }
}

impl Shared {
    fn answer(&self, host: &str, request: &Request) -> Response {
        self.changed(host, request, self.own_answer(host, request))
    }

    fn changed(&self, host: &str, request: &Request, response: Response) -> Response {
        // Not held while the answer is held back.
        let change = lock(&self.change).clone();
        match change {
            Some(change) => change(host, request, response),
            None => response,
        }
    }

    fn own_answer(&self, host: &str, request: &Request) -> Response {
        if let Some(response) = self.intercepted(host, request) {
            return response;
        }
        if let Some(server) = &self.options.oauth_server
            && let Some(response) = super::oauth_server::answer(self, server, host, request)
        {
            return response;
        }
        match host {
            "accounts.google.com" => authorize::answer(self, request),
            "oauth2.googleapis.com" | "www.googleapis.com" => token::answer(self, host, request),
            "iamcredentials.googleapis.com" => iam::credentials(self, request),
            "sts.googleapis.com" => iam::exchange(self, request),
            _ if self.options.iap_hosts.contains(&host) => iap::front_door(self, host, request),
            _ if self.options.pipelines_hosts.contains(&host) => iap::inverse_proxy(self, request),
            _ => {
                let mut others = self.options.others.iter();
                let other = others.find(|(name, _)| *name == host);
                other.expect("a registered host").1(request)
            }
        }
    }

    fn metadata(&self, request: &Request) -> Response {
        let response = self
            .intercepted("metadata", request)
            .unwrap_or_else(|| metadata::answer(self, request));
        self.changed("metadata", request, response)
    }

    fn intercepted(&self, host: &str, request: &Request) -> Option<Response> {
        let interceptor = lock(&self.interceptor).clone();
        interceptor?(host, request)
    }
}
