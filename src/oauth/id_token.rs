//! Checks of an ID token that came straight from the provider over TLS, where its signature need not be verified (OpenID
//! Connect Core section 3.1.3.7): its claims must be what was asked for.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use ring::digest::{self, SHA256, SHA384, SHA512};

use crate::error::{Error, Result, Slug};
use crate::jwt::{self, Claims};
use crate::sanitize::sanitized;
use crate::secret::Secret;

/// What was asked for.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The provider's name, in words for people.
    pub name: &'a str,
    /// The names that the provider gives itself in `iss`; most have one.
    pub issuers: &'a [&'a str],
    /// Whom it is meant for.
    pub audience: &'a str,
    /// The client that it was given to, as which it may be meant for others too; `None` allows no others.
    pub authorized_party: Option<&'a str>,
    /// The `nonce` of the login that it answers, where it answers one.
    pub nonce: Option<&'a str>,
}

/// Checks a token by the clock of who made it, and gives its claims.
pub fn checked(token: &Secret, expected: Expected<'_>, now: DateTime<Utc>) -> Result<Claims> {
    let invalid = |why: &str| {
        let name = expected.name;
        let what = format!("the ID token that {name} gave is not what was asked for: {why}");
        Error::new(Slug::OauthTokenInvalid, what)
    };
    let token = token.expose();
    let Some(claims) = jwt::claims(token) else {
        return Err(invalid("it is not a JWT"));
    };
    // RFC 7518 section 3.6: `none` says that it is not signed.
    match jwt::algorithm(token).as_deref() {
        Some(algorithm) if !algorithm.eq_ignore_ascii_case("none") => {}
        _ => return Err(invalid("it is not signed")),
    }
    let issuer = jwt::text_claim(token, "iss").unwrap_or_default();
    if !expected.issuers.contains(&issuer.as_str()) {
        let (issuer, name) = (sanitized(&issuer), expected.name);
        return Err(invalid(&format!("it is from {issuer:?}, not from {name}")));
    }
    let audience = expected.audience;
    if !is_meant_for(&claims, token, expected) {
        let found = sanitized(&claims.audiences.join(", "));
        return Err(invalid(&format!(
            "it is meant for {found:?}, not for {audience:?}"
        )));
    }
    if expected.nonce.is_some() && jwt::text_claim(token, "nonce").as_deref() != expected.nonce {
        return Err(invalid(
            "it is not the answer to this login, as its nonce differs",
        ));
    }
    match claims.expires_at {
        Some(end) if now < end => Ok(claims),
        Some(_) => Err(invalid("it has already expired").hint("check this machine's clock")),
        None => Err(invalid("it has no expiry")),
    }
}

/// Sections 2 and 3.1.3.7: the client is among the audiences, and where it is not the only one, or `azp` is there, that
/// names it.
fn is_meant_for(claims: &Claims, token: &str, expected: Expected<'_>) -> bool {
    if claims.audiences == [expected.audience] {
        let party = jwt::text_claim(token, "azp");
        let client = expected.authorized_party;
        return client.is_none() || party.is_none() || party.as_deref() == client;
    }
    let is_among = claims
        .audiences
        .iter()
        .any(|audience| audience == expected.audience);
    let party = jwt::text_claim(token, "azp");
    is_among && party.is_some() && party.as_deref() == expected.authorized_party
}

