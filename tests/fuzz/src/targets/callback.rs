//! The address that a login in the browser comes back to.

use kfp_credential::oauth::response::Response;
use url::Url;

pub(crate) fn run(bytes: &[u8]) {
    let target = String::from_utf8_lossy(bytes);
    let Ok(url) = Url::parse(&format!(
        "http://127.0.0.1:1/{}",
        target.trim_start_matches('/')
    )) else {
        return;
    };
    let has = |name: &str| url.query_pairs().any(|(key, _)| key == name);
    match Response::of_redirect(&url) {
        Some((_, Response::Code(_))) => assert!(has("code")),
        Some((_, Response::Refused(_))) => assert!(has("error") && !has("code")),
        None => assert!(!has("error") && !has("code")),
    }
}
