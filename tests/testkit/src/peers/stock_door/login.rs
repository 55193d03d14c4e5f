//! A person's login at Dex over plain HTTP, and the token endpoint: what a client of OpenID Connect
//! does, in the test's own hands.

use std::time::Duration;

use serde_json::Value;
use url::Url;

use super::StockDoor;
use crate::http::{self, Request, Response};
use crate::oauth::{DEVICE_CODE, VERIFIER, challenge};
use crate::peers::dex::Account;

const MOST_PAGES: usize = 12;

/// Is where a login ended.
pub struct Landing {
    /// The first address that is not the provider's, or that of its last page.
    pub url: Url,
    /// The provider's last answer: a redirect there, or a page.
    pub answer: Response,
}

impl Landing {
    /// Returns a parameter of the address.
    pub fn query(&self, name: &str) -> Option<String> {
        let mut pairs = self.url.query_pairs();
        let found = pairs.find(|(key, _)| key == name);
        found.map(|(_, value)| value.into_owned())
    }

    /// Returns the code of a login that went well.
    #[track_caller]
    pub fn code(&self) -> String {
        let words = self.answer.words();
        let code = self.query("code");
        code.unwrap_or_else(|| panic!("no code: {} {words}", self.url))
    }
}

/// Walks from an authorization URL through Dex's form, and its question for approval, to the first
/// address that does not lie below `base`, which nobody asks for.
pub fn walk(base: &str, authorization_url: &str, account: Account) -> Landing {
    let mut url = Url::parse(authorization_url).expect("an authorization URL");
    let mut answer = http::get(url.as_str(), &[]);
    for _ in 0..MOST_PAGES {
        if let Some(location) = answer.find("location") {
            url = url.join(location).expect("an address");
            if !url.as_str().starts_with(base) {
                break;
            }
            answer = http::get(url.as_str(), &[]);
            continue;
        }
        let page = answer.words();
        answer = if page.contains("name=\"password\"") && !page.contains("login-error") {
            let fields = [("login", account.login), ("password", account.password)];
            http::post(url.as_str(), &fields, &[])
        } else if page.contains("name=\"approval\"") {
            http::post(url.as_str(), &[("approval", "approve")], &[])
        } else {
            break;
        };
    }
    Landing { url, answer }
}

impl StockDoor {
    /// Returns the pauses between the polls for a device's token so far.
    pub fn pauses(&self) -> Vec<Duration> {
        let is_poll = |request: &Request| {
            let grant = request.form("grant_type");
            request.path() == "/dex/token" && grant.as_deref() == Some(DEVICE_CODE)
        };
        self.recorder().gaps(is_poll)
    }

    /// Makes the address at which a person logs in, with PKCE and these further parameters.
    pub fn authorization_url(&self, client: &str, redirect: &str, scope: &str) -> String {
        let mut url = Url::parse(&format!("{}/auth", self.base())).expect("an address");
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", client)
            .append_pair("redirect_uri", redirect)
            .append_pair("scope", scope)
            .append_pair("state", "a state")
            .append_pair("code_challenge", &challenge())
            .append_pair("code_challenge_method", "S256");
        url.into()
    }

    /// Logs somebody in by the form, and returns the code's landing.
    pub fn walk(&self, client: &str, redirect: &str, scope: &str, account: Account) -> Landing {
        let start = self.authorization_url(client, redirect, scope);
        walk(&self.base(), &start, account)
    }

    /// Asks the token endpoint.
    pub fn token(&self, fields: &[(&str, &str)]) -> Response {
        http::post(&format!("{}/token", self.base()), fields, &[])
    }

    /// Logs somebody in by the form in the name of a public client without redirect URIs, and
    /// returns the answer of the token endpoint.
    #[track_caller]
    pub fn log_in(&self, client: &str, scope: &str, account: Account) -> Value {
        let redirect = "http://127.0.0.1:1/";
        let code = self.walk(client, redirect, scope, account).code();
        let answer = self.token(&[
            ("grant_type", "authorization_code"),
            ("client_id", client),
            ("redirect_uri", redirect),
            ("code", &code),
            ("code_verifier", VERIFIER),
        ]);
        assert_eq!(answer.status, 200, "{}\n{}", answer.words(), self.logs());
        answer.document()
    }
}
