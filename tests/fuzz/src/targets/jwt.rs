//! A JSON Web Token: as it comes, and made of its parts (header, claims), which no mutation of base64 would find.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kfp_credential::jwt;
use serde_json::Value;

use crate::input::Fields;

pub(crate) fn run(bytes: &[u8]) {
    let mut fields = Fields::of(bytes);
    let whole = fields.text();
    read(&whole);
    let parts = [fields.bytes(), fields.bytes()].map(|part| URL_SAFE_NO_PAD.encode(part));
    let token = format!("{}.{}.c2ln", parts[0], parts[1]);
    read(&token);
    let object = |part: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(part).expect("base64");
        serde_json::from_slice(&bytes).ok().filter(Value::is_object)
    };
    let (header, payload) = (object(&parts[0]), object(&parts[1]));
    let is_token = header.is_some_and(|header| header["alg"].is_string()) && payload.is_some();
    let claims = jwt::claims(&token);
    assert_eq!(claims.is_some(), is_token);
    if let (Some(claims), Some(payload)) = (claims, payload) {
        assert_eq!(claims.expires_at.is_some(), payload["exp"].is_number());
        let email = payload["email"].as_str().or(payload["sub"].as_str());
        assert_eq!(claims.principal.as_deref(), email);
        assert!(claims.audiences.len() <= payload["aud"].as_array().map_or(1, Vec::len));
    }
}

fn read(token: &str) {
    drop(jwt::claims(token));
    drop(jwt::algorithm(token));
    drop(jwt::text_claim(token, "nonce"));
}
