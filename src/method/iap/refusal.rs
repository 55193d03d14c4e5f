//! IAP's own answers, explained. They carry `x-goog-iap-generated-response: true`, and their body is one plain sentence,
//! whatever the content type says (<https://docs.cloud.google.com/iap/docs/faq#error_codes>).

use super::client_id;
use crate::endpoint::Endpoint;
use crate::error::{Error, Slug};
use crate::http::{Http, Page};
use crate::sanitize::redacted_url;
use crate::shell;

/// What was tried, for the words of an explanation.
pub struct Tried<'a> {
    /// The endpoint.
    pub endpoint: &'a Endpoint,
    /// Whom the token is meant for, where that is an OAuth client.
    pub client_id: Option<&'a str>,
    /// Who the token stands for.
    pub principal: Option<&'a str>,
    /// The header that carried it.
    pub header: &'a str,
}

/// Explains a refusal; `None` where it is not IAP's own.
pub fn explained(http: &Http<'_>, page: &mut Page, tried: &Tried<'_>) -> Option<Error> {
    let generated = page.headers.get("x-goog-iap-generated-response");
    generated.filter(|value| *value == "true")?;
    let status = page.status.as_u16();
    let sentence = page.text().unwrap_or_default().trim().to_owned();
    let own_client = |slug: Slug| {
        let wanted = matches!(slug, Slug::IapInvalidAudience);
        wanted.then(|| expected_client(http, &sentence, tried.endpoint))
    };
    // A token that is repeated there may hold any word.
    let words = http.quoted(&sentence);
    let slug = kind(status, &words);
    let error = said(slug, page, &words, tried);
    match own_client(slug).flatten() {
        Some(client) => Some(with_clients(error, &client, page, &words, tried)),
        None => Some(error),
    }
}

/// Tells the refusals apart, by the status and IAP's sentence.
fn kind(status: u16, sentence: &str) -> Slug {
    let sentence = sentence.to_lowercase();
    let says = |words: &str| sentence.contains(words);
    match status {
        403 => Slug::IapNotPermitted,
        _ if says("empty token") => Slug::IapEmptyToken,
        _ if says("audience") => Slug::IapInvalidAudience,
        _ if says("signature") => Slug::IapInvalidSignature,
        _ if says("jwt") || says("bearer token") => Slug::IapInvalidToken,
        _ => Slug::IapRefused,
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "of all errors, these are IAP's own"
)]
fn said(slug: Slug, page: &Page, words: &str, tried: &Tried<'_>) -> Error {
    let place = redacted_url(&page.url);
    let what = match slug {
        Slug::IapEmptyToken => format!("IAP received no token at {place}"),
        Slug::IapInvalidAudience => {
            format!("IAP at {place} accepts no token for {}", audience(tried))
        }
        Slug::IapInvalidSignature => format!("IAP at {place} finds the token's signature invalid"),
        Slug::IapInvalidToken => format!("IAP at {place} cannot use the token"),
        Slug::IapNotPermitted => {
            let who = tried.principal.unwrap_or("this account");
            format!("IAP at {place} does not let {who} in")
        }
        _ => format!("IAP at {place} refused: it answered {}", page.status),
    };
    let error = Error::new(slug, what);
    let error = if words.is_empty() {
        error
    } else {
        error.because(format!("IAP says: {words}"))
    };
    match slug {
        Slug::IapEmptyToken => error.hint(format!(
            "check that no proxy on the way drops the header {}; the context's `header` chooses between authorization and proxy-authorization",
            tried.header
        )),
        Slug::IapNotPermitted => {
            let member = tried.principal.map_or_else(|| "MEMBER".to_owned(), member);
            let member = shell::option("--member", &member, "MEMBER");
            error.hint(format!(
                "ask the owner of the application for the role: `gcloud iap web add-iam-policy-binding {member} --role roles/iap.httpsResourceAccessor`"
            ))
        }
        _ => error,
    }
}

