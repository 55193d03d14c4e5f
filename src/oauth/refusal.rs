//! Refusals in words: what an authorization server says where it gives no code and no token.

use serde::Deserialize;

use crate::error::{Error, Slug};
use crate::http::api::Api;

/// A refusal, of the authorization endpoint (RFC 6749 section 4.1.2.1) or of the token endpoint (section 5.2).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Refusal {
    /// The `error`.
    #[serde(rename = "error")]
    pub code: String,
    /// The `error_description`, where there is one.
    #[serde(rename = "error_description")]
    pub description: Option<String>,
}

impl Refusal {
    /// Gives the code and the description as the server has written them, which is not fit to be shown.
    pub fn words(&self) -> String {
        match &self.description {
            Some(description) => format!("{}: {description}", self.code),
            None => self.code.clone(),
        }
    }

    /// Quotes the provider for people.
    pub fn quoted(&self, name: &str, api: &Api<'_>) -> String {
        format!("{name} says: {}", api.quoted(&self.words()))
    }

    /// Explains what a provider refused while it was asked for tokens, by the codes that every provider may use; `said`
    /// are its own words, quoted.
    pub fn explained(&self, name: &str, doing: &str, said: &str) -> Error {
        let error = match &*self.code {
            "invalid_client" | "unauthorized_client" => Error::new(
                Slug::OauthClientRefused,
                format!("{doing}: {name} refused the OAuth client"),
            )
            .hint("check the client's ID and secret, and that the provider lets this client log in in this way"),
            _ => Error::new(Slug::OauthRefused, format!("{doing}: {name} refused")),
        };
        self.meant(error.because(said))
    }

    /// Adds what the code means.
    pub(super) fn meant(&self, error: Error) -> Error {
        match meaning(&self.code) {
            Some(meaning) => error.because(meaning),
            None => error,
        }
    }
}

/// Gives what a code means, whatever the provider.
fn meaning(code: &str) -> Option<&'static str> {
    Some(match code {
        "invalid_request" => "a parameter is missing, wrong or given twice",
        "invalid_client" => "there is no such client, or its secret is another one",
        "invalid_grant" => {
            "what was to be exchanged is wrong, has expired, was revoked, or belongs to another client"
        }
        "unauthorized_client" => "the client may not log in in this way",
        "access_denied" => "the user or the provider denied the request",
        "unsupported_response_type" | "unsupported_grant_type" => {
            "the provider does not offer this way of logging in"
        }
        "invalid_scope" => "a scope is unknown, or the client may not ask for it",
        "server_error" => "the provider has failed",
        "temporarily_unavailable" => "the provider is overloaded or under maintenance",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(code: &str) -> Error {
        let refusal = Refusal {
            code: code.to_owned(),
            description: None,
        };
        refusal.explained("Example", "renewing the login", "Example says: no")
    }

    #[test]
    fn a_client_that_is_not_taken_is_told_from_other_refusals() {
        for (code, slug) in [
            ("invalid_client", Slug::OauthClientRefused),
            ("unauthorized_client", Slug::OauthClientRefused),
            ("invalid_scope", Slug::OauthRefused),
            ("made_up", Slug::OauthRefused),
        ] {
            let error = explained(code);
            assert_eq!(error.slug(), slug, "{code}");
            let line = error.one_line();
            assert!(line.contains("renewing the login: Example"), "{line}");
            assert!(line.contains("Example says: no"), "{line}");
        }
    }

    #[test]
    fn each_code_of_the_standard_has_words() {
        for code in [
            "invalid_request",
            "unauthorized_client",
            "access_denied",
            "unsupported_response_type",
            "invalid_scope",
            "server_error",
            "temporarily_unavailable",
            "invalid_client",
            "invalid_grant",
            "unsupported_grant_type",
        ] {
            assert!(meaning(code).is_some(), "{code}");
        }
        assert_eq!(meaning("made_up"), None);
    }
}
