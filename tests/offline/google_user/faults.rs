//! What can go wrong, each with an error of its own; nothing is printed on stdout, nothing lost.

use std::net::{TcpListener, TcpStream};

use serde_json::json;

use super::paste::redirected;
use super::*;
use testkit::google::Refusal;
use testkit::google::stand_in::visit;
use testkit::terminal::Terminal;

/// Asserts that a login fails so, and that nothing of it stays.
#[track_caller]
fn login_fails(person: &Person, exit: i32, slug: &str) -> Output {
    let output = person.log_in(&[]).failure().assert_error(exit, slug);
    person.run(&["get"]).assert_error(4, "login-required");
    output
}

/// Asserts that a refresh fails so; once Google answers as ever, the login is still there.
#[track_caller]
fn refresh_fails(change: impl FnOnce(&mut Behaviour), exit: i32, slug: &str) -> Output {
    let person = Person::new();
    person.is_logged_in();
    person.google.behave(change);
    let output = person.run(&["get", "--refresh"]).assert_error(exit, slug);
    person
        .google
        .behave(|behave| *behave = Behaviour::default());
    person.bearer(&["--refresh"]);
    output
}

#[test]
fn nobody_is_logged_in() {
    let person = Person::new();
    person
        .run(&["get"])
        .assert_error(4, "login-required")
        .assert_says("kfp-credential login --context google")
        .assert_says("kfp-credential import");
    assert!(person.google.requests().is_empty());
}

#[test]
fn a_revoked_login_is_explained() {
    refresh_fails(
        |behave| behave.refuse = Some(Refusal::InvalidGrant),
        4,
        "login-required",
    )
    .assert_says("invalid_grant: Token has been expired or revoked.")
    .assert_says("7 days")
    .assert_says("password")
    .assert_says("kfp-credential login --context google");
}

#[test]
fn a_policy_of_the_organisation_is_explained() {
    refresh_fails(
        |behave| behave.refuse = Some(Refusal::InvalidRapt),
        4,
        "login-required",
    )
    .assert_says("invalid_rapt")
    .assert_says("policy asks for a new login");
}

#[test]
fn a_google_that_is_down_is_no_lost_login() {
    refresh_fails(
        |behave| behave.refuse = Some(Refusal::Unavailable),
        6,
        "server-error",
    );
}

#[test]
fn denied_consent() {
    let person = Person::new();
    person
        .google
        .behave(|behave| behave.deny = Some("access_denied"));
    login_fails(&person, 5, "oauth-refused").assert_says("access_denied");
}

#[test]
fn another_account_than_the_context_names() {
    let person = Person::without_context();
    let keys = format!(
        "client-id: {IAP_CLIENT}, account: grace@example.com, {}",
        desktop()
    );
    person.context("file", &keys);
    login_fails(&person, 5, "account-mismatch")
        .assert_says(USER)
        .assert_says("grace@example.com");
}

#[test]
fn a_port_in_use() {
    let person = Person::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    person
        .log_in(&["--port", &port])
        .failure()
        .assert_error(3, "loopback-unavailable")
        .assert_says(&port);
    assert!(person.google.requests().is_empty());
}

#[test]
fn a_store_that_keeps_no_logins_is_told_before_the_browser() {
    let person = Person::new();
    let output = person.log_in(&["--store", "runtime"]);
    output.assert_error(3, "store-unavailable");
    assert!(person.google.requests().is_empty());
}

#[test]
fn a_login_that_is_not_kept_says_so() {
    let person = Person::with_store("none");
    let output = person.log_in(&[]).assert_success();
    output.assert_says("The login is not stored");
    person.run(&["get"]).assert_error(4, "login-required");
}

#[test]
fn a_wrong_secret_of_the_desktop_client() {
    let person = Person::new();
    person
        .sandbox
        .file("desktop-secret", "made-up-other-secret\n");
    person.sandbox.secret("made-up-other-secret");
    login_fails(&person, 5, "oauth-client-refused").assert_says("\"Desktop app\"");
}

#[test]
fn a_client_of_another_project() {
    refresh_fails(|behave| behave.audiences.clear(), 5, "oauth-refused")
        .assert_says("invalid_audience");
}

