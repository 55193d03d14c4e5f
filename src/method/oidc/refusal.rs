//! What a provider refuses, in words.

use crate::error::{Error, Slug};
use crate::jwt;
use crate::method::oidc::At;
use crate::oauth::refusal::Refusal;
use crate::oauth::token_endpoint::Failure;
use crate::sanitize::sanitized;
use crate::secret::Secret;

/// Explains why there are no tokens.
pub(super) fn explained(at: &At<'_>, failure: Failure, doing: &str) -> Error {
    failure.explained(&at.found.provider, doing, |refusal| {
        refused(at, refusal, doing)
    })
}

fn refused(at: &At<'_>, refusal: &Refusal, doing: &str) -> Error {
    let name = &at.found.provider.name;
    let said = refusal.quoted(name, at.api);
    match &*refusal.code {
        "invalid_client" => {
            let what = format!(
                "{doing}: {name} refused the OAuth client {:?}",
                at.client.id
            );
            Error::new(Slug::OauthClientRefused, what)
                .because(said)
                .hint("check the client's ID and its secret; a public client is to show no secret")
        }
        "unauthorized_client" => {
            let what = format!(
                "{doing}: {name} does not let the OAuth client {:?} log in in this way",
                at.client.id
            );
            Error::new(Slug::OauthClientRefused, what)
                .because(said)
                .hint("check the client's secret, and have this grant allowed for the client at the provider")
        }
        "unsupported_grant_type" => {
            let what = format!("{doing}: {name} does not offer this grant");
            Error::new(Slug::OauthRefused, what)
                .because(said)
                .hint("have the grant switched on at the provider, or take another one: `oidc: {grant: GRANT}`")
        }
        "invalid_scope" => {
            let what = format!(
                "{doing}: {name} does not give the scopes {:?}",
                at.scopes().join(" ")
            );
            Error::new(Slug::ScopeRefused, what).because(said)
        }
        _ => refusal.explained(name, doing, &said),
    }
}

/// Explains a login with a password: to say that it is wrong, RFC 6749 section 5.2 has `invalid_grant`, and Dex
/// `access_denied`.
pub(super) fn of_password(at: &At<'_>, failure: Failure, username: &str) -> Error {
    let doing = "logging in with a password";
    if let Failure::Refused(refusal) = &failure
        && matches!(&*refusal.code, "invalid_grant" | "access_denied")
    {
        let name = &at.found.provider.name;
        let what = format!("{name} refused the user name {username:?} or the password");
        return Error::new(Slug::PasswordRejected, what).because(refusal.quoted(name, at.api));
    }
    explained(at, failure, doing)
}

/// Explains the exchange of a token, with what that token says of itself.
pub(super) fn of_exchange(at: &At<'_>, failure: Failure, subject: &Secret) -> Error {
    let error = explained(at, failure, "exchanging the subject token");
    let token = subject.expose();
    let Some(claims) = jwt::claims(token) else {
        return error.because("the subject token is not a JWT");
    };
    let issuer = jwt::text_claim(token, "iss").unwrap_or_default();
    let error = error.because(format!(
        "the subject token is from {:?}, for {:?}",
        sanitized(&issuer),
        sanitized(&claims.audiences.join(", "))
    ));
    match &at.oidc.connector {
        None => error.further_hint("Dex wants to know whose token it is: `oidc: {connector: ID}`"),
        Some(connector) => error.further_hint(format!(
            "the connector {connector:?} must be one of the type oidc, for that issuer"
        )),
    }
}
