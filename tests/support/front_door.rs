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
#![allow(dead_code, unreachable_pub)]

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::json;
use url::form_urlencoded;

use super::http::{Request, Response, Server, TestCa};
use super::kfp_api;

/// The user whom every front door knows unless told otherwise.
pub const USER: &str = "user@example.com";
/// That user's password.
pub const PASSWORD: &str = "12341234";
/// The relying party's name at Dex.
const CLIENT_ID: &str = "kubeflow";
const SESSION_BYTES: usize = 1916;
const BIG_SESSION_BYTES: usize = 12_116;
/// The size at which oauth2-proxy begins a new cookie.
const COOKIE_PART_BYTES: usize = 3943;

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
        let door = Arc::new(Door::new(options, false));
        let answering = Arc::clone(&door);
        let server = Server::start_on(listener, None, move |request| answering.answer(request));
        Self { server, door }
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

#[derive(Default)]
struct State {
    /// CSRF or state cookie -> the `state` parameter that belongs to it.
    csrf: HashMap<String, String>,
    /// Dex's authorization requests, by id.
    requests: HashMap<String, AuthRequest>,
    /// Dex's codes -> who logged in.
    codes: HashMap<String, String>,
    /// Session values -> whose they are.
    sessions: HashMap<String, Session>,
    /// Where authservice sends the client after the callback, by `state`.
    return_to: HashMap<String, String>,
    logins: usize,
    form_expired_once: bool,
}

#[derive(Clone)]
struct AuthRequest {
    redirect_uri: String,
    state: String,
    connector: String,
    back: String,
    hmac: String,
    expired: bool,
    user: Option<String>,
}

#[derive(Clone)]
struct Session {
    user: String,
    ends: Option<Instant>,
}