/// IAP named its client in the sentence itself once, and names it still when it sends a browser to log in.
fn expected_client(http: &Http<'_>, sentence: &str, endpoint: &Endpoint) -> Option<String> {
    in_sentence(sentence).or_else(|| client_id::ask(http, endpoint).ok().flatten())
}

fn in_sentence(sentence: &str) -> Option<String> {
    let (_, rest) = sentence.split_once("expected value (")?;
    let (client, _) = rest.split_once(')')?;
    client_id::is_client_id(client).then(|| client.to_owned())
}

/// Names both clients. Where they are the same, IAP refuses its own: that is a client which Google manages.
fn with_clients(error: Error, own: &str, page: &Page, words: &str, tried: &Tried<'_>) -> Error {
    match tried.client_id {
        Some(client) if client == own => said_of_managed(own, page, words),
        Some(client) => error
            .because(format!("the token is meant for {client}, and this IAP is {own}"))
            .hint(format!("set the context's `iap: {{client-id: {own}}}`, or give --client-id {own}"))
            .hint("a client of the same project may be allowed too: https://docs.cloud.google.com/iap/docs/sharing-oauth-clients"),
        None => error.hint("a self-signed JWT is for the endpoint's host: check that the endpoint is the address that IAP sees"),
    }
}

fn said_of_managed(own: &str, page: &Page, words: &str) -> Error {
    let what = format!(
        "IAP at {} accepts no token for its own client {own}",
        redacted_url(&page.url)
    );
    let error = Error::new(Slug::IapClientNotAllowed, what);
    error.because(format!("IAP says: {words}")).because(
        "Google manages that client, and then no program is let in unless another client is on the allowlist",
    )
}

fn audience(tried: &Tried<'_>) -> String {
    tried.client_id.map_or_else(
        || format!("{}/*", tried.endpoint.origin()),
        ToOwned::to_owned,
    )
}

/// Writes an account as IAM policies do.
fn member(principal: &str) -> String {
    let kind = if principal.ends_with(".gserviceaccount.com") {
        "serviceAccount"
    } else {
        "user"
    };
    format!("{kind}:{principal}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iaps_sentences_are_told_apart() {
        for (status, sentence, slug) in [
            (
                302,
                "Invalid IAP credentials: empty token",
                Slug::IapEmptyToken,
            ),
            (
                401,
                "Invalid IAP credentials: empty token",
                Slug::IapEmptyToken,
            ),
            (
                401,
                "Invalid IAP credentials: Unable to parse JWT",
                Slug::IapInvalidToken,
            ),
            (
                401,
                "Invalid IAP credentials: JWT 'email' claim isn't a string",
                Slug::IapInvalidToken,
            ),
            (
                401,
                "Invalid IAP credentials: JWT signature is invalid",
                Slug::IapInvalidSignature,
            ),
            (
                401,
                "Invalid IAP credentials: Invalid bearer token. Invalid JWT audience.",
                Slug::IapInvalidAudience,
            ),
            (
                401,
                "Invalid IAP credentials: JWT audience doesn't match this application ('aud' claim (a) doesn't match expected value (b))",
                Slug::IapInvalidAudience,
            ),
            (403, "You don't have access", Slug::IapNotPermitted),
            (403, "", Slug::IapNotPermitted),
            (
                400,
                "There was a problem with your request. Error code 13",
                Slug::IapRefused,
            ),
        ] {
            assert_eq!(kind(status, sentence), slug, "{sentence}");
        }
    }

    #[test]
    fn the_old_sentence_names_iaps_client() {
        let sentence =
            "… ('aud' claim (a) doesn't match expected value (b.apps.googleusercontent.com))";
        assert_eq!(
            in_sentence(sentence).as_deref(),
            Some("b.apps.googleusercontent.com")
        );
        assert_eq!(in_sentence("Invalid JWT audience."), None);
        for hostile in ["a$(id)", "a b", "a;id", "", "a\u{1b}[31m"] {
            let sentence = format!("expected value ({hostile}))");
            assert_eq!(in_sentence(&sentence), None, "{hostile}");
        }
    }
}
