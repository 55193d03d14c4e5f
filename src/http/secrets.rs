//! What one login has sent: no server's words are shown with it, whichever of the servers says them.

use std::cell::RefCell;
use std::collections::HashSet;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::header::{AUTHORIZATION, HeaderMap};

use crate::sanitize::{sanitized, without_secrets};
use crate::secret::Secret;

/// The fields of a token endpoint's form that are no secret (RFC 6749, RFC 8693, RFC 7636); all others are.
const PUBLIC_FIELDS: [&str; 13] = [
    "audience",
    "client_assertion_type",
    "client_id",
    "code_challenge_method",
    "connector_id",
    "grant_type",
    "options",
    "redirect_uri",
    "requested_token_type",
    "resource",
    "scope",
    "subject_token_type",
    "username",
];

/// The secrets that a login has sent or is about to send.
#[derive(Default)]
pub(super) struct Secrets {
    kept: RefCell<Vec<Secret>>,
}

impl Secrets {
    /// Remembers a secret.
    pub(super) fn keep(&self, secret: &Secret) {
        self.kept.borrow_mut().push(secret.clone());
    }

    /// Remembers what headers hold, where it is no everyday value, and the token or password in `Authorization`.
    pub(super) fn keep_headers(&self, headers: &HeaderMap) {
        for (name, value) in headers {
            let Ok(text) = value.to_str() else { continue };
            let is_credential = name == AUTHORIZATION || name == "proxy-authorization";
            if !is_credential && !value.is_sensitive() {
                continue;
            }
            if let Some((scheme, credential)) = text.split_once(' ').filter(|_| is_credential) {
                self.keep(&Secret::new(credential));
                if scheme.eq_ignore_ascii_case("basic") {
                    self.keep_password(credential);
                }
            } else if is_worth_withholding(text) {
                self.keep(&Secret::new(text));
            }
        }
    }

    fn keep_password(&self, basic: &str) {
        let pair = BASE64_STANDARD.decode(basic).unwrap_or_default();
        let pair = String::from_utf8_lossy(&pair);
        if let Some((_, password)) = pair.split_once(':') {
            self.keep(&Secret::new(password));
            // An OAuth client's is written as in a form before it goes there (RFC 6749 section 2.3.1).
            let written = format!("={password}");
            for (_, secret) in url::form_urlencoded::parse(written.as_bytes()) {
                self.keep(&Secret::new(secret));
            }
        }
    }

    /// Remembers the fields of a form (application/x-www-form-urlencoded) but for those that are public.
    pub(super) fn keep_form(&self, body: &[u8]) {
        for (name, value) in url::form_urlencoded::parse(body) {
            if !PUBLIC_FIELDS.contains(&&*name) {
                self.keep(&Secret::new(value));
            }
        }
    }

    /// Takes out of words what repeats a secret, or one of `others`.
    pub(super) fn cut_from(&self, words: &str, others: &[&str]) -> String {
        let kept = self.kept.borrow();
        let mut met = HashSet::new();
        let all = kept
            .iter()
            .map(Secret::expose)
            .chain(others.iter().copied());
        let all: Vec<&str> = all.filter(|secret| met.insert(*secret)).collect();
        without_secrets(words, &all)
    }

    /// Makes a server's words fit to be shown.
    pub(super) fn quoted(&self, words: &str) -> String {
        sanitized(&self.cut_from(words, &[]))
    }
}

/// Tells a secret from a header's or cookie's everyday value, which any text may happen to contain.
pub(super) fn is_worth_withholding(value: &str) -> bool {
    value.len() >= 8
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{ACCEPT, HeaderValue};

    #[test]
    fn what_one_request_has_sent_is_kept_for_the_words_of_the_next_server() {
        let secrets = Secrets::default();
        secrets.keep_form(b"grant_type=refresh_token&client_id=desktop&client_secret=s%33cret-1&unheard_of=s3cret-2");
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer s3cret-3"));
        headers.append(
            AUTHORIZATION,
            HeaderValue::from_static("Basic dXNlcjpzM2NyZXQtNA=="),
        );
        secrets.keep_headers(&headers);
        for secret in [
            "s3cret-1",
            "s3cret-2",
            "s3cret-3",
            "s3cret-4",
            "dXNlcjpzM2NyZXQtNA==",
        ] {
            let words = secrets.quoted(&format!("wrong: {secret}!"));
            assert_eq!(words, "wrong: (withheld)!");
        }
        let mut headers = HeaderMap::new();
        headers.insert(
            AUTHORIZATION,
            // `kfp:s%3Acret+5`
            HeaderValue::from_static("Basic a2ZwOnMlM0FjcmV0KzU="),
        );
        secrets.keep_headers(&headers);
        assert_eq!(secrets.quoted("no: s:cret 5"), "no: (withheld)");
        let said = "the grant_type refresh_token is not for desktop, application/json";
        assert_eq!(secrets.quoted(said), said);
    }

    #[test]
    fn an_everyday_value_of_a_header_is_no_secret() {
        let secrets = Secrets::default();
        let mut headers = HeaderMap::new();
        let mut value = HeaderValue::from_static("true");
        value.set_sensitive(true);
        headers.insert("x-forwarded", value);
        secrets.keep_headers(&headers);
        assert_eq!(secrets.quoted("that is true"), "that is true");
    }
}
