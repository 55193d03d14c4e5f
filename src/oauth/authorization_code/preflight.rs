//! The authorization request, tried before a person is sent there: what a provider says of a redirect URI or a client
//! that it does not know, it says on a page (RFC 6749 section 4.1.2.1), and nobody comes back from that. Only the
//! provider's own origin is asked, without cookies.

use reqwest::header::LOCATION;
use url::Url;

use super::Login;
use crate::endpoint::Origin;
use crate::error::{Error, Slug};
use crate::http::api::Api;
use crate::oauth::refusal::Refusal;
use crate::oauth::response::{Awaited, Response};
use crate::secret::Secret;

/// Providers look at the request itself, or after a step of their own.
const MOST_REDIRECTS: usize = 4;
/// More words of a page than an error shows.
const MOST_WORDS: usize = 40;

/// Gives the provider's refusal; `None` where it refuses nothing, or says something that only a person understands.
pub(super) fn refusal(
    api: &Api<'_>,
    login: &Login<'_>,
    url: &Url,
    redirect_uri: &str,
    awaited: Awaited<'_>,
) -> Option<Error> {
    let accept = "text/html, application/json;q=0.5";
    let accept = ("Accept".to_owned(), Secret::new(accept));
    let mut url = url.clone();
    for _ in 0..MOST_REDIRECTS {
        let answer = api.get(&url, std::slice::from_ref(&accept)).ok()?;
        match answer.status {
            300..=399 => {
                let location = answer.headers.get(LOCATION)?.to_str().ok()?;
                if location.starts_with(redirect_uri) {
                    let refusal = redirected(location, awaited)?;
                    return Some(login.refused(&refusal, api));
                }
                let next = url.join(location).ok()?;
                if Origin::of(&next) != Origin::of(&url) {
                    return None;
                }
                url = next;
            }
            400..=499 => {
                let words = words(answer.body.expose());
                let error = login.explained(&words.to_lowercase(), redirect_uri)?;
                let name = &login.provider.name;
                return Some(error.because(format!("{name} says: {}", api.quoted(&words))));
            }
            _ => return None,
        }
    }
    None
}

/// Reads an error that comes back at once, by the way that the browser would.
fn redirected(location: &str, awaited: Awaited<'_>) -> Option<Refusal> {
    match Response::of_redirect(&Url::parse(location).ok()?, awaited)?.ok()? {
        Response::Refused(refusal) => Some(refusal),
        Response::Code(_) => None,
    }
}

impl Login<'_> {
    /// Tells what a page with these words, in lower case, means.
    fn explained(&self, words: &str, redirect_uri: &str) -> Option<Error> {
        let (name, client) = (&self.provider.name, &self.client.id);
        if words.contains("redirect_uri") || words.contains("redirect uri") {
            let what = format!(
                "{name} does not let the client {client:?} end its login at {redirect_uri}"
            );
            return Some(
                Error::new(Slug::RedirectUriRefused, what).hint(self.to_register(redirect_uri)),
            );
        }
        let is_of_client = [
            "invalid client",
            "invalid_client",
            "unknown client",
            "client not found",
            "client_id",
        ];
        if is_of_client.iter().any(|sign| words.contains(sign)) {
            let what = format!("{name} does not know the OAuth client {client:?}");
            return Some(Error::new(Slug::OauthClientRefused, what));
        }
        None
    }

    fn to_register(&self, redirect_uri: &str) -> String {
        if let Some(written) = self.redirect_uri {
            return format!(
                "have {written} registered for the client, or write one of its registered URIs as `oidc: {{redirect-uri: URI}}`"
            );
        }
        let (base, _port) = redirect_uri.rsplit_once(':').unwrap_or((redirect_uri, ""));
        format!(
            "have {base} registered for the client, with any port (RFC 8252 section 7.3); or a fixed URI such as {base}:8000, and write that as `oidc: {{redirect-uri: {base}:8000}}`"
        )
    }
}

/// Gives the words of a page that a person sees.
fn words(page: &str) -> String {
    let mut text = String::new();
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        text.push_str(&rest[..start]);
        text.push(' ');
        let tag = &rest[start..];
        let hidden = ["script", "style", "head"].into_iter().find(|name| {
            let after = tag.get(1..=name.len());
            after.is_some_and(|after| after.eq_ignore_ascii_case(name))
        });
        let end = match hidden {
            Some(name) => tag.to_ascii_lowercase().find(&format!("</{name}")),
            None => tag.find('>'),
        };
        let Some(end) = end else { break };
        rest = tag.get(end + 1..).unwrap_or_default();
        if hidden.is_some() {
            rest = rest.split_once('>').map_or("", |(_, rest)| rest);
        }
        if !rest.contains('<') {
            break;
        }
    }
    if !page.contains('<') {
        text.push_str(page);
    }
    let words: Vec<&str> = text.split_whitespace().take(MOST_WORDS).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn the_words_of_a_page_are_what_a_person_sees() {
        let page = "<!DOCTYPE html><html><head><title>Dex</title><style>a > b {}</style></head>\n<body class='x'>\n  <h2>Bad Request</h2>\n<script>if (a < b) {}</script><p>Unregistered redirect_uri.</p></body></html>";
        assert_eq!(words(page), "Bad Request Unregistered redirect_uri.");
        assert_eq!(words(r#"{"error": "x"}"#), r#"{"error": "x"}"#);
        for broken in ["<", "<head>", "a <b", "<script", "</head>", "<p>ä</p"] {
            words(broken);
        }
    }
}
