//! Dex's login form, walked as a browser would: from the endpoint to the form, and back with a session's cookies.
//!
//! The one rule above all: the password is posted to a Dex login form on the endpoint's own origin and nowhere else
//! (`rules`). The relying party in front (oauth2-proxy, oidc-authservice, Apache, ...) is not known in advance: its
//! callback is recognised by the `state` of the authorization request (RFC 6749 section 4.1.2), its cookies by when
//! they were set.

mod back;
pub mod code;
pub mod page;
mod refusal;
mod rules;
mod session;

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use url::Url;

use crate::config::context::Context;
use crate::config::method::Dex;
use crate::config::source;
use crate::endpoint::{Endpoint, Origin};
use crate::error::{Error, Result, Slug};
use crate::http::{HTML, Http, Page};
use crate::method::login::{Login, LoginMethod, NewCredential, Person, require_secure_transport};
use crate::method::none;
use crate::sanitize::{redacted_url, sanitized};
use crate::store::Identity;
use back::Back;
use page::{Form, PageText};
use refusal::{refused, without_login};
use rules::Walked;
use session::Session;

/// How long a form may wait for the password before it is fetched anew.
const FRESH: Duration = Duration::from_secs(1);

/// The endpoint tells: what asks for no login is taken for `none`.
pub(super) struct Detect<'a>(pub(super) &'a Dex);

impl LoginMethod for &Dex {
    fn identity(&self) -> Identity<'_> {
        identity(self)
    }

    fn log_in(&self, login: &Login<'_>) -> Result<NewCredential> {
        log_in(self, self, login)
    }
}

impl LoginMethod for Detect<'_> {
    fn identity(&self) -> Identity<'_> {
        identity(self.0)
    }

    /// Dex's rules ask the same as soon as the endpoint has turned out to be behind one.
    fn requires_secure_transport(&self, _in_cluster: bool) -> bool {
        false
    }

    fn log_in(&self, login: &Login<'_>) -> Result<NewCredential> {
        log_in(self, self.0, login)
    }
}

fn identity(dex: &Dex) -> Identity<'_> {
    Identity {
        user: dex.username.as_deref(),
        connector: dex.connector.as_deref(),
        ..Identity::default()
    }
}

fn log_in(method: &dyn LoginMethod, dex: &Dex, login: &Login<'_>) -> Result<NewCredential> {
    let person = login.person.ok_or_else(nobody)?;
    login.over_http(method, |http| {
        let walk = Walk {
            http,
            context: login.context,
            dex,
            endpoint: login.endpoint,
            person,
            request: None,
        };
        match walk.run()? {
            Outcome::Session(session) => session.proven(http, login.context, login.now()),
            Outcome::Unsecured => {
                http.say(format_args!("{} requires no login", login.endpoint));
                none::proven(http, login)
            }
        }
    })
}

fn nobody() -> Error {
    Error::new(
        Slug::PasswordRequired,
        "a login form may have to be filled in, and no user name is given",
    )
}

/// What the walk ended with.
#[derive(Debug)]
enum Outcome {
    /// A session.
    Session(Session),
    /// The endpoint asked for no login at all.
    Unsecured,
}

/// Where the walk to the form has led.
enum Reached {
    Open(Outcome),
    Form(Box<Walked>, LoginForm),
}

/// What has become of a form.
enum Submitted<'a> {
    /// There was none: the endpoint asks for no login.
    Open(Outcome),
    /// It was sent, and answered.
    Answered(Box<(Back<'a>, Page)>),
}

struct Walk<'a> {
    http: &'a Http<'a>,
    context: &'a Context,
    dex: &'a Dex,
    endpoint: &'a Endpoint,
    person: &'a dyn Person,
    /// The authorization request that is ours, where it is not a relying party's.
    request: Option<&'a Url>,
}

/// A login form that may be filled in, and where it was found.
struct LoginForm {
    page: Url,
    form: Form,
}

