//! A person's credentials as `gcloud auth application-default login` keeps them: a refresh token (RFC 6749 section 6).

use std::path::PathBuf;

use oauth2::basic::{BasicClient, BasicErrorResponse};
use oauth2::{
    AuthType, ClientId, ClientSecret, HttpRequest, HttpResponse, RefreshToken, RequestTokenError,
    TokenResponse, TokenUrl,
};
use url::Url;

use super::{Minted, Minting};
use crate::error::{Error, Result, Slug};
use crate::http::api::Api;
use crate::sanitize::redacted_url;
use crate::secret::Secret;

/// A person's credentials, of the type `authorized_user`.
#[derive(Debug)]
pub(super) struct User {
    pub(super) file: PathBuf,
    pub(super) client_id: String,
    pub(super) client_secret: Secret,
    pub(super) refresh_token: Secret,
    pub(super) token_uri: Url,
}

type Failure = RequestTokenError<Error, BasicErrorResponse>;

impl User {
    /// Names the file for people.
    pub(super) fn place(&self) -> String {
        self.file.display().to_string()
    }

    /// Turns the refresh token into an access token, of the scopes that the person consented to.
    pub(super) fn access_token(&self, minting: Minting<'_>) -> Result<Minted> {
        let token_uri = TokenUrl::new(self.token_uri.to_string())
            .map_err(|error| Error::new(Slug::Internal, "a token address").because(error))?;
        let client = BasicClient::new(ClientId::new(self.client_id.clone()))
            .set_client_secret(ClientSecret::new(self.client_secret.expose().to_owned()))
            .set_token_uri(token_uri)
            // Google takes a client's secret in the body (RFC 6749 section 2.3.1).
            .set_auth_type(AuthType::RequestBody);
        let send = |request: HttpRequest| -> Result<HttpResponse, Error> {
            let answer = minting.api.send_oauth(request)?;
            if answer.status().is_server_error() {
                let what = format!(
                    "{} answered {}",
                    redacted_url(&self.token_uri),
                    answer.status()
                );
                return Err(Error::new(Slug::ServerError, what));
            }
            Ok(answer)
        };
        let tokens = client
            .exchange_refresh_token(&RefreshToken::new(self.refresh_token.expose().to_owned()))
            .request(&send)
            .map_err(|failure| self.explained(failure, minting.api))?;
        let now = (minting.run.now)();
        let life = tokens
            .expires_in()
            .and_then(|life| chrono::TimeDelta::from_std(life).ok());
        let end = life.and_then(|life| now.checked_add_signed(life));
        Ok(Minted {
            token: Secret::new(tokens.access_token().secret()),
            expires_at: end.ok_or_else(|| self.not_understood())?,
            principal: None,
        })
    }

    fn explained(&self, failure: Failure, api: &Api<'_>) -> Error {
        let response = match failure {
            RequestTokenError::Request(error) => return error,
            RequestTokenError::ServerResponse(response) => response,
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
                return self.not_understood();
            }
        };
        let code = response.error().to_string();
        let words = response
            .error_description()
            .map(String::as_str)
            .unwrap_or_default();
        let said = format!("Google says: {}", api.quoted(&format!("{code}: {words}")));
        if code != "invalid_grant" {
            let what = format!(
                "{} refused the credentials of {}",
                redacted_url(&self.token_uri),
                self.place()
            );
            return Error::new(Slug::OauthRefused, what).because(said);
        }
        let why = if words.contains("rapt") || words.contains("reauth") {
            "the organisation's policy asks for a new login from time to time"
        } else {
            "the login was revoked, its password changed, or it was unused for six months"
        };
        let what = format!(
            "Google does not take the login of {} any more",
            self.place()
        );
        Error::new(Slug::LoginRequired, what)
            .because(said)
            .because(why)
            .hint("log in again: `gcloud auth application-default login`")
    }

    fn not_understood(&self) -> Error {
        let what = format!(
            "{} answered something that holds no token",
            redacted_url(&self.token_uri)
        );
        Error::new(Slug::OauthTokenInvalid, what)
    }
}
