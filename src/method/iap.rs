//! Google Identity-Aware Proxy: a bearer token that says who one is, meant for IAP's own OAuth client
//! (<https://docs.cloud.google.com/iap/docs/authentication-howto>).
//!
//! [`machine`] needs no person, [`user`] one now and then, whose refresh token rests in [`logins`]; [`refusal`] explains
//! IAP's own answers.

pub mod client_id;
pub mod logins;
pub mod refusal;
mod sdk_file;
pub mod user;

use crate::config::Context;
use crate::config::method::Iap;
use crate::credential::{ExpirySource, Grant};
use crate::endpoint::Endpoint;
use crate::environment;
use crate::error::{Error, Result, Slug};
use crate::guard;
use crate::http::Http;
use crate::http::api::Api;
use crate::method::bearer::{Bearer, Minted};
use crate::method::google::{self, Minting};
use crate::method::login::{Given, Login, LoginMethod, NewCredential};
use crate::oauth::authorization_code::Reaching;
use crate::run::Run;
use crate::store::{Identity, Key, StoredGrant};
use logins::Logins;
use refusal::Tried;

impl LoginMethod for &Iap {
    fn identity(&self) -> Identity<'_> {
        Identity {
            user: user(self),
            client_id: self.client_id.as_deref(),
            ..Identity::default()
        }
    }

    fn person_logs_in(&self, login: &Login<'_>, reaching: Reaching<'_>) -> Result<Given> {
        if self.google.service_account.is_some() || self.other_client_id.is_none() {
            return Ok(Given::default());
        }
        user::log_in_and_keep(self, login, reaching)
    }

    fn grant_key(&self, context: &Context) -> Option<Key> {
        logins::key_of(context)
    }

    fn end_login(&self, run: Run<'_>, context: &Context, grant: &StoredGrant) -> Option<String> {
        if grant.shared {
            return Some("The login is still valid at Google, as copies of it were exported or imported; end it in the account's settings, under \"Third-party apps & services\".".to_owned());
        }
        let api = Api::new(context, run.trace);
        Some(match user::revoke(&api, &grant.grant) {
            Ok(()) => "Google has ended the login.".to_owned(),
            Err(error) => {
                let why = error.one_line();
                format!("Whether Google has ended the login is not known: {why}.")
            }
        })
    }

    fn log_in(&self, login: &Login<'_>) -> Result<NewCredential> {
        login.over_http(self, |http| log_in(http, self, login))
    }
}

/// Names the account that the token stands for, as far as that is known beforehand.
fn user(iap: &Iap) -> Option<&str> {
    let names_machine = iap.google.service_account.is_some();
    let person = iap.account.as_deref().filter(|_| !names_machine);
    let is_person = iap.other_client_id.is_some() && !names_machine;
    let machine = Some(iap.google.identity.as_str()).filter(|_| !is_person);
    person.or(machine)
}

/// Gets a token that IAP takes, and proves it at the endpoint.
fn log_in(http: &Http<'_>, iap: &Iap, login: &Login<'_>) -> Result<NewCredential> {
    let (run, context, endpoint) = (login.run, login.context, login.endpoint);
    let api = Api::new(context, run.trace).ending_within(http.time_left());
    let minting = Minting {
        api: &api,
        google: &iap.google,
        run,
    };
    let logins = Logins::of(run, context, login.store);
    let grant = persons_grant(context, iap, logins.as_ref(), login)?;
    let minted = match logins.zip(grant) {
        Some((logins, grant)) => of_person(&api, context, iap, &logins, grant, login)?,
        None => machine(minting, iap, endpoint).map_err(|error| nobody_at_all(error, context))?,
    };
    http.clock().learn(api.clock());
    let bearer = Bearer {
        context,
        endpoint,
        method: "iap",
        issued_by: "Google",
        source: ExpirySource::Jwt,
        needs_identity: false,
        run,
    };
    if is_self_signed(iap) {
        return bearer.unproven(
            minted,
            "it was signed on this machine, without asking a server",
        );
    }
    proven(http, &bearer, iap, minted)
}

