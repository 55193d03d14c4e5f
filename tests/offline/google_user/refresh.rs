//! What becomes of a login after the ID token's end.

use super::*;

#[test]
fn an_ended_id_token_is_refreshed_without_a_browser() {
    let person = Person::new();
    person.google.behave(|behave| behave.lifetime = 3);
    person.is_logged_in();
    std::thread::sleep(std::time::Duration::from_millis(3100));
    person.google.behave(|behave| behave.lifetime = 3599);
    let (token, claims) = person.bearer(&[]);
    assert_eq!(claims["aud"], IAP_CLIENT);
    assert_eq!(person.asked(), [TOKEN]);
    assert_eq!(person.tried(), [format!("Bearer {token}")]);
    person.bearer(&[]);
    assert_eq!(person.asked(), [TOKEN]);
}

#[test]
fn a_caller_can_ask_for_a_refresh() {
    let person = Person::new();
    person.is_logged_in();
    person.bearer(&["--min-ttl", "30m"]);
    assert!(person.asked().is_empty());
    person.bearer(&["--min-ttl", "2h"]);
    assert_eq!(person.asked(), [TOKEN]);
    person.bearer(&["--refresh"]);
    assert_eq!(person.asked(), [TOKEN, TOKEN]);
}

#[test]
fn the_refresh_request_names_the_iap_client() {
    let person = Person::new();
    person.is_logged_in();
    person.bearer(&["--refresh"]);
    let request = &person.google.requests()[0].request;
    for (name, value) in [
        ("grant_type", "refresh_token"),
        ("client_id", DESKTOP_CLIENT),
        ("client_secret", DESKTOP_SECRET),
        ("audience", IAP_CLIENT),
    ] {
        assert_eq!(request.form(name).as_deref(), Some(value));
    }
}

#[test]
fn a_rotated_refresh_token_is_kept_before_the_answer() {
    let person = Person::new();
    person.google.behave(|behave| behave.rotation = true);
    person.is_logged_in();
    for _ in 0..3 {
        person.bearer(&["--refresh"]);
    }
    assert_eq!((person.google.refreshes(), person.google.reuses()), (4, 0));
}

#[test]
fn a_rotated_refresh_token_outlives_a_refusal_at_the_endpoint() {
    let person = Person::new();
    person.google.behave(|behave| behave.rotation = true);
    person.is_logged_in();
    person
        .google
        .behave(|behave| behave.permitted = Some(vec![]));
    person
        .run(&["get", "--refresh"])
        .assert_error(5, "iap-not-permitted");
    person.google.behave(|behave| behave.permitted = None);
    person.bearer(&["--refresh"]);
    assert_eq!(person.google.reuses(), 0);
}

#[test]
fn a_rotated_refresh_token_of_the_sdk_is_not_lost() {
    let person = Person::with_store("none");
    person.sdk_logged_in();
    person.google.behave(|behave| behave.rotation = true);
    person.bearer(&[]);
    person.bearer(&[]);
    assert_eq!((person.google.refreshes(), person.google.reuses()), (2, 0));
}

#[test]
fn fifty_at_once_refresh_once() {
    let person = Person::new();
    person.google.behave(|behave| {
        behave.rotation = true;
        behave.lifetime = 3;
    });
    person.is_logged_in();
    std::thread::sleep(std::time::Duration::from_millis(3100));
    person.google.behave(|behave| behave.lifetime = 3599);
    let runs: Vec<_> = (0..50)
        .map(|_| person.command(&["get", "-o", "token"]).spawn())
        .collect();
    let outputs: Vec<_> = runs
        .into_iter()
        .map(|run| run.wait().assert_success())
        .collect();
    assert!(
        outputs
            .iter()
            .all(|output| output.stdout == outputs[0].stdout)
    );
    assert_eq!(person.asked(), [TOKEN]);
    assert_eq!(person.google.reuses(), 0);
}

#[test]
fn two_endpoints_at_once_do_not_use_one_refresh_token_twice() {
    let person = Person::without_context();
    let keys = format!("client-id: {IAP_CLIENT}, {}", desktop());
    person.contexts(&[
        ("google", "pipeline", "file", &keys),
        ("other", "pipeline/", "file", &keys),
        ("root", "", "file", &keys),
    ]);
    person.google.behave(|behave| behave.rotation = true);
    person.is_logged_in();
    for _ in 0..4 {
        let runs: Vec<_> = ["google", "other", "root", "google", "root"]
            .map(|name| {
                person
                    .sandbox
                    .command(&["get", "--refresh", "--context", name])
                    .spawn()
            })
            .into_iter()
            .collect();
        for run in runs {
            run.wait().assert_success();
        }
    }
    assert_eq!(person.google.reuses(), 0);
}

#[test]
fn an_end_is_counted_by_googles_clock() {
    use chrono::{DateTime, TimeDelta, Utc};
    for ahead in [-7200, 7200] {
        let person = Person::new();
        let exp = Utc::now().timestamp() + ahead + 3599;
        person.google.behave(|behave| {
            behave.claims.insert("exp".to_owned(), exp.into());
        });
        person.google.change(move |host, _, response| {
            if host == IAP_HOST {
                // It has a clock of its own.
                return Response::json(200, r#"{"multi_user":true}"#);
            }
            let now = Utc::now() + TimeDelta::seconds(ahead);
            response.header("Date", &now.format("%a, %d %b %Y %H:%M:%S GMT").to_string())
        });
        person.is_logged_in();
        let answer = person.run(&["get"]).assert_success().json();
        let end = answer["status"]["kfp"]["expiresAt"].as_str();
        let end: DateTime<Utc> = end.expect("an end").parse().expect("a time");
        let life = (end - Utc::now()).num_seconds();
        assert!((3580..=3600).contains(&life), "{ahead}: {life}");
    }
}
