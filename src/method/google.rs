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

use crate::config::method::Google;
use crate::endpoint::Endpoint;
use crate::error::Result;
use crate::http::api::Api;
use crate::method::bearer::Minted;
use crate::run::Run;

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
