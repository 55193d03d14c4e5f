//! The Secret Service in every state that asks nobody.

use std::process::Command;
use std::sync::{Arc, OnceLock};

use super::table::Environment;
use super::user::{User, note};
use testkit::http::Request;
use testkit::peers::keepassxc::KeePassXc;
use testkit::peers::keyring::{Keyring, State};
use testkit::peers::{Found, needs};
use testkit::sandbox::{Output, Sandbox};

#[test]
fn no_d_bus() {
    let mut environment = Environment::new("no D-Bus");
    let user = User::new();
    user.look(&mut environment, "auto")
        .assert_not_kept()
        .says("there is no keyring: no D-Bus session bus")
        .says("`store: file`")
        .says("`password: {file: /path/to/password}`")
        .status_says("no D-Bus session bus");
    user.look(&mut environment, "keyring")
        .assert_not_kept()
        .says("the credential was not stored: [store-unavailable]")
        .status_says("no D-Bus session bus");
    user.look(&mut environment, "file").assert_kept("file");
    if user.home.runtime_on_tmpfs() {
        user.look(&mut environment, "runtime")
            .assert_kept("runtime folder");
    }
}

#[test]
fn a_bus_without_a_service() {
    let mut environment = Environment::new("D-Bus without a service");
    let (_keyring, user) = needs!(served(State::Absent));
    user.look(&mut environment, "keyring")
        .assert_not_kept()
        .says("there is no keyring")
        .status_says("there is no keyring");
    let in_memory = user.home.runtime_on_tmpfs();
    let auto = user.look(&mut environment, "auto");
    let auto = if in_memory {
        auto.assert_kept("runtime folder")
            .says("the session is stored in the runtime folder")
    } else {
        auto.assert_not_kept()
    };
    auto.status_says("there is no keyring");
}

#[test]
fn a_service_started_on_demand() {
    let mut environment = Environment::new("service started on demand");
    let (_keyring, user) = needs!(served(State::OnDemand));
    user.look(&mut environment, "auto").assert_kept("keyring");
}

#[test]
fn an_open_keyring() {
    let mut environment = Environment::new("open keyring");
    let (_keyring, user) = needs!(served(State::Unlocked));
    for store in ["auto", "keyring"] {
        user.look(&mut environment, store).assert_kept("keyring");
    }
    assert_eq!(user.door.logins(), 1);
}

#[test]
fn keepassxc_in_the_place_of_gnome_keyring() {
    let mut environment = Environment::new("KeePassXC");
    let keyring = needs!(KeePassXc::start());
    let user = User::new();
    keyring.serve(&user.home);
    user.look(&mut environment, "keyring")
        .assert_kept("keyring");
    user.get("keyring", &["--refresh"]).assert_success();
    user.look(&mut environment, "auto").assert_kept("keyring");
    assert_eq!(user.door.logins(), 2);
    let forgotten = user.home.run(&["logout", "--all"]).assert_success();
    assert!(
        forgotten.stderr.contains("stored: 1 "),
        "{}",
        forgotten.shown()
    );
    assert_eq!(user.status("keyring")["state"], "not logged in");
}

#[test]
fn no_collection_yet() {
    let mut environment = Environment::new("no collection yet");
    let (_keyring, user) = needs!(served(State::Fresh));
    keeps_nothing(&user, &mut environment, "no default collection");
}

#[test]
fn locked_and_nobody_answers() {
    let mut environment = Environment::new("locked, nobody answers");
    let (keyring, user) = needs!(served(State::Unlocked));
    let stored = answer(&user);
    keyring.lock();
    keeps_nothing(&user, &mut environment, "the keyring is locked");
    // It was not unlocked on the way, and nothing is lost.
    assert_eq!(user.status("keyring")["trouble"], "the keyring is locked");
    let mut keyring = keyring;
    keyring.restart_daemon();
    assert_eq!(answer(&user), stored);
}

#[test]
fn stopped_before_the_read() {
    let mut environment = Environment::new("daemon stopped before the read");
    let (keyring, user) = needs!(served(State::Unlocked));
    let stored = answer(&user);
    keyring.hang();
    keeps_nothing(
        &user,
        &mut environment,
        "the keyring did not answer within 2 s",
    );
    keyring.wake();
    assert_eq!(answer(&user), stored);
}

#[test]
fn stopped_before_the_write() {
    let mut environment = Environment::new("daemon stopped before the write");
    let keyring = needs!(Keyring::start(State::Unlocked));
    let (user, at_login) = user_with_a_signal("STOP");
    keyring.serve(&user.home);
    let stored = answer(&user);
    at_login.set(keyring.daemon_id()).expect("once");
    let fresh = user.get("keyring", &["--refresh", "-v"]).assert_success();
    let fresh = fresh
        .assert_says("the credential was not stored: [store-unavailable]")
        .assert_says("the keyring did not answer within 2 s");
    assert_ne!(fresh.stdout, stored);
    note_as_not_kept(&mut environment, &user, &fresh);
    keyring.wake();
    let after = answer(&user);
    assert!(
        [&stored, &fresh.stdout].contains(&&after),
        "the old one, or the new one once the daemon has read its post: {after}"
    );
}

#[test]
fn killed_before_the_write() {
    let mut environment = Environment::new("daemon killed before the write");
    let mut keyring = needs!(Keyring::start(State::Unlocked));
    let (user, at_login) = user_with_a_signal("KILL");
    keyring.serve(&user.home);
    let stored = answer(&user);
    at_login.set(keyring.daemon_id()).expect("once");
    let fresh = user.get("keyring", &["--refresh", "-v"]).assert_success();
    let fresh = fresh.assert_says("the credential was not stored: [store-unavailable]");
    note_as_not_kept(&mut environment, &user, &fresh);
    keyring.restart_daemon();
    assert_eq!(answer(&user), stored);
}

/// Makes a user with a keyring in this state.
fn served(state: State) -> Found<(Keyring, User)> {
    let keyring = Keyring::start(state)?;
    let user = User::new();
    keyring.serve(&user.home);
    Ok((keyring, user))
}

/// Gets what the keyring has, else a new session.
#[track_caller]
fn answer(user: &User) -> String {
    user.get("keyring", &[]).assert_success().stdout
}

/// Asserts that the keyring keeps nothing, whether it was named or not, and that all places say why.
#[track_caller]
fn keeps_nothing(user: &User, environment: &mut Environment, why: &str) {
    for store in ["auto", "keyring"] {
        user.look(environment, store)
            .assert_not_kept()
            .says(why)
            .status_says(why);
    }
}

fn note_as_not_kept(environment: &mut Environment, user: &User, answer: &Output) {
    let status = user.status("keyring");
    note(
        environment,
        "keyring",
        "answered, not kept",
        answer,
        &status,
    );
}

/// Makes a user at whose next login, once the process is named, that process gets a signal.
fn user_with_a_signal(signal: &'static str) -> (User, Arc<OnceLock<u32>>) {
    let named: Arc<OnceLock<u32>> = Arc::default();
    let process = Arc::clone(&named);
    let at_the_password = move |request: &Request| {
        if let Some(id) = process.get().filter(|_| request.method == "POST") {
            let id = id.to_string();
            let mut shell = Command::new("sh");
            shell.args(["-c", r#"kill -s "$0" "$1""#, signal, &id]);
            assert!(shell.status().expect("sh").success());
        }
        None
    };
    (User::with(Sandbox::new(), at_the_password), named)
}
