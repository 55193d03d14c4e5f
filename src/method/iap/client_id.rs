//! IAP's own OAuth client, as IAP names it when it sends a browser to Google's login.

use url::{Host, Url};

use crate::endpoint::Endpoint;
use crate::error::Result;
use crate::http::{HTML, Http};

/// Asks the endpoint as a browser without a login does; `None` where no IAP answers.
pub fn ask(http: &Http<'_>, endpoint: &Endpoint) -> Result<Option<String>> {
    let page = http.get(endpoint.url(), HTML)?;
    Ok(page.redirect()?.as_ref().and_then(of_login_page))
}

/// Reads the client from the address of Google's login page.
pub fn of_login_page(url: &Url) -> Option<String> {
    let is_google =
        url.scheme() == "https" && matches!(url.host(), Some(Host::Domain("accounts.google.com")));
    let client_id = url.query_pairs().find(|(name, _)| name == "client_id");
    client_id
        .filter(|(_, id)| is_google && is_client_id(id))
        .map(|(_, id)| id.into_owned())
}

/// An ID as Google forms them: nothing in it can mislead a person who reads it in a terminal.
pub(super) fn is_client_id(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (1..=200).contains(&text.len()) && text.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_googles_login_page_names_the_client() {
        let read = |url: &str| of_login_page(&Url::parse(url).unwrap());
        let page = "https://accounts.google.com/o/oauth2/v2/auth?client_id=1-a.apps.googleusercontent.com&state=x";
        assert_eq!(
            read(page).as_deref(),
            Some("1-a.apps.googleusercontent.com")
        );
        for other in [
            "https://accounts.google.com.evil.example/o/oauth2/v2/auth?client_id=1",
            "http://accounts.google.com/o/oauth2/v2/auth?client_id=1",
            "https://accounts.google.com/ServiceLogin",
            "https://accounts.google.com/?client_id=",
            "https://accounts.google.com/?client_id=a%1b[31m",
        ] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
