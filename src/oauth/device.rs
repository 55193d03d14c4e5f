//! A person logs in with a browser on any machine: a code is shown, and the provider is asked until the person is done
//! (RFC 8628).

use std::time::{Duration, Instant};

use serde::Deserialize;
use url::Url;

use super::refusal::Refusal;
use super::token_endpoint::{self, Failure};
use super::{Client, Provider, Tokens};
use crate::error::{Error, Result, Slug};
use crate::http::api::Api;
use crate::sanitize::{is_visible, redacted_url, sanitized};
use crate::secret::Secret;

/// The grant type (section 3.4).
const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// How long to wait between two questions where the provider does not say, and what a `slow_down` adds (section 3.5).
const INTERVAL: Duration = Duration::from_secs(5);
/// The longest pause: a provider that asks for more is not heard in time.
const LONGEST_INTERVAL: Duration = Duration::from_secs(60);
/// How long a person may take, where the codes live longer.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// What is done, for the words of an error.
pub const ASKING: &str = "asking for a device code";
/// What is done while the person logs in.
pub const WAITING: &str = "waiting for the login on the other device";

/// What the provider is asked for.
pub struct DeviceLogin<'a> {
    /// Who is asked.
    pub provider: &'a Provider,
    /// Who asks.
    pub client: &'a Client,
    /// The scopes (RFC 6749 section 3.3).
    pub scopes: &'a [&'a str],
    /// What else goes into the form, such as `audience`.
    pub parameters: &'a [(&'a str, &'a str)],
}

/// What a person is shown.
#[derive(Debug)]
pub struct Invitation<'a> {
    /// Where to go.
    pub url: &'a Url,
    /// What to type there.
    pub code: &'a str,
    /// Where to go in order to type nothing.
    pub complete: Option<&'a Url>,
    /// How long the code is good.
    pub lifetime: Duration,
}

/// A device authorization response (section 3.2).
#[derive(Deserialize)]
struct Answer {
    device_code: Secret,
    user_code: String,
    // Google wrote `verification_url` before the RFC came, and does so still.
    #[serde(alias = "verification_url")]
    verification_uri: Url,
    #[serde(default, alias = "verification_url_complete")]
    verification_uri_complete: Option<Url>,
    expires_in: u64,
    #[serde(default)]
    interval: Option<u64>,
}

/// Shows the person a code, waits until that is used, and gives the tokens.
pub fn log_in(
    api: &Api<'_>,
    login: &DeviceLogin<'_>,
    show: &dyn Fn(&Invitation<'_>),
) -> Result<Tokens, Failure> {
    let answer = login.asked(api)?;
    let lifetime = Duration::from_secs(answer.expires_in);
    show(&Invitation {
        url: &answer.verification_uri,
        code: &answer.user_code,
        complete: answer.verification_uri_complete.as_ref(),
        lifetime,
    });
    let end = Instant::now() + lifetime.min(PATIENCE);
    let mut interval = answer.interval.map_or(INTERVAL, Duration::from_secs);
    loop {
        // The pause is counted from the last answer, so that no two questions arrive closer than they may.
        interval = interval.min(LONGEST_INTERVAL);
        let left = end.saturating_duration_since(Instant::now());
        if left < interval {
            return Err(not_used(lifetime).into());
        }
        std::thread::sleep(interval);
        api.wait_longer(interval);
        let fields = [("device_code", answer.device_code.expose())];
        match token_endpoint::ask(api, login.provider, login.client, GRANT_TYPE, &fields) {
            Err(Failure::Refused(refusal)) if refusal.code == "authorization_pending" => {}
            Err(Failure::Refused(refusal)) if refusal.code == "slow_down" => interval += INTERVAL,
            Err(Failure::Refused(refusal)) if refusal.code == "expired_token" => {
                return Err(not_used(lifetime).into());
            }
            Err(Failure::Refused(refusal)) if refusal.code == "access_denied" => {
                return Err(denied(&refusal.quoted(&login.provider.name, api)).into());
            }
            // Section 3.5: whoever is not heard asks less often.
            Err(Failure::Other(error))
                if matches!(error.slug(), Slug::Timeout | Slug::Unreachable) =>
            {
                api.say(error.one_line());
                interval *= 2;
            }
            outcome => return outcome,
        }
    }
}

impl DeviceLogin<'_> {
    /// Asks for a code (section 3.1).
    fn asked(&self, api: &Api<'_>) -> Result<Answer, Failure> {
        let endpoint = self.provider.device_authorization_endpoint.as_ref();
        let endpoint =
            endpoint.ok_or_else(|| self.provider.lacks("device authorization endpoint"))?;
        let scope = self.scopes.join(" ");
        let form = [&[("scope", &*scope)], self.parameters].concat();
        let answer = self.client.post(api, endpoint, &form)?;
        let body = answer.body.expose();
        if answer.status != 200 {
            return Err(match serde_json::from_str::<Refusal>(body) {
                Ok(refusal) if answer.status < 500 => Failure::Refused(refusal),
                _ => Failure::NotUnderstood(answer.status),
            });
        }
        let unusable = || {
            let what = format!(
                "{} gave no device code that can be used",
                redacted_url(endpoint)
            );
            Failure::Other(Error::new(Slug::ServerError, what))
        };
        let answer: Answer = serde_json::from_str(body).map_err(|_| unusable())?;
        let is_shown = answer.user_code.chars().all(is_visible) && answer.user_code.len() <= 64;
        let urls =
            std::iter::once(&answer.verification_uri).chain(&answer.verification_uri_complete);
        let are_pages = urls
            .into_iter()
            .all(|url| matches!(url.scheme(), "http" | "https"));
        if is_shown && are_pages && !answer.user_code.is_empty() {
            Ok(answer)
        } else {
            Err(unusable())
        }
    }
}

fn not_used(lifetime: Duration) -> Error {
    let what = format!(
        "the device code was not used within {} minutes",
        lifetime.min(PATIENCE).as_secs().div_ceil(60)
    );
    Error::new(Slug::DeviceCodeExpired, what)
        .hint("log in again, and type the code in the browser; where the page there says that something is wrong, correct the client or the scopes")
}

fn denied(said: &str) -> Error {
    Error::new(Slug::OauthRefused, "the login was refused on the other device")
        .because(sanitized(said))
        .hint("log in again, and allow it; where the provider refuses, its administrator has to allow this user or client")
}
