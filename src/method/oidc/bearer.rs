//! Which of the provider's tokens is the bearer, and whether it is what was asked for.

use chrono::{DateTime, TimeDelta, Utc};

use crate::config::method::{GrantType, TokenKind};
use crate::credential::{ExpirySource, moved};
use crate::endpoint::is_secure_transport;
use crate::error::{Error, Result, Slug};
use crate::jwt;
use crate::method::bearer::Minted;
use crate::method::oidc::{At, Granted};
use crate::oauth::Tokens;
use crate::oauth::id_token::{Expected, checked, checked_access_token};
use crate::oauth::jwks::Keys;
use crate::secret::Secret;

/// The life of a token whose end nothing tells.
const ASSUMED_LIFE: TimeDelta = TimeDelta::hours(1);

/// Gives the bearer, with its end in our own time, and how that is known.
pub(super) fn minted(at: &At<'_>, granted: Granted) -> Result<(Minted, ExpirySource)> {
    let (name, clock) = (&at.found.provider.name, at.api.clock());
    let now = at.login.now();
    let tokens = with_id_token(at, granted.tokens);
    let mut principal = None;
    let mut end = None;
    if let Some(token) = &tokens.id_token {
        let client_id = at.client.id.as_str();
        let expected = Expected {
            name,
            issuers: &[&at.found.metadata.issuer],
            audience: client_id,
            authorized_party: Some(client_id),
            nonce: granted.nonce.as_deref(),
        };
        let claims = checked(token, expected, clock.theirs(now))?;
        verify_signature(at, token)?;
        if let Some(access_token) = &tokens.access_token {
            checked_access_token(token, access_token, name)?;
        }
        end = claims.expires_at.map(|end| clock.ours(end));
        principal = claims.principal;
    }
    match at.oidc.token() {
        TokenKind::IdToken => {
            let token = tokens.id_token.ok_or_else(|| no_id_token(at))?;
            let expires_at = end.unwrap_or(now);
            let minted = Minted {
                token,
                expires_at,
                principal,
            };
            Ok((minted.sendable(name)?, ExpirySource::Jwt))
        }
        TokenKind::AccessToken => {
            let lifetime = tokens.lifetime();
            let token = tokens.access_token.ok_or_else(|| {
                Error::new(
                    Slug::OauthTokenInvalid,
                    format!("{name} gave no access token"),
                )
            })?;
            let claims = jwt::claims(token.expose());
            let exp = claims.as_ref().and_then(|claims| claims.expires_at);
            let exp = exp.map(|end| clock.ours(end));
            let (expires_at, source) = end_of_access_token(exp, lifetime, now);
            let minted = Minted {
                token,
                expires_at,
                principal: principal.or(claims.and_then(|claims| claims.principal)),
            };
            Ok((minted.sendable(name)?, source))
        }
    }
}

/// A token that came straight from the provider over TLS needs no further proof (OpenID Connect Core section 3.1.3.7);
/// over plain http, inside a cluster or where the context allows it, its signature is verified.
fn verify_signature(at: &At<'_>, token: &Secret) -> Result<()> {
    if is_secure_transport(&at.found.provider.token_endpoint) {
        return Ok(());
    }
    let name = &at.found.provider.name;
    let Some(url) = &at.found.keys else {
        let what = format!(
            "{name} does not say where its keys are, which verify a token that came over plain http"
        );
        return Err(Error::new(Slug::DiscoveryFailed, what));
    };
    Keys::read(at.api, url)?.verify(token, name)
}

/// A token exchange gives whatever was asked for as the access token (RFC 8693 section 2.2.1).
fn with_id_token(at: &At<'_>, mut tokens: Tokens) -> Tokens {
    let is_exchange = at.oidc.grant() == Some(GrantType::TokenExchange);
    if is_exchange && at.oidc.token() == TokenKind::IdToken && tokens.id_token.is_none() {
        tokens.id_token = tokens.access_token.take();
    }
    tokens
}

/// The earliest of what is known.
fn end_of_access_token(
    exp: Option<DateTime<Utc>>,
    lifetime: Option<std::time::Duration>,
    now: DateTime<Utc>,
) -> (DateTime<Utc>, ExpirySource) {
    let lifetime = lifetime.map(|life| TimeDelta::from_std(life).unwrap_or(TimeDelta::MAX));
    let told = lifetime.map(|life| (moved(now, life), ExpirySource::Expires));
    let exp = exp.map(|end| (end, ExpirySource::Jwt));
    let known = exp.into_iter().chain(told).min_by_key(|(end, _)| *end);
    known.unwrap_or((moved(now, ASSUMED_LIFE), ExpirySource::Assumed))
}

fn no_id_token(at: &At<'_>) -> Error {
    let what = format!("{} gave no ID token", at.found.provider.name);
    Error::new(Slug::OauthTokenInvalid, what)
        .hint("ask for the scope openid: `oidc: {scopes: [openid, email]}`; or use the access token: `oidc: {token: access-token}`")
}

/// Tells a person who logs in, where the bearer does not say what gateways such as Kubeflow's take the user from.
pub(super) fn lacks_email(token: &Secret) -> bool {
    jwt::claims(token.expose()).is_some() && jwt::text_claim(token.expose(), "email").is_none()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_access_token_ends_when_the_first_that_tells_says() {
        let at = |seconds: i64| DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap();
        let life = |seconds| Some(Duration::from_secs(seconds));
        for (exp, lifetime, end, source) in [
            (Some(at(600)), life(300), at(300), ExpirySource::Expires),
            (Some(at(600)), life(900), at(600), ExpirySource::Jwt),
            (Some(at(600)), None, at(600), ExpirySource::Jwt),
            (None, life(300), at(300), ExpirySource::Expires),
            (None, None, at(3600), ExpirySource::Assumed),
        ] {
            assert_eq!(end_of_access_token(exp, lifetime, at(0)), (end, source));
        }
        let (end, _) = end_of_access_token(None, life(u64::MAX), at(0));
        assert!(end > at(0));
    }
}
