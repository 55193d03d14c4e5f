use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::error::Slug;

const PEM: &str = include_str!("../../../../tests/keys/test-key-service-account.pem");
const IMPERSONATION: &str =
    "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/t@x:generateAccessToken";

fn parsed(file: &Value) -> Result<Credentials> {
    let reading = Reading {
        path: Path::new("/f.json"),
        allowed: &Allowed::default(),
    };
    parse(&Secret::new(file.to_string()), reading)
}

fn key_file() -> Value {
    json!({"type": "service_account", "client_email": "sa@x", "private_key": PEM, "private_key_id": "k"})
}

fn external_file() -> Value {
    json!({
        "type": "external_account", "audience": "//iam", "subject_token_type": "jwt",
        "token_url": "https://sts.googleapis.com/v1/token", "credential_source": {"file": "/t"},
    })
}

fn user_file() -> Value {
    json!({"type": "authorized_user", "client_id": "c", "client_secret": "s3cret", "refresh_token": "1//s3cret"})
}

fn with(mut file: Value, key: &str, value: Value) -> Value {
    file[key] = value;
    file
}

#[test]
fn each_type_gives_its_kind() {
    assert!(matches!(parsed(&key_file()), Ok(Credentials::Key(_))));
    assert!(matches!(parsed(&user_file()), Ok(Credentials::User(_))));
    assert!(matches!(
        parsed(&external_file()),
        Ok(Credentials::External(_))
    ));
    let impersonating = with(
        external_file(),
        "service_account_impersonation_url",
        json!(IMPERSONATION),
    );
    let impersonated = json!({
        "type": "impersonated_service_account", "delegates": [],
        "service_account_impersonation_url": IMPERSONATION, "source_credentials": user_file(),
    });
    for file in [impersonating, impersonated] {
        assert!(
            matches!(parsed(&file), Ok(Credentials::Impersonated(..))),
            "{file}"
        );
    }
}

#[test]
fn what_is_missing_or_wrong_is_named() {
    for (file, words) in [
        (json!({}), "\"type\""),
        (json!([]), "wrong type (line 1"),
        (
            with(key_file(), "private_key", json!(null)),
            "\"private_key\"",
        ),
        (with(key_file(), "private_key", json!(7)), "wrong type"),
        (
            with(key_file(), "private_key", json!("s3cret")),
            "private_key",
        ),
        (
            with(key_file(), "client_email", json!(null)),
            "\"client_email\"",
        ),
        (
            with(user_file(), "refresh_token", json!(null)),
            "\"refresh_token\"",
        ),
        (
            with(external_file(), "credential_source", json!(null)),
            "\"credential_source\"",
        ),
        (
            with(external_file(), "audience", json!(null)),
            "\"audience\"",
        ),
        (
            json!({"type": "impersonated_service_account"}),
            "\"service_account_impersonation_url\"",
        ),
    ] {
        let error = parsed(&file).unwrap_err();
        assert_eq!(error.slug(), Slug::GoogleCredentialsInvalid, "{error}");
        assert!(error.message().contains(words), "{error}");
        assert!(!error.one_line().contains("s3cret"), "{error}");
    }
}

#[test]
fn what_is_of_another_kind_is_said_to_be() {
    for (file, words) in [
        (
            json!({"type": "gdch_service_account"}),
            "gdch_service_account",
        ),
        (
            with(key_file(), "universe_domain", json!("example.com")),
            "example.com",
        ),
        (with(external_file(), "client_id", json!("c")), "client_id"),
        (
            with(
                external_file(),
                "credential_source",
                json!({"environment_id": "aws1"}),
            ),
            "AWS",
        ),
        (
            with(
                external_file(),
                "credential_source",
                json!({"certificate": {}}),
            ),
            "certificate",
        ),
        (
            with(external_file(), "credential_source", json!({})),
            "file, url or executable",
        ),
    ] {
        let error = parsed(&file).unwrap_err();
        assert_eq!(error.slug(), Slug::GoogleCredentialsUnsupported, "{error}");
        assert!(error.message().contains(words), "{error}");
    }
}

#[test]
fn every_address_is_judged() {
    let impersonated = json!({
        "type": "impersonated_service_account",
        "service_account_impersonation_url": IMPERSONATION,
        "source_credentials": with(key_file(), "token_uri", json!("https://evil.example/token")),
    });
    let evil = json!("https://evil.example/sts");
    for file in [
        with(key_file(), "token_uri", evil.clone()),
        with(user_file(), "token_uri", evil.clone()),
        with(external_file(), "token_url", evil.clone()),
        with(
            external_file(),
            "service_account_impersonation_url",
            evil.clone(),
        ),
        with(external_file(), "credential_source", json!({"url": evil})),
        impersonated,
    ] {
        let error = parsed(&file).unwrap_err();
        assert_eq!(
            error.slug(),
            Slug::GoogleCredentialsAddressRefused,
            "{error}"
        );
        assert!(error.message().contains("https://evil.example/"), "{error}");
    }
}
