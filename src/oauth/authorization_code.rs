//! A person logs in with a browser: an authorization code with PKCE (RFC 6749 section 4.1, RFC 7636), which comes back
//! to this machine or is pasted (RFC 8252).

mod preflight;

use std::time::{Duration, Instant};

use oauth2::basic::BasicClient;
use oauth2::{AuthUrl, ClientId, CsrfToken, PkceCodeChallenge, PkceCodeVerifier, Scope};
use url::Url;

use super::loopback::Loopback;
use super::refusal::Refusal;
use super::response::{Awaited, Response};
use super::token_endpoint::{self, Failure};
use super::{Client, Provider, Tokens, paste};
use crate::browser;
use crate::environment::Environment;
use crate::error::{Error, Result, Slug};
use crate::http::api::Api;
use crate::secret::Secret;
use crate::terminal;

/// How long a person may take in the browser.
const PATIENCE: Duration = Duration::from_secs(5 * 60);
/// What is done at the token endpoint, for the words of an error.
pub const EXCHANGING: &str = "exchanging the code of the login";

/// What the provider is asked for.
pub struct Login<'a> {
    /// Who is asked.
    pub provider: &'a Provider,
    /// Who asks.
    pub client: &'a Client,
    /// The scopes (RFC 6749 section 3.3).
    pub scopes: &'a [&'a str],
    /// What else goes into the address, such as `login_hint` (OpenID Connect Core section 3.1.2.1).
    pub parameters: &'a [(&'a str, &'a str)],
    /// Where the browser is to come back to; `None` is this machine, as the provider takes it.
    pub redirect_uri: Option<&'a str>,
    /// What the provider calls itself, where an answer of another one could come.
    pub issuer: Option<&'a str>,
    /// Whether the answer must name the provider (RFC 9207 section 3).
    pub names_issuer: bool,
    /// Whether the request is tried without a browser before a person is sent there.
    pub is_tried_first: bool,
}

/// How the person is reached.
#[derive(Clone, Copy)]
pub struct Reaching<'a> {
    /// Whether no browser is opened from here.
    pub no_browser: bool,
    /// The port of the way back; `None` takes a free one.
    pub port: Option<u16>,
    /// What tells whether there is a browser.
    pub environment: &'a Environment,
    /// Says a word to the person.
    pub tell: &'a dyn Fn(&str),
}

/// What a login gave.
#[derive(Debug)]
pub struct LoggedIn {
    /// The tokens.
    pub tokens: Tokens,
    /// The `nonce` that an ID token among them must hold (OpenID Connect Core section 3.1.3.7).
    pub nonce: String,
}

/// An authorization request (RFC 6749 section 4.1.1), and what its answer is checked by.
struct Request {
    url: Url,
    state: CsrfToken,
    nonce: CsrfToken,
    verifier: PkceCodeVerifier,
}

/// Sends the person to the provider's login, waits for the answer, and exchanges its code for tokens.
pub fn log_in(
    api: &Api<'_>,
    login: &Login<'_>,
    reaching: Reaching<'_>,
) -> Result<LoggedIn, Failure> {
    let loopback = match login.redirect_uri {
        Some(redirect_uri) => Loopback::listen_for(redirect_uri, reaching.port).transpose()?,
        None => Some(Loopback::listen(reaching.port)?),
    };
    let own = loopback.as_ref().map(Loopback::redirect_uri);
    let redirect_uri = own.or(login.redirect_uri).unwrap_or_default();
    let request = login.request(redirect_uri)?;
    let awaited = Awaited {
        state: request.state.secret(),
        issuer: login.issuer,
        names_issuer: login.names_issuer,
    };
    if login.is_tried_first
        && let Some(error) = preflight::refusal(api, login, &request.url, redirect_uri, awaited)
    {
        return Err(error.into());
    }
    let asked = Instant::now();
    let heard = match &loopback {
        Some(loopback) => reaching.answer(loopback, &request.url, awaited)?,
        None => reaching.pasted(&request.url, redirect_uri, awaited)?,
    };
    api.wait_longer(asked.elapsed());
    let code = match heard {
        Response::Code(code) => code,
        Response::Refused(refusal) => Err(login.refused(&refusal, api))?,
    };
    let tokens = login.exchanged(api, &code, &request.verifier, redirect_uri)?;
    Ok(LoggedIn {
        tokens,
        nonce: request.nonce.secret().clone(),
    })
}

