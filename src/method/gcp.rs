//! AI Platform Pipelines, whose inverse proxy takes an access token for Google's cloud services.

use crate::config::Context;
use crate::config::method::Google;
use crate::credential::ExpirySource;
use crate::endpoint::Endpoint;
use crate::error::{Error, Result, Slug};
use crate::http::Http;
use crate::http::api::Api;
use crate::method::Fresh;
use crate::method::bearer::Bearer;
use crate::method::google::{self, Minted, Minting};
use crate::run::Run;

/// Gets an access token, and proves it at the endpoint.
pub fn log_in(
    http: &Http<'_>,
    context: &Context,
    google: &Google,
    endpoint: &Endpoint,
    run: Run<'_>,
) -> Result<Fresh> {
    let api = Api::new(context, run.trace).ending_within(http.time_left());
    let minted = token(Minting {
        api: &api,
        google,
        run,
    })?;
    http.clock().learn(api.clock());
    let bearer = Bearer {
        context,
        endpoint,
        method: "gcp",
        source: ExpirySource::Expires,
        run,
    };
    bearer.proven(http, minted, &|_| None)
}

/// Gives an access token of Google credentials that need no person.
fn token(minting: Minting<'_>) -> Result<Minted> {
    let account = minting.google.service_account.as_ref();
    if account.is_some_and(|account| account.self_signed) {
        return Err(Error::new(
            Slug::ConfigInvalid,
            "service-account.self-signed is for the method iap: AI Platform Pipelines takes access tokens only",
        )
        .hint("leave out `self-signed`"));
    }
    google::access_token(minting)
}
