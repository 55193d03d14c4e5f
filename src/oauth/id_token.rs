//! Checks of an ID token that came straight from the provider over TLS, where its signature need not be verified (OpenID
//! Connect Core section 3.1.3.7): its claims must be what was asked for.

use chrono::{DateTime, Utc};

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
    /// Whom it is meant for, and nobody else.
    pub audience: &'a str,
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
    // RFC 7518 section 3.6: `none` says that nobody has signed it.
    match jwt::algorithm(token).as_deref() {
        Some(algorithm) if !algorithm.eq_ignore_ascii_case("none") => {}
        _ => return Err(invalid("nobody has signed it")),
    }
    let issuer = jwt::text_claim(token, "iss").unwrap_or_default();
    if !expected.issuers.contains(&issuer.as_str()) {
        let (issuer, name) = (sanitized(&issuer), expected.name);
        return Err(invalid(&format!("it is from {issuer:?}, not from {name}")));
    }
    let audience = expected.audience;
    if claims.audiences != [audience] {
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
        None => Err(invalid("it has no end")),
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Value, json};

    use super::*;

    const EXPECTED: Expected<'_> = Expected {
        name: "Example",
        issuers: &["https://login.example.com"],
        audience: "kfp",
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
    fn the_provider_is_called_by_its_name() {
        let error = checked(&with("iss", json!("https://x")), EXPECTED, at(0)).unwrap_err();
        assert!(error.message().contains("that Example gave"), "{error}");
        assert!(error.message().contains("not from Example"), "{error}");
    }
}
