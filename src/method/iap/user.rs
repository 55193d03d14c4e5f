//! A person at Google Identity-Aware Proxy: an authorization code with PKCE once (RFC 6749, RFC 7636, RFC 8252), and
//! from then on the refresh token, which Google exchanges for an ID token of any audience in the same project.

use std::time::{Duration, Instant};

use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse,
    BasicTokenType,
};
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken,
    EndpointNotSet, EndpointSet, ExtraTokenFields, PkceCodeChallenge, RedirectUrl,
    RequestTokenError, Scope, StandardRevocableToken, StandardTokenResponse, TokenResponse,
    TokenUrl,
};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::browser;
use crate::config::method::Iap;
use crate::credential::Grant;
use crate::environment::Environment;
use crate::error::{Error, Result, Slug};
use crate::http::api::Api;
use crate::method::iap::refusal;
use crate::oauth::loopback::Loopback;
use crate::oauth::response::Response;
use crate::sanitize::sanitized;
use crate::secret::Secret;
use crate::terminal;

const AUTHORIZATION_URL: &str = "https://accounts.google.com/o/oauth2/v2/auth";
const TOKEN_URL: &str = "https://oauth2.googleapis.com/token";
const REVOCATION_URL: &str = "https://oauth2.googleapis.com/revoke";
/// How long a person may take in the browser.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// How the person reaches the browser.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reaching {
    /// Whether no browser is opened from here.
    pub no_browser: bool,
    /// The port of the way back; `None` takes a free one.
    pub port: Option<u16>,
}

/// What a login in the browser gave.
pub struct LoggedIn {
    /// What renews it.
    pub grant: Grant,
    /// Who logged in.
    pub email: String,
}

/// An ID token for the IAP client, and the refresh token that replaces the old one, where Google rotated it.
pub struct Refreshed {
    /// The ID token, unchecked; a refresh token that comes without one is good all the same.
    pub id_token: Option<Secret>,
    /// What renews it from now on.
    pub grant: Grant,
}

#[derive(Debug, Serialize, Deserialize)]
struct IdTokenField {
    id_token: Option<String>,
}

impl ExtraTokenFields for IdTokenField {}

type GoogleTokens = StandardTokenResponse<IdTokenField, BasicTokenType>;
type GoogleClient = Client<
    BasicErrorResponse,
    GoogleTokens,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

/// Turns a refresh token into an ID token for the IAP client.
///
/// Not by the OAuth library: with `audience`, Google may answer an ID token alone, and the library insists on the access
/// token of RFC 6749 section 5.1.
pub fn refresh(api: &Api<'_>, grant: &Grant, iap_client_id: &str) -> Result<Refreshed> {
    #[derive(Deserialize)]
    struct Answer {
        id_token: Option<Secret>,
        refresh_token: Option<Secret>,
    }
    const DOING: &str = "renewing the login";
    let url = Url::parse(TOKEN_URL).map_err(internal)?;
    let mut fields = vec![
        ("grant_type", "refresh_token"),
        ("client_id", &grant.client_id),
        ("refresh_token", grant.refresh_token.expose()),
        ("audience", iap_client_id),
    ];
    if let Some(secret) = &grant.client_secret {
        fields.push(("client_secret", secret.expose()));
    }
    let answer = api.post_form(&url, &fields)?;
    if answer.status != 200 {
        let refusal: Option<BasicErrorResponse> = serde_json::from_str(answer.body.expose()).ok();
        return Err(match refusal.filter(|_| answer.status < 500) {
            Some(refusal) => explained(&refusal, DOING, api),
            None => no_token_endpoint(DOING),
        });
    }
    let answer: Answer =
        serde_json::from_str(answer.body.expose()).map_err(|_| no_token_endpoint(DOING))?;
    Ok(Refreshed {
        id_token: answer.id_token,
        grant: Grant {
            refresh_token: answer
                .refresh_token
                .unwrap_or_else(|| grant.refresh_token.clone()),
            ..grant.clone()
        },
    })
}

/// Ends a login at Google (RFC 7009): its refresh token, and every token that came of it. One that is dead already is no
/// failure.
pub fn revoke(api: &Api<'_>, grant: &Grant) -> Result<()> {
    let url = Url::parse(REVOCATION_URL).map_err(internal)?;
    let answer = api.post_form(&url, &[("token", grant.refresh_token.expose())])?;
    let refusal: Option<BasicErrorResponse> = serde_json::from_str(answer.body.expose()).ok();
    match (answer.status, refusal) {
        (200, _) => Ok(()),
        (400, Some(refusal)) if refusal.error().as_ref() == "invalid_token" => Ok(()),
        (status, _) => Err(Error::new(
            Slug::ServerError,
            format!("{REVOCATION_URL} answered {status}"),
        )),
    }
}

