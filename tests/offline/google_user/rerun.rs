//! A Kubernetes client whose request was answered 401 runs its helper again and says nothing of it.

use std::time::Duration;

use super::*;
use testkit::binary;
use testkit::sandbox::files_beneath;

const EXEC: [&str; 3] = ["get", "-o", "exec"];

/// Is a Kubernetes client of somebody who is logged in.
struct Client {
    person: Person,
}

impl Client {
    fn new() -> Self {
        let person = Person::new();
        person.is_logged_in();
        Self { person }
    }

    /// Answers whoever brings this token like that from now on.
    fn answers(&self, dead: &str, answer: impl Fn() -> Response + Send + Sync + 'static) {
        let dead = format!("Bearer {dead}");
        self.person.google.intercept(move |host, request| {
            let brings_it = host == IAP_HOST && request.header("authorization") == Some(&dead);
            brings_it.then(&answer)
        });
    }

    fn token(&self) -> String {
        let output = self.person.run(&EXEC).assert_success();
        let token = output.json()["status"]["token"].clone();
        token.as_str().expect("a token").to_owned()
    }
}

fn a_while() {
    std::thread::sleep(Duration::from_millis(2100));
}

fn refused() -> Response {
    Response::text(401, "Invalid IAP credentials")
}

#[test]
fn a_dead_token_is_noticed_and_renewed() {
    let client = Client::new();
    let dead = client.token();
    client.answers(&dead, refused);
    assert_eq!(client.token(), dead, "clients run us twice as they start");
    assert!(client.person.google.requests().is_empty());
    a_while();
    let renewed = client.token();
    assert_ne!(renewed, dead);
    assert_eq!(client.person.asked(), [TOKEN]);
    let tried = [&dead, &renewed].map(|token| format!("Bearer {token}"));
    assert_eq!(client.person.tried(), tried, "one check, one proof");
}

#[test]
fn a_live_token_is_checked_once() {
    let client = Client::new();
    let token = client.token();
    a_while();
    for _ in 0..3 {
        assert_eq!(client.token(), token);
    }
    assert_eq!(client.person.google.lines().len(), 1);
    assert_eq!(client.person.tried(), [format!("Bearer {token}")]);
}

#[test]
fn where_the_check_tells_nothing_the_stored_token_is_answered() {
    let answers: [fn() -> Response; 4] = [
        || Response::text(503, "overloaded"),
        || Response::text(404, "no such path"),
        || Response::html(200, "<title>Kubeflow</title>"),
        Response::close,
    ];
    let client = Client::new();
    let token = client.token();
    for answer in answers {
        client.answers(&token, answer);
        a_while();
        assert_eq!(client.token(), token);
    }
    assert!(client.person.asked().is_empty());
}

#[test]
fn what_is_dead_and_cannot_be_renewed_is_no_answer() {
    let client = Client::new();
    let token = client.token();
    client.answers(&token, refused);
    client.person.google.revoke_all();
    a_while();
    client.person.run(&EXEC).assert_error(4, "login-required");
}

#[test]
fn another_client_and_another_form_ask_nobody() {
    let client = Client::new();
    client.person.run(&["get"]).assert_success();
    let notes = || files_beneath(&client.person.sandbox.state_folder().join("answers"));
    assert!(notes().is_empty(), "{:?}", notes());
    let token = client.token();
    assert_eq!(notes().len(), 1);
    let note = fs::read_to_string(&notes()[0]).expect("the note");
    assert!(!note.contains(&token[token.len() - 20..]), "{note}");
    a_while();
    client.person.run(&["get"]).assert_success();
    // A shell between us is a parent of its own.
    let script = client.person.sandbox.file("other-client", "");
    let shell = format!("#!/bin/sh\n\"{}\" \"$@\"\nexit $?\n", binary());
    fs::write(&script, shell).expect("a script");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    fs::set_permissions(&script, mode).expect("its mode");
    let other = client.person.command(&EXEC).by(&script).run();
    assert_eq!(other.assert_success().json()["status"]["token"], token);
    assert!(client.person.google.requests().is_empty());
}
