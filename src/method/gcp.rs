//! AI Platform Pipelines, whose inverse proxy takes an access token for Google's cloud services.

use crate::config::method::Google;
use crate::credential::ExpirySource;
use crate::error::{Error, Result, Slug};
use crate::http::Http;
use crate::http::api::Api;
use crate::method::bearer::{Bearer, Minted};
use crate::method::google::{self, Minting};
use crate::method::login::{Login, LoginMethod, NewCredential};
use crate::store::Identity;

/// The method with its credentials.
pub(super) struct Gcp<'a>(pub(super) &'a Google);

impl LoginMethod for Gcp<'_> {
    fn identity(&self) -> Identity<'_> {
        Identity {
            user: Some(&self.0.identity),
            ..Identity::default()
        }
    }

    fn log_in(&self, login: &Login<'_>) -> Result<NewCredential> {
        login.over_http(self, |http| log_in(http, self.0, login))
    }
}

/// Gets an access token, and proves it at the endpoint.
fn log_in(http: &Http<'_>, google: &Google, login: &Login<'_>) -> Result<NewCredential> {
    let (run, context, endpoint) = (login.run, login.context, login.endpoint);
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
        issued_by: "Google",
        source: ExpirySource::Expires,
        needs_identity: false,
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
