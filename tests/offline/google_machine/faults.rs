//! What can be wrong with credentials and with Google's answers: each its own error, and nothing printed.

use std::time::Duration;

use super::*;
use testkit::google::Refusal;
use testkit::http::Server;

#[test]
fn nothing_found_says_what_was_looked_for() {
    let machine = Machine::new();
    for write in [Machine::iap, Machine::gcp] {
        write(&machine, "");
        let output = machine.get().assert_error(3, "google-credentials-missing");
        let output = output.assert_says("GOOGLE_APPLICATION_CREDENTIALS is not set");
        let output = output.assert_says(".config/gcloud/application_default_credentials.json");
        output.assert_says("http://127.0.0.1:1/computeMetadata");
    }
}

#[test]
fn a_metadata_server_that_hangs_is_not_waited_for() {
    let machine = Machine::new();
    let server = Server::start(|_| Response::hang());
    machine
        .sandbox
        .env("GCE_METADATA_HOST", &server.origin().replace("http://", ""));
    machine.iap("");
    let output = machine.get().assert_error(3, "google-credentials-missing");
    assert!(
        output.elapsed < Duration::from_secs(5),
        "{}",
        output.shown()
    );
}

#[test]
fn a_metadata_server_that_is_not_one_is_refused() {
    let machine = Machine::new();
    machine.use_metadata_server();
    machine.iap("");
    machine.google.behave(|google| google.no_flavor = true);
    machine.get().assert_error(3, "google-metadata-untrusted");
    machine.google.behave(|google| {
        google.no_flavor = false;
        google.no_machine_account = true;
    });
    let output = machine.get().assert_error(3, "google-credentials-missing");
    output.assert_says("no service account");
    machine.google.intercept(|host, _| {
        let unwell = Response::text(503, "not yet").header("Metadata-Flavor", "Google");
        (host == "metadata").then_some(unwell)
    });
    machine.get().assert_error(6, "server-error");
    machine.sandbox.env("GCE_METADATA_HOST", "http://127.0.0.1");
    machine.get().assert_error(3, "config-invalid");
}

#[test]
fn a_flavor_that_gets_lost_before_the_token_is_refused() {
    let machine = Machine::new();
    machine.use_metadata_server();
    machine.iap("");
    machine.google.intercept(|host, request| {
        let is_token = host == "metadata" && request.path().ends_with("/identity");
        is_token.then(|| Response::text(200, "a.b.c"))
    });
    machine.get().assert_error(3, "google-metadata-untrusted");
}

#[test]
fn a_file_that_is_no_credential_file_says_so() {
    let machine = Machine::new();
    machine.iap("");
    let sandbox = &machine.sandbox;
    let folder = sandbox.home().to_string_lossy().into_owned();
    let no_json = sandbox.file("no.json", "made-up-subject-token");
    for path in [
        folder.as_str(),
        "/nonexistent/key.json",
        no_json.to_str().unwrap(),
    ] {
        sandbox.env("GOOGLE_APPLICATION_CREDENTIALS", path);
        machine
            .get()
            .assert_error(3, "google-credentials-invalid")
            .assert_says(path);
    }
    let mut broken = files::service_account(SERVICE_ACCOUNT);
    broken["private_key"] =
        json!("-----BEGIN PRIVATE KEY-----\nbWFkZS11cC1rZXk=\n-----END PRIVATE KEY-----\n");
    sandbox.secret("bWFkZS11cC1rZXk=");
    machine.adc(&broken);
    machine
        .get()
        .assert_error(3, "google-credentials-invalid")
        .assert_says("not an RSA key");
    assert!(machine.google.proxy().connects().is_empty());
}

