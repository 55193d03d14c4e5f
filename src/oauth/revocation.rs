//! The end of a login at the provider (RFC 7009).

use super::refusal::Refusal;
use super::{Client, Provider};
use crate::error::{Error, Result, Slug};
use crate::http::api::Api;
use crate::sanitize::redacted_url;
use crate::secret::Secret;

/// Revokes a refresh token, and with it every token that came of it (section 2.1). One that is dead already is no
/// failure. A provider that asks nobody who they are is given no client.
pub fn revoke(
    api: &Api<'_>,
    provider: &Provider,
    client: Option<&Client>,
    refresh_token: &Secret,
) -> Result<()> {
    let url = provider.revocation_endpoint.as_ref();
    let url = url.ok_or_else(|| provider.lacks("revocation endpoint"))?;
    let form = [("token", refresh_token.expose())];
    let answer = match client {
        Some(client) => client.post(api, url, &form)?,
        None => api.post_form(url, &[], &form)?,
    };
    let refusal: Option<Refusal> = serde_json::from_str(answer.body.expose()).ok();
    match (answer.status, refusal) {
        (200, _) => Ok(()),
        // To a dead token a server is to answer 200 (section 2.2), and some refuse it.
        (400, Some(refusal)) if refusal.code == "invalid_token" => Ok(()),
        (status, _) => Err(Error::new(
            Slug::ServerError,
            format!("{} answered {status}", redacted_url(url)),
        )),
    }
}
