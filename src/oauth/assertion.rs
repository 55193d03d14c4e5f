//! A JWT that a client shows in place of a secret (RFC 7523 section 2.2, OpenID Connect Core section 9).

use chrono::{DateTime, Utc};
use oauth2::CsrfToken;
use serde_json::json;

use crate::error::{Error, Result, Slug};
use crate::jwt::signing::SigningKey;
use crate::secret::Secret;

/// How long such a JWT is good, in seconds: it is for one request.
const LIFETIME: i64 = 120;

/// What a client shows in place of a secret.
#[derive(Debug)]
pub enum Assertion {
    /// A JWT that somebody else has signed.
    Signed(Secret),
    /// A key, which signs one for each request; `audience` is the provider's token endpoint, as it calls that itself.
    Key {
        /// The private key.
        key: Box<SigningKey>,
        /// The `aud` of the JWT.
        audience: String,
    },
}

impl Assertion {
    /// Gives the JWT for one request.
    pub(super) fn for_request(&self, client_id: &str, now: DateTime<Utc>) -> Result<Secret> {
        let (key, audience) = match self {
            Self::Signed(token) => return Ok(token.clone()),
            Self::Key { key, audience } => (key, audience),
        };
        let seconds = now.timestamp();
        let claims = json!({
            "iss": client_id, "sub": client_id, "aud": audience,
            "jti": CsrfToken::new_random().secret(),
            "iat": seconds, "exp": seconds + LIFETIME,
        });
        key.sign(&claims).map_err(|_| {
            Error::new(
                Slug::ConfigSecretUnavailable,
                "the client's key cannot sign",
            )
        })
    }
}