/// Logs in with a request that `answer_to` has answered: it gives the address that the answer leads to.
pub fn log_in_by(
    api: &Api<'_>,
    login: &Login<'_>,
    redirect_uri: &str,
    answer_to: impl FnOnce(&Url) -> Result<Url>,
) -> Result<LoggedIn, Failure> {
    let request = login.request(redirect_uri)?;
    let answer = answer_to(&request.url)?;
    let awaited = Awaited {
        state: request.state.secret(),
        issuer: login.issuer,
        names_issuer: login.names_issuer,
    };
    let code = match Response::of_redirect(&answer, awaited) {
        Some(Ok(Response::Code(code))) => code,
        Some(Ok(Response::Refused(refusal))) => Err(login.refused(&refusal, api))?,
        Some(Err(_)) | None => {
            let what = "the login ended with an answer that is not its own";
            Err(Error::new(Slug::StateMismatch, what))?
        }
    };
    let tokens = login.exchanged(api, &code, &request.verifier, redirect_uri)?;
    Ok(LoggedIn {
        tokens,
        nonce: request.nonce.secret().clone(),
    })
}

impl Login<'_> {
    fn request(&self, redirect_uri: &str) -> Result<Request> {
        let endpoint = self.provider.authorization_endpoint.as_ref();
        let endpoint = endpoint.ok_or_else(|| self.provider.lacks("authorization endpoint"))?;
        let client = BasicClient::new(ClientId::new(self.client.id.clone()))
            .set_auth_uri(AuthUrl::from_url(endpoint.clone()));
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let nonce = CsrfToken::new_random();
        let scopes = self.scopes.iter();
        let mut request = client
            .authorize_url(CsrfToken::new_random)
            .add_scopes(scopes.map(|scope| Scope::new((*scope).to_owned())))
            .set_pkce_challenge(challenge)
            // The library wants an absolute URI, and Dex takes `/oauth2/callback`, which is what Kubeflow registers.
            .add_extra_param("redirect_uri", redirect_uri)
            .add_extra_param("nonce", nonce.secret());
        for (name, value) in self.parameters {
            request = request.add_extra_param(*name, *value);
        }
        let (url, state) = request.url();
        Ok(Request {
            url,
            state,
            nonce,
            verifier,
        })
    }

    /// Exchanges the code (RFC 6749 section 4.1.3).
    fn exchanged(
        &self,
        api: &Api<'_>,
        code: &Secret,
        verifier: &PkceCodeVerifier,
        redirect_uri: &str,
    ) -> Result<Tokens, Failure> {
        let fields = [
            ("code", code.expose()),
            ("code_verifier", verifier.secret()),
            ("redirect_uri", redirect_uri),
        ];
        let (provider, client) = (self.provider, self.client);
        match token_endpoint::ask(api, provider, client, "authorization_code", &fields) {
            Err(Failure::Refused(refusal)) if refusal.code == "invalid_grant" => {
                Err(self.no_such_code(&refusal, api))?
            }
            outcome => outcome,
        }
    }

    fn refused(&self, refusal: &Refusal, api: &Api<'_>) -> Error {
        let name = &self.provider.name;
        let error = match &*refusal.code {
            "invalid_scope" => {
                let scopes = self.scopes.join(" ");
                let what = format!("{name} does not give the scopes {scopes:?}");
                Error::new(Slug::ScopeRefused, what)
            }
            "unauthorized_client" => {
                let id = &self.client.id;
                let what =
                    format!("{name} does not let the OAuth client {id:?} log in in this way");
                Error::new(Slug::OauthClientRefused, what)
            }
            _ => Error::new(Slug::OauthRefused, "the login was refused in the browser"),
        };
        refusal.meant(error.because(refusal.quoted(name, api)))
    }

    fn no_such_code(&self, refusal: &Refusal, api: &Api<'_>) -> Error {
        let name = &self.provider.name;
        let what = format!("{EXCHANGING}: {name} refused the code");
        Error::new(Slug::OauthRefused, what)
            .because(refusal.quoted(name, api))
            .hint("a code is valid once, for some minutes, and for the login that asked for it: log in again")
    }
}

