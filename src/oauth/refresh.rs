//! Newer tokens for a refresh token (RFC 6749 section 6), which the provider may replace by the way.

use super::token_endpoint::{self, Failure};
use super::{Client, Provider, Tokens};
use crate::credential::Grant;
use crate::http::api::Api;

/// What a refresh gave.
#[derive(Debug)]
pub struct Refreshed {
    /// The tokens.
    pub tokens: Tokens,
    /// What renews them from now on: where it differs from what was there before, that is dead.
    pub grant: Grant,
}

/// Turns a refresh token into newer tokens, as the client that it was given to; `fields` are what the provider wants
/// besides.
pub fn refresh(
    api: &Api<'_>,
    provider: &Provider,
    client: &Client,
    grant: &Grant,
    fields: &[(&str, &str)],
) -> Result<Refreshed, Failure> {
    let fields = [&[("refresh_token", grant.refresh_token.expose())], fields].concat();
    let tokens = token_endpoint::ask(api, provider, client, "refresh_token", &fields)?;
    let refresh_token = tokens.refresh_token.as_ref();
    let grant = Grant {
        refresh_token: refresh_token.unwrap_or(&grant.refresh_token).clone(),
        ..grant.clone()
    };
    Ok(Refreshed { tokens, grant })
}