impl Walk<'_> {
    fn run(&self) -> Result<Outcome> {
        match self.submit()? {
            Submitted::Open(outcome) => Ok(outcome),
            Submitted::Answered(answered) => {
                let (back, last) = *answered;
                back.session(last).map(Outcome::Session)
            }
        }
    }

    /// Fills in the form, and goes back as far as the answer leads.
    fn submit(&self) -> Result<Submitted<'_>> {
        let (mut walked, mut found) = match self.reach_form()? {
            Reached::Open(outcome) => return Ok(Submitted::Open(outcome)),
            Reached::Form(walked, found) => (walked, found),
        };
        let reached = Instant::now();
        let username = self.person.username()?;
        let password = self.person.password(&username, self.http.time_left())?;
        self.http.keep_secret(&password);
        self.http.wait_longer(self.person.waited());
        // The password is posted once, whatever is answered: so not in a form that may have expired meanwhile.
        if !self.person.waited().is_zero() || reached.elapsed() > FRESH {
            self.http
                .say("the password took a while, so the form is fetched again");
            (walked, found) = match self.reach_form()? {
                Reached::Open(outcome) => return Ok(Submitted::Open(outcome)),
                Reached::Form(walked, found) => (walked, found),
            };
        }
        let fields = found.form.filled(&username, &password).ok_or_else(|| {
            Error::new(
                Slug::LoginNotUnderstood,
                format!(
                    "the form at {} is not a login form",
                    redacted_url(&found.page)
                ),
            )
        })?;
        walked.posted();
        let answer = self.http.post(&found.form.action, &fields)?;
        let answer = self
            .http
            .follow(answer, &mut |url, hop| walked.step(url, hop))?;

        let mut back = Back {
            login: self,
            walked: *walked,
            username,
        };
        let is_redirect = answer.status.is_redirection();
        if back.walked.callback_hop().is_none() && !is_redirect && answer.url == found.form.action {
            return Err(back.stayed_at_form(answer)?);
        }
        let last = back.approved(answer)?;
        Ok(Submitted::Answered(Box::new((back, last))))
    }

    /// Says where a password that was refused can be corrected.
    fn hint_for_password(&self) -> String {
        let source = self.dex.password.as_ref().and_then(source::place);
        match source {
            Some(place) => format!(
                "check the user name and the connector, and correct the password in {place}, which it came from"
            ),
            None => format!(
                "check the user name, the password and the connector; `kfp-credential login {}` asks for the password again",
                self.context.as_arguments()
            ),
        }
    }

    /// Walks to the form and checks that it may be filled in.
    fn reach_form(&self) -> Result<Reached> {
        let connector = self.dex.connector.as_deref();
        let (page, mut walked) = if let Some(request) = self.request {
            let mut walked = Walked::of_own_request(connector, request);
            (self.open(request, &mut walked)?, walked)
        } else {
            let mut walked = Walked::new(connector);
            (self.reach_dex(&mut walked)?, walked)
        };
        if !walked.met_authorization_request() {
            without_login(self.http, page)?;
            return Ok(Reached::Open(Outcome::Unsecured));
        }
        require_secure_transport(self.endpoint.url(), self.context)?;
        let page = self.choose_connector(page, &mut walked)?;
        let found = self.login_form(page, &walked)?;
        Ok(Reached::Form(Box::new(walked), found))
    }

    /// Walks from the endpoint as far as redirects and oauth2-proxy's sign-in page lead.
    fn reach_dex(&self, walked: &mut Walked) -> Result<Page> {
        let mut page = self.open(self.endpoint.url(), walked)?;
        match self.start_of_login(&mut page)? {
            Some(start) if !walked.met_authorization_request() => self.open(&start, walked),
            _ => Ok(page),
        }
    }

    fn open(&self, url: &Url, walked: &mut Walked) -> Result<Page> {
        let page = self.http.get(url, HTML)?;
        self.http
            .follow(page, &mut |url, hop| walked.step(url, hop))
    }

    /// oauth2-proxy shows a sign-in page (403) in place of redirecting, and answers API paths with a bare 401; both
    /// mean its `/oauth2/start`.
    fn start_of_login(&self, page: &mut Page) -> Result<Option<Url>> {
        if page.status == StatusCode::UNAUTHORIZED && !page.is("text/html") {
            let mut start = self.endpoint.url().clone();
            let back = start.path().to_owned();
            start.set_path("/oauth2/start");
            start.query_pairs_mut().append_pair("rd", &back);
            return Ok(Some(start));
        }
        if !page.is("text/html") || page.status.is_server_error() {
            return Ok(None);
        }
        let text = PageText::of(page)?;
        let is_start = |form: &&Form| {
            let is_ours = self
                .endpoint
                .origin()
                .is_or_upgrades_to(&Origin::of(&form.action));
            is_ours && form.action.path().ends_with("/oauth2/start") && !form.asks_for_password()
        };
        Ok(text.forms().iter().find(is_start).map(submitted_by_get))
    }

    /// Dex shows its connectors when it has several; the wanted one, the only one or `local` is taken.
    fn choose_connector(&self, mut page: Page, walked: &mut Walked) -> Result<Page> {
        if !walked.is_connector_list(&page.url) || !page.status.is_success() {
            return Ok(page);
        }
        let mut offered: Vec<(String, Url)> = Vec::new();
        for link in PageText::of(&mut page)?.links() {
            if let Some(id) = walked.connector_of(link) {
                offered.push((id, link.clone()));
            }
        }
        let ids: Vec<&str> = offered.iter().map(|(id, _)| id.as_str()).collect();
        if ids.is_empty() {
            return Ok(page);
        }
        let listed = sanitized(&ids.join(", "));
        let wanted = match (self.dex.connector.as_deref(), ids.as_slice()) {
            (Some(wanted), _) => wanted,
            (None, [only]) => only,
            (None, _) => "local",
        };
        match offered.iter().find(|(id, _)| id == wanted) {
            Some((_, url)) => {
                self.http.say(format_args!(
                    "Dex offers the connectors {listed}; taking {wanted:?}"
                ));
                walked.step(url, page.hop + 1)?;
                self.open(&url.clone(), walked)
            }
            None => Err(Error::new(
                Slug::ConnectorUnknown,
                format!(
                    "Dex at {} offers the connectors {listed}, and not {wanted:?}",
                    redacted_url(&page.url)
                ),
            )),
        }
    }

    /// Finds the form that asks for the password and checks that it may be filled in.
    fn login_form(&self, mut page: Page, walked: &Walked) -> Result<LoginForm> {
        let text = PageText::of(&mut page)?;
        let Some(form) = text
            .forms()
            .iter()
            .find(|form| form.is_post && form.asks_for_password())
        else {
            return Err(refused(self.http, walked, &page, &text));
        };
        rules::may_post(
            walked,
            self.context,
            self.dex,
            self.endpoint,
            &page.url,
            &form.action,
        )?;
        Ok(LoginForm {
            page: page.url,
            form: form.clone(),
        })
    }
}

/// Gives the URL that sending a form by GET asks for (HTML, form submission algorithm).
fn submitted_by_get(form: &Form) -> Url {
    let mut url = form.action.clone();
    url.query_pairs_mut().clear().extend_pairs(
        form.fields
            .iter()
            .map(|field| (field.name.as_str(), field.value.as_str())),
    );
    url
}