/// Sends the person to Google's login and waits for the answer, from the browser or pasted.
pub fn log_in(
    api: &Api<'_>,
    iap: &Iap,
    client_secret: Option<Secret>,
    environment: &Environment,
    reaching: Reaching,
    tell: &dyn Fn(&str),
) -> Result<LoggedIn> {
    let client_id = iap
        .other_client_id
        .as_deref()
        .ok_or_else(no_desktop_client)?;
    let loopback = Loopback::listen(reaching.port)?;
    let redirect_uri = RedirectUrl::new(loopback.redirect_uri()).map_err(internal)?;
    let client = client(client_id, client_secret.as_ref())?.set_redirect_uri(redirect_uri);

    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let nonce = CsrfToken::new_random();
    let mut request = client
        .authorize_url(CsrfToken::new_random)
        .add_scope(Scope::new("openid".to_owned()))
        .add_scope(Scope::new("email".to_owned()))
        .set_pkce_challenge(challenge)
        .add_extra_param("access_type", "offline")
        .add_extra_param("nonce", nonce.secret());
    if let Some(account) = &iap.account {
        request = request.add_extra_param("login_hint", account);
    }
    let (url, state) = request.url();

    let asked = Instant::now();
    let heard = authorization(&loopback, &url, state.secret(), environment, reaching, tell)?;
    api.wait_longer(asked.elapsed());
    let code = match heard {
        Response::Code(code) => code,
        Response::Refused(refusal) => return Err(refused(&refusal.words())),
    };
    let tokens = client
        .exchange_code(AuthorizationCode::new(code.expose().to_owned()))
        .set_pkce_verifier(verifier)
        .request(&|request| api.send_oauth(request))
        .map_err(|error| token_failure(error, "exchanging the code of the login", api))?;
    let email = checked_email(&id_token(&tokens)?, client_id, nonce.secret(), api)?;
    if let Some(account) = iap
        .account
        .as_ref()
        .filter(|account| !account.eq_ignore_ascii_case(&email))
    {
        return Err(Error::new(
            Slug::AccountMismatch,
            format!("{email:?} logged in, and not {account:?}, which the context names"),
        ));
    }
    let refresh_token = tokens.refresh_token().ok_or_else(|| {
        Error::new(Slug::OauthTokenInvalid, "Google gave no refresh token")
            .hint("remove this client's access at the account's page \"Third-party apps & services\", and log in again")
    })?;
    let grant = Grant {
        client_id: client_id.to_owned(),
        client_secret,
        refresh_token: Secret::new(refresh_token.secret()),
    };
    Ok(LoggedIn { grant, email })
}

/// Shows the URL first, as opening a browser may do nothing at all; then waits for whichever answer comes first.
fn authorization(
    loopback: &Loopback,
    url: &Url,
    state: &str,
    environment: &Environment,
    reaching: Reaching,
    tell: &dyn Fn(&str),
) -> Result<Response> {
    let obstacle = if reaching.no_browser {
        Some("--no-browser was given")
    } else {
        browser::obstacle(environment)
    };
    let deadline = Instant::now() + PATIENCE;
    tell(&format!("Log in with a browser at:\n\n{url}\n"));
    if obstacle.is_none() {
        if browser::open(url) {
            return loopback
                .wait(state, deadline, &|| false)?
                .ok_or_else(nobody);
        }
        tell("No browser could be opened.");
    }
    if !terminal::is_there() {
        return loopback
            .wait(state, deadline, &|| false)?
            .ok_or_else(nobody);
    }
    if let Some(obstacle) = obstacle {
        tell(&format!("No browser is opened, as {obstacle}."));
    }
    tell(
        "A browser on another machine ends at an address that it cannot show, http://127.0.0.1:.../?code=...: paste that address here.",
    );
    let asking = std::thread::spawn(|| terminal::ask_secret("Address or code: "));
    let heard = loopback.wait(state, deadline, &|| asking.is_finished());
    if !matches!(heard, Ok(None)) {
        // Nobody answers the question any more, which had switched the echo off.
        terminal::give_back();
        tell("");
    }
    match heard? {
        Some(response) => Ok(response),
        None => pasted(&asking.join().map_err(|_| nobody())??, state),
    }
}

/// Reads what a person pasted: the whole redirected address, or the bare code.
fn pasted(text: &Secret, state: &str) -> Result<Response> {
    let text = text.expose().trim();
    let Some(url) = Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
    else {
        return Ok(Response::Code(Secret::new(text)));
    };
    match Response::of_redirect(&url) {
        Some((said, response)) if said == state => Ok(response),
        Some(_) => Err(Error::new(
            Slug::StateMismatch,
            "the pasted address is the answer of another login",
        )),
        None => Err(Error::new(
            Slug::OauthRefused,
            "the pasted address holds neither a code nor an error",
        )
        .hint("paste the address that the browser ends at, beginning with http://127.0.0.1")),
    }
}

