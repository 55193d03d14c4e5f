//! Callers in the background while a person is in the browser.

use super::*;
use testkit::gate::Gate;

/// Makes a person whom Google keeps waiting in the browser.
fn held_at_google() -> (Person, Gate) {
    let person = Person::new();
    let gate = Gate::default();
    let at_google = gate.clone();
    person.google.intercept(move |host, _| {
        if host == "accounts.google.com" {
            at_google.pass();
        }
        None
    });
    (person, gate)
}

#[test]
fn a_login_in_the_browser_is_waited_for() {
    let (person, gate) = held_at_google();
    let browser = person.google.browser();
    let login = person
        .command(&["login"])
        .env("BROWSER", &browser.to_string_lossy())
        .spawn();
    gate.wait_for(1);
    let waiting: Vec<_> = (0..5)
        .map(|_| person.command(&["get", "-v"]).spawn())
        .collect();
    for one in &waiting {
        one.says("waiting: another process is logging in");
    }
    let late = person
        .run(&["get", "--timeout", "1s"])
        .assert_error(4, "login-in-progress");
    late.assert_says(&format!("process {}", login.id()));
    gate.open();
    login.wait().assert_success();
    for one in waiting {
        one.wait()
            .assert_success()
            .assert_says("another process has just saved");
    }
    assert_eq!(gate.arrived(), 1, "one browser");
}

#[test]
fn a_persons_time_in_the_browser_is_not_the_logins() {
    let (person, gate) = held_at_google();
    let browser = person.google.browser();
    let login = person
        .command(&["login", "--timeout", "6s"])
        .env("BROWSER", &browser.to_string_lossy())
        .spawn();
    gate.wait_for(1);
    std::thread::sleep(std::time::Duration::from_millis(6_100));
    gate.open();
    login.wait().assert_success();
}
