//! A locked keyring and a person at its prompt: only `login` may bring it up.

use super::table::Environment;
use super::user::{User, note};
use testkit::peers::keyring::{self, Keyring};
use testkit::peers::needs;
use testkit::sandbox::Output;

#[test]
fn a_person_answers() {
    let mut environment = Environment::new("locked, a person answers");
    let keyring = needs!(Keyring::locked_with_a_screen());
    let user = User::new();
    keyring.serve(&user.home);
    user.look(&mut environment, "keyring")
        .assert_not_kept()
        .says("the keyring is locked");
    assert!(!keyring.screen().has_a_window(), "get asks nobody");
    let done = log_in_while(&user, || {
        keyring.screen().answer(keyring::PASSWORD, "Return");
    });
    let done = done
        .assert_success()
        .assert_says("The session is stored in the keyring.");
    let status = user.status("keyring");
    note(
        &mut environment,
        "keyring",
        "`login` asks; kept: keyring",
        &done,
        &status,
    );
    user.look(&mut environment, "keyring")
        .assert_kept("keyring");
}

#[test]
fn a_person_refuses() {
    let mut environment = Environment::new("locked, a person refuses");
    let keyring = needs!(Keyring::locked_with_a_screen());
    let user = User::new();
    keyring.serve(&user.home);
    let done = log_in_while(&user, || {
        keyring.screen().answer("", "Escape");
    });
    let done = done
        .assert_error(4, "store-locked")
        .assert_says("unlock the keyring");
    let status = user.status("keyring");
    note(
        &mut environment,
        "keyring",
        "`login` asks; error[store-locked]",
        &done,
        &status,
    );
}

fn log_in_while(user: &User, person: impl FnOnce()) -> Output {
    let login = user.target("login", "keyring");
    let login: Vec<&str> = login.iter().map(String::as_str).collect();
    let running = user.home.command(&login).spawn();
    person();
    running.wait()
}
