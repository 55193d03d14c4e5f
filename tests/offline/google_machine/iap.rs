//! IAP's own refusals, explained.

use super::*;

const OTHER: &str = "200-other.apps.googleusercontent.com";

fn behind_iap() -> Machine {
    let machine = Machine::new();
    machine.adc(&files::service_account(SERVICE_ACCOUNT));
    machine.iap("");
    machine
}

#[test]
fn a_wrong_audience_names_both_clients() {
    let machine = behind_iap();
    let block = format!("iap: {{ client-id: {OTHER} }}");
    machine.context(&format!("https://{IAP_HOST}/pipeline"), &block);
    for old_words in [false, true] {
        machine.google.behave(|google| google.old_words = old_words);
        let output = machine.get().assert_error(5, "iap-invalid-audience");
        output
            .assert_says(OTHER)
            .assert_says(&format!("client-id: {IAP_CLIENT}"));
    }
}

#[test]
fn a_client_that_google_manages_is_told_from_a_wrong_one() {
    let machine = behind_iap();
    machine.google.behave(|google| google.iap_audiences.clear());
    let output = machine.get().assert_error(5, "iap-client-not-allowed");
    output.assert_says(IAP_CLIENT).assert_says("allowlist");
}

#[test]
fn a_wrong_signature_is_told() {
    let machine = behind_iap();
    machine.google.behave(|google| google.forged = true);
    let output = machine.get().assert_error(5, "iap-invalid-signature");
    output.assert_says("JWT signature is invalid");
}

#[test]
fn who_is_not_permitted_learns_the_role() {
    let machine = behind_iap();
    machine
        .google
        .behave(|google| google.permitted = Some(vec![USER]));
    let output = machine.get().assert_error(5, "iap-not-permitted");
    output
        .assert_says("roles/iap.httpsResourceAccessor")
        .assert_says(&format!("--member serviceAccount:{SERVICE_ACCOUNT}"));
}

#[test]
fn a_header_that_got_lost_is_told() {
    let machine = behind_iap();
    let lost = |host: &str, _: &Request| {
        let page = "https://accounts.google.com/o/oauth2/v2/auth?client_id=x";
        (host == IAP_HOST).then(|| {
            Response::redirect(302, page)
                .header("x-goog-iap-generated-response", "true")
                .body("Invalid IAP credentials: empty token")
        })
    };
    machine.google.intercept(lost);
    let output = machine.get().assert_error(5, "iap-empty-token");
    output.assert_says("Authorization");
}

#[test]
fn other_sentences_are_quoted_without_the_token() {
    let machine = behind_iap();
    for (status, slug) in [(401, "iap-refused"), (401, "iap-invalid-token")] {
        let sentence = match slug {
            "iap-refused" => "Error code 13",
            _ => "Invalid IAP credentials: Unable to parse JWT",
        };
        machine.google.intercept(move |host, request| {
            let token = request.header("authorization")?.to_owned();
            (host == IAP_HOST).then(|| {
                Response::text(status, format!("{sentence} {token}"))
                    .header("x-goog-iap-generated-response", "true")
            })
        });
        let output = machine.get().assert_error(5, slug);
        assert!(!output.stderr.contains("eyJ"), "{}", output.shown());
    }
}

#[test]
fn the_applications_own_refusal_is_not_iaps() {
    let machine = behind_iap();
    machine.google.intercept(|host, _| {
        (host == IAP_HOST).then(|| Response::text(403, "RBAC: access denied"))
    });
    machine.get().assert_error(5, "login-not-accepted");
}
