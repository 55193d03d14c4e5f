//! A person at Google Identity-Aware Proxy, through the real binary, against the stand-ins of Google.

mod faults;
mod paste;
mod refresh;
mod rerun;
mod sdk_files;
#[cfg(unix)]
mod shared_file;
mod waiting;

use std::fs;

use serde_json::Value;
use url::Url;

use testkit::google::person::{Person, desktop};
use testkit::google::{
    Behaviour, DESKTOP_CLIENT, DESKTOP_SECRET, IAP_CLIENT, IAP_HOST, Seen, USER, files, jwt,
};
use testkit::http::Response;
use testkit::sandbox::Output;

const TOKEN: &str = "POST oauth2.googleapis.com/token";
const REVOCATION: &str = "POST oauth2.googleapis.com/revoke";

fn query(seen: &Seen, name: &str) -> String {
    seen.request.query(name).unwrap_or_default()
}

// ------------------------------------------------------------------ login

#[test]
fn a_login_ends_with_who_and_until_when() {
    let person = Person::new();
    let output = person.log_in(&[]).assert_success().assert_says(&format!(
        "Logged in to https://{IAP_HOST}/pipeline as {USER}, until "
    ));
    assert_eq!(output.stdout, "");
    let url = output
        .stderr
        .find("https://accounts.google.com/o/oauth2/v2/auth?");
    let end = output.stderr.find("Logged in to");
    assert!(url.is_some() && url < end, "{}", output.shown());
    let asked = ["GET accounts.google.com/o/oauth2/v2/auth", TOKEN, TOKEN];
    assert_eq!(person.asked(), asked);
}

#[test]
fn the_authorization_request_is_safe() {
    let person = Person::new();
    person.log_in(&[]).assert_success();
    let requests = person.google.requests();
    let request = &requests[0];
    for (name, value) in [
        ("client_id", DESKTOP_CLIENT),
        ("response_type", "code"),
        ("scope", "openid email"),
        ("access_type", "offline"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(query(request, name), value, "{name}");
    }
    for name in ["state", "nonce", "code_challenge"] {
        assert!(query(request, name).len() >= 22, "{name}");
    }
    let back = Url::parse(&query(request, "redirect_uri")).expect("a URL");
    assert_eq!(
        (back.scheme(), back.host_str()),
        ("http", Some("127.0.0.1"))
    );
    assert!(back.port().is_some_and(|port| port >= 1024));

    person.log_in(&[]).assert_success();
    let again = person.google.requests();
    let again = again.iter().rfind(|seen| seen.host == request.host);
    for name in ["state", "nonce", "code_challenge"] {
        let again = query(again.expect("a request"), name);
        assert_ne!(again, query(request, name), "{name}");
    }
}

#[test]
fn a_get_answers_from_the_store() {
    let person = Person::new();
    person.log_in(&[]).assert_success();
    let tried = person.tried();
    person.google.clear();
    let (token, claims) = person.bearer(&[]);
    assert!(person.google.requests().is_empty());
    assert_eq!(
        (&claims["aud"], &claims["email"]),
        (&IAP_CLIENT.into(), &USER.into())
    );
    // What the endpoint was seen to accept.
    assert_eq!(tried, [format!("Bearer {token}")]);
}

#[test]
fn the_account_of_the_context_is_picked() {
    let person = Person::without_context();
    let account = "grace@example.com";
    let keys = format!("client-id: {IAP_CLIENT}, account: {account}, {}", desktop());
    person.context("file", &keys);
    person
        .google
        .behave(|behave| behave.signed_in.push("grace@example.com"));
    person.log_in(&[]).assert_success().assert_says(account);
    assert_eq!(query(&person.google.requests()[0], "login_hint"), account);
    assert_eq!(person.bearer(&[]).1["email"], account);
}

#[test]
fn two_accounts_are_kept_apart() {
    let person = Person::new();
    let grace = "grace@example.com";
    person
        .google
        .behave(|behave| behave.signed_in.push("grace@example.com"));
    person.log_in(&["--username", USER]).assert_success();
    person.log_in(&["--username", grace]).assert_success();
    for who in [USER, grace] {
        let claims = person.bearer(&["--refresh", "--username", who]).1;
        assert_eq!(claims["email"], who);
    }
}

#[test]
fn a_port_can_be_fixed() {
    let person = Person::new();
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = free.local_addr().expect("an address").port().to_string();
    drop(free);
    person.log_in(&["--port", &port]).assert_success();
    let back = query(&person.google.requests()[0], "redirect_uri");
    assert_eq!(back, format!("http://127.0.0.1:{port}"));
}

#[test]
fn a_logout_forgets_the_login_and_ends_it_at_google() {
    for logout in [&["logout", "--context", "google"], &["logout", "--all"][..]] {
        let person = Person::new();
        person.is_logged_in();
        let output = person.sandbox.run(logout).assert_success();
        output.assert_says("Google has ended the login");
        assert_eq!(person.google.lines(), [REVOCATION]);
        let token = person.google.requests()[0].request.form("token");
        assert!(!person.google.is_live(&token.expect("a token")));
        person.run(&["get"]).assert_error(4, "login-required");
        assert_eq!(person.google.lines(), [REVOCATION]);
    }
}

#[test]
fn a_logout_forgets_the_login_whatever_google_says() {
    let answers: [fn() -> Response; 3] = [
        || Response::html(503, "<title>Error 503</title>"),
        Response::close,
        Response::hang,
    ];
    for answer in answers {
        let person = Person::new();
        person.is_logged_in();
        person
            .google
            .intercept(move |host, _| (host == "oauth2.googleapis.com").then(answer));
        let output = person.run(&["logout"]).assert_success();
        let output = output.assert_says("Removed the session of context \"google\".");
        let output = output.assert_says("Whether Google has ended the login is not known: ");
        assert!(output.elapsed < std::time::Duration::from_secs(8));
        person.run(&["get"]).assert_error(4, "login-required");
    }
}

#[test]
fn a_logout_leaves_exported_and_imported_logins_alone() {
    for share in ["export", "import"] {
        let person = Person::new();
        if share == "export" {
            person.is_logged_in();
        } else {
            person.sdk_logged_in();
        }
        person.run(&[share]).assert_success();
        person.google.clear();
        let output = person.run(&["logout"]).assert_success();
        let output = output.assert_says("The login is still valid at Google");
        output.assert_says("credentials.json still holds a login");
        assert!(person.google.requests().is_empty());
        person.bearer(&[]);
    }
}