#[test]
fn a_stranger_is_sent_nothing() {
    let machine = Machine::new();
    machine.iap("");
    let evil = "https://evil.example/steal";
    let source = json!({"file": machine.sandbox.file("subject", testkit::google::SUBJECT_TOKEN)});
    let with = |mut file: Value, key: &str| {
        file[key] = json!(evil);
        file
    };
    let impersonating = files::external_account(&source, Some(TARGET_ACCOUNT));
    for file in [
        with(files::service_account(SERVICE_ACCOUNT), "token_uri"),
        with(files::authorized_user("1//made-up"), "token_uri"),
        with(files::external_account(&source, None), "token_url"),
        with(impersonating, "service_account_impersonation_url"),
        files::external_account(&json!({"url": evil}), None),
    ] {
        machine.adc(&file);
        let output = machine
            .get()
            .assert_error(3, "google-credentials-address-refused");
        output.assert_says(evil);
    }
    assert!(machine.google.proxy().connects().is_empty());
}

#[test]
fn no_server_of_google_repeats_what_was_sent_to_another() {
    let machine = Machine::new();
    machine.iap("");
    let refresh_token = machine.google.refresh_token_for(USER, CLOUD_PLATFORM);
    machine.sandbox.secret(&refresh_token);
    let user = files::authorized_user(&refresh_token);
    let words = format!("no: {DESKTOP_SECRET} and {refresh_token}!");
    machine.google.intercept(move |host, _| {
        let body = json!({"error": {"status": "PERMISSION_DENIED", "message": words}}).to_string();
        let refusal = Response::text(403, &body).header("Content-Type", "application/json");
        (host == "iamcredentials.googleapis.com").then_some(refusal)
    });
    machine.adc(&files::impersonated(TARGET_ACCOUNT, &[], &user));
    let output = machine.get().assert_error(5, "oauth-refused");
    output.assert_says("no: (withheld) and (withheld)!");
}

#[test]
fn what_cannot_mint_an_id_token_says_what_can() {
    let machine = Machine::new();
    machine.iap("");
    let source = json!({"file": machine.sandbox.file("subject", testkit::google::SUBJECT_TOKEN)});
    for file in [
        files::authorized_user("1//made-up"),
        files::external_account(&source, None),
    ] {
        machine.adc(&file);
        let output = machine
            .get()
            .assert_error(3, "google-credentials-unsupported");
        output
            .assert_says("impersonate")
            .assert_says("kfp-credential login");
    }
    let aws = json!({"environment_id": "aws1", "regional_cred_verification_url": "https://sts.amazonaws.com"});
    machine.adc(&files::external_account(&aws, None));
    let output = machine
        .get()
        .assert_error(3, "google-credentials-unsupported");
    output.assert_says("AWS");
    machine.iap(", service-account: { self-signed: true }");
    machine.adc(&files::authorized_user("1//made-up"));
    machine
        .get()
        .assert_error(3, "google-credentials-unsupported");
    assert!(machine.google.proxy().connects().is_empty());
}

