//! Where a password may go, decided from the way that was walked.
//!
//! Dex's addresses are known from the authorization request that the relying party makes (RFC 6749 section 4.1.1): a
//! URL whose path `P` ends in `/auth`. Its connectors live at `P/<id>`, their forms at `P/<id>/login` (`P/<id>?req=`
//! before Dex v2.29). A password form anywhere else is not Dex's, however much it looks like one.

use url::Url;

use crate::config::context::Context;
use crate::config::method::Dex;
use crate::endpoint::{Endpoint, Origin};
use crate::error::{Error, Result, Slug};
use crate::http::Visit;
use crate::method::login::require_secure_transport;
use crate::sanitize::{redacted_url, sanitized};
use crate::shell;

/// What has been seen on the way so far.
pub(super) struct Walked {
    wanted_connector: Option<String>,
    requests: Vec<AuthorizationRequest>,
    connector: Option<String>,
    has_posted: bool,
    callback_hop: Option<u32>,
    /// Whether the authorization request is our own: its answer is for us, and not for a relying party.
    is_own_request: bool,
}

/// An authorization request that a relying party made.
#[derive(Debug, PartialEq, Eq)]
struct AuthorizationRequest {
    origin: Origin,
    path: String,
    state: String,
}

/// A place below an authorization endpoint.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// `P` itself: the list of connectors.
    Connectors,
    /// `P/<id>`: a connector on its way to its form or elsewhere.
    Connector(String),
    /// `P/<id>/login` or `P/<id>?req=`: a connector's form.
    LoginForm(String),
}

impl Walked {
    /// Starts a walk; `wanted_connector` is the configured one.
    pub(super) fn new(wanted_connector: Option<&str>) -> Self {
        Self {
            wanted_connector: wanted_connector.map(str::to_owned),
            requests: Vec::new(),
            connector: None,
            has_posted: false,
            callback_hop: None,
            is_own_request: false,
        }
    }

    /// Starts a walk from an authorization request of our own.
    pub(super) fn of_own_request(wanted_connector: Option<&str>, request: &Url) -> Self {
        let mut walked = Self::new(wanted_connector);
        walked.requests.extend(AuthorizationRequest::of(request));
        walked.is_own_request = true;
        walked
    }

    /// Takes note of a redirect about to be followed as request number `hop`; refuses to leave Dex's pages for a
    /// foreign login before the form was reached.
    pub(super) fn step(&mut self, url: &Url, hop: u32) -> Result<Visit> {
        if self.is_own_request && self.is_answer(url) {
            return Ok(Visit::Stop);
        }
        if self.has_posted {
            if self.callback_hop.is_none() && self.is_callback(url) {
                self.callback_hop = Some(hop);
            }
            return Ok(Visit::Go);
        }
        // Dex's own places come first: a connector called "auth" looks like another authorization endpoint.
        match (self.place(url), &self.connector) {
            (Some(Place::Connector(id) | Place::LoginForm(id)), _) => {
                self.at_connector(id)?;
                Ok(Visit::Go)
            }
            (Some(Place::Connectors), _) => Ok(Visit::Go),
            // Whoever Dex sends people on to may ask for an authorization of his own (Keycloak, Google, another Dex).
            (None, Some(id)) => Err(Error::new(
                Slug::ConnectorHasNoForm,
                format!("Dex's connector {id:?} has no password form: it redirects to {}", Origin::of(url)),
            )
            .hint("nothing was sent there; choose a connector that takes a password with --connector ID, or use a token")),
            (None, None) => {
                self.requests.extend(AuthorizationRequest::of(url));
                Ok(Visit::Go)
            }
        }
    }

    /// Takes note that the form was sent: from here on redirects lead back.
    pub(super) fn posted(&mut self) {
        self.has_posted = true;
    }

    /// Tells whether the endpoint has asked for a login.
    pub(super) fn met_authorization_request(&self) -> bool {
        !self.requests.is_empty()
    }

    /// Gives the number of the request to the relying party's callback, once that was made.
    pub(super) fn callback_hop(&self) -> Option<u32> {
        self.callback_hop
    }

    /// Tells whether a URL is the list of Dex's connectors.
    pub(super) fn is_connector_list(&self, url: &Url) -> bool {
        self.place(url) == Some(Place::Connectors)
    }

    /// Gives the id of the connector that a URL belongs to.
    pub(super) fn connector_of(&self, url: &Url) -> Option<String> {
        match self.place(url)? {
            Place::Connector(id) | Place::LoginForm(id) => Some(id),
            Place::Connectors => None,
        }
    }

    /// Tells whether a URL is the form of one of Dex's connectors.
    pub(super) fn is_login_form(&self, url: &Url) -> bool {
        matches!(self.place(url), Some(Place::LoginForm(_)))
    }

