//! A person's login at Google for IAP: a desktop client's authorization code once, and from then on the refresh token,
//! which Google exchanges for an ID token of any audience in the same project.

use url::Url;

use crate::config::method::Iap;
use crate::config::source;
use crate::credential::Grant;
use crate::error::{Error, Result, Slug};
use crate::http::api::Api;
use crate::method::google::{self, refusal};
use crate::method::iap::logins::Logins;
use crate::method::{self, Given};
use crate::oauth::authorization_code::{self, EXCHANGING, LoggedIn, Login, Reaching};
use crate::oauth::refresh::{self, Refreshed};
use crate::oauth::refusal::Refusal;
use crate::oauth::revocation;
use crate::oauth::{Authentication, Client, Provider};
use crate::run::Run;
use crate::secret::Secret;
use crate::terminal;

const AUTHORIZATION_URL: &str = "https://accounts.google.com/o/oauth2/v2/auth";
const TOKEN_URL: &str = "https://oauth2.googleapis.com/token";
const REVOCATION_URL: &str = "https://oauth2.googleapis.com/revoke";
/// What is done at the token endpoint, for the words of an error.
const RENEWING: &str = "renewing the login";

/// What a login in the browser gave.
struct PersonsLogin {
    /// What renews it.
    grant: Grant,
    /// Who logged in.
    email: String,
}

/// Turns a refresh token into an ID token for the IAP client; one that Google replaced comes back even where no ID token
/// does.
pub fn refresh(api: &Api<'_>, grant: &Grant, iap_client_id: &str) -> Result<Refreshed> {
    let google = provider()?;
    let audience = [("audience", iap_client_id)];
    let client = desktop_client(&grant.client_id, grant.client_secret.clone());
    let refreshed = refresh::refresh(api, &google, &client, grant, &audience);
    refreshed.map_err(|failure| {
        failure.explained(&google, RENEWING, |refusal| not_renewed(refusal, api))
    })
}

/// Ends a login at Google: its refresh token, and every token that came of it. Google asks for no client there.
pub fn revoke(api: &Api<'_>, grant: &Grant) -> Result<()> {
    revocation::revoke(api, &provider()?, None, &grant.refresh_token)
}

/// Logs a person in, and keeps what renews that login; gives it for this run alone where it cannot be kept.
pub(super) fn log_in_and_keep(
    iap: &Iap,
    login: &method::Login<'_>,
    reaching: Reaching<'_>,
) -> Result<Given> {
    let (run, context, store) = (login.run, login.context, login.store);
    let is_named = context.store.is_named();
    if is_named {
        store.may_keep_grants()?;
    }
    let secret = client_secret(iap, run)?;
    let PersonsLogin { grant, email } =
        log_in(&Api::new(context, run.trace), iap, secret, reaching)?;
    let grant = match Logins::of(run, context, store) {
        Some(logins) => {
            let whose = format!(" of {email}");
            let grants = logins.in_store();
            grants.keep_for_person(&grant, &whose, is_named, login.tell)?
        }
        None => Some(grant),
    };
    Ok(Given {
        grant,
        ..Given::default()
    })
}

fn client_secret(iap: &Iap, run: Run<'_>) -> Result<Option<Secret>> {
    let Some(from) = &iap.other_client_secret else {
        return Ok(None);
    };
    let what = "the desktop client's secret";
    match source::read(from, what, run.environment, run.trace)? {
        Some(secret) => Ok(Some(secret)),
        // From the keyring: it is kept there together with the login.
        None => terminal::ask_secret("Secret of the desktop client: ").map(Some),
    }
}