#[test]
fn an_id_token_that_is_not_what_was_asked_for_is_refused() {
    let machine = Machine::new();
    machine.iap("");
    machine.adc(&files::service_account(SERVICE_ACCOUNT));
    for (claim, value, words) in [
        (
            "aud",
            json!("200-other.apps.googleusercontent.com"),
            "200-other",
        ),
        ("iss", json!("https://evil.example"), "evil.example"),
        ("exp", json!(jwt::now() - 10), "expired"),
        ("email", Value::Null, "e-mail"),
    ] {
        machine.google.behave(|google| {
            google.claims.clear();
            google.claims.insert(claim.to_owned(), value);
        });
        machine
            .get()
            .assert_error(5, "oauth-token-invalid")
            .assert_says(words);
    }
    machine.google.behave(|google| {
        google.claims.clear();
        google.unsigned = true;
    });
    machine
        .get()
        .assert_error(5, "oauth-token-invalid")
        .assert_says("it is not signed");
    machine.google.intercept(|host, _| {
        (host == "oauth2.googleapis.com")
            .then(|| Response::json(200, r#"{"access_token":"ya29.x"}"#))
    });
    machine.get().assert_error(5, "oauth-token-invalid");
}

#[test]
fn refusals_of_google_are_shown_in_its_words() {
    let machine = Machine::new();
    machine.iap("");
    machine.adc(&files::service_account("gone@proj.iam.gserviceaccount.com"));
    machine
        .get()
        .assert_error(5, "oauth-refused")
        .assert_says("Google says: invalid_grant");

    machine.adc(&files::service_account(SERVICE_ACCOUNT));
    machine.iap(&format!(
        ", service-account: {{ impersonate: {TARGET_ACCOUNT} }}"
    ));
    machine
        .google
        .behave(|google| google.token_creators = Some(Vec::new()));
    let output = machine.get().assert_error(5, "oauth-refused");
    output
        .assert_says("PERMISSION_DENIED")
        .assert_says("roles/iam.serviceAccountTokenCreator");

    let echo = Refusal::Other(
        400,
        json!({"error": "invalid_grant", "error_description": "x".repeat(5000)}),
    );
    machine.google.behave(|google| google.refuse = Some(echo));
    let output = machine.get().assert_error(5, "oauth-refused");
    assert!(output.stderr.len() < 2500, "{}", output.shown());
    machine
        .google
        .behave(|google| google.refuse = Some(Refusal::Unavailable));
    machine.get().assert_error(6, "server-error");
}

#[test]
fn an_assertion_is_never_shown() {
    let machine = Machine::new();
    machine.iap("");
    machine.adc(&files::service_account(SERVICE_ACCOUNT));
    machine.google.intercept(|host, request| {
        let words = request.form("assertion")?;
        let body = json!({"error": "invalid_grant", "error_description": words});
        (host == "oauth2.googleapis.com").then(|| Response::json(400, body.to_string()))
    });
    let output = machine.get().assert_error(5, "oauth-refused");
    assert!(!output.stderr.contains("eyJ"), "{}", output.shown());
}

#[test]
fn a_login_of_gcloud_that_ended_asks_for_a_new_one() {
    let machine = Machine::new();
    machine.gcp("");
    let refresh_token = machine.google.refresh_token_for(USER, CLOUD_PLATFORM);
    machine.sandbox.secret(&refresh_token);
    machine.adc(&files::authorized_user(&refresh_token));
    for (refusal, words) in [
        (Refusal::InvalidGrant, "revoked"),
        (Refusal::InvalidRapt, "policy"),
    ] {
        machine
            .google
            .behave(|google| google.refuse = Some(refusal));
        let output = machine.get().assert_error(4, "login-required");
        output
            .assert_says(words)
            .assert_says("gcloud auth application-default login");
    }
    machine
        .google
        .behave(|google| google.refuse = Some(Refusal::InvalidClient));
    machine.get().assert_error(5, "oauth-refused");
    machine
        .google
        .behave(|google| google.refuse = Some(Refusal::Unavailable));
    machine.get().assert_error(6, "server-error");
}

#[test]
fn the_inverse_proxys_refusal_is_no_login() {
    let machine = Machine::new();
    machine.gcp("");
    machine.adc(&files::service_account(SERVICE_ACCOUNT));
    machine
        .google
        .behave(|google| google.permitted = Some(Vec::new()));
    machine.get().assert_error(5, "login-not-accepted");
    machine.gcp("service-account: { self-signed: true }");
    machine.get().assert_error(3, "config-invalid");
}

#[test]
fn a_token_that_no_header_can_carry_is_no_fault_of_the_configuration() {
    let machine = Machine::new();
    let refresh_token = machine.google.refresh_token_for(USER, CLOUD_PLATFORM);
    let user = files::authorized_user(&refresh_token);
    for token in [
        "ya29.a\r\nX-Injected: 1",
        "ya29 a",
        "ya29.\u{fc}",
        "ya29.\u{1b}",
    ] {
        let answer = json!({"access_token": token, "expires_in": 3599, "token_type": "Bearer"});
        machine.google.intercept(move |host, _| {
            (host == "oauth2.googleapis.com").then(|| Response::json(200, answer.to_string()))
        });
        machine.google.clear();
        machine.adc(&files::service_account(SERVICE_ACCOUNT));
        machine.gcp("");
        machine.get().assert_error(5, "oauth-token-invalid");
        machine.adc(&files::impersonated(TARGET_ACCOUNT, &[], &user));
        machine.iap("");
        machine.get().assert_error(5, "oauth-token-invalid");
        assert_eq!(machine.asked(), [TOKEN, TOKEN]);
    }
}
