//! What a person pastes whose browser cannot come back to this machine: the address that it ends at, or the code.

use url::Url;

use super::response::{Awaited, NotOurs, Response};
use crate::error::{Error, Result, Slug};
use crate::secret::Secret;

/// Reads it. An address must be the answer that is awaited; a bare code does not tell.
pub fn read(text: &Secret, awaited: Awaited<'_>) -> Result<Response> {
    let text = text.expose().trim();
    let Some(url) = Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
    else {
        return Ok(Response::Code(Secret::new(text)));
    };
    match Response::of_redirect(&url, awaited) {
        Some(Ok(response)) => Ok(response),
        Some(Err(NotOurs::State)) => Err(Error::new(
            Slug::StateMismatch,
            "the pasted address is the answer of another login",
        )),
        Some(Err(NotOurs::Issuer)) => Err(Error::new(
            Slug::IssuerMismatch,
            "the pasted address is the answer of another provider",
        )),
        None => Err(Error::new(
            Slug::OauthRefused,
            "the pasted address holds neither a code nor an error",
        )
        .hint("paste the whole address that the browser ends at, with all that stands behind its question mark")),
    }
}