/// Checks that an access token is the one that an ID token came with, where that tells: `at_hash` is the first half of
/// its digest (section 3.1.3.6).
pub fn checked_access_token(id_token: &Secret, access_token: &Secret, name: &str) -> Result<()> {
    let Some(hash) = jwt::text_claim(id_token.expose(), "at_hash") else {
        return Ok(());
    };
    let algorithm = jwt::algorithm(id_token.expose()).unwrap_or_default();
    let digest = match algorithm.get(2..) {
        Some("256") => &SHA256,
        Some("384") => &SHA384,
        Some("512") => &SHA512,
        _ => return Ok(()),
    };
    let digest = digest::digest(digest, access_token.expose().as_bytes());
    let half = &digest.as_ref()[..digest.as_ref().len() / 2];
    if URL_SAFE_NO_PAD.encode(half) == hash.trim_end_matches('=') {
        return Ok(());
    }
    let what =
        format!("the access token that {name} gave is not the one that its ID token came with");
    Err(Error::new(Slug::OauthTokenInvalid, what))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const EXPECTED: Expected<'_> = Expected {
        name: "Example",
        issuers: &["https://login.example.com"],
        audience: "kfp",
        authorized_party: None,
        nonce: Some("n"),
    };

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn with(name: &str, value: Value) -> Secret {
        let mut claims = json!({"iss": "https://login.example.com", "aud": "kfp", "exp": at(3600).timestamp(), "nonce": "n", "sub": "1"});
        claims[name] = value;
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let header = encode(&json!({"alg": "RS256"}));
        Secret::new(format!("{header}.{}.c2ln", encode(&claims)))
    }

    #[test]
    fn the_answer_to_a_login_is_told_by_its_nonce() {
        let claims = checked(&with("email", json!("u@x")), EXPECTED, at(0)).unwrap();
        assert_eq!(claims.principal.as_deref(), Some("u@x"));
        for other in [json!("m"), json!(null), json!(1)] {
            let error = checked(&with("nonce", other.clone()), EXPECTED, at(0)).unwrap_err();
            assert_eq!(error.slug(), Slug::OauthTokenInvalid);
            assert!(error.message().contains("nonce"), "{error}");
            // A renewal answers no login.
            let renewed = Expected {
                nonce: None,
                ..EXPECTED
            };
            assert!(checked(&with("nonce", other), renewed, at(0)).is_ok());
        }
    }

    #[test]
    fn a_token_for_several_is_taken_by_the_client_that_it_was_given_to() {
        let with_party = |audiences: Value, party: Value| {
            let claims = json!({"iss": "https://login.example.com", "aud": audiences, "azp": party, "exp": at(3600).timestamp(), "nonce": "n"});
            let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
            let header = encode(&json!({"alg": "RS256"}));
            Secret::new(format!("{header}.{}.c2ln", encode(&claims)))
        };
        let client = Expected {
            authorized_party: Some("kfp"),
            ..EXPECTED
        };
        let both = json!(["kfp", "gateway"]);
        for (token, is_ours) in [
            (with_party(json!("kfp"), json!(null)), true),
            (with_party(json!("kfp"), json!("kfp")), true),
            (with_party(json!("kfp"), json!("other")), false),
            (with_party(both.clone(), json!("kfp")), true),
            (with_party(both.clone(), json!("other")), false),
            (with_party(both.clone(), json!(null)), false),
            (with_party(json!(["gateway"]), json!("kfp")), false),
        ] {
            assert_eq!(checked(&token, client, at(0)).is_ok(), is_ours);
        }
        assert!(checked(&with_party(both, json!("kfp")), EXPECTED, at(0)).is_err());
    }

    #[test]
    fn an_access_token_is_held_against_the_id_token_that_it_came_with() {
        // The example of OpenID Connect Core, appendix A.4.
        let token = Secret::new("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y");
        let id_token = with("at_hash", json!("77QmUPtjPfzWtF2AnpK9RQ"));
        assert!(checked_access_token(&id_token, &token, "Example").is_ok());
        assert!(checked_access_token(&id_token, &Secret::new("x"), "Example").is_err());
        assert!(checked_access_token(&with("x", json!(1)), &token, "Example").is_ok());
    }

    #[test]
    fn the_provider_is_called_by_its_name() {
        let error = checked(&with("iss", json!("https://x")), EXPECTED, at(0)).unwrap_err();
        assert!(error.message().contains("that Example gave"), "{error}");
        assert!(error.message().contains("not from Example"), "{error}");
    }
}
