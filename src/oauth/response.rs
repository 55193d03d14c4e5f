//! What comes back from the provider's login page: an authorization response, as the browser's address carries it.

use std::collections::HashMap;

use url::Url;

use super::refusal::Refusal;
use crate::secret::Secret;

/// Why a response is not the one that is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotOurs {
    /// It answers another login.
    State,
    /// It is of another provider, or names none where that was promised.
    Issuer,
}

/// What an authorization response says (RFC 6749 sections 4.1.2 and 4.1.2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    /// The code to exchange.
    Code(Secret),
    /// The `error`, with its description.
    Refused(Refusal),
}

/// What a response is held against before it is believed.
#[derive(Debug, Clone, Copy)]
pub struct Awaited<'a> {
    /// The `state` of the request (RFC 6749 section 10.12).
    pub state: &'a str,
    /// What the provider calls itself, where the caller knows: a response of another one is none (RFC 9207).
    pub issuer: Option<&'a str>,
    /// Whether the provider has promised to name itself.
    pub names_issuer: bool,
}

impl Awaited<'_> {
    /// Tells whether a response may be the one that is waited for.
    fn is_from(&self, issuer: Option<&str>) -> bool {
        match (issuer, self.issuer) {
            (Some(said), Some(wanted)) => said == wanted,
            (None, Some(_)) => !self.names_issuer,
            (_, None) => true,
        }
    }
}

impl Response {
    /// Reads the URL that the browser was redirected to; `None` where it says neither, and an error where what it says is
    /// the answer to another login, or of another provider.
    pub fn of_redirect(url: &Url, awaited: Awaited<'_>) -> Option<Result<Self, NotOurs>> {
        let (state, issuer, response) = Self::read(url)?;
        if state != awaited.state {
            return Some(Err(NotOurs::State));
        }
        if !awaited.is_from(issuer.as_deref()) {
            return Some(Err(NotOurs::Issuer));
        }
        Some(Ok(response))
    }

    fn read(url: &Url) -> Option<(String, Option<String>, Self)> {
        let mut query: HashMap<String, String> = url.query_pairs().into_owned().collect();
        let state = query.remove("state").unwrap_or_default();
        let issuer = query.remove("iss");
        if let Some(code) = query.remove("code") {
            return Some((state, issuer, Self::Code(code.into())));
        }
        let refusal = Refusal {
            code: query.remove("error")?,
            description: query.remove("error_description"),
        };
        Some((state, issuer, Self::Refused(refusal)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AWAITED: Awaited<'_> = Awaited {
        state: "s",
        issuer: Some("https://a"),
        names_issuer: false,
    };

    fn redirect(query: &str, awaited: Awaited<'_>) -> Option<Result<Response, NotOurs>> {
        let url = Url::parse(&format!("http://127.0.0.1:1/?{query}")).unwrap();
        Response::of_redirect(&url, awaited)
    }

    #[test]
    fn a_response_is_read() {
        let code = Response::Code("c/1".to_owned().into());
        assert_eq!(
            redirect("code=c%2F1&state=s&scope=x", AWAITED),
            Some(Ok(code))
        );
        let refused = redirect("error=access_denied&error_description=no&state=s", AWAITED);
        let Some(Ok(Response::Refused(refusal))) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(refusal.words(), "access_denied: no");
        assert_eq!(redirect("state=s", AWAITED), None);
        assert_eq!(
            redirect("code=c&state=other", AWAITED),
            Some(Err(NotOurs::State))
        );
    }

    #[test]
    fn another_providers_response_is_none() {
        let promised = Awaited {
            names_issuer: true,
            ..AWAITED
        };
        let unknown = Awaited {
            issuer: None,
            ..AWAITED
        };
        for (issuer, awaited, is_ours) in [
            ("&iss=https%3A%2F%2Fa", AWAITED, true),
            ("&iss=https%3A%2F%2Fa", promised, true),
            ("&iss=https%3A%2F%2Fb", AWAITED, false),
            ("&iss=https%3A%2F%2Fb", unknown, true),
            ("", AWAITED, true),
            ("", promised, false),
        ] {
            let answer = redirect(&format!("code=c&state=s{issuer}"), awaited);
            let expected = if is_ours {
                Ok(Response::Code("c".to_owned().into()))
            } else {
                Err(NotOurs::Issuer)
            };
            assert_eq!(answer, Some(expected), "{issuer} {awaited:?}");
        }
    }
}
