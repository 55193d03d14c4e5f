//! A service account's key: it signs JWTs (RFC 7515) that Google exchanges for tokens (RFC 7523), or that IAP takes as
//! they are.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::{Minted, Minting, answer, id_token};
use crate::endpoint::Endpoint;
use crate::error::{Error, Result, Slug};
use crate::jwt::signing::{SigningKey, Unusable};
use crate::sanitize::redacted_url;
use crate::secret::Secret;

/// The grant of RFC 7523 section 2.1.
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// The longest life that Google gives an assertion, and IAP a self-signed JWT.
const LIFETIME: TimeDelta = TimeDelta::hours(1);

/// A service account and its key.
#[derive(Debug)]
pub(super) struct Key {
    email: String,
    signing: SigningKey,
    token_uri: Url,
}

/// What a token endpoint gives for an assertion or a subject token (RFC 6749 section 5.1).
#[derive(Deserialize)]
pub(super) struct TokenAnswer {
    access_token: Option<Secret>,
    id_token: Option<Secret>,
    /// A number; RFC 8693 servers exist that write text.
    expires_in: Option<Value>,
}

impl Key {
    /// Reads the private key; the error says what is wrong with it, and nothing of it.
    pub(super) fn new(
        email: String,
        id: Option<String>,
        pem: &Secret,
        token_uri: Url,
    ) -> Result<Self, String> {
        const NO_RSA_KEY: &str = "its private_key is not an RSA key of 2048 bits or more";
        let signing = SigningKey::new(pem, id).map_err(|why| match why {
            Unusable::NoKey => "its private_key is not a PKCS #8 key in PEM (BEGIN PRIVATE KEY)",
            Unusable::OtherKind => NO_RSA_KEY,
        })?;
        if signing.algorithm() != "RS256" {
            return Err(NO_RSA_KEY.to_owned());
        }
        Ok(Self {
            email,
            signing,
            token_uri,
        })
    }

    /// Mints an ID token (<https://docs.cloud.google.com/docs/authentication/get-id-token>).
    pub(super) fn id_token(&self, minting: Minting<'_>, audience: &str) -> Result<Minted> {
        let answer = self.exchange(minting, "target_audience", audience)?;
        let token = answer.id_token.ok_or_else(|| {
            let what = format!("{} gave no ID token", redacted_url(&self.token_uri));
            Error::new(Slug::OauthTokenInvalid, what)
        })?;
        id_token::minted(token, audience, (minting.run.now)(), minting.api.clock())
    }

    /// Mints an access token (<https://developers.google.com/identity/protocols/oauth2/service-account>).
    pub(super) fn access_token(&self, minting: Minting<'_>, scope: &str) -> Result<Minted> {
        let answer = self.exchange(minting, "scope", scope)?;
        answer.minted(
            &self.token_uri,
            Some(self.email.clone()),
            (minting.run.now)(),
        )
    }

    /// Signs a JWT that IAP takes as it is
    /// (<https://docs.cloud.google.com/iap/docs/authentication-howto#authenticating_with_a_signed_jwt>).
    ///
    /// IAP compares `aud` with the URL of each request. A client asks many URLs below the endpoint, so the audience
    /// is the path wildcard of its whole host, as in Google's document: no wider than an ID token, which opens all
    /// that the IAP client protects.
    pub(super) fn self_signed(&self, endpoint: &Endpoint, now: DateTime<Utc>) -> Result<Minted> {
        let claims = json!({
            "iss": self.email,
            "sub": self.email,
            "aud": format!("{}/*", endpoint.origin()),
            "iat": now.timestamp(),
            "exp": (now + LIFETIME).timestamp(),
        });
        Ok(Minted {
            token: self.signed(&claims)?,
            expires_at: now + LIFETIME,
            principal: Some(self.email.clone()),
        })
    }

    /// Exchanges an assertion that asks for one thing.
    fn exchange(&self, minting: Minting<'_>, claim: &str, value: &str) -> Result<TokenAnswer> {
        let now = (minting.run.now)();
        let assertion = self.signed(&json!({
            "iss": self.email,
            "aud": self.token_uri.as_str(),
            claim: value,
            "iat": now.timestamp(),
            "exp": (now + LIFETIME).timestamp(),
        }))?;
        let fields = [
            ("grant_type", JWT_BEARER),
            ("assertion", assertion.expose()),
        ];
        let answer = minting.api.post_form(&self.token_uri, &[], &fields)?;
        answer::read(minting.api, &answer, &self.token_uri)
    }

