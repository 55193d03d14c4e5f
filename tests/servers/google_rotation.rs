//! A refresh token that is replaced at each use, at a certified server that ends a login whose dead token comes again:
//! the run is ended at each step, and the login goes on.

use std::time::Duration;

use serde_json::Value;

use testkit::gate::Gate;
use testkit::google::person::{Person, desktop};
use testkit::google::stand_in::Options;
use testkit::google::{DESKTOP_CLIENT, DESKTOP_SECRET, Google, IAP_CLIENT, IAP_HOST, USER};
use testkit::http::{Request, Response};
use testkit::peers::needs;
use testkit::peers::oidc_provider::{self, Client, OidcProvider, Proof};
use testkit::peers::{Found, install};
use testkit::sandbox::Output;

/// Is a person who is logged in at a server that rotates.
struct Rotating {
    person: Person,
    provider: OidcProvider,
}

impl Rotating {
    fn start() -> Found<Self> {
        install::program("curl", "curl")?;
        let provider = OidcProvider::start(&oidc_provider::Options {
            issuer: Some("https://accounts.google.com".into()),
            clients: vec![Client::native(
                DESKTOP_CLIENT,
                Proof::Form(DESKTOP_SECRET),
                &["http://127.0.0.1", "http://127.0.0.1/"],
            )],
            account: USER,
            ..oidc_provider::Options::default()
        })?;
        let person = Person::at(Google::start(Options {
            oauth_server: Some(provider.origin().to_owned()),
            ..Options::default()
        }));
        person.context("file", &format!("client-id: {IAP_CLIENT}, {}", desktop()));
        person.is_logged_in();
        Ok(Self { person, provider })
    }

    /// Asserts that the login goes on, and that no refresh token was sent again after its answer.
    #[track_caller]
    fn goes_on(&self) {
        for _ in 0..2 {
            self.person.bearer(&["--refresh"]);
        }
        let sent = self.refresh_tokens();
        let mut unique = sent.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), sent.len(), "{}", self.provider.log());
    }

    fn refresh_tokens(&self) -> Vec<String> {
        let requests = self.person.google.requests().into_iter();
        let tokens = requests.filter_map(|seen| seen.request.form("refresh_token"));
        tokens.collect()
    }
}

fn is_refresh(host: &str, request: &Request) -> bool {
    host == "oauth2.googleapis.com"
        && request.form("grant_type").as_deref() == Some("refresh_token")
}

/// Ends a run that renews, while it waits at the gate.
#[track_caller]
fn ended_at(gate: &Gate, person: &Person, signal: &str) -> Output {
    let run = person.command(&["get", "--refresh"]).spawn();
    gate.wait_for(1);
    run.signal(signal);
    let output = run.wait();
    assert_eq!(output.stdout, "");
    output
}

#[test]
fn killed_before_the_server_has_it() {
    let rotating = needs!(Rotating::start());
    let gate = Gate::default();
    let at = gate.clone();
    rotating.person.google.intercept(move |host, request| {
        (is_refresh(host, request) && at.arrived() == 0).then(|| {
            at.pass();
            Response::close()
        })
    });
    assert_eq!(ended_at(&gate, &rotating.person, "KILL").status, -9);
    gate.open();
    // That one never came to the server.
    rotating.person.google.clear();
    rotating.goes_on();
}

#[test]
fn killed_before_the_answer_the_login_is_asked_for_again() {
    let rotating = needs!(Rotating::start());
    let gate = held_answer(&rotating.person);
    assert_eq!(ended_at(&gate, &rotating.person, "KILL").status, -9);
    gate.open();
    // The new one was in the answer alone.
    let person = &rotating.person;
    person
        .run(&["get", "--refresh"])
        .assert_error(4, "login-required");
    person.is_logged_in();
    rotating.goes_on();
}

#[test]
fn an_interrupt_lets_the_answer_arrive() {
    for signal in ["INT", "TERM"] {
        let rotating = needs!(Rotating::start());
        let gate = held_answer(&rotating.person);
        let run = rotating.person.command(&["get", "--refresh"]).spawn();
        gate.wait_for(1);
        run.signal(signal);
        std::thread::sleep(Duration::from_millis(200));
        gate.open();
        run.wait().assert_error(130, "interrupted");
        rotating.goes_on();
    }
}

#[test]
fn killed_at_the_proof_the_new_one_is_kept() {
    let rotating = needs!(Rotating::start());
    let gate = Gate::default();
    let at = gate.clone();
    rotating.person.google.intercept(move |host, _| {
        if host == IAP_HOST && at.arrived() == 0 {
            at.pass();
        }
        None
    });
    assert_eq!(ended_at(&gate, &rotating.person, "KILL").status, -9);
    gate.open();
    rotating.goes_on();
}

#[test]
fn an_answer_without_an_id_token_is_kept_all_the_same() {
    let rotating = needs!(Rotating::start());
    let person = &rotating.person;
    person.google.change(|host, request, mut response| {
        if is_refresh(host, request) {
            let body: Value = serde_json::from_slice(&response.body).expect("JSON");
            let token = serde_json::json!({"refresh_token": body["refresh_token"]});
            response.body = token.to_string().into_bytes();
        }
        response
    });
    person
        .run(&["get", "--refresh"])
        .assert_error(5, "oauth-token-invalid");
    person.google.change(|_, _, response| response);
    rotating.goes_on();
}

#[test]
fn many_at_once_use_each_token_once() {
    let rotating = needs!(Rotating::start());
    let start = || rotating.person.command(&["get", "--refresh"]).spawn();
    let running: Vec<_> = std::iter::repeat_with(start).take(20).collect();
    for one in running {
        one.wait().assert_success();
    }
    rotating.goes_on();
}

/// Holds the first answer to a refresh back, which the server has given.
fn held_answer(person: &Person) -> Gate {
    let gate = Gate::default();
    let at = gate.clone();
    person.google.change(move |host, request, response| {
        if is_refresh(host, request) && at.arrived() == 0 {
            at.pass();
        }
        response
    });
    gate
}
