//! ES256 with a new key: for clients that prove themselves with a JWT of their own. The fixed RSA
//! keys, for RS256, are in `google::jwt`.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

/// Is an EC key pair on the curve P-256.
pub struct EcKey {
    /// The private key, PKCS #8.
    pub pem: String,
    pair: EcdsaKeyPair,
}

const ID: &str = "made-up-ec-key";

impl EcKey {
    pub fn generate() -> Self {
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let random = SystemRandom::new();
        let der = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, der.as_ref(), &random).expect("its own key");
        let lines = STANDARD.encode(der.as_ref());
        let lines = lines.as_bytes().chunks(64).map(String::from_utf8_lossy);
        let text = lines.fold(String::new(), |text, line| text + &line + "\n");
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{text}-----END PRIVATE KEY-----\n");
        Self { pem, pair }
    }

    /// Makes a JWT of these claims.
    pub fn sign(&self, claims: &Value) -> String {
        let header = json!({"alg": "ES256", "kid": ID, "typ": "JWT"});
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let content = encode(&header) + "." + &encode(claims);
        let signed = self.pair.sign(&SystemRandom::new(), content.as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(signed.expect("a signature"));
        content + "." + &signature
    }

    /// Returns the public key as RFC 7517 writes it.
    pub fn jwk(&self) -> Value {
        // An uncompressed point: 4, x, y.
        let point = self.pair.public_key().as_ref();
        json!({
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": ID,
            "x": URL_SAFE_NO_PAD.encode(&point[1..33]),
            "y": URL_SAFE_NO_PAD.encode(&point[33..65]),
        })
    }
}