    /// Tells whether a page is known to be Dex's: by its place below a connector, or by its look where Dex may be.
    pub(super) fn is_dexs(&self, url: &Url, has_dexs_look: bool) -> bool {
        let origin = Origin::of(url);
        let may_be = self.requests.iter().any(|request| request.origin == origin);
        self.connector_of(url).is_some() || (may_be && has_dexs_look)
    }

    /// The server may have chosen a connector by itself: the only one, or the one its relying party names.
    fn at_connector(&mut self, id: String) -> Result<()> {
        if let Some(wanted) = self
            .wanted_connector
            .as_ref()
            .filter(|wanted| **wanted != id)
        {
            let offered = sanitized(&id);
            return Err(Error::new(
                Slug::ConnectorUnknown,
                format!("Dex went straight to its connector {id:?}, not to {wanted:?}: it offers {offered} only"),
            )
            .hint(format!("leave --connector out, or say {}", shell::option("--connector", &id, "ID"))));
        }
        self.connector = Some(id);
        Ok(())
    }

    fn place(&self, url: &Url) -> Option<Place> {
        let origin = Origin::of(url);
        self.requests
            .iter()
            .filter(|request| request.origin == origin)
            .find_map(|request| {
                let rest = url.path().strip_prefix(&request.path)?;
                let segments: Vec<&str> = rest.split('/').collect();
                match segments.as_slice() {
                    [""] => Some(Place::Connectors),
                    ["", id, "login"] if !id.is_empty() => Some(Place::LoginForm(decoded(id))),
                    ["", id] if !id.is_empty() && has_query(url, "req") => {
                        Some(Place::LoginForm(decoded(id)))
                    }
                    ["", id] if !id.is_empty() => Some(Place::Connector(decoded(id))),
                    _ => None,
                }
            })
    }

    /// The same, or a refusal (section 4.1.2.1).
    fn is_answer(&self, url: &Url) -> bool {
        let state = query(url, "state").unwrap_or_default();
        let is_answer = has_query(url, "code") || has_query(url, "error");
        is_answer && self.requests.iter().any(|request| request.state == state)
    }

    /// The authorization response carries a `code` and the request's own `state` (RFC 6749 section 4.1.2).
    fn is_callback(&self, url: &Url) -> bool {
        let state = query(url, "state").unwrap_or_default();
        has_query(url, "code") && self.requests.iter().any(|request| request.state == state)
    }
}

impl AuthorizationRequest {
    fn of(url: &Url) -> Option<Self> {
        let is_one = url.path().ends_with("/auth")
            && has_query(url, "client_id")
            && has_query(url, "redirect_uri");
        let state = query(url, "state").filter(|_| is_one)?;
        Some(Self {
            origin: Origin::of(url),
            path: url.path().to_owned(),
            state,
        })
    }
}

/// Checks that the password may be posted from the form at `page` to `action`.
pub(super) fn may_post(
    walked: &Walked,
    context: &Context,
    dex: &Dex,
    endpoint: &Endpoint,
    page: &Url,
    action: &Url,
) -> Result<()> {
    if !walked.is_login_form(page) {
        return Err(Error::new(
            Slug::LoginNotUnderstood,
            format!("{} asks for a password but is not a Dex login form", redacted_url(page)),
        )
        .hint("the password was not sent: this program logs in at Dex's own form only; check the endpoint"));
    }
    let origin = Origin::of(page);
    if origin != Origin::of(action) || page.path() != action.path() {
        return Err(Error::new(
            Slug::PasswordOriginRefused,
            format!("the login form at {} would send the password to {}", redacted_url(page), redacted_url(action)),
        )
        .hint("the password was not sent: Dex's form leads to its own address; ask the endpoint's administrator what changed it"));
    }
    let is_own =
        endpoint.origin().is_or_upgrades_to(&origin) || dex.login_origins.contains(&origin);
    if !is_own {
        return Err(Error::new(
            Slug::PasswordOriginRefused,
            format!("the login form lies at {origin}, and the endpoint at {}", endpoint.origin()),
        )
        .hint(format!(
            "the password was not sent; if {origin} is your identity provider, add it to the context: `dex: {{login-origins: [\"{origin}\"]}}`"
        )));
    }
    require_secure_transport(page, context)
}

