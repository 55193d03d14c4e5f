//! The address that a login in the browser comes back to.

use kfp_credential::oauth::response::{Awaited, NotOurs, Response};
use url::Url;

const AWAITED: Awaited<'_> = Awaited {
    state: "s",
    issuer: Some("https://i"),
    names_issuer: false,
};

pub(crate) fn run(bytes: &[u8]) {
    let target = String::from_utf8_lossy(bytes);
    let Ok(url) = Url::parse(&format!(
        "http://127.0.0.1:1/{}",
        target.trim_start_matches('/')
    )) else {
        return;
    };
    let has = |name: &str| url.query_pairs().any(|(key, _)| key == name);
    let last = |name: &str| {
        let pairs = url.query_pairs().filter(|(key, _)| key == name);
        pairs.last().map(|(_, value)| value.into_owned())
    };
    let is_ours = last("state").as_deref() == Some("s");
    let is_of_issuer = last("iss").is_none_or(|issuer| issuer == "https://i");
    match Response::of_redirect(&url, AWAITED) {
        Some(Ok(response)) => {
            assert!(is_ours && is_of_issuer);
            match response {
                Response::Code(_) => assert!(has("code")),
                Response::Refused(_) => assert!(has("error") && !has("code")),
            }
        }
        Some(Err(NotOurs::State)) => assert!(!is_ours),
        Some(Err(NotOurs::Issuer)) => assert!(is_ours && !is_of_issuer),
        None => assert!(!has("error") && !has("code")),
    }
}
