//! What the ways share that log in at an authorization server: OAuth 2.0 (RFC 6749) and OpenID Connect.
//!
//! Nothing here knows a provider. Its addresses, its name for people, the client, the scopes and whatever else it wants
//! are the caller's.
//!
//! [`discovery`] reads what a provider says of itself. [`authorization_code`] sends a person to the provider's login, and
//! [`loopback`] or [`paste`] hears the [`response`]; [`device`] does the same with a browser on another machine;
//! [`token_endpoint`] turns that, or any other grant, into [`Tokens`], whose [`id_token`] is checked; [`grants`] is where
//! the refresh token rests, [`refresh`] makes newer tokens of it, and [`revocation`] ends the login. What a provider
//! refuses is a [`refusal::Refusal`], which the caller puts into words where it knows the provider's own.

pub mod assertion;
pub mod authorization_code;
pub mod device;
pub mod discovery;
pub mod grants;
pub mod id_token;
pub mod jwks;
pub mod loopback;
pub mod paste;
pub mod refresh;
pub mod refusal;
pub mod response;
pub mod revocation;
pub mod token_endpoint;

mod client;

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::error::{Error, Slug};
use crate::secret::Secret;

pub use client::{Authentication, Client};

/// An authorization server: what people call it, and where it is asked (RFC 8414 section 2).
#[derive(Debug, Clone)]
pub struct Provider {
    /// Its name, in words for people.
    pub name: String,
    /// Where a person logs in, if people do.
    pub authorization_endpoint: Option<Url>,
    /// Where tokens are given.
    pub token_endpoint: Url,
    /// Where a device asks for a code, if it can (RFC 8628 section 3.1).
    pub device_authorization_endpoint: Option<Url>,
    /// Where a login is ended, if that can be done.
    pub revocation_endpoint: Option<Url>,
}

impl Provider {
    /// Says that it has not told where something is done.
    fn lacks(&self, endpoint: &str) -> Error {
        let what = format!("{} has no {endpoint}", self.name);
        Error::new(Slug::OauthRefused, what)
    }
}

/// What a token endpoint gives (RFC 6749 section 5.1; OpenID Connect Core section 3.1.3.3). Which of it there must be,
/// the grant tells: a refresh with an audience may be answered by an ID token alone.
#[derive(Debug, Default, Clone, Deserialize)]
pub struct Tokens {
    /// The access token.
    pub access_token: Option<Secret>,
    /// The ID token, unchecked.
    pub id_token: Option<Secret>,
    /// What renews them.
    pub refresh_token: Option<Secret>,
    #[serde(default)]
    expires_in: Value,
}

impl Tokens {
    /// Gives how long the access token is good, where that was told.
    pub fn lifetime(&self) -> Option<Duration> {
        self.expires_in.as_u64().map(Duration::from_secs)
    }
}
