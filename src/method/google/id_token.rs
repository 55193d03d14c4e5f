//! What an ID token of Google must hold.

use chrono::{DateTime, Utc};

use super::Minted;
use crate::error::{Error, Result, Slug};
use crate::http::ServerClock;
use crate::jwt::{self, Claims};
use crate::oauth::id_token::{Expected, checked};
use crate::secret::Secret;

/// Both forms that Google documents
/// (<https://developers.google.com/identity/openid-connect/openid-connect#validatinganidtoken>).
const ISSUERS: [&str; 2] = ["https://accounts.google.com", "accounts.google.com"];

/// Checks the ID token of a login in the browser, by the clock of who made it, and gives its claims.
pub fn of_login(
    token: &Secret,
    client_id: &str,
    nonce: &str,
    clock: &ServerClock,
) -> Result<Claims> {
    let expected = Expected {
        nonce: Some(nonce),
        ..of_google(client_id)
    };
    checked(token, expected, clock.theirs(Utc::now()))
}

/// Checks an ID token for IAP, which wants an e-mail address in it, and gives it as a bearer token, with its end in our
/// own time.
pub fn minted(
    token: Secret,
    audience: &str,
    now: DateTime<Utc>,
    clock: &ServerClock,
) -> Result<Minted> {
    let claims = checked(&token, of_google(audience), clock.theirs(now))?;
    let Some(email) = jwt::text_claim(token.expose(), "email") else {
        let what = "the ID token that Google gave is not what was asked for: it names no e-mail address, which IAP asks for";
        return Err(Error::new(Slug::OauthTokenInvalid, what));
    };
    Ok(Minted {
        token,
        expires_at: claims.expires_at.map_or(now, |end| clock.ours(end)),
        principal: Some(email),
    })
}

fn of_google(audience: &str) -> Expected<'_> {
    Expected {
        name: "Google",
        issuers: &ISSUERS,
        audience,
        authorized_party: None,
        nonce: None,
    }
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
            (token("none", &good()), "not signed"),
            (token("None", &good()), "not signed"),
            (
                with("iss", json!("https://accounts.google.com.evil.example")),
                "evil.example",
            ),
            (with("iss", json!(null)), "not from Google"),
            (with("aud", json!("other")), "\"other\", not for \"iap\""),
            (with("aud", json!(["iap", "other"])), "meant for"),
            (with("exp", json!(at(0).timestamp())), "expired"),
            (with("exp", json!(null)), "no expiry"),
            (with("email", json!(null)), "e-mail"),
        ] {
            let error = minted(token, "iap", at(0), &clock).unwrap_err();
            assert_eq!(error.slug(), Slug::OauthTokenInvalid);
            assert!(error.message().contains(words), "{error}");
        }
    }
}