impl Door {
    fn new(options: Options, secure: bool) -> Self {
        Self {
            options,
            secure,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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

    fn begin_session(&self, user: String) -> String {
        let seconds = self.options.session_seconds;
        let ends = (seconds > 0).then(|| Instant::now() + Duration::from_secs(seconds));
        let value = match self.options.relying_party {
            RelyingParty::Authservice => authservice_value(),
            RelyingParty::Oauth2Proxy if self.options.split_cookie => {
                oauth2_proxy_value(BIG_SESSION_BYTES)
            }
            RelyingParty::Oauth2Proxy => oauth2_proxy_value(SESSION_BYTES),
        };
        let mut state = self.state();
        state.logins += 1;
        state.sessions.insert(value.clone(), Session { user, ends });
        value
    }

    /// Returns the user of a session that lives.
    fn user_of(&self, value: &str) -> Option<String> {
        let session = self.state().sessions.get(value).cloned()?;
        session
            .ends
            .is_none_or(|ends| Instant::now() < ends)
            .then_some(session.user)
    }
}

// ------------------------------------------------------------ oauth2-proxy

impl Door {
    fn oauth2_proxy(&self, request: &Request, path: &str) -> Response {
        let user = self.oauth2_proxy_user(request);
        match (path, user) {
            ("/oauth2/start", _) => self.oauth2_start(&return_path(request.query("rd"))),
            ("/oauth2/callback", _) => self.oauth2_callback(request),
            ("/oauth2/sign_in", _) => sign_in_page(200, &return_path(request.query("rd"))),
            ("/oauth2/sign_out", _) => {
                let to = Response::redirect(302, &return_path(request.query("rd")));
                self.clear_cookies(request, to)
            }
            ("/oauth2/auth", Some((user, _))) => Response::new(202).header("Gap-Auth", &user),
            ("/oauth2/userinfo", Some((user, _))) => {
                Response::json(200, json!({"user": user, "email": user}).to_string())
            }
            ("/oauth2/auth" | "/oauth2/userinfo", None) => Response::text(401, "Unauthorized\n"),
            (_, Some((user, token))) => Self::kubeflow(&user, &token, request),
            (_, None) => self.oauth2_unauthenticated(request),
        }
    }

    /// Returns who asks, and the token that the upstream is shown for it.
    fn oauth2_proxy_user(&self, request: &Request) -> Option<(String, String)> {
        let bearer = request
            .header("authorization")
            .and_then(|value| value.strip_prefix("Bearer "));
        if let Some(bearer) = bearer.filter(|token| self.knows_bearer(token)) {
            return Some(("bearer".to_owned(), bearer.to_owned()));
        }
        let user = self.user_of(&self.presented_session(request)?)?;
        let token = kfp_api::made_up_jwt(&json!({"sub": user, "email": user, "aud": CLIENT_ID}));
        Some((user, token))
    }

    fn knows_bearer(&self, token: &str) -> bool {
        self.options
            .bearer_tokens
            .iter()
            .any(|known| known == token)
    }

    /// Puts the session's value together: one cookie, or its parts in order.
    fn presented_session(&self, request: &Request) -> Option<String> {
        let name = self.session_cookie();
        if let Some(value) = request.cookie(&name) {
            return Some(value.to_owned());
        }
        let part = |index: usize| request.cookie(&format!("{name}_{index}"));
        part(0)?;
        Some((0..).map_while(part).collect())
    }

    fn oauth2_unauthenticated(&self, request: &Request) -> Response {
        let path = request.path();
        let accepts = request.header("accept").unwrap_or_default();
        let wants_json = accepts
            .split(',')
            .any(|kind| kind.trim() == "application/json");
        let api_route = path.contains("/api/") || path.contains("/apis/");
        let response = if wants_json || api_route || path.starts_with("/ml_metadata") {
            Response::json(401, "{}")
        } else if self.options.sign_in_page {
            sign_in_page(403, &request.target)
        } else {
            self.oauth2_start(&request.target)
        };
        if self.presented_session(request).is_some() {
            return self.clear_cookies(request, response);
        }
        response
    }

    fn oauth2_start(&self, return_to: &str) -> Response {
        let cookie = oauth2_proxy_value(352);
        let state = format!("{}:{return_to}", random(43));
        self.state().csrf.insert(cookie.clone(), state.clone());
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("client_id", CLIENT_ID)
            .append_pair("code_challenge", &random(43))
            .append_pair("code_challenge_method", "S256")
            .append_pair("prompt", "none")
            .append_pair("redirect_uri", "/oauth2/callback")
            .append_pair("response_type", "code")
            .append_pair("scope", "profile email groups openid")
            .append_pair("state", &state)
            .finish();
        uncached(Response::redirect(302, &format!("/dex/auth?{query}"))).header(
            "Set-Cookie",
            &self.cookie(&self.csrf_cookie(), &cookie, Some(900)),
        )
    }

    fn oauth2_callback(&self, request: &Request) -> Response {
        const NO_CSRF: &str = "Login Failed: Unable to find a valid CSRF token. Please try again.";
        if let Some(error) = request.query("error") {
            let reason = "Login Failed: The upstream identity provider returned an error: ";
            return oauth2_error(403, "Forbidden", &format!("{reason}{error}"));
        }
        let cookie = request
            .cookie(&self.csrf_cookie())
            .unwrap_or_default()
            .to_owned();
        let Some(expected) = self.state().csrf.get(&cookie).cloned() else {
            return oauth2_error(403, "Forbidden", NO_CSRF);
        };
        let code = request.query("code").unwrap_or_default();
        let Some(user) = self.state().codes.remove(&code) else {
            let reason = "Oops! Something went wrong. For more information contact your server \
                          administrator.";
            return oauth2_error(500, "Internal Server Error", reason);
        };
        let clear_csrf = self.cookie(&self.csrf_cookie(), "", Some(0));
        if request.query("state").as_deref() != Some(&expected) {
            return oauth2_error(403, "Forbidden", NO_CSRF).header("Set-Cookie", &clear_csrf);
        }
        let return_to = expected.split_once(':').map_or("/", |(_, path)| path);
        let mut response = uncached(Response::redirect(
            302,
            &return_path(Some(return_to.into())),
        ))
        .header("Set-Cookie", &clear_csrf);
        let session = self.begin_session(user);
        for cookie in self.session_cookies(&session) {
            response = response.header("Set-Cookie", &cookie);
        }
        response
    }

    fn session_cookies(&self, value: &str) -> Vec<String> {
        let name = self.session_cookie();
        let age = Some(self.options.session_seconds).filter(|&seconds| seconds > 0);
        if value.len() <= COOKIE_PART_BYTES {
            return vec![self.cookie(&name, value, age)];
        }
        let parts = value.as_bytes().chunks(COOKIE_PART_BYTES).enumerate();
        parts
            .map(|(index, part)| {
                self.cookie(
                    &format!("{name}_{index}"),
                    &String::from_utf8_lossy(part),
                    age,
                )
            })
            .collect()
    }

    /// Takes every session cookie back that was sent; twice, as oauth2-proxy does it.
    fn clear_cookies(&self, request: &Request, mut response: Response) -> Response {
        let own = self.session_cookie();
        let sent = request.cookies();
        let names = sent
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| name.starts_with(&own));
        for name in names.filter(|name| *name != self.csrf_cookie()) {
            for _ in 0..2 {
                response = response.header("Set-Cookie", &self.cookie(name, "", Some(0)));
            }
        }
        response
    }

    fn session_cookie(&self) -> String {
        let prefix = if self.secure { "__Secure-" } else { "" };
        format!("{prefix}{}", self.options.cookie_name)
    }

    fn csrf_cookie(&self) -> String {
        format!("{}_csrf", self.session_cookie())
    }

    fn cookie(&self, name: &str, value: &str, max_age: Option<u64>) -> String {
        let age = max_age.map_or_else(String::new, |seconds| format!("; Max-Age={seconds}"));
        let secure = if self.secure { "; Secure" } else { "" };
        format!("{name}={value}; Path=/{age}; HttpOnly{secure}")
    }
}

/// Keeps a return path on this origin.
fn return_path(wanted: Option<String>) -> String {
    wanted
        .filter(|path| path.starts_with('/') && !path.starts_with("//"))
        .unwrap_or_else(|| "/".to_owned())
}

fn uncached(response: Response) -> Response {
    response
        .header(
            "Cache-Control",
            "no-cache, no-store, must-revalidate, max-age=0",
        )
        .header("Expires", "Thu, 01 Jan 1970 00:00:00 UTC")
        .header("X-Accel-Expires", "0")
}

fn sign_in_page(status: u16, return_to: &str) -> Response {
    let page = format!(
        r#"
<!DOCTYPE html>
<html lang="en" charset="utf-8">
  <head>
    <meta charset="utf-8">
    <title>Sign In</title>
  </head>
  <body class="has-background-light">
  <section class="section has-background-light">
    <div class="box block sign-in-box has-text-centered">
      <form method="GET" action="/oauth2/start">
        <input type="hidden" name="rd" value="{}">
          <button type="submit" class="button block is-primary">Sign in with OpenID Connect</button>
      </form>
    </div>
  </section>
  </body>
</html>
"#,
        escaped(return_to)
    );
    uncached(Response::html(status, page))
}

fn oauth2_error(status: u16, title: &str, message: &str) -> Response {
    let message = escaped(message);
    let page = format!(
        r#"
<!DOCTYPE html>
<html lang="en" charset="utf-8">
<head>
<meta charset="utf-8">
  <title>{status} {title}</title>
</head>
<body class="has-background-light">
  <div class="box block error-box has-text-centered">
    <div class="status-code">{status}</div>
    <div class="block">
      <h1 class="subtitle is-1">{title}</h1>
    </div>
    <div id="more-info" class="block card is-fullwidth is-shadowless">
      <header class="card-header is-shadowless">
        <p class="card-header-title">More Info</p>
      </header>
      <div class="card-content has-text-left is-hidden">
        <div class="content">
          {message}
        </div>
      </div>
    </div>
        <form method="GET" action="/">
          <button type="submit" class="button is-danger is-fullwidth">Go back</button>
        </form>
        <form method="GET" action="/oauth2/sign_in">
          <input type="hidden" name="rd" value="/">
          <button type="submit" class="button is-primary is-fullwidth">Sign in</button>
        </form>
  </div>
</body>
</html>
"#
    );
    uncached(Response::html(status, page))
}

// ------------------------------------------------------------- authservice

const AUTHSERVICE_SESSION: &str = "authservice_session";
const AUTHSERVICE_STATE: &str = "oidc_state_csrf";
const AUTHSERVICE_CALLBACK: &str = "/authservice/oidc/callback";

impl Door {
    fn authservice(&self, request: &Request, path: &str) -> Response {
        let session = authservice_session(request);
        let user = session.as_deref().and_then(|value| self.user_of(value));
        match (path, user) {
            (AUTHSERVICE_CALLBACK, _) => self.authservice_callback(request),
            ("/authservice/verify", Some(_)) => Response::new(204),
            ("/authservice/verify", None) => Response::text(401, "Unauthorized"),
            ("/authservice/logout", _) => self.authservice_logout(request),
            (_, Some(user)) => {
                Self::kubeflow(&user, session.as_deref().unwrap_or_default(), request)
            }
            (_, None) => match bearer(request).filter(|token| self.knows_bearer(token)) {
                Some(token) => Self::kubeflow("bearer", token, request),
                None => self.authservice_start(request),
            },
        }
    }

