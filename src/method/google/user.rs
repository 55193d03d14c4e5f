//! A person's credentials as `gcloud auth application-default login` keeps them: a refresh token (RFC 6749 section 6).

use std::path::PathBuf;

use chrono::TimeDelta;
use url::Url;

use super::{Minted, Minting, refusal};
use crate::credential::Grant;
use crate::error::{Error, Result, Slug};
use crate::http::api::Api;
use crate::oauth::refresh::refresh;
use crate::oauth::refusal::Refusal;
use crate::oauth::token_endpoint::Failure;
use crate::oauth::{Authentication, Client, Provider};
use crate::sanitize::redacted_url;

/// A person's credentials, of the type `authorized_user`.
#[derive(Debug)]
pub(super) struct User {
    pub(super) file: PathBuf,
    pub(super) grant: Grant,
    pub(super) token_uri: Url,
}

impl User {
    /// Names the file for people.
    pub(super) fn place(&self) -> String {
        self.file.display().to_string()
    }

    /// Turns the refresh token into an access token, of the scopes that the person consented to.
    pub(super) fn access_token(&self, minting: Minting<'_>) -> Result<Minted> {
        let google = Provider {
            name: "Google".to_owned(),
            authorization_endpoint: None,
            token_endpoint: self.token_uri.clone(),
            device_authorization_endpoint: None,
            revocation_endpoint: None,
        };
        // Google takes a client's secret in the form.
        let client = Client {
            id: self.grant.client_id.clone(),
            authentication: Authentication::in_form(self.grant.client_secret.clone()),
        };
        let refreshed = refresh(minting.api, &google, &client, &self.grant, &[]);
        let tokens = refreshed
            .map_err(|failure| self.explained(failure, minting.api))?
            .tokens;
        let life = tokens.lifetime();
        let life = life.and_then(|life| TimeDelta::from_std(life).ok());
        let end = life.and_then(|life| (minting.run.now)().checked_add_signed(life));
        let (Some(token), Some(expires_at)) = (tokens.access_token, end) else {
            return Err(self.not_understood());
        };
        Ok(Minted {
            token,
            expires_at,
            principal: None,
        })
    }

    fn explained(&self, failure: Failure, api: &Api<'_>) -> Error {
        match failure {
            Failure::Refused(refusal) => self.refused(&refusal, &refusal.quoted("Google", api)),
            Failure::NotUnderstood(status @ 500..) => {
                let what = format!("{} answered {status}", redacted_url(&self.token_uri));
                Error::new(Slug::ServerError, what)
            }
            Failure::NotUnderstood(_) => self.not_understood(),
            Failure::Other(error) => error,
        }
    }

    fn refused(&self, refusal: &Refusal, said: &str) -> Error {
        let place = self.place();
        let what = format!("Google no longer accepts the login of {place}");
        if let Some(error) = refusal::login_ended(refusal, what, said) {
            return error.hint("log in again: `gcloud auth application-default login`");
        }
        let token_uri = redacted_url(&self.token_uri);
        let what = format!("{token_uri} refused the credentials of {place}");
        Error::new(Slug::OauthRefused, what).because(said)
    }

    fn not_understood(&self) -> Error {
        let what = format!(
            "{} answered something that contains no token",
            redacted_url(&self.token_uri)
        );
        Error::new(Slug::OauthTokenInvalid, what)
    }
}