fn client(client_id: &str, secret: Option<&Secret>) -> Result<GoogleClient> {
    let client = Client::new(ClientId::new(client_id.to_owned()))
        .set_auth_uri(AuthUrl::new(AUTHORIZATION_URL.to_owned()).map_err(internal)?)
        .set_token_uri(TokenUrl::new(TOKEN_URL.to_owned()).map_err(internal)?)
        // Google takes the secret of a desktop client in the body (RFC 6749 section 2.3.1).
        .set_auth_type(AuthType::RequestBody);
    Ok(match secret {
        Some(secret) => client.set_client_secret(ClientSecret::new(secret.expose().to_owned())),
        None => client,
    })
}

fn id_token(tokens: &GoogleTokens) -> Result<Secret> {
    let token = tokens.extra_fields().id_token.as_deref();
    token.map(Secret::new).ok_or_else(no_id_token)
}

/// Says that Google gave no ID token.
pub(super) fn no_id_token() -> Error {
    Error::new(Slug::OauthTokenInvalid, "Google gave no ID token")
        .hint("the desktop client and the IAP client must belong to one Google Cloud project")
}

/// Checks the code exchange's own ID token (OpenID Connect Core section 3.1.3.7) and gives its e-mail address.
fn checked_email(token: &Secret, client_id: &str, nonce: &str, api: &Api<'_>) -> Result<String> {
    let claims = crate::method::google::checked_claims(token, client_id, api.clock())?;
    let said = crate::jwt::text_claim(token.expose(), "nonce");
    if said.as_deref() != Some(nonce) {
        return Err(Error::new(
            Slug::OauthTokenInvalid,
            "the ID token is not the answer to this login: its nonce differs",
        ));
    }
    claims.principal.ok_or_else(|| {
        Error::new(
            Slug::OauthTokenInvalid,
            "the ID token names no e-mail address",
        )
    })
}

fn token_failure(
    error: RequestTokenError<Error, BasicErrorResponse>,
    doing: &str,
    api: &Api<'_>,
) -> Error {
    match error {
        RequestTokenError::Request(error) => error,
        RequestTokenError::ServerResponse(response)
            if response.error().as_ref() == "invalid_grant" =>
        {
            let what = format!("{doing}: Google does not take the code");
            let said = api.quoted(&response.to_string());
            Error::new(Slug::OauthRefused, what)
                .because(format!("Google says: {said}"))
                .hint("a code is good once, for some minutes, and for the login that asked for it: log in again")
        }
        RequestTokenError::ServerResponse(response) => explained(&response, doing, api),
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => no_token_endpoint(doing),
    }
}

fn no_token_endpoint(doing: &str) -> Error {
    let what = format!("{doing}: {TOKEN_URL} gave no answer of a token endpoint");
    Error::new(Slug::ServerError, what)
}

/// Says in words what a token endpoint's refusal means (RFC 6749 section 5.2, and Google's `invalid_rapt`).
fn explained(response: &BasicErrorResponse, doing: &str, api: &Api<'_>) -> Error {
    let code = response.error().to_string();
    let description = response
        .error_description()
        .map(String::as_str)
        .unwrap_or_default();
    let words = api.quoted(&format!("{code}: {description}"));
    let said = format!("Google says: {words}");
    match code.as_str() {
        "invalid_grant" | "invalid_rapt" => {
            let why = if words.contains("rapt") || words.contains("reauth") {
                "the organisation's policy asks for a new login from time to time"
            } else {
                "the login was revoked, its password changed, it was unused for six months, or its consent screen is in testing mode, where logins last 7 days"
            };
            let what = format!("{doing}: Google does not take the stored login any more");
            Error::new(Slug::LoginRequired, what)
                .because(said)
                .because(why)
        }
        _ => match refusal::of_oauth_client(&code, description, &words) {
            Some(error) => error.because(format!("it happened while {doing}")),
            None => {
                Error::new(Slug::OauthRefused, format!("{doing}: Google refused")).because(said)
            }
        },
    }
}

fn refused(words: &str) -> Error {
    let words = sanitized(words);
    Error::new(Slug::OauthRefused, "the login was refused in the browser")
        .because(format!("Google says: {words}"))
}

fn no_desktop_client() -> Error {
    Error::new(Slug::ConfigMissing, "the context names no desktop client to log in with")
        .hint("create an OAuth client of the type \"Desktop app\" in the project of the IAP client, and give its ID and secret: --other-client-id ID --other-client-secret-file F")
}

fn nobody() -> Error {
    Error::new(Slug::Timeout, "nobody answered the login in time")
}

fn internal(error: impl std::fmt::Display) -> Error {
    Error::new(Slug::Internal, "an OAuth request could not be made").because(error)
}
