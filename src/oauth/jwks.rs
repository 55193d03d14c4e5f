//! Signatures of tokens, verified by the keys that a provider publishes (RFC 7517, RFC 7518 section 3.1): for tokens that
//! came on a way on which somebody could have changed them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
    UnparsedPublicKey, VerificationAlgorithm,
};
use serde::Deserialize;
use url::Url;

use crate::error::{Error, Result, Slug};
use crate::http::api::Api;
use crate::jwt;
use crate::sanitize::redacted_url;
use crate::secret::Secret;

/// A provider's keys (RFC 7517 section 5).
#[derive(Debug, Deserialize)]
pub struct Keys {
    keys: Vec<Key>,
}

/// A public key (RFC 7518 section 6, RFC 8037); what is missing makes it a key of no use.
#[derive(Debug, Deserialize)]
struct Key {
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    n: String,
    #[serde(default)]
    e: String,
    #[serde(default)]
    x: String,
    #[serde(default)]
    y: String,
}

impl Keys {
    /// Reads them.
    pub fn read(api: &Api<'_>, url: &Url) -> Result<Self> {
        let answer = api.get(url, &[])?;
        let keys = serde_json::from_str(answer.body.expose()).ok();
        keys.filter(|_| answer.status == 200).ok_or_else(|| {
            let what = format!(
                "{} gave no keys (it answered {})",
                redacted_url(url),
                answer.status
            );
            Error::new(Slug::DiscoveryFailed, what)
        })
    }

    /// Checks that one of them has signed a token: the one that the token names, where it names one.
    pub fn verify(&self, token: &Secret, name: &str) -> Result<()> {
        let token = token.expose();
        let named = jwt::key_id(token);
        let mut candidates = self
            .keys
            .iter()
            .filter(|key| named.is_none() || key.kid == named);
        let algorithm = jwt::algorithm(token).unwrap_or_default();
        if candidates.any(|key| key.has_signed(token, &algorithm) == Some(true)) {
            return Ok(());
        }
        let what = format!("the ID token that {name} gave is signed by none of its keys");
        Err(Error::new(Slug::OauthTokenInvalid, what)
            .hint("somebody on the way may have changed it: reach the provider over https"))
    }
}

impl Key {
    /// Tells whether this key has signed a token; `None` where the key is none for that.
    fn has_signed(&self, token: &str, algorithm: &str) -> Option<bool> {
        let (content, signature) = token.rsplit_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let content = content.as_bytes();
        let by_rsa = |parameters: &RsaParameters| {
            let (n, e) = (bytes(&self.n)?, bytes(&self.e)?);
            let key = RsaPublicKeyComponents { n, e };
            Some(key.verify(parameters, content, &signature).is_ok())
        };
        let by = |algorithm: &'static dyn VerificationAlgorithm, point: Vec<u8>| {
            let key = UnparsedPublicKey::new(algorithm, point);
            Some(key.verify(content, &signature).is_ok())
        };
        match algorithm {
            "RS256" => by_rsa(&RSA_PKCS1_2048_8192_SHA256),
            "RS384" => by_rsa(&RSA_PKCS1_2048_8192_SHA384),
            "RS512" => by_rsa(&RSA_PKCS1_2048_8192_SHA512),
            "PS256" => by_rsa(&RSA_PSS_2048_8192_SHA256),
            "PS384" => by_rsa(&RSA_PSS_2048_8192_SHA384),
            "PS512" => by_rsa(&RSA_PSS_2048_8192_SHA512),
            "ES256" => by(&ECDSA_P256_SHA256_FIXED, self.point()?),
            "ES384" => by(&ECDSA_P384_SHA384_FIXED, self.point()?),
            "EdDSA" => by(&ED25519, bytes(&self.x)?),
            _ => None,
        }
    }

    /// Gives the point of an elliptic curve, uncompressed (SEC 1 section 2.3.3).
    fn point(&self) -> Option<Vec<u8>> {
        Some([vec![4], bytes(&self.x)?, bytes(&self.y)?].concat())
    }
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    let bytes = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()?;
    (!bytes.is_empty()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::jwt::signing::SigningKey;

    const PEM: &str = include_str!("../../tests/keys/test-key-service-account.pem");

    /// The keys of whoever signs with that key.
    fn keys(key: &SigningKey, id: &str) -> Keys {
        // SEQUENCE { INTEGER n, INTEGER e }, of an RSA key of 2048 bits.
        let public = key.public();
        let n = &public[public.len() - 5 - 256..public.len() - 5];
        let e = &public[public.len() - 3..];
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let key = json!({"kty": "RSA", "kid": id, "n": encode(n), "e": encode(e)});
        serde_json::from_value(json!({"keys": [{"kty": "oct"}, key]})).unwrap()
    }

    #[test]
    fn a_token_is_verified_by_the_key_that_it_names() {
        let signing =
            |id: Option<&str>| SigningKey::new(&Secret::new(PEM), id.map(str::to_owned)).unwrap();
        let claims = json!({"sub": "s"});
        let keys = keys(&signing(None), "a");
        for (id, is_verified) in [(Some("a"), true), (None, true), (Some("b"), false)] {
            let token = signing(id).sign(&claims).unwrap();
            assert_eq!(
                keys.verify(&token, "Example").is_ok(),
                is_verified,
                "{id:?}"
            );
        }
        let token = signing(None).sign(&claims).unwrap();
        let (head, rest) = token.expose().split_once('.').unwrap();
        let (_, signature) = rest.split_once('.').unwrap();
        let other = URL_SAFE_NO_PAD.encode(json!({"sub": "t"}).to_string());
        let changed = Secret::new(format!("{head}.{other}.{signature}"));
        let error = keys.verify(&changed, "Example").unwrap_err();
        assert_eq!(error.slug(), Slug::OauthTokenInvalid);
        let none = URL_SAFE_NO_PAD.encode(json!({"alg": "none"}).to_string());
        let unsigned = Secret::new(format!("{none}.{rest}"));
        assert!(keys.verify(&unsigned, "Example").is_err());
    }
}