fn query(url: &Url, name: &str) -> Option<String> {
    url.query_pairs()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

fn has_query(url: &Url, name: &str) -> bool {
    url.query_pairs().any(|(key, _)| key == name)
}

/// Decodes a path segment; a connector's id is any text.
fn decoded(segment: &str) -> String {
    percent_encoding::percent_decode_str(segment)
        .decode_utf8_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &str =
        "https://kf.example.com/dex/auth?client_id=a&redirect_uri=/cb&response_type=code&state=S";

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn walked(wanted: Option<&str>, steps: &[&str]) -> Result<Walked> {
        let mut walked = Walked::new(wanted);
        for (hop, step) in steps.iter().enumerate() {
            walked.step(&url(step), u32::try_from(hop).unwrap() + 2)?;
        }
        Ok(walked)
    }

    #[test]
    fn dexs_forms_are_known_by_the_authorization_request() {
        let walked = walked(None, &[REQUEST]).unwrap();
        for form in [
            "https://kf.example.com/dex/auth/local/login?back=&state=x",
            "https://kf.example.com/dex/auth/my%20ldap?req=1",
        ] {
            assert!(walked.is_login_form(&url(form)), "{form}");
        }
        for other in [
            "https://kf.example.com/dex/auth/local",
            "https://kf.example.com/dex/auth?req=1",
            "https://kf.example.com/dex/auth//login",
            "https://kf.example.com/dex/auth/a/b/login",
            "https://kf.example.com/dex/authx/local/login",
            "https://kf.example.com/other/auth/local/login",
            "https://kf.example.com:8443/dex/auth/local/login",
            "https://evil.example.com/dex/auth/local/login",
            "http://kf.example.com/dex/auth/local/login",
        ] {
            assert!(!walked.is_login_form(&url(other)), "{other}");
        }
    }

    #[test]
    fn without_an_authorization_request_nothing_is_dexs() {
        let walked = walked(None, &["https://kf.example.com/dex/auth?client_id=a"]).unwrap();
        assert!(!walked.met_authorization_request());
        assert!(!walked.is_login_form(&url("https://kf.example.com/dex/auth/local/login")));
    }

    #[test]
    fn a_connector_that_leads_elsewhere_is_refused_before_anybody_is_asked() {
        let error = walked(
            None,
            &[
                REQUEST,
                "https://kf.example.com/dex/auth/github",
                "https://github.com/login",
            ],
        );
        assert_eq!(error.err().unwrap().slug(), Slug::ConnectorHasNoForm);
    }

    #[test]
    fn a_second_authorization_request_behind_a_connector_is_no_second_dex() {
        for request in [
            "https://sso.example.com/realms/r/protocol/openid-connect/auth",
            "https://accounts.google.com/o/oauth2/v2/auth",
            "https://hydra.example.com/oauth2/auth",
            "https://kf.example.com/oauth2/auth",
            "https://kf.example.com/other/dex/auth",
        ] {
            let request = format!("{request}?client_id=dex&redirect_uri=/dex/callback&state=T");
            let connector = "https://kf.example.com/dex/auth/sso?client_id=a&state=S";
            let error = walked(None, &[REQUEST, connector, &request]).err().unwrap();
            assert_eq!(error.slug(), Slug::ConnectorHasNoForm, "{request}");
            // Before Dex is met it may be a gateway's own way to Dex.
            assert_eq!(
                walked(None, &[&request, REQUEST]).unwrap().requests.len(),
                2
            );
        }
        let again = walked(
            None,
            &[REQUEST, "https://kf.example.com/dex/auth/local", REQUEST],
        );
        assert!(again.unwrap().is_connector_list(&url(REQUEST)));
    }

    #[test]
    fn another_connector_than_the_wanted_one_is_noticed() {
        let error = walked(
            Some("ldap"),
            &[REQUEST, "https://kf.example.com/dex/auth/local"],
        )
        .err()
        .unwrap();
        assert_eq!(error.slug(), Slug::ConnectorUnknown);
        assert!(
            walked(
                Some("my ldap"),
                &[REQUEST, "https://kf.example.com/dex/auth/my%20ldap"]
            )
            .is_ok()
        );
    }

    #[test]
    fn a_connector_called_auth_is_no_second_authorization_endpoint() {
        let walked = walked(
            None,
            &[REQUEST, "https://kf.example.com/dex/auth/auth?client_id=a&redirect_uri=/cb&response_type=code&state=S"],
        )
        .unwrap();
        assert_eq!(walked.requests.len(), 1);
    }

    #[test]
    fn the_callback_is_known_by_its_state() {
        let mut walked = walked(None, &[REQUEST]).unwrap();
        walked.posted();
        walked
            .step(&url("https://kf.example.com/dex/approval?req=1"), 6)
            .unwrap();
        walked
            .step(&url("https://kf.example.com/cb?code=1&state=OTHER"), 7)
            .unwrap();
        assert_eq!(walked.callback_hop(), None);
        walked
            .step(&url("https://kf.example.com/any/path?code=1&state=S"), 8)
            .unwrap();
        assert_eq!(walked.callback_hop(), Some(8));
    }
}