    fn authservice_start(&self, request: &Request) -> Response {
        let state = authservice_value();
        let mut memory = self.state();
        memory.csrf.insert(state.clone(), state.clone());
        memory
            .return_to
            .insert(state.clone(), request.target.clone());
        drop(memory);
        let callback = format!("{}{AUTHSERVICE_CALLBACK}", self.origin(request));
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("client_id", CLIENT_ID)
            .append_pair("redirect_uri", &callback)
            .append_pair("response_type", "code")
            .append_pair("scope", "openid profile email groups")
            .append_pair("state", &state)
            .finish();
        // Twenty minutes in nanoseconds, sent as seconds: that is how it came from the real one.
        let cookie = format!(
            "{AUTHSERVICE_STATE}={state}; Path=/; Expires=Wed, 27 Jun 2057 12:14:38 GMT; \
             Max-Age=1200000000000"
        );
        Response::redirect(302, &format!("/dex/auth?{query}")).header("Set-Cookie", &cookie)
    }

    fn authservice_callback(&self, request: &Request) -> Response {
        let state = request.query("state").unwrap_or_default();
        let cookie = request.cookie(AUTHSERVICE_STATE).unwrap_or_default();
        let code = request.query("code").unwrap_or_default();
        let mut memory = self.state();
        if cookie != state || memory.csrf.remove(&state).is_none() {
            return Response::text(400, "Invalid state parameter.\n");
        }
        let return_to = memory
            .return_to
            .remove(&state)
            .unwrap_or_else(|| "/".to_owned());
        let Some(user) = memory.codes.remove(&code) else {
            return Response::text(500, "Failed to exchange authorization code with token.\n");
        };
        drop(memory);
        let session = self.begin_session(user);
        let age = match self.options.session_seconds {
            0 => String::new(),
            seconds => format!("; Expires={}; Max-Age={seconds}", http_date(seconds)),
        };
        let cleared = format!(
            "{AUTHSERVICE_STATE}=; Path=/; Expires=Thu, 01 Jan 1970 00:00:01 GMT; Max-Age=0"
        );
        let issued = format!("{AUTHSERVICE_SESSION}={session}; Path=/{age}; SameSite=Lax");
        Response::redirect(302, &return_to)
            .header("Set-Cookie", &cleared)
            .header("Set-Cookie", &issued)
    }

