//! What a person pastes whose browser cannot come back to this machine: the address that it ends at, or the code.

use url::Url;

use super::response::Response;
use crate::error::{Error, Result, Slug};
use crate::secret::Secret;

/// Reads it. An address must be the answer to the login of that `state`; a bare code does not tell.
pub fn read(text: &Secret, state: &str) -> Result<Response> {
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
