//! The front door as oauth2-proxy v7.15.3 is one: its sign-in page, its own paths under `/oauth2/`,
//! and its cookies, which are split when they become too large.

use serde_json::json;
use url::form_urlencoded;

use super::super::http::{Request, Response};
use super::super::kfp_api;
use super::text::{escaped, oauth2_proxy_value, random};
use super::{CLIENT_ID, Door};

/// The size at which oauth2-proxy begins a new cookie.
const COOKIE_PART_BYTES: usize = 3943;

impl Door {
    pub(super) fn oauth2_proxy(&self, request: &Request, path: &str) -> Response {
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
