//! What a provider says of itself: its metadata (OpenID Connect Discovery 1.0 section 3, RFC 8414 section 2).

use serde::Deserialize;

use crate::endpoint::Endpoint;
use crate::error::{Error, Result, Slug};
use crate::http::api::{Answer, Api};
use crate::sanitize::redacted_url;

/// Where metadata is, below the issuer (OpenID Connect Discovery 1.0 section 4.1).
const PATH: &str = ".well-known/openid-configuration";

/// A provider's metadata, as far as it matters here; addresses are as the provider wrote them.
#[derive(Debug, Clone, Deserialize)]
pub struct Metadata {
    /// What the provider calls itself.
    pub issuer: String,
    /// Where tokens are given.
    pub token_endpoint: String,
    /// Where a person logs in.
    #[serde(default)]
    pub authorization_endpoint: Option<String>,
    /// Where a device asks for a code (RFC 8628 section 4).
    #[serde(default)]
    pub device_authorization_endpoint: Option<String>,
    /// Where a login is ended (RFC 8414 section 2).
    #[serde(default)]
    pub revocation_endpoint: Option<String>,
    /// Where the keys are that tokens are signed with.
    #[serde(default)]
    pub jwks_uri: Option<String>,
    /// The scopes that may be asked for; `None` where the provider does not tell.
    #[serde(default)]
    pub scopes_supported: Option<Vec<String>>,
    /// How a client may show its secret; `None` means `client_secret_basic`.
    #[serde(default)]
    pub token_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// Whether the way back from a login carries the issuer (RFC 9207 section 3).
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
}

impl Metadata {
    /// Reads the metadata of the provider at `base`.
    pub fn read(api: &Api<'_>, base: &Endpoint) -> Result<Self> {
        let url = base.join(PATH);
        let answer = api.get(&url, &[])?;
        let failed = |why: String| {
            let what = format!(
                "{} is not an OpenID Connect discovery document",
                redacted_url(&url)
            );
            Error::new(Slug::DiscoveryFailed, what).because(why)
        };
        if answer.status != 200 {
            return Err(failed(format!("it answered {}", summary(&answer))));
        }
        serde_json::from_str(answer.body.expose()).map_err(|error| {
            // Only the kind: the library's own words quote what they meet.
            let what = match error.classify() {
                serde_json::error::Category::Data => "an issuer or token_endpoint is missing in it",
                serde_json::error::Category::Eof => "it is cut off, or too long",
                serde_json::error::Category::Syntax | serde_json::error::Category::Io => {
                    "it is not JSON"
                }
            };
            failed(format!("{what}; it answered {}", summary(&answer)))
        })
    }
}

fn summary(answer: &Answer) -> String {
    let kind = answer.headers.get(reqwest::header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default();
    format!("{} {}", answer.status, crate::sanitize::sanitized(kind))
        .trim_end()
        .to_owned()
}