    fn authservice_logout(&self, request: &Request) -> Response {
        let ended = bearer(request).and_then(|value| self.state().sessions.remove(value));
        if request.method != "POST" || ended.is_none() {
            return Response::text(401, "Unauthorized");
        }
        let after = format!("{}/", self.origin(request));
        Response::json(201, json!({"afterLogoutURL": after}).to_string())
    }
}

/// Returns the session from the cookie, else from the bearer: authservice takes it either way.
fn authservice_session(request: &Request) -> Option<String> {
    request
        .cookie(AUTHSERVICE_SESSION)
        .or_else(|| bearer(request))
        .map(str::to_owned)
}

fn bearer(request: &Request) -> Option<&str> {
    request.header("authorization")?.strip_prefix("Bearer ")
}

// --------------------------------------------------------------------- Dex

impl Door {
    fn dex(&self, request: &Request, path: &str) -> Response {
        let place: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        match (request.method.as_str(), place.as_slice()) {
            ("GET", ["auth"]) => self.dex_auth(request),
            ("GET", ["auth", _]) if request.query("req").is_some() => self.dex_form(request, "req"),
            ("POST", ["auth", _]) => self.dex_login(request, "req"),
            ("GET", ["auth", id]) => self.dex_connector(request, id),
            ("GET", ["auth", _, "login"]) => self.dex_form(request, "state"),
            ("POST", ["auth", _, "login"]) => self.dex_login(request, "state"),
            ("GET", ["callback"]) => self.dex_callback(request),
            ("GET", ["approval"]) => self.dex_approval_page(request),
            ("POST", ["approval"]) => self.dex_approval(request),
            _ => Response::text(404, "404 page not found\n"),
        }
    }

