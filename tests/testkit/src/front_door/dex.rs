//! Dex v2.45.1, or one of before v2.29: connectors to choose from, the form, approval, and the code
//! with which it sends back to the relying party.

mod pages;

use url::form_urlencoded;

use super::super::http::{Request, Response};
use super::authservice::AUTHSERVICE_CALLBACK;
use super::state::AuthRequest;
use super::text::{random, random_id};
use super::{CLIENT_ID, Connector, Door, WrongPassword};
use pages::{approval_page, connectors_page, dex_error, dex_page, login_form};

impl Door {
    pub(super) fn dex(&self, request: &Request, path: &str) -> Response {
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
