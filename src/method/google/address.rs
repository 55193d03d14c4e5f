//! Where what a credential file holds may be sent.
//!
//! Such a file is made by others, and Google warns of files whose addresses lead elsewhere
//! (<https://docs.cloud.google.com/docs/authentication/client-libraries#external-credentials>): a key's signature or a
//! subject token sent to a stranger is the stranger's. So an address is Google's own, or the one that the context
//! itself names with `token-uri`.

use std::net::{Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::endpoint::{is_loopback, is_private_way};
use crate::http::fit_to_show;
use crate::http::shown;

/// The domain of Google's APIs.
const GOOGLE: &str = "googleapis.com";

/// Accepts an address that receives assertions and tokens: https below `googleapis.com`, or the context's own.
pub(super) fn of_provider(text: &str, own: Option<&Url>) -> Result<Url, String> {
    let url = parsed(text)?;
    if is_google(&url) || is_own(&url, own) {
        return Ok(url);
    }
    Err(format!(
        "{} is not an https address below {GOOGLE}",
        shown(&url)
    ))
}

/// Accepts an address that gives subject tokens: as above, or by http on this machine or its own link, where clouds
/// have their metadata servers (RFC 3927, RFC 4291 section 2.5.6).
pub(super) fn of_subject_token(text: &str, own: Option<&Url>) -> Result<Url, String> {
    let url = parsed(text)?;
    let is_near = url.scheme() == "http" && (is_loopback(&url) || is_link_local(&url));
    if is_near || is_google(&url) || is_own(&url, own) {
        return Ok(url);
    }
    Err(format!(
        "{} is neither an https address below {GOOGLE} nor an http address of this machine or its own link",
        shown(&url)
    ))
}

fn parsed(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|_| format!("{:?} is not a URL", fit_to_show(text)))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("{} holds a user name or password", shown(&url)));
    }
    if url.fragment().is_some() {
        return Err(format!("{} has a fragment (#...)", shown(&url)));
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

fn is_own(url: &Url, own: Option<&Url>) -> bool {
    own == Some(url) && is_private_way(url)
}

fn is_link_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => Ipv4Addr::is_link_local(&address),
        Some(Host::Ipv6(address)) => Ipv6Addr::is_unicast_link_local(&address),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn googles_own_addresses_are_accepted() {
        for address in [
            "https://oauth2.googleapis.com/token",
            "https://www.googleapis.com/oauth2/v4/token",
            "https://googleapis.com/",
            "https://STS.googleapis.com:443/v1/token",
            "https://iamcredentials.us-east1.rep.googleapis.com/v1/projects/-/serviceAccounts/a@b:generateAccessToken",
        ] {
            assert!(of_provider(address, None).is_ok(), "{address}");
            assert!(of_subject_token(address, None).is_ok(), "{address}");
        }
    }

    #[test]
    fn every_other_address_is_refused_and_named() {
        for (address, name) in [
            (
                "http://oauth2.googleapis.com/token",
                "http://oauth2.googleapis.com/token",
            ),
            ("https://oauth2.googleapis.com:8443/token", ":8443"),
            (
                "https://oauth2.googleapis.com./token",
                "googleapis.com./token",
            ),
            (
                "https://googleapis.com.evil.example/token?q=s3cret",
                "evil.example/token",
            ),
            ("https://evilgoogleapis.com/token", "evilgoogleapis.com"),
            ("https://user@oauth2.googleapis.com/token", "user name"),
            ("https://oauth2.googleapis.com@evil.example/", "user name"),
            ("https://oauth2.googleapis.com/token#x", "fragment"),
            (
                "https://accounts.google.com/o/oauth2/token",
                "accounts.google.com",
            ),
            ("https://127.0.0.1/token", "127.0.0.1"),
            ("https://[::1]/", "[::1]"),
            ("file:///etc/passwd", "file:///etc/passwd"),
            ("oauth2.googleapis.com", "not a URL"),
            ("", "not a URL"),
        ] {
            for refused in [of_provider(address, None), of_subject_token(address, None)] {
                let words = refused.unwrap_err();
                assert!(words.contains(name), "{address}: {words}");
                assert!(!words.contains("s3cret"), "{words}");
            }
        }
    }

    #[test]
    fn subject_tokens_may_come_from_this_machine_and_its_link() {
        for address in [
            "http://169.254.169.254/metadata/identity/oauth2/token?resource=x",
            "http://127.0.0.1:8080/token",
            "http://localhost/token",
            "http://[::1]:80/token",
            "http://[fe80::1]/token",
        ] {
            assert!(of_subject_token(address, None).is_ok(), "{address}");
            assert!(of_provider(address, None).is_err(), "{address}");
        }
        for address in [
            "http://10.0.0.1/token",
            "http://metadata.example/token",
            "https://169.254.169.254/",
        ] {
            assert!(of_subject_token(address, None).is_err(), "{address}");
        }
    }

    #[test]
    fn the_contexts_own_address_is_accepted_to_the_letter() {
        let own = Url::parse("https://oauth.example.com/token").unwrap();
        assert!(of_provider("https://oauth.example.com/token", Some(&own)).is_ok());
        assert!(of_provider("https://oauth.example.com/token2", Some(&own)).is_err());
        assert!(of_provider("https://oauth.example.com:8443/token", Some(&own)).is_err());
        let plain = Url::parse("http://oauth.example.com/token").unwrap();
        assert!(of_provider("http://oauth.example.com/token", Some(&plain)).is_err());
        let near = Url::parse("http://127.0.0.1:1/token").unwrap();
        assert!(of_provider("http://127.0.0.1:1/token", Some(&near)).is_ok());
    }
}
