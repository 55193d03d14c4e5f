//! Signs JSON Web Tokens (RFC 7515 section 7.1) with a private key.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::error::Unspecified;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};

use crate::secret::Secret;

/// A private key, and its name where it has one.
pub struct SigningKey {
    pair: Pair,
    id: Option<String>,
}

enum Pair {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
}

/// Why a key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unusable {
    /// It is no PEM of PKCS #8.
    NoKey,
    /// It is of another kind, or too short.
    OtherKind,
}

impl SigningKey {
    /// Reads a private key in PEM of PKCS #8: RSA of 2048 bits or more, or EC of the curve P-256. `id` is what the
    /// receiver finds its public half by.
    pub fn new(pem: &Secret, id: Option<String>) -> Result<Self, Unusable> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.expose().as_bytes());
        let der = der.map_err(|_| Unusable::NoKey)?;
        let der = der.secret_pkcs8_der();
        let ec = || {
            let random = SystemRandom::new();
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der, &random)
        };
        let pair = match RsaKeyPair::from_pkcs8(der) {
            Ok(pair) => Pair::Rsa(pair),
            Err(_) => Pair::P256(ec().map_err(|_| Unusable::OtherKind)?),
        };
        Ok(Self { pair, id })
    }

    /// Names the algorithm (RFC 7518 section 3.1).
    pub fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::Rsa(_) => "RS256",
            Pair::P256(_) => "ES256",
        }
    }

    /// Makes a JWT in compact form.
    pub fn sign(&self, claims: &Value) -> Result<Secret, Unspecified> {
        let mut header = json!({"alg": self.algorithm(), "typ": "JWT"});
        if let Some(id) = &self.id {
            header["kid"] = json!(id);
        }
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let content = format!("{}.{}", encode(&header), encode(claims));
        let signature = URL_SAFE_NO_PAD.encode(self.signature(content.as_bytes())?);
        Ok(Secret::new(format!("{content}.{signature}")))
    }

    fn signature(&self, content: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, content, &mut signature)?;
                Ok(signature)
            }
            Pair::P256(pair) => Ok(pair.sign(&random, content)?.as_ref().to_vec()),
        }
    }

    /// Gives the public half as it is verified with.
    #[cfg(test)]
    pub fn public(&self) -> Vec<u8> {
        use ring::signature::KeyPair;
        match &self.pair {
            Pair::Rsa(pair) => pair.public_key().as_ref().to_vec(),
            Pair::P256(pair) => pair.public_key().as_ref().to_vec(),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    use super::*;

    #[test]
    fn an_ec_key_signs_by_es256_and_verifies() {
        let random = SystemRandom::new();
        let document =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let body = base64::prelude::BASE64_STANDARD.encode(document.as_ref());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
        let key = SigningKey::new(&Secret::new(pem), None).unwrap();
        let token = key.sign(&json!({"sub": "s"})).unwrap();
        let (content, signature) = token.expose().rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.public())
            .verify(content.as_bytes(), &signature)
            .unwrap();
        let header = URL_SAFE_NO_PAD
            .decode(content.split('.').next().unwrap())
            .unwrap();
        let header: Value = serde_json::from_slice(&header).unwrap();
        assert_eq!(header, json!({"alg": "ES256", "typ": "JWT"}));
    }

    #[test]
    fn what_is_no_key_says_so() {
        for pem in [
            "",
            "s3cret",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
        ] {
            assert!(SigningKey::new(&Secret::new(pem), None).is_err(), "{pem}");
        }
    }
}
