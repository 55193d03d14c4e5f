//! What comes back from the provider's login page: an authorization response, as the browser's address carries it.

use std::collections::HashMap;

use url::Url;

use super::refusal::Refusal;
use crate::secret::Secret;

/// What an authorization response says (RFC 6749 sections 4.1.2 and 4.1.2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    /// The code to exchange.
    Code(Secret),
    /// The `error`, with its description.
    Refused(Refusal),
}

impl Response {
    /// Reads the URL that the browser was redirected to: its `state` and what it says; `None` where it says neither.
    pub fn of_redirect(url: &Url) -> Option<(String, Self)> {
        let mut query: HashMap<String, String> = url.query_pairs().into_owned().collect();
        let state = query.remove("state").unwrap_or_default();
        if let Some(code) = query.remove("code") {
            return Some((state, Self::Code(code.into())));
        }
        let refusal = Refusal {
            code: query.remove("error")?,
            description: query.remove("error_description"),
        };
        Some((state, Self::Refused(refusal)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redirect(query: &str) -> Option<(String, Response)> {
        Response::of_redirect(&Url::parse(&format!("http://127.0.0.1:1/?{query}")).unwrap())
    }

    #[test]
    fn a_response_is_read() {
        assert_eq!(
            redirect("code=c%2F1&state=s&scope=x"),
            Some(("s".into(), Response::Code("c/1".to_owned().into())))
        );
        let (state, response) =
            redirect("error=access_denied&error_description=no&state=s").unwrap();
        let Response::Refused(refusal) = response else {
            panic!("{response:?}")
        };
        assert_eq!(
            (state.as_str(), refusal.words().as_str()),
            ("s", "access_denied: no")
        );
        assert_eq!(redirect("state=s"), None);
    }
}
