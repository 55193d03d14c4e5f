//! Checks of an ID token that came straight from Google over TLS, where its signature need not be verified (OpenID
//! Connect Core section 3.1.3.7): its claims must be what was asked for.

use chrono::{DateTime, Utc};

use super::Minted;
use crate::error::{Error, Result, Slug};
use crate::http::ServerClock;
use crate::jwt::{self, Claims};
use crate::sanitize::sanitized;
use crate::secret::Secret;

/// Both forms that Google documents
/// (<https://developers.google.com/identity/openid-connect/openid-connect#validatinganidtoken>).
const ISSUERS: [&str; 2] = ["https://accounts.google.com", "accounts.google.com"];

/// Checks an ID token's issuer, audience and end, by the clock of who made it, and gives its claims.
pub fn checked_claims(token: &Secret, audience: &str, clock: &ServerClock) -> Result<Claims> {
    checked_claims_at(token, audience, clock.theirs(Utc::now()))
}

/// Checks an ID token for IAP, which wants an e-mail address in it, and gives it as a bearer token, with its end in our
/// own time.
pub fn minted(
    token: Secret,
    audience: &str,
    now: DateTime<Utc>,
    clock: &ServerClock,
) -> Result<Minted> {
    let claims = checked_claims_at(&token, audience, clock.theirs(now))?;
    let Some(email) = jwt::text_claim(token.expose(), "email") else {
        return Err(invalid("it names no e-mail address, which IAP asks for"));
    };
    Ok(Minted {
        token,
        expires_at: claims.expires_at.map_or(now, |end| clock.ours(end)),
        principal: Some(email),
    })
}

fn checked_claims_at(token: &Secret, audience: &str, now: DateTime<Utc>) -> Result<Claims> {
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
    if !ISSUERS.contains(&issuer.as_str()) {
        let issuer = sanitized(&issuer);
        return Err(invalid(&format!("it is from {issuer:?}, not from Google")));
    }
    if claims.audiences != [audience] {
        let found = sanitized(&claims.audiences.join(", "));
        return Err(invalid(&format!(
            "it is meant for {found:?}, not for {audience:?}"
        )));
    }
    match claims.expires_at {
        Some(end) if now < end => Ok(claims),
        Some(_) => Err(invalid("it has already expired").hint("check this machine's clock")),
        None => Err(invalid("it has no end")),
    }
}

fn invalid(why: &str) -> Error {
    Error::new(
        Slug::OauthTokenInvalid,
        format!("the ID token that Google gave is not what was asked for: {why}"),
    )
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Value, json};

    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn good() -> Value {
        json!({"iss": "https://accounts.google.com", "aud": "iap", "exp": at(3600).timestamp(), "email": "sa@x", "sub": "1"})
    }

    fn token(algorithm: &str, claims: &Value) -> Secret {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let header = encode(&json!({"alg": algorithm}));
        Secret::new(format!("{header}.{}.c2ln", encode(claims)))
    }

    fn with(name: &str, value: Value) -> Secret {
        let mut claims = good();
        claims[name] = value;
        token("RS256", &claims)
    }

    #[test]
    fn a_good_token_gives_its_end_and_its_principal() {
        let clock = ServerClock::default();
        for issuer in ISSUERS {
            let minted = minted(with("iss", json!(issuer)), "iap", at(0), &clock).unwrap();
            assert_eq!(minted.expires_at, at(3600));
            assert_eq!(minted.principal.as_deref(), Some("sa@x"));
        }
    }

    #[test]
    fn each_wrong_claim_is_told() {
        let clock = ServerClock::default();
        for (token, words) in [
            (Secret::new("opaque"), "not a JWT"),
            (token("none", &good()), "nobody has signed"),
            (token("None", &good()), "nobody has signed"),
            (
                with("iss", json!("https://accounts.google.com.evil.example")),
                "evil.example",
            ),
            (with("iss", json!(null)), "not from Google"),
            (with("aud", json!("other")), "\"other\", not for \"iap\""),
            (with("aud", json!(["iap", "other"])), "meant for"),
            (with("exp", json!(at(0).timestamp())), "expired"),
            (with("exp", json!(null)), "no end"),
            (with("email", json!(null)), "e-mail"),
        ] {
            let error = minted(token, "iap", at(0), &clock).unwrap_err();
            assert_eq!(error.slug(), Slug::OauthTokenInvalid);
            assert!(error.message().contains(words), "{error}");
        }
    }
}