/// A service account that the context names goes first, then a person's login; where the context names a desktop
/// client, a person is meant.
fn persons_grant(
    context: &Context,
    iap: &Iap,
    logins: Option<&Logins<'_>>,
    login: &Login<'_>,
) -> Result<Option<Grant>> {
    if iap.google.service_account.is_some() {
        return Ok(None);
    }
    let grant = match (logins, &login.given.grant) {
        (Some(_), Some(given)) => Some(given.clone()),
        (Some(logins), None) => logins.find()?,
        (None, _) if iap.other_client_id.is_some() => {
            return Err(no_client_id().hint(format!(
                "or run `kfp-credential login {}` in a terminal, which asks the endpoint for it",
                context.as_arguments()
            )));
        }
        (None, _) => None,
    };
    if grant.is_none() && iap.other_client_id.is_some() {
        return Err(Error::new(
            Slug::LoginRequired,
            format!("nobody has logged in for {}", context.display_name()),
        )
        .hint(format!(
            "run `kfp-credential login {}` in a terminal; on a machine without a person, `kfp-credential import` takes over a login",
            context.as_arguments()
        )));
    }
    Ok(grant)
}

/// Turns a person's refresh token into an ID token; one that Google replaced is kept before anything else can fail.
fn of_person(
    api: &Api<'_>,
    context: &Context,
    iap: &Iap,
    logins: &Logins<'_>,
    grant: Grant,
    login: &Login<'_>,
) -> Result<Minted> {
    let client_id = logins.client_id();
    let _alone = logins.lock()?;
    // Until the new one is kept, the answer holds the only copy of what renews the login.
    let _undisturbed = guard::defer_signals();
    // Who had the lock may have had it replaced.
    let grant = persons_grant(context, iap, Some(logins), login)?.unwrap_or(grant);
    let refreshed = user::refresh(api, &grant, client_id).map_err(|error| {
        error.hint(format!(
            "run `kfp-credential login {}`",
            context.as_arguments()
        ))
    })?;
    if refreshed.grant != grant
        && let Some(trouble) = logins.replace(&grant, login.given.grant.is_some(), &refreshed.grant)
    {
        login.run.trace.say(&trouble);
        (login.tell)(&trouble);
    }
    let id_token = refreshed.tokens.id_token.ok_or_else(user::no_id_token)?;
    let minted = google::checked(id_token, client_id, (login.run.now)(), api.clock())?;
    match (&iap.account, &minted.principal) {
        (Some(wanted), Some(email)) if !wanted.eq_ignore_ascii_case(email) => Err(Error::new(
            Slug::AccountMismatch,
            format!(
                "the stored login is that of {email:?}, and not of {wanted:?}, which the context names"
            ),
        )),
        _ => Ok(minted),
    }
}

/// Without a person's login and without machine credentials, both ways are named.
fn nobody_at_all(error: Error, context: &Context) -> Error {
    let sdks = environment::KF_PIPELINES_IAP_CLIENT_ID;
    if error.slug() == Slug::ConfigMissing && context.left_aside.contains(&sdks) {
        return error.because(format!(
            "{sdks} is for the endpoint that KF_PIPELINES_ENDPOINT names, and not for this one"
        ));
    }
    if error.slug() != Slug::GoogleCredentialsMissing {
        return error;
    }
    error.further_hint(format!(
        "or log in as a person: `kfp-credential login {} --other-client-id ID --other-client-secret-file F`, with an OAuth client of the type \"Desktop app\"",
        context.as_arguments()
    ))
}

/// Tries a token at the endpoint; IAP's refusals are explained.
pub fn proven(
    http: &Http<'_>,
    bearer: &Bearer<'_>,
    iap: &Iap,
    minted: Minted,
) -> Result<NewCredential> {
    let principal = minted.principal.clone();
    let tried = Tried {
        endpoint: bearer.endpoint,
        client_id: iap.client_id.as_deref(),
        principal: principal.as_deref(),
        header: bearer.context.bearer_header.wire_name(),
    };
    bearer.proven(http, minted, &|page| refusal::explained(http, page, &tried))
}

/// Gives a token of Google credentials that need no person: an ID token for the IAP client, or a JWT that the service
/// account signs itself.
pub fn machine(minting: Minting<'_>, iap: &Iap, endpoint: &Endpoint) -> Result<Minted> {
    if is_self_signed(iap) {
        return google::self_signed(&iap.google, minting.run, endpoint);
    }
    let client_id = iap.client_id.as_deref().ok_or_else(no_client_id)?;
    google::id_token(minting, client_id)
}

/// Tells whether the token is made without any contact.
pub fn is_self_signed(iap: &Iap) -> bool {
    let account = iap.google.service_account.as_ref();
    account.is_some_and(|account| account.self_signed)
}

fn no_client_id() -> Error {
    Error::new(
        Slug::ConfigMissing,
        "the context names no IAP client, which is the token's audience",
    )
    .hint("give it with --client-id ID, or as `iap: {client-id: ID}` in the context: the OAuth client of IAP, ending in .apps.googleusercontent.com")
}
