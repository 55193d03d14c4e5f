//! Where what a credential file holds may be sent.
//!
//! Such a file is made by others, and Google warns of files whose addresses lead elsewhere
//! (<https://docs.cloud.google.com/docs/authentication/client-libraries#external-credentials>): a key's signature or a
//! subject token sent to a stranger is the stranger's. A stranger is found below `googleapis.com` too, as anybody's
//! bucket is there. So each key of a file has its own addresses, host and path, or the one address that the context
//! itself names with `token-uri`.

#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::endpoint::{Origin, is_loopback, is_secure_transport};
use crate::sanitize::{redacted_url, sanitized};

/// The domain of Google's APIs.
const GOOGLE: &str = "googleapis.com";
/// The headers, without regard to case, by which Google's metadata server knows that it is meant
/// (<https://docs.cloud.google.com/compute/docs/metadata/querying-metadata>); the second one is the older form.
const METADATA_HEADERS: [&str; 2] = ["metadata-flavor", "x-google-metadata-request"];

/// The addresses that are allowed beside Google's own.
#[derive(Debug, Default, Clone)]
pub(super) struct Allowed {
    /// The context's `token-uri`, to the letter.
    pub(super) own: Option<Url>,
    /// Where this job's runner gives subject tokens, on GitHub Actions.
    pub(super) runner: Option<Origin>,
}

impl Allowed {
    /// Accepts a `token_uri`, where a key's assertions and refresh tokens go.
    pub(super) fn token_uri(&self, text: &str) -> Result<Url, String> {
        self.provider(text, "not one of Google's token endpoints", |url| {
            match (host(url), url.path()) {
                (Some("www.googleapis.com"), path) => is_below_oauth2(path),
                (Some("accounts.google.com"), path) => path == "/o/oauth2/token",
                (_, path) => is_service(url, "oauth2") && path == "/token",
            }
        })
    }

    /// Accepts a `token_url`, where subject tokens go: the Security Token Service.
    pub(super) fn token_url(&self, text: &str) -> Result<Url, String> {
        let what = "not the token endpoint of Google's Security Token Service (https://sts.googleapis.com/v1/token)";
        self.provider(text, what, |url| {
            is_service(url, "sts") && matches!(url.path(), "/v1/token" | "/v1beta/token")
        })
    }

    /// Accepts a `service_account_impersonation_url`, where access tokens go: the IAM Credentials API.
    pub(super) fn impersonation(&self, text: &str) -> Result<Url, String> {
        let what = "not an address of Google's IAM Credentials API (https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/...)";
        self.provider(text, what, |url| {
            let account = url.path().strip_prefix("/v1/projects/-/serviceAccounts/");
            is_service(url, "iamcredentials") && account.is_some_and(|name| !name.contains('/'))
        })
    }

    /// Accepts a `credential_source.url`, which gives subject tokens: below `googleapis.com`, the runner's own place, or
    /// by http on this machine or its own link, where clouds have their metadata servers (RFC 3927, RFC 4291 section
    /// 2.5.6).
    pub(super) fn subject_token(&self, text: &str) -> Result<Url, String> {
        let url = parsed(text)?;
        let is_runners = url.scheme() == "https" && self.runner == Some(Origin::of(&url));
        let is_allowed = (url.scheme() == "http" && is_near(&url)) || is_google(&url) || is_runners;
        if is_allowed || self.is_own(&url) {
            return Ok(url);
        }
        Err(format!(
            "{} is neither an https address below {GOOGLE} nor an http address of this machine or its own link",
            redacted_url(&url)
        ))
    }

    fn provider(
        &self,
        text: &str,
        what_else: &str,
        is_googles: impl Fn(&Url) -> bool,
    ) -> Result<Url, String> {
        let url = parsed(text)?;
        let is_googles = url.scheme() == "https"
            && url.port().is_none() // the default one is dropped by the URL library
            && url.query().is_none()
            && is_googles(&url);
        if is_googles || self.is_own(&url) {
            return Ok(url);
        }
        Err(format!("{} is {what_else}", redacted_url(&url)))
    }

