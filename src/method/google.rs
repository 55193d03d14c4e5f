//! Google credentials that need no person: a service account's key file, the credentials that gcloud keeps, workload
//! identity federation, the metadata server, and a service account that one of these impersonates.
//!
//! `source` finds the one that counts, `file` reads its file, and each kind is a file of its own. A credential file
//! may come from anybody, so where it may send what it holds is a rule of ours: `address`.

mod address;
mod answer;
mod credentials;
mod external;
mod file;
mod id_token;
mod impersonation;
mod metadata;
mod reading;
pub mod refusal;
mod service_account;
mod source;
mod user;

use chrono::{DateTime, Utc};

use crate::config::method::Google;
use crate::endpoint::Endpoint;
use crate::error::{Error, Result, Slug};
use crate::http::api::Api;
use crate::run::Run;
use crate::secret::Secret;

pub use id_token::{minted as checked, of_login as checked_login};

/// The scope of an access token that Google's cloud services take
/// (<https://developers.google.com/identity/protocols/oauth2/scopes#iamcredentials>).
const CLOUD_PLATFORM: &str = "https://www.googleapis.com/auth/cloud-platform";

/// What minting a token may use.
#[derive(Clone, Copy)]
pub struct Minting<'a> {
    /// The client for Google's APIs.
    pub api: &'a Api<'a>,
    /// What the context says of Google credentials.
    pub google: &'a Google,
    /// The environment, the clock and the trace.
    pub run: Run<'a>,
}

/// A bearer token, its end, and who it stands for.
#[derive(Debug)]
pub struct Minted {
    /// The token.
    pub token: Secret,
    /// Its end.
    pub expires_at: DateTime<Utc>,
    /// Who it stands for, an e-mail address, where that is known.
    pub principal: Option<String>,
}

impl Minted {
    /// Refuses a token that no header can carry (RFC 6750 section 2.1 allows less than what is visible).
    fn sendable(self) -> Result<Self> {
        let token = self.token.expose();
        if !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(self);
        }
        let what = "Google gave a token that no request can carry";
        Err(Error::new(Slug::OauthTokenInvalid, what)
            .because("a token is one word of visible characters"))
    }
}

/// Mints an ID token for an audience, such as the OAuth client of IAP.
pub fn id_token(minting: Minting<'_>, audience: &str) -> Result<Minted> {
    source::find(minting)?.id_token(minting, audience)
}

/// Mints an access token for Google's cloud services.
pub fn access_token(minting: Minting<'_>) -> Result<Minted> {
    source::find(minting)?.access_token(minting, CLOUD_PLATFORM)
}

/// Signs a JWT for an endpoint with the service account's own key: nobody is contacted.
pub fn self_signed(google: &Google, run: Run<'_>, endpoint: &Endpoint) -> Result<Minted> {
    source::key_file(google, run)?.self_signed(endpoint, (run.now)())
}