#[test]
fn an_id_token_of_a_login_that_is_not_its_answer() {
    for (claim, value) in [
        ("nonce", json!("made-up")),
        ("nonce", Value::Null),
        ("aud", json!("made-up-client")),
        ("iss", json!("https://accounts.example.com")),
        ("exp", json!(jwt::now() - 10)),
    ] {
        let person = Person::new();
        person.google.behave(|behave| {
            behave.claims.insert(claim.to_owned(), value);
        });
        login_fails(&person, 5, "oauth-token-invalid");
    }
}

#[test]
fn an_unsigned_id_token_at_the_login() {
    let person = Person::new();
    person.google.behave(|behave| behave.unsigned = true);
    login_fails(&person, 5, "oauth-token-invalid").assert_says("it is not signed");
}

#[test]
fn an_id_token_for_another_audience() {
    let change = |behave: &mut Behaviour| {
        behave.claims.insert("aud".into(), json!("made-up-client"));
    };
    refresh_fails(change, 5, "oauth-token-invalid").assert_says("made-up-client");
}

#[test]
fn an_expired_id_token() {
    refresh_fails(|behave| behave.lifetime = -10, 5, "oauth-token-invalid").assert_says("expired");
}

#[test]
fn an_unsigned_id_token() {
    refresh_fails(|behave| behave.unsigned = true, 5, "oauth-token-invalid")
        .assert_says("it is not signed");
}

#[test]
fn no_refresh_token() {
    let person = Person::new();
    person
        .google
        .behave(|behave| behave.no_refresh_token = true);
    login_fails(&person, 5, "oauth-token-invalid").assert_says("no refresh token");
}

#[test]
fn iap_does_not_let_them_in() {
    refresh_fails(
        |behave| behave.permitted = Some(vec![]),
        5,
        "iap-not-permitted",
    )
    .assert_says(&format!("user:{USER}"))
    .assert_says("roles/iap.httpsResourceAccessor");
}

#[test]
fn iap_wants_another_audience() {
    let person = Person::without_context();
    let other = "200-iap.apps.googleusercontent.com";
    person.context("file", &format!("client-id: {other}, {}", desktop()));
    person
        .google
        .behave(|behave| behave.audiences.push(other.to_owned()));
    person
        .log_in(&[])
        .failure()
        .assert_error(5, "iap-invalid-audience")
        .assert_says(other)
        .assert_says(IAP_CLIENT);
}

#[test]
fn iap_finds_the_signature_wrong() {
    refresh_fails(|behave| behave.forged = true, 5, "iap-invalid-signature");
}

#[test]
fn a_second_redirect_comes_too_late() {
    let (person, terminal) = (Person::new(), Terminal::open());
    let (running, back) = redirected(&person, &terminal, &["--no-browser"]);
    let other = back.replace("state=", "state=made-up-");
    assert_eq!(visit(&other).status, 404);
    assert_eq!(visit(&back.replace("code=", "other=")).status, 404);
    assert_eq!(visit(&back).status, 200);
    // Whoever comes now finds nobody, or nobody who listens.
    let address = Url::parse(&back).expect("a URL").port().expect("a port");
    running.wait().assert_success();
    assert!(TcpStream::connect(("127.0.0.1", address)).is_err());
    let exchanges = |seen: &Seen| seen.request.form("code").is_some();
    assert_eq!(
        person
            .google
            .requests()
            .iter()
            .filter(|seen| exchanges(seen))
            .count(),
        1
    );
}

#[test]
fn a_code_that_was_used_is_refused() {
    let (person, terminal) = (Person::new(), Terminal::open());
    let (running, back) = redirected(&person, &terminal, &["--no-browser"]);
    assert_eq!(visit(&back).status, 200);
    running.wait().assert_success();
    let code = Url::parse(&back).expect("a URL");
    let code = code.query_pairs().find(|(name, _)| name == "code");
    let code = code.expect("a code").1.into_owned();
    let terminal = Terminal::open();
    let (running, _) = redirected(&person, &terminal, &["--no-browser"]);
    terminal.press(&format!("{code}\n"));
    running.wait().failure().assert_error(5, "oauth-refused");
    assert_eq!(person.google.replays(), 1);
}
