//! What a gateway's refusal of a bearer token means, in terms of the token: who issued it, for whom, until when.
//!
//! Kubeflow's gateway is Istio, whose Envoy says in words why it does not take a JWT; oauth2-proxy and an API server say
//! less. The words are quoted; what the token holds is shown beside them.

use crate::error::{Error, Slug};
use crate::http::{Http, Page};
use crate::jwt;
use crate::sanitize::{redacted_url, sanitized};
use crate::secret::Secret;

/// Envoy's words for a JWT that it does not take
/// (<https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/jwt_authn_filter>), and what they mean.
const WORDS: [(&str, Slug); 11] = [
    ("Jwt issuer is not configured", Slug::BearerIssuerRefused),
    (
        "Audiences in Jwt are not allowed",
        Slug::BearerAudienceRefused,
    ),
    ("Jwt is expired", Slug::BearerExpired),
    ("Jwt not yet valid", Slug::BearerExpired),
    (
        "Jwks doesn't have key to match kid or alg from Jwt",
        Slug::BearerSignatureRefused,
    ),
    ("Jwt verification fails", Slug::BearerSignatureRefused),
    ("Jwks remote fetch is failed", Slug::BearerSignatureRefused),
    (
        "Jwt is not in the form of Header.Payload.Signature",
        Slug::BearerSignatureRefused,
    ),
    ("Jwt header", Slug::BearerSignatureRefused),
    ("RBAC: access denied", Slug::BearerNotPermitted),
    ("Jwt is missing", Slug::BearerNotPermitted),
];

/// Explains a gateway's answer to a request with this token.
pub(super) fn explained(http: &Http<'_>, page: &mut Page, token: &Secret) -> Option<Error> {
    let (status, url) = (page.status.as_u16(), redacted_url(&page.url));
    let summary = page.summary();
    let is_html = page.is("text/html");
    let body = page.text().ok()?.trim().to_owned();
    let known = WORDS.iter().find(|(words, _)| body.contains(words));
    let (slug, what) = match known {
        Some((_, slug)) => (
            *slug,
            format!("the gateway before {url} does not accept the token"),
        ),
        None => (
            Slug::LoginNotAccepted,
            format!("{url} does not accept the token: it answered {summary}"),
        ),
    };
    let mut error = Error::new(slug, what);
    if !is_html && !body.is_empty() {
        error = error.because(format!(
            "{url} answered {summary}: {:?}",
            http.quoted(&body)
        ));
    }
    if (300..400).contains(&status) || is_html {
        error = error.because("it sends people to a login, so it looks at cookies there and not at bearer tokens, or ignores this one");
    }
    Some(with_claims(error, token))
}

/// Shows what a token says of itself; nothing of it is secret.
pub(super) fn with_claims(error: Error, token: &Secret) -> Error {
    let token = token.expose();
    let Some(claims) = jwt::claims(token) else {
        return error.because("the token is not a JWT: gateways such as Istio's take JWTs only");
    };
    let text = |name: &str| sanitized(&jwt::text_claim(token, name).unwrap_or_default());
    let end = claims.expires_at.map(crate::credential::wire_time);
    let email = jwt::text_claim(token, "email");
    let email = email.map_or("no email".to_owned(), |email| {
        format!("email {:?}", sanitized(&email))
    });
    error.because(format!(
        "the token says: iss {:?}, aud {:?}, exp {}, {email}, sub {:?}",
        text("iss"),
        sanitized(&claims.audiences.join(", ")),
        end.unwrap_or_else(|| "none".to_owned()),
        text("sub"),
    ))
}

#[cfg(test)]
mod tests {
    use super::WORDS;

    #[test]
    fn each_of_envoys_words_is_found_as_itself() {
        for (index, (words, _)) in WORDS.iter().enumerate() {
            let found = WORDS.iter().position(|(other, _)| words.contains(other));
            assert_eq!(found, Some(index), "{words}");
        }
    }
}
