//! The refresh token of a login: where it is stored, and newer tokens for it.

use crate::config::Context;
use crate::config::method::{GrantType, Oidc};
use crate::credential::Grant;
use crate::error::{Error, Result, Slug};
use crate::guard;
use crate::method::endpoint;
use crate::method::login::Login;
use crate::method::oidc::{At, provider, refusal};
use crate::oauth::Tokens;
use crate::oauth::grants::Grants;
use crate::oauth::refresh::refresh;
use crate::oauth::token_endpoint::Failure;
use crate::store::{GrantIdentity, Key, Weakened};

/// What is done at the token endpoint, for the words of an error.
const RENEWING: &str = "renewing the login";

/// Names what the store may keep of a context's refresh tokens: by where the provider is reached, as one name inside the
/// cluster belongs to many clusters.
pub(super) fn key(oidc: &Oidc, context: &Context) -> Option<Key> {
    with_identity(oidc, context, |identity| Key::of_grant(&identity))
}

fn with_identity<T>(
    oidc: &Oidc,
    context: &Context,
    make: impl FnOnce(GrantIdentity<'_>) -> T,
) -> Option<T> {
    let base = provider::base(oidc, endpoint(context).ok()?)
        .ok()?
        .to_string();
    let connection = &context.connection;
    Some(make(GrantIdentity {
        client_id: oidc.client_id.as_deref()?,
        issuer: Some(&base),
        user: oidc.username.as_deref(),
        connector: oidc.connector.as_deref(),
        weakened: Weakened {
            insecure_skip_tls_verify: connection.insecure_skip_tls_verify,
            allow_insecure_http: connection.allow_insecure_http,
        },
    }))
}

/// Tells whether somebody has logged in.
pub(super) fn is_stored(oidc: &Oidc, login: &Login<'_>) -> bool {
    grants(oidc, login).is_some_and(|grants| grants.load().is_some())
}

fn grants<'a>(oidc: &Oidc, login: &'a Login<'_>) -> Option<Grants<'a>> {
    let patience = login.context.deadlines.lock;
    with_identity(oidc, login.context, |identity| {
        Grants::of(login.run, login.store, &identity, patience)
    })
}

/// Gives newer tokens for the refresh token that is stored; `None` where there is none, or where the grant has no use
/// for one.
pub(super) fn renewed(at: &At<'_>) -> Result<Option<Tokens>> {
    if matches!(
        at.oidc.grant(),
        Some(GrantType::ClientCredentials | GrantType::TokenExchange)
    ) {
        return Ok(None);
    }
    let Some(grants) = grants(at.oidc, at.login) else {
        return Ok(None);
    };
    if grants.load().is_none() {
        return Ok(None);
    }
    let _alone = grants.lock()?;
    // Until the new one is kept, the answer holds the only copy of what renews the login.
    let _undisturbed = guard::defer_signals();
    // Who had the lock may have had it replaced.
    let Some(stored) = grants.load() else {
        return Ok(None);
    };
    let grant = &stored.grant;
    let fields = at.whom_for();
    let refreshed = refresh(at.api, &at.found.provider, at.client, grant, &fields)
        .map_err(|failure| not_renewed(at, failure))?;
    if refreshed.grant != *grant
        && let Err(error) = grants.keep(&refreshed.grant, stored.shared)
    {
        let words = format!(
            "{} has replaced the refresh token, and the new one could not be stored, so the login ends with this session: {}",
            at.found.provider.name,
            error.one_line()
        );
        at.login.run.trace.say(&words);
        (at.login.tell)(&words);
    }
    Ok(Some(refreshed.tokens))
}

/// Keeps the refresh token of a login without a person, where that may be kept.
pub(super) fn keep(at: &At<'_>, tokens: &Tokens) {
    let (Some(grants), Some(grant)) = (grants(at.oidc, at.login), grant_of(at, tokens)) else {
        return;
    };
    if !matches!(at.oidc.grant(), Some(GrantType::Password | GrantType::Form)) {
        return;
    }
    if let Err(error) = grants.keep(&grant, false) {
        let why = error.one_line();
        let trace = at.login.run.trace;
        trace.say(format_args!("the refresh token was not stored: {why}"));
    }
}

/// Keeps the refresh token of a person's login, and tells what becomes of the login.
pub(super) fn keep_for_person(at: &At<'_>, tokens: &Tokens, tell: &dyn Fn(&str)) -> Result<()> {
    let Some(grant) = grant_of(at, tokens) else {
        tell(
            "The provider gave no refresh token, so the login ends with the token: have the scope offline_access allowed for the client, and ask for it.",
        );
        return Ok(());
    };
    let Some(grants) = grants(at.oidc, at.login) else {
        return Ok(());
    };
    let is_named = at.login.context.store.is_named();
    grants.keep_for_person(&grant, "", is_named, tell).map(drop)
}

fn grant_of(at: &At<'_>, tokens: &Tokens) -> Option<Grant> {
    Some(Grant {
        client_id: at.client.id.clone(),
        // It comes from where the context says, each time.
        client_secret: None,
        refresh_token: tokens.refresh_token.clone()?,
    })
}

/// A refresh token that is dead asks for a person. Dex says so by `invalid_request`.
fn not_renewed(at: &At<'_>, failure: Failure) -> Error {
    let Failure::Refused(refused) = &failure else {
        return refusal::explained(at, failure, RENEWING);
    };
    let description = refused.description.as_deref().unwrap_or_default();
    let is_of_dex =
        refused.code == "invalid_request" && description.to_lowercase().contains("refresh token");
    if refused.code != "invalid_grant" && !is_of_dex {
        return refusal::explained(at, failure, RENEWING);
    }
    let (name, context) = (&at.found.provider.name, at.login.context);
    let what = format!("{name} does not take the stored login any more");
    let error = Error::new(Slug::LoginRequired, what).because(refused.quoted(name, at.api));
    let error = if is_of_dex {
        error.because("Dex keeps one login for each user, client and connector: another login with the same client, also on another machine, ends this one; it also ends when it is not used for long")
    } else {
        error.because("it has expired, was revoked, or its refresh token was used elsewhere")
    };
    error.hint(format!(
        "run `kfp-credential login {}` in a terminal",
        context.as_arguments()
    ))
}
