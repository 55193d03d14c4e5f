//! The front door as oidc-authservice was one: no page of its own, one session cookie, which is
//! good as a bearer token too, and a state that is sent along as a cookie.

use serde_json::json;
use url::form_urlencoded;

use super::super::http::{Request, Response};
use super::text::{authservice_value, http_date};
use super::{CLIENT_ID, Door};

const AUTHSERVICE_SESSION: &str = "authservice_session";
const AUTHSERVICE_STATE: &str = "oidc_state_csrf";
pub(super) const AUTHSERVICE_CALLBACK: &str = "/authservice/oidc/callback";

impl Door {
    pub(super) fn authservice(&self, request: &Request, path: &str) -> Response {
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