    fn connector(&self, id: &str) -> Option<&Connector> {
        let mut connectors = self.options.connectors.iter();
        connectors
            .find(|(known, _)| known == id)
            .map(|(_, connector)| connector)
    }

    /// Sends to the only connector, or offers them all.
    fn dex_auth(&self, request: &Request) -> Response {
        if let Some(refusal) = refused_client(request) {
            return refusal;
        }
        let query = request.query_string();
        let path_of = |id: &str| {
            if self.options.old_dex {
                format!("/dex/auth/{id}?req={}", self.remember(request, id, ""))
            } else {
                format!("/dex/auth/{id}?{query}")
            }
        };
        let mut offered: Vec<(String, String)> = Vec::new();
        for (id, _) in &self.options.connectors {
            offered.push((display_name(id), path_of(id)));
        }
        offered.sort();
        let page = connectors_page(&offered);
        match offered.as_slice() {
            // The redirect's body is the whole page: nobody should sniff the bodies of redirects.
            [(_, only)] => dex_page(302, &page).header("Location", only),
            _ => dex_page(200, &page),
        }
    }

    fn dex_connector(&self, request: &Request, id: &str) -> Response {
        if let Some(refusal) = refused_client(request) {
            return refusal;
        }
        let Some(connector) = self.connector(id) else {
            return dex_error(400, "Bad Request", "Connector failed to initialize");
        };
        let back = match self.options.connectors.len() {
            1 => String::new(),
            _ => format!("/dex/auth?{}", request.query_string()),
        };
        let req = self.remember(request, id, &back);
        let callback = format!("{}/dex/callback", self.origin(request));
        match connector {
            Connector::Password => {
                let back: String = form_urlencoded::byte_serialize(back.as_bytes()).collect();
                Response::redirect(
                    302,
                    &format!("/dex/auth/{id}/login?back={back}&state={req}"),
                )
            }
            Connector::Sso(elsewhere) => {
                let query = form_urlencoded::Serializer::new(String::new())
                    .append_pair("client_id", "dex")
                    .append_pair("redirect_uri", &callback)
                    .append_pair("response_type", "code")
                    .append_pair("state", &req)
                    .finish();
                Response::redirect(302, &format!("{elsewhere}?{query}"))
            }
            Connector::Silent => Response::redirect(302, &format!("{callback}?state={req}")),
        }
    }

    /// Begins an authorization request and returns its id.
    fn remember(&self, request: &Request, connector: &str, back: &str) -> String {
        let id = random_id();
        let begun = AuthRequest {
            redirect_uri: request.query("redirect_uri").unwrap_or_default(),
            state: request.query("state").unwrap_or_default(),
            connector: connector.to_owned(),
            back: back.to_owned(),
            hmac: random(43),
            expired: false,
            user: None,
        };
        self.state().requests.insert(id.clone(), begun);
        id
    }

    /// Finds the authorization request that this page belongs to.
    fn recall(&self, request: &Request, key: &str) -> Result<(String, AuthRequest), Response> {
        let id = request.query(key).unwrap_or_default();
        if id.is_empty() {
            return Err(dex_error(400, "Bad Request", "User session error."));
        }
        let found = self.state().requests.get(&id).cloned();
        found
            .map(|begun| (id, begun))
            .ok_or_else(|| dex_error(400, "Bad Request", "Requested resource does not exist."))
    }

    fn dex_form(&self, request: &Request, key: &str) -> Response {
        match self.recall(request, key) {
            Ok((_, begun)) => dex_page(200, &login_form(request, &begun, None)),
            Err(refusal) => refusal,
        }
    }

    fn dex_login(&self, request: &Request, key: &str) -> Response {
        let (id, begun) = match self.recall(request, key) {
            Ok(found) => found,
            Err(refusal) => return refusal,
        };
        if begun.expired || self.expires_now(&id) {
            return dex_error(400, "Bad Request", "User session has expired.");
        }
        let login = request.form("login").unwrap_or_default();
        let password = request.form("password").unwrap_or_default();
        if self.options.users.get(&login) != Some(&password) {
            let status = match self.options.wrong_password {
                WrongPassword::New401 => 401,
                WrongPassword::Old200 => 200,
            };
            return dex_page(status, &login_form(request, &begun, Some(&login)));
        }
        self.logged_in(&id, begun, login)
    }