    fn is_own(&self, url: &Url) -> bool {
        self.own.as_ref() == Some(url) && is_secure_transport(url)
    }
}

/// Tells whether a request with this header would pass at a metadata server of Google's: a credential file gets no
/// token of the machine that way.
pub(super) fn is_for_metadata(url: &Url, header: &str) -> bool {
    let header = header.trim().to_ascii_lowercase();
    is_near(url) && METADATA_HEADERS.contains(&header.as_str())
}

/// Tells whether an address is on this machine or its own link.
fn is_near(url: &Url) -> bool {
    is_loopback(url) || is_link_local(url)
}

fn host(url: &Url) -> Option<&str> {
    match url.host() {
        Some(Host::Domain(host)) => Some(host),
        _ => None,
    }
}

/// Tells whether a host is that of a service of Google's: global, of a region
/// (<https://docs.cloud.google.com/docs/regional-endpoints>), by mutual TLS (<https://google.aip.dev/auth/4114>), or by
/// Private Service Connect. A region is known by its form, as a bucket may have any name, such as
/// `sts.storage.googleapis.com`.
fn is_service(url: &Url, service: &str) -> bool {
    let below = host(url).and_then(|host| host.strip_suffix(GOOGLE)?.strip_suffix('.'));
    let labels: Vec<&str> = below.unwrap_or_default().split('.').collect();
    let labels = labels.strip_suffix(&["mtls"]).unwrap_or(&labels);
    let rest = |label: &str| {
        label
            .strip_prefix(service)?
            .strip_prefix('-')
            .map(str::to_owned)
    };
    match labels {
        [name] => {
            let region = name
                .strip_suffix(service)
                .and_then(|name| name.strip_suffix('-'));
            *name == service || region.is_some_and(is_region)
        }
        [name, region] if is_region(region) => *name == service,
        [name, region, "rep"] => *name == service && is_region(region),
        [name, "p"] => rest(name).is_some_and(|name| !name.is_empty()),
        _ => false,
    }
}

/// Tells whether a label has the form of a region (`europe-west1`) or a multi-region (`us`, `eu`).
fn is_region(label: &str) -> bool {
    let is_word = |word: &str| word.len() >= 2 && word.chars().all(|c| c.is_ascii_lowercase());
    match label.split_once('-') {
        Some((area, place)) => {
            let word = place.trim_end_matches(|c: char| c.is_ascii_digit());
            is_word(area) && is_word(word) && (1..=2).contains(&(place.len() - word.len()))
        }
        None => label.len() == 2 && is_word(label),
    }
}

/// Tells whether a path is `/oauth2/VERSION/token`.
fn is_below_oauth2(path: &str) -> bool {
    let version = path
        .strip_prefix("/oauth2/")
        .and_then(|path| path.strip_suffix("/token"));
    matches!(version, Some("v3" | "v4"))
}

fn parsed(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|_| format!("{:?} is not a URL", sanitized(text)))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!(
            "{} holds a user name or password",
            redacted_url(&url)
        ));
    }
    if url.fragment().is_some() {
        return Err(format!("{} has a fragment (#...)", redacted_url(&url)));
    }
    Ok(url)
}

fn is_google(url: &Url) -> bool {
    let Some(Host::Domain(host)) = url.host() else {
        return false;
    };
    let is_below = host
        .strip_suffix(GOOGLE)
        .is_some_and(|name| name.is_empty() || name.ends_with('.'));
    // The URL library drops the default port.
    url.scheme() == "https" && url.port().is_none() && is_below
}

fn is_link_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => Ipv4Addr::is_link_local(&address),
        Some(Host::Ipv6(address)) => Ipv6Addr::is_unicast_link_local(&address),
        _ => false,
    }
}
