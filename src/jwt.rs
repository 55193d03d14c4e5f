//! Reads the claims of a JSON Web Token (RFC 7519) without verifying it: whoever receives the token does that.

pub mod signing;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::line::breaks_a_line;

/// The claims that matter here.
#[derive(Debug, PartialEq, Eq)]
pub struct Claims {
    /// `exp`: its end (RFC 7519 section 4.1.4).
    pub expires_at: Option<DateTime<Utc>>,
    /// `aud`: whom it is meant for (section 4.1.3).
    pub audiences: Vec<String>,
    /// `email`, else `sub`: who it stands for (OpenID Connect Core section 5.1, RFC 7519 section 4.1.2); a name with a
    /// control character is none.
    pub principal: Option<String>,
}

/// Reads the claims; `None` when the text is no JWT in compact form (RFC 7515 section 7.1).
pub fn claims(token: &str) -> Option<Claims> {
    let mut parts = token.split('.');
    let (header, payload, _signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || !object(header)?.get("alg")?.is_string() {
        return None;
    }
    let payload = object(payload)?;
    let text = |name: &str| payload.get(name).and_then(Value::as_str).map(str::to_owned);
    let audiences = match payload.get("aud") {
        Some(Value::String(audience)) => vec![audience.clone()],
        Some(Value::Array(audiences)) => audiences
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    };
    Some(Claims {
        expires_at: payload.get("exp").and_then(numeric_date),
        audiences,
        principal: text("email")
            .or_else(|| text("sub"))
            .filter(|who| !breaks_a_line(who)),
    })
}

/// Reads one claim that is text.
pub fn text_claim(token: &str, name: &str) -> Option<String> {
    let payload = object(token.split('.').nth(1)?)?;
    payload.get(name)?.as_str().map(str::to_owned)
}

/// Reads which key the token says that it is signed with (RFC 7515 section 4.1.4).
pub fn key_id(token: &str) -> Option<String> {
    let header = object(token.split('.').next()?)?;
    header.get("kid")?.as_str().map(str::to_owned)
}

/// Reads how the token says that it is signed (RFC 7515 section 4.1.1).
pub fn algorithm(token: &str) -> Option<String> {
    let header = object(token.split('.').next()?)?;
    header.get("alg")?.as_str().map(str::to_owned)
}

/// Seconds since 1970, with or without a fraction (RFC 7519 section 2, `NumericDate`); what no calendar holds is far away.
fn numeric_date(value: &Value) -> Option<DateTime<Utc>> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float is cut to the range of i64, which is what is wanted"
    )]
    let seconds = value
        .as_i64()
        .or_else(|| value.as_f64().map(|seconds| seconds as i64))?;
    Some(
        DateTime::from_timestamp(seconds, 0).unwrap_or(if seconds < 0 {
            DateTime::<Utc>::MIN_UTC
        } else {
            DateTime::<Utc>::MAX_UTC
        }),
    )
}

fn object(part: &str) -> Option<Value> {
    let bytes = URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&bytes).ok().filter(Value::is_object)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(payload: &str) -> String {
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.c2ln", encode(r#"{"alg":"RS256"}"#), encode(payload))
    }

    #[test]
    fn claims_are_read() {
        let read = claims(&token(
            r#"{"exp":1800000000,"aud":["a","b"],"sub":"s","email":"e@x"}"#,
        ))
        .unwrap();
        assert_eq!(read.expires_at, DateTime::from_timestamp(1_800_000_000, 0));
        assert_eq!(
            (read.audiences, read.principal.as_deref()),
            (vec!["a".into(), "b".into()], Some("e@x"))
        );
        let read = claims(&token(r#"{"exp":1800000000.9,"aud":"a","sub":"s"}"#)).unwrap();
        assert_eq!(
            (read.audiences, read.principal.as_deref()),
            (vec!["a".to_owned()], Some("s"))
        );
    }

    #[test]
    fn absurd_ends_do_not_overflow() {
        for absurd in [
            "99999999999999999999",
            "1e300",
            "-1e300",
            "9223372036854775807",
        ] {
            assert!(
                claims(&token(&format!(r#"{{"exp":{absurd}}}"#)))
                    .unwrap()
                    .expires_at
                    .is_some(),
                "{absurd}"
            );
        }
    }

    #[test]
    fn what_is_no_jwt_has_no_claims() {
        for opaque in [
            "",
            "abc",
            "a.b.c",
            "a.b",
            "ya29.a0Af.x",
            &token("[]"),
            &token("not json"),
        ] {
            assert!(claims(opaque).is_none(), "{opaque}");
        }
    }
}
