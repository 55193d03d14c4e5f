//! RS256 with two fixed test keys: Google's own, and that of the service accounts.
//!
//! The keys are made up for these tests, lie beside this file, and are worth nothing.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use serde_json::{Value, json};

/// Signs what Google signs.
pub static GOOGLE: LazyLock<TestKey> = LazyLock::new(|| {
    TestKey::new(
        "made-up-google-key",
        include_str!("../../../keys/test-key-google.pem"),
    )
});

/// Signs what a service account signs with the key of its file.
pub static ACCOUNT: LazyLock<TestKey> = LazyLock::new(|| {
    TestKey::new(
        "made-up-account-key",
        include_str!("../../../keys/test-key-service-account.pem"),
    )
});

/// Is an RSA key pair.
pub struct TestKey {
    pub id: &'static str,
    /// The private key, PKCS #8.
    pub pem: &'static str,
    pair: RsaKeyPair,
}

/// Says what is wrong with a JWT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is no JWT at all.
    Form,
    /// Somebody else, or nobody, has signed it.
    Signature,
}

impl TestKey {
    fn new(id: &'static str, file: &'static str) -> Self {
        let pem = &file[file.find("-----BEGIN").expect("a PEM file")..];
        let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let der = STANDARD.decode(base64).expect("a PEM file");
        let pair = RsaKeyPair::from_pkcs8(&der).expect("a PKCS #8 key");
        Self { id, pem, pair }
    }

    /// Makes a JWT of these claims.
    pub fn sign(&self, claims: &Value) -> String {
        let header = json!({"alg": "RS256", "kid": self.id, "typ": "JWT"});
        let content = encode(&header) + "." + &encode(claims);
        let signature = self.sign_bytes(content.as_bytes());
        content + "." + &URL_SAFE_NO_PAD.encode(signature)
    }

    /// Signs anything.
    pub fn sign_bytes(&self, bytes: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.pair.public().modulus_len()];
        self.pair
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                bytes,
                &mut signature,
            )
            .expect("a signature");
        signature
    }

    /// Returns the claims of a JWT that this key has signed.
    pub fn verify(&self, token: &str) -> Result<Value, Fault> {
        let claims = claims(token).ok_or(Fault::Form)?;
        let header = header(token).ok_or(Fault::Form)?;
        let (content, signature) = token.rsplit_once('.').ok_or(Fault::Form)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| Fault::Form)?;
        let public = self.pair.public_key().as_ref();
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public)
            .verify(content.as_bytes(), &signature)
            .map_err(|_| Fault::Signature)?;
        if header["alg"] == "RS256" {
            Ok(claims)
        } else {
            Err(Fault::Signature)
        }
    }

    /// Returns the public key as RFC 7517 writes it.
    pub fn jwk(&self) -> Value {
        let parts = PublicKeyComponents::<Vec<u8>>::from(self.pair.public());
        json!({
            "kty": "RSA", "alg": "RS256", "use": "sig", "kid": self.id,
            "n": URL_SAFE_NO_PAD.encode(parts.n), "e": URL_SAFE_NO_PAD.encode(parts.e),
        })
    }
}

/// Makes a JWT that says of itself that it is not signed.
pub fn unsigned(claims: &Value) -> String {
    encode(&json!({"alg": "none", "typ": "JWT"})) + "." + &encode(claims) + "."
}

/// Returns a JWT's claims, whoever signed it.
pub fn claims(token: &str) -> Option<Value> {
    part(token, 1).filter(|_| token.split('.').count() == 3)
}

/// Returns a JWT's header.
pub fn header(token: &str) -> Option<Value> {
    part(token, 0)
}

/// Returns the seconds since 1970.
pub fn now() -> i64 {
    let elapsed = std::time::UNIX_EPOCH.elapsed().expect("a clock after 1970");
    i64::try_from(elapsed.as_secs()).expect("a clock before the end of time")
}

fn part(token: &str, number: usize) -> Option<Value> {
    let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(number)?).ok()?;
    serde_json::from_slice(&bytes).ok().filter(Value::is_object)
}

fn encode(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}