    /// Lets the first form of all expire, where that is wanted.
    fn expires_now(&self, id: &str) -> bool {
        let mut state = self.state();
        if !self.options.expired_form || state.form_expired_once {
            return false;
        }
        state.form_expired_once = true;
        if let Some(begun) = state.requests.get_mut(id) {
            begun.expired = true;
        }
        true
    }

    /// Is where a connector that asks nobody comes back to.
    fn dex_callback(&self, request: &Request) -> Response {
        match self.recall(request, "state") {
            Ok((id, begun)) => self.logged_in(&id, begun, "kilgore@kilgore.trout".to_owned()),
            Err(refusal) => refusal,
        }
    }

    fn logged_in(&self, id: &str, mut begun: AuthRequest, user: String) -> Response {
        begun.user = Some(user);
        let approval = match (self.options.old_dex, self.options.approval) {
            // The old one always went by the approval page, which then might not show itself.
            (true, _) => format!("/dex/approval?req={id}"),
            (false, true) => format!("/dex/approval?req={id}&hmac={}", begun.hmac),
            (false, false) => return self.send_code(id, &begun),
        };
        self.state().requests.insert(id.to_owned(), begun);
        Response::redirect(303, &approval)
    }

    fn dex_approval_page(&self, request: &Request) -> Response {
        match self.recall_approval(request) {
            Ok((id, begun)) if !self.options.approval => self.send_code(&id, &begun),
            Ok((id, _)) => dex_page(200, &approval_page(&id)),
            Err(refusal) => refusal,
        }
    }

    fn dex_approval(&self, request: &Request) -> Response {
        let (id, begun) = match self.recall_approval(request) {
            Ok(found) => found,
            Err(refusal) => return refusal,
        };
        if request.form("approval").as_deref() != Some("approve") {
            return dex_error(500, "Internal Server Error", "Approval rejected.");
        }
        self.send_code(&id, &begun)
    }

    fn recall_approval(&self, request: &Request) -> Result<(String, AuthRequest), Response> {
        let (id, begun) = self.recall(request, "req")?;
        let signed = self.options.old_dex || request.query("hmac").as_ref() == Some(&begun.hmac);
        if !signed || begun.user.is_none() {
            return Err(dex_error(401, "Unauthorized", "Unauthorized request"));
        }
        Ok((id, begun))
    }