    /// Makes a JWT, signed by RS256 (RFC 7518 section 3.3).
    fn signed(&self, claims: &Value) -> Result<Secret> {
        self.signing.sign(claims).map_err(|_| {
            let what = format!("the key of {} cannot sign", self.email);
            Error::new(Slug::GoogleCredentialsInvalid, what)
        })
    }
}

impl TokenAnswer {
    /// Takes the access token and its end.
    pub(super) fn minted(
        self,
        url: &Url,
        principal: Option<String>,
        now: DateTime<Utc>,
    ) -> Result<Minted> {
        let life = self.expires_in.as_ref().and_then(|life| match life {
            Value::String(text) => text.parse().ok(),
            Value::Number(number) => number.as_i64(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        });
        let life = life.and_then(TimeDelta::try_seconds);
        let end = life.and_then(|life| now.checked_add_signed(life));
        match (self.access_token, end) {
            (Some(token), Some(expires_at)) => Ok(Minted {
                token,
                expires_at,
                principal,
            }),
            (None, _) => Err(Error::new(
                Slug::OauthTokenInvalid,
                format!("{} gave no access token", redacted_url(url)),
            )),
            (_, None) => Err(Error::new(
                Slug::OauthTokenInvalid,
                format!(
                    "{} gave an access token without an expiry",
                    redacted_url(url)
                ),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

    use super::*;

    const PEM: &str = include_str!("../../../tests/keys/test-key-service-account.pem");

    fn key(pem: &str) -> Result<Key, String> {
        let token_uri = Url::parse("https://oauth2.googleapis.com/token").unwrap();
        let id = Some("the-key".to_owned());
        Key::new("sa@x".to_owned(), id, &Secret::new(pem), token_uri)
    }

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn part(token: &str, number: usize) -> Vec<u8> {
        let part = token.split('.').nth(number).unwrap();
        URL_SAFE_NO_PAD.decode(part).unwrap()
    }

    #[test]
    fn a_self_signed_jwt_says_what_iap_wants_and_verifies() {
        let endpoint = Endpoint::parse("https://kf.example.com/pipeline").unwrap();
        let key = key(PEM).unwrap();
        let minted = key.self_signed(&endpoint, now()).unwrap();
        let token = minted.token.expose();

        let header: Value = serde_json::from_slice(&part(token, 0)).unwrap();
        assert_eq!(
            header,
            json!({"alg": "RS256", "typ": "JWT", "kid": "the-key"})
        );
        let claims: Value = serde_json::from_slice(&part(token, 1)).unwrap();
        let expected = json!({
            "iss": "sa@x", "sub": "sa@x", "aud": "https://kf.example.com/*",
            "iat": 1_800_000_000, "exp": 1_800_003_600,
        });
        assert_eq!(claims, expected);
        assert_eq!(minted.expires_at, now() + LIFETIME);

        let (content, _) = token.rsplit_once('.').unwrap();
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.signing.public())
            .verify(content.as_bytes(), &part(token, 2))
            .unwrap();
    }

    #[test]
    fn what_is_no_key_says_so_and_shows_nothing_of_it() {
        let pkcs1 = PEM.replace("PRIVATE KEY", "RSA PRIVATE KEY");
        let broken = PEM.replace("MII", "AAA");
        for pem in ["", "s3cret", pkcs1.as_str(), broken.as_str()] {
            let words = key(pem).unwrap_err();
            assert!(words.starts_with("its private_key is not a"), "{words}");
        }
    }

    #[test]
    fn the_end_of_an_access_token_is_read() {
        let url = Url::parse("https://oauth2.googleapis.com/token").unwrap();
        let minted = |answer: &str| {
            let answer: TokenAnswer = serde_json::from_str(answer).unwrap();
            answer.minted(&url, None, now())
        };
        for life in ["3599", "\"3599\""] {
            let minted = minted(&format!(r#"{{"access_token":"t","expires_in":{life}}}"#)).unwrap();
            assert_eq!(minted.expires_at, now() + TimeDelta::seconds(3599));
        }
        for wrong in [
            r#"{"expires_in":3599}"#,
            r#"{"access_token":"t"}"#,
            r#"{"access_token":"t","expires_in":"soon"}"#,
            r#"{"access_token":"t","expires_in":9223372036854775807}"#,
        ] {
            assert_eq!(minted(wrong).unwrap_err().slug(), Slug::OauthTokenInvalid);
        }
    }
}
