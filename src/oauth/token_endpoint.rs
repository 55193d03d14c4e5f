//! The token endpoint (RFC 6749 section 3.2), where a grant becomes tokens.

use super::refusal::Refusal;
use super::{Client, Provider, Tokens};
use crate::error::{Error, Slug};
use crate::http::api::Api;
use crate::sanitize::redacted_url;

/// Why there are no tokens.
#[derive(Debug)]
pub enum Failure {
    /// The provider refused.
    Refused(Refusal),
    /// What answered, with this status, answered with something that is not a token response (RFC 6749 section 5).
    NotUnderstood(u16),
    /// It never came to an answer.
    Other(Error),
}

/// Asks for tokens by a grant of any type; `fields` are what goes with that type.
///
/// Not by the OAuth library, which insists on an access token (RFC 6749 section 5.1): see [`Tokens`].
pub fn ask(
    api: &Api<'_>,
    provider: &Provider,
    client: &Client,
    grant_type: &str,
    fields: &[(&str, &str)],
) -> Result<Tokens, Failure> {
    let form = [&[("grant_type", grant_type)], fields].concat();
    let answer = client.post(api, &provider.token_endpoint, &form)?;
    let body = answer.body.expose();
    match answer.status {
        200 => serde_json::from_str(body).map_err(|_| Failure::NotUnderstood(200)),
        status => Err(match serde_json::from_str(body) {
            Ok(refusal) if status < 500 => Failure::Refused(refusal),
            _ => Failure::NotUnderstood(status),
        }),
    }
}

impl Failure {
    /// Puts it into words; `refused` knows those of a refusal.
    pub fn explained(
        self,
        provider: &Provider,
        doing: &str,
        refused: impl FnOnce(&Refusal) -> Error,
    ) -> Error {
        match self {
            Self::Refused(refusal) => refused(&refusal),
            Self::NotUnderstood(_) => {
                let place = redacted_url(&provider.token_endpoint);
                let what = format!(
                    "{doing}: {place} answered with something that is not a token response"
                );
                Error::new(Slug::ServerError, what)
            }
            Self::Other(error) => error,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}