    /// Ends the authorization request and sends its code to the relying party.
    fn send_code(&self, id: &str, begun: &AuthRequest) -> Response {
        let code = random_id();
        let user = begun.user.clone().unwrap_or_default();
        let mut memory = self.state();
        memory.requests.remove(id);
        memory.codes.insert(code.clone(), user);
        drop(memory);
        let state: String = form_urlencoded::byte_serialize(begun.state.as_bytes()).collect();
        Response::redirect(
            303,
            &format!("{}?code={code}&state={state}", begun.redirect_uri),
        )
    }
}

/// Refuses a client that Dex does not know.
fn refused_client(request: &Request) -> Option<Response> {
    let redirect = request.query("redirect_uri").unwrap_or_default();
    if request.query("client_id").as_deref() != Some(CLIENT_ID) {
        return Some(dex_error(404, "Not Found", "Invalid client_id."));
    }
    let known = redirect == "/oauth2/callback" || redirect.ends_with(AUTHSERVICE_CALLBACK);
    (!known).then(|| dex_error(400, "Bad Request", "Unregistered redirect_uri."))
}

fn display_name(connector: &str) -> String {
    if connector == "local" {
        "Email".to_owned()
    } else {
        connector.to_owned()
    }
}

fn connectors_page(offered: &[(String, String)]) -> String {
    let row = |(name, url): &(String, String)| {
        format!(
            r#"
      <div class="theme-form-row">
        <a href="{}" target="_self">
          <button class="dex-btn theme-btn-provider">
            <span class="dex-btn-text">Log in with {}</span>
          </button>
        </a>
      </div>
"#,
            escaped(url),
            escaped(name)
        )
    };
    let rows: Vec<String> = offered.iter().map(row).collect();
    let rows = rows.concat();
    format!("  <h2 class=\"theme-heading\">Log in to dex </h2>\n  <div>{rows}  </div>")
}

/// Shows the form; with `refused`, the name whose password was wrong.
fn login_form(request: &Request, begun: &AuthRequest, refused: Option<&str>) -> String {
    let prompt = if begun.connector == "local" {
        "Email Address"
    } else {
        "Username"
    };
    let action = escaped(&request.target);
    let value = refused.map_or_else(
        || "autofocus".to_owned(),
        |name| format!("value=\"{}\"", escaped(name)),
    );
    let error = refused.map_or_else(String::new, |_| {
        format!(
            "<div id=\"login-error\" class=\"dex-error-box\">\n        \
             Invalid {prompt} and password.\n      </div>"
        )
    });
    let back = if begun.back.is_empty() {
        String::new()
    } else {
        format!(
            "<a class=\"dex-subtle-text\" href=\"{}\">Select another login method.</a>",
            escaped(&begun.back)
        )
    };
    format!(
        r#"  <h2 class="theme-heading">Log in to Your Account</h2>
  <form method="post" action="{action}">
    <label for="login">{prompt}</label>
    <input tabindex="1" required id="login" name="login" type="text" class="theme-form-input" placeholder="{}"  {value} />
    <label for="password">Password</label>
    <input tabindex="2" required id="password" name="password" type="password" class="theme-form-input" placeholder="password" />
    {error}
    <button tabindex="3" id="submit-login" type="submit" class="dex-btn theme-btn--primary">Login</button>
  </form>
  {back}"#,
        prompt.to_lowercase()
    )
}

fn approval_page(id: &str) -> String {
    let form = |approval: &str, label: &str| {
        format!(
            r#"
      <form method="post">
        <input type="hidden" name="req" value="{id}"/>
        <input type="hidden" name="approval" value="{approval}">
        <button type="submit" class="dex-btn"><span class="dex-btn-text">{label}</span></button>
      </form>"#
        )
    };
    format!(
        "  <h2 class=\"theme-heading\">Grant Access</h2>\n  \
         <div class=\"dex-subtle-text\">Dex Login Application would like to:</div>{}{}",
        form("approve", "Grant Access"),
        form("rejected", "Cancel")
    )
}

fn dex_error(status: u16, kind: &str, reason: &str) -> Response {
    let reason = escaped(reason);
    dex_page(
        status,
        &format!("  <h2 class=\"theme-heading\">{kind}</h2>\n  <p>{reason}</p>"),
    )
}

fn dex_page(status: u16, panel: &str) -> Response {
    Response::html(
        status,
        format!(
            r#"<!DOCTYPE html>
<html>
  <head>
    <meta charset="utf-8">
    <title>dex</title>
  </head>
  <body class="theme-body">
    <div class="dex-container">
<div class="theme-panel">
{panel}
</div>
    </div>
  </body>
</html>
"#
        ),
    )
}

// ----------------------------------------------------------------- helpers

/// Escapes as Go's html/template does in attributes and text.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&#34;")
        .replace('\'', "&#39;")
        .replace('+', "&#43;")
}

/// Makes this many characters of base64url that nobody can guess.
fn random(length: usize) -> String {
    let mut text = String::new();
    while text.len() < length {
        text += &kfp_api::base64url(&RandomState::new().hash_one(text.len()).to_le_bytes());
    }
    text.truncate(length);
    text
}

/// Makes an id as Dex does: 25 characters of lower-case base32.
fn random_id() -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let letter = |byte: u8| char::from(ALPHABET[usize::from(byte % 32)]);
    random(25).bytes().map(letter).collect()
}

/// Makes a cookie value as oauth2-proxy signs it: data, time and signature between bars.
fn oauth2_proxy_value(length: usize) -> String {
    let signature = format!("|{}|{}=", unix_now(), random(43));
    random(length - signature.len()) + &signature
}

fn authservice_value() -> String {
    random(159) + "="
}

fn unix_now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs())
}

/// Writes the time in so many seconds as RFC 9110 section 5.6.7 has it.
fn http_date(seconds_from_now: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let now = unix_now() + seconds_from_now;
    let (days, time) = (now / 86_400, now % 86_400);
    // The civil calendar, counted from March of the year 0 in cycles of 400 years.
    let (cycle, day) = ((days + 719_468) / 146_097, (days + 719_468) % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = (month + 2) % 12;
    let year = cycle * 400 + year + u64::from(month < 2);
    let weekday = DAYS[(days % 7) as usize];
    let month = &MONTHS[month as usize * 3..][..3];
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    format!("{weekday}, {day:02} {month} {year} {hour:02}:{minute:02}:{second:02} GMT")
}