impl Reaching<'_> {
    /// Shows the URL first, as opening a browser may do nothing at all; then waits for whichever answer comes first.
    fn answer(&self, loopback: &Loopback, url: &Url, awaited: Awaited<'_>) -> Result<Response> {
        let tell = self.tell;
        let obstacle = if self.no_browser {
            Some("--no-browser was given")
        } else {
            browser::obstacle(self.environment)
        };
        let deadline = Instant::now() + PATIENCE;
        let from_browser = || {
            let heard = loopback.wait(awaited, deadline, &|| false)?;
            heard.ok_or_else(nobody)
        };
        tell(&format!("Log in with a browser at:\n\n{url}\n"));
        if obstacle.is_none() {
            if browser::open(url) {
                return from_browser();
            }
            tell("No browser could be opened.");
        }
        if !terminal::is_there() {
            return from_browser();
        }
        if let Some(obstacle) = obstacle {
            tell(&format!("No browser is opened, as {obstacle}."));
        }
        tell(
            "A browser on another machine ends at an address that it cannot show, http://127.0.0.1:.../?code=...: paste that address here.",
        );
        let asking = std::thread::spawn(|| terminal::ask_secret("Address or code: "));
        let heard = loopback.wait(awaited, deadline, &|| asking.is_finished());
        if !matches!(heard, Ok(None)) {
            // Nobody answers the question any more, which had switched the echo off.
            terminal::give_back();
            tell("");
        }
        match heard? {
            Some(response) => Ok(response),
            None => paste::read(&asking.join().map_err(|_| nobody())??, awaited),
        }
    }
}

impl Reaching<'_> {
    /// Has the answer pasted, where the browser is to end at a page of the provider or of somebody else.
    fn pasted(&self, url: &Url, redirect_uri: &str, awaited: Awaited<'_>) -> Result<Response> {
        let tell = self.tell;
        tell(&format!("Log in with a browser at:\n\n{url}\n"));
        if !self.no_browser && browser::obstacle(self.environment).is_none() {
            browser::open(url);
        }
        if !terminal::is_there() {
            let what =
                format!("the login ends at {redirect_uri}, which only a person can copy from");
            return Err(Error::new(Slug::LoginRequired, what)
                .hint("run the login in a terminal, where the address or the code is pasted"));
        }
        tell("When it shows a code, or an address with ?code=..., paste that here.");
        paste::read(&terminal::ask_secret("Address or code: ")?, awaited)
    }
}

fn nobody() -> Error {
    Error::new(Slug::Timeout, "the login was not completed in time")
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::oauth::Authentication;

    #[test]
    fn the_address_holds_what_the_answer_is_checked_by_and_what_the_caller_adds() {
        let endpoint = "https://login.example.com/auth?tenant=a";
        let provider = Provider {
            name: "Example".to_owned(),
            authorization_endpoint: Some(Url::parse(endpoint).unwrap()),
            token_endpoint: Url::parse("https://login.example.com/token").unwrap(),
            device_authorization_endpoint: None,
            revocation_endpoint: None,
        };
        let client = Client {
            id: "program".to_owned(),
            authentication: Authentication::SecretBasic(Secret::new("s3cret")),
        };
        let login = Login {
            provider: &provider,
            client: &client,
            scopes: &["openid", "groups"],
            parameters: &[("connector_id", "github")],
            redirect_uri: None,
            issuer: None,
            names_issuer: false,
            is_tried_first: false,
        };
        let request = login.request("http://127.0.0.1:8000").unwrap();
        assert!(
            request.url.as_str().starts_with(endpoint),
            "{}",
            request.url
        );
        assert!(!request.url.as_str().contains("s3cret"), "{}", request.url);
        let query: HashMap<_, _> = request.url.query_pairs().into_owned().collect();
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&request.verifier);
        for (name, value) in [
            ("response_type", "code"),
            ("client_id", "program"),
            ("redirect_uri", "http://127.0.0.1:8000"),
            ("scope", "openid groups"),
            ("state", request.state.secret()),
            ("nonce", request.nonce.secret()),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
            ("connector_id", "github"),
        ] {
            assert_eq!(query[name], value, "{name}");
        }
    }

    #[test]
    fn where_no_person_logs_in_that_is_said() {
        let provider = Provider {
            name: "Example".to_owned(),
            authorization_endpoint: None,
            token_endpoint: Url::parse("https://login.example.com/token").unwrap(),
            device_authorization_endpoint: None,
            revocation_endpoint: None,
        };
        let client = Client {
            id: "program".to_owned(),
            authentication: Authentication::Public,
        };
        let login = Login {
            provider: &provider,
            client: &client,
            scopes: &[],
            parameters: &[],
            redirect_uri: None,
            issuer: None,
            names_issuer: false,
            is_tried_first: false,
        };
        let error = login.request("http://127.0.0.1:8000").err().unwrap();
        assert_eq!(error.message(), "Example has no authorization endpoint");
    }
}