/// Sends the person to Google's login, and keeps to the account that the context names.
fn log_in(
    api: &Api<'_>,
    iap: &Iap,
    client_secret: Option<Secret>,
    reaching: Reaching<'_>,
) -> Result<PersonsLogin> {
    let client_id = iap.other_client_id.as_ref().ok_or_else(no_desktop_client)?;
    let client = desktop_client(client_id, client_secret.clone());
    let google = provider()?;
    let account = iap.account.as_deref();
    // Without `offline` Google gives no refresh token.
    let parameters = [
        Some(("access_type", "offline")),
        account.map(|account| ("login_hint", account)),
    ];
    let login = Login {
        provider: &google,
        client: &client,
        scopes: &["openid", "email"],
        parameters: &parameters.into_iter().flatten().collect::<Vec<_>>(),
        redirect_uri: None,
        issuer: None,
        names_issuer: false,
        is_tried_first: false,
    };
    let LoggedIn { tokens, nonce } =
        authorization_code::log_in(api, &login, reaching).map_err(|failure| {
            failure.explained(&google, EXCHANGING, |refusal| {
                refused(refusal, EXCHANGING, api)
            })
        })?;
    let id_token = tokens.id_token.ok_or_else(no_id_token)?;
    let claims = google::checked_login(&id_token, client_id, &nonce, api.clock())?;
    let email = claims.principal.ok_or_else(no_email)?;
    if let Some(account) = account.filter(|account| !account.eq_ignore_ascii_case(&email)) {
        return Err(Error::new(
            Slug::AccountMismatch,
            format!("{email:?} logged in, and not {account:?}, which the context names"),
        ));
    }
    let refresh_token = tokens.refresh_token.ok_or_else(|| {
        Error::new(Slug::OauthTokenInvalid, "Google gave no refresh token")
            .hint("remove this client's access at the account's page \"Third-party apps & services\", and log in again")
    })?;
    let grant = Grant {
        client_id: client.id,
        client_secret,
        refresh_token,
    };
    Ok(PersonsLogin { grant, email })
}

/// Google takes the secret of a desktop client in the form.
fn desktop_client(id: &str, secret: Option<Secret>) -> Client {
    Client {
        id: id.to_owned(),
        authentication: Authentication::in_form(secret),
    }
}

/// Gives Google as people log in there.
fn provider() -> Result<Provider> {
    let url = |text: &str| {
        Url::parse(text).map_err(|error| {
            Error::new(Slug::Internal, format!("{text} is not a URL")).because(error)
        })
    };
    Ok(Provider {
        name: "Google".to_owned(),
        authorization_endpoint: Some(url(AUTHORIZATION_URL)?),
        token_endpoint: url(TOKEN_URL)?,
        device_authorization_endpoint: None,
        revocation_endpoint: Some(url(REVOCATION_URL)?),
    })
}

/// Says that Google gave no ID token.
pub(super) fn no_id_token() -> Error {
    Error::new(Slug::OauthTokenInvalid, "Google gave no ID token")
        .hint("the desktop client and the IAP client must belong to one Google Cloud project")
}

fn no_email() -> Error {
    let what = "the ID token names no e-mail address";
    Error::new(Slug::OauthTokenInvalid, what)
}

fn not_renewed(refusal: &Refusal, api: &Api<'_>) -> Error {
    let what = format!("{RENEWING}: Google no longer accepts the stored login");
    let said = refusal.quoted("Google", api);
    refusal::login_ended(refusal, what, &said).unwrap_or_else(|| refused(refusal, RENEWING, api))
}

fn refused(refusal: &Refusal, doing: &str, api: &Api<'_>) -> Error {
    let said = refusal.quoted("Google", api);
    match refusal::of_desktop_client(refusal, &said) {
        Some(error) => error.because(format!("it happened while {doing}")),
        None => refusal.explained("Google", doing, &said),
    }
}

fn no_desktop_client() -> Error {
    Error::new(Slug::ConfigMissing, "the context names no desktop client to log in with")
        .hint("create an OAuth client of the type \"Desktop app\" in the project of the IAP client, and give its ID and secret: --other-client-id ID --other-client-secret-file F")
}
