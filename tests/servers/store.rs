//! Where sessions rest between two runs, and what many runs at once make of that. What a store does in each environment
//! is in `environments.rs`.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

use testkit::peers::dex::{self, Account};
use testkit::peers::front_door::RealDoor;
use testkit::peers::keyring::{Keyring, State};
use testkit::peers::visitor::Visitor;
use testkit::peers::{Found, Missing, install, needs, slapd};
use testkit::sandbox::Sandbox;

// ------------------------------------------------------------------- keyring

#[test]
fn a_session_rests_in_the_keyring() {
    let keyring = needs!(Keyring::start(State::Unlocked));
    let door = needs!(RealDoor::ldap());
    let user = Visitor::new(&door, slapd::USER);
    keyring.serve(&user.home);
    let first = user.get(&[]).assert_success();
    user.get(&["--store", "keyring", "-v"])
        .assert_success()
        .assert_says("answered from the store: ");
    door.forget_requests();
    assert_eq!(user.get(&[]).assert_success().stdout, first.stdout);
    door.assert_no_request();
    user.assert_opens(&first.json());
    assert!(stored_files(&user.home).is_empty());
}

#[test]
fn a_login_at_a_keyring_that_nobody_unlocks_goes_on_without() {
    let keyring = needs!(Keyring::start(State::Locked));
    let door = needs!(RealDoor::ldap());
    let user = Visitor::new(&door, slapd::USER);
    keyring.serve(&user.home);
    let endpoint = door.endpoint();
    let login = [
        "login",
        "--endpoint",
        &endpoint,
        "--username",
        slapd::USER.login,
    ];
    let done = user.home.run(&login).assert_success();
    let done = done.assert_says("The session was not stored");
    assert!(done.elapsed < Duration::from_secs(5), "{}", done.shown());
    user.home
        .run(&[login.as_slice(), &["--store", "keyring"]].concat())
        .assert_error(4, "store-locked")
        .assert_says("unlock the keyring");
    assert_eq!(door.posts(), 1, "it fails before the login");
}

#[test]
fn a_keyring_that_hangs_costs_a_few_seconds_once() {
    let keyring = needs!(Keyring::start(State::Hung));
    let door = needs!(RealDoor::ldap());
    let user = Visitor::new(&door, slapd::USER);
    keyring.serve(&user.home);
    let got = user.get(&[]).assert_success();
    assert!(got.elapsed < Duration::from_secs(4), "{}", got.shown());
    user.assert_opens(&got.json());
    user.get(&["-v"])
        .assert_success()
        .assert_says("the keyring did not answer within 2 s");
    let login = ["login", "--endpoint", &door.endpoint(), "--username"];
    let login = [login.as_slice(), &[slapd::USER.login, "--store", "keyring"]].concat();
    door.forget_requests();
    let failed = user.home.run(&login).assert_error(3, "store-unavailable");
    door.assert_no_request();
    assert!(
        failed.elapsed < Duration::from_secs(8),
        "{}",
        failed.shown()
    );
}

#[test]
fn a_keyring_that_hangs_leaves_room_for_memory() {
    let keyring = needs!(Keyring::start(State::Hung));
    let door = needs!(RealDoor::ldap());
    let user = Visitor::new(&door, slapd::USER);
    needs!(in_memory(&user.home));
    keyring.serve(&user.home);
    let first = user.get(&[]).assert_success();
    let second = user.get(&[]).assert_success();
    assert_eq!(first.stdout, second.stdout);
    assert!(
        second.elapsed < Duration::from_secs(1),
        "{}",
        second.shown()
    );
}

// ------------------------------------------------------- memory, and nowhere

#[test]
fn without_a_keyring_a_session_rests_in_memory() {
    let door = needs!(RealDoor::ldap());
    let user = Visitor::new(&door, slapd::USER);
    needs!(in_memory(&user.home));
    let first = user.get(&["-v"]).assert_success();
    let first = first
        .assert_says("there is no keyring")
        .assert_says("the session is stored in the runtime folder");
    assert_eq!(user.get(&[]).assert_success().stdout, first.stdout);
    assert_eq!(door.posts(), 1);
    let status = ["status", "-o", "json", "--endpoint", &door.endpoint()];
    let status = [status.as_slice(), &["--username", slapd::USER.login]].concat();
    let row = user.home.run(&status).assert_success().json()[0].clone();
    assert_eq!(
        (&row["store"], &row["state"]),
        (&json!("runtime folder"), &json!("logged in"))
    );
    assert!(
        row["trouble"]
            .as_str()
            .is_some_and(|why| why.contains("no keyring"))
    );
    assert!(stored_files(&user.home).is_empty(), "nothing on the disk");
}

#[test]
fn cron_needs_a_home_a_path_and_two_lines() {
    let door = needs!(RealDoor::ldap());
    let user = Visitor::new(&door, slapd::USER);
    user.home
        .file("password", slapd::USER.password.to_owned() + "\n");
    user.home.config(&format!(
        "apiVersion: kfp-credential/v1\nkind: Config\ncontexts:\n  - name: nightly\n    endpoint: {}\n    \
         store: file\n    dex:\n      username: {}\n      password: {{file: {}/password}}\n",
        door.endpoint(),
        slapd::USER.login,
        user.home.home().display()
    ));
    let get = || {
        let bare = [
            "KFP_CREDENTIAL_PASSWORD",
            "XDG_CONFIG_HOME",
            "XDG_STATE_HOME",
            "XDG_RUNTIME_DIR",
            "DBUS_SESSION_BUS_ADDRESS",
            "TMPDIR",
        ];
        let run = user.home.command(&["get", "--context", "nightly"]);
        let run = bare.iter().fold(run, |run, name| run.env_remove(name));
        run.run().assert_success()
    };
    let first = get();
    assert_eq!(get().stdout, first.stdout);
    assert_eq!(door.posts(), 1);
    user.assert_opens(&first.json());
    assert_eq!(stored_files(&user.home).len(), 1);
}

#[test]
fn without_a_writable_home_a_login_goes_on() {
    let door = needs!(RealDoor::ldap());
    let user = Visitor::new(&door, slapd::USER);
    user.home.file("in-the-way", "");
    let place = user.home.home().join("in-the-way");
    user.home.env("XDG_STATE_HOME", &place.to_string_lossy());
    user.get(&["--store", "file"]).assert_success();
    user.get(&["--store", "file", "-v"])
        .assert_success()
        .assert_says("going on without a lock")
        .assert_says("the credential was not stored");
    door.forget_requests();
    let login = ["login", "--endpoint", &door.endpoint(), "--username"];
    let login = [login.as_slice(), &[slapd::USER.login, "--store", "file"]].concat();
    user.home.run(&login).assert_error(3, "store-unavailable");
    door.assert_no_request();
}

// ------------------------------------------------------------------- at once

#[test]
fn twenty_at_once_make_one_login_with_a_file() {
    let door = needs!(RealDoor::sign_in_page());
    let user = Visitor::new(&door, dex::USER);
    assert_twenty_are_one(&door, &user, "file");
}

#[test]
fn twenty_at_once_make_one_login_with_a_keyring() {
    let keyring = needs!(Keyring::start(State::Unlocked));
    let door = needs!(RealDoor::sign_in_page());
    let user = Visitor::new(&door, dex::USER);
    keyring.serve(&user.home);
    assert_twenty_are_one(&door, &user, "keyring");
}

#[test]
fn twenty_at_once_make_one_login_of_three_seconds() {
    let door = needs!(RealDoor::short_sessions("3s"));
    let user = Visitor::new(&door, dex::USER);
    assert_twenty_are_one(&door, &user, "file");
}

#[test]
fn twenty_at_once_make_one_login_of_five_seconds_with_a_keyring() {
    let keyring = needs!(Keyring::start(State::Unlocked));
    let door = needs!(RealDoor::short_sessions("5s"));
    let user = Visitor::new(&door, dex::USER);
    keyring.serve(&user.home);
    assert_twenty_are_one(&door, &user, "keyring");
}

#[test]
fn twenty_at_once_without_a_store_log_in_one_after_another() {
    let door = needs!(RealDoor::ldap());
    let user = Visitor::new(&door, slapd::USER);
    let mut answers = at_once(&user, "none");
    assert_eq!((door.posts(), door.logins()), (20, 20));
    answers.sort();
    answers.dedup();
    assert_eq!(answers.len(), 20, "each has its own");
    // Each login is whole before the next one begins.
    let hops = door.recorder().hops();
    let logins: Vec<&[String]> = hops.chunks(4).collect();
    assert!(logins.iter().all(|login| *login == logins[0]), "{hops:?}");
}

// ---------------------------------------------------------- a stored session

#[test]
fn a_stored_answer_touches_no_network_and_no_authority() {
    let strace = needs!(install::program("strace", "strace"));
    let door = needs!(RealDoor::ldap());
    let tool = tempfile::tempdir().expect("a folder");
    let (binary, record) = (tool.path().join("traced"), tool.path().join("record"));
    let script = format!(
        "#!/bin/sh\nexec {} -f -o {} -e trace=%network,%file,%process {} \"$@\"\n",
        strace.display(),
        record.display(),
        testkit::binary()
    );
    fs::write(&binary, script).expect("a script");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&binary, mode).expect("its mode");
    let home = Sandbox::with_binary(&binary);
    let password = home.secret(slapd::USER.password);
    home.env("KFP_CREDENTIAL_PASSWORD", &password);
    let user = Visitor::at_home(home, &door, slapd::USER);
    let traced = || {
        let got = user.get(&["--store", "file"]).assert_success();
        (got.stdout, fs::read_to_string(&record).expect("the record"))
    };
    let (first, cold) = traced();
    assert!(cold.contains("AF_INET"), "the record would show it\n{cold}");
    door.forget_requests();
    let (second, record) = traced();
    assert_eq!(first, second);
    door.assert_no_request();
    for never in [
        "socket(",
        "connect(",
        "/etc/ssl",
        "resolv.conf",
        "clone3(",
        "clone(",
    ] {
        assert!(!record.contains(never), "{never}\n{record}");
    }
}

#[test]
fn a_stored_answer_needs_no_authority_and_a_login_does() {
    let keyring = needs!(Keyring::start(State::Unlocked));
    let door = needs!(RealDoor::tls());
    let authority = fs::read(door.certificate_authority()).expect("the authority");
    for store in ["file", "keyring"] {
        let user = Visitor::new(&door, dex::USER);
        keyring.serve(&user.home);
        let file = user.home.shared_file("ca.pem", &authority);
        let options = ["--store", store, "--certificate-authority", "ca.pem"];
        let stored = user.get(&options).assert_success().stdout;
        fs::remove_file(file).expect("the file");
        assert_eq!(user.get(&options).assert_success().stdout, stored);
        user.get(&[options.as_slice(), &["--refresh"]].concat())
            .assert_error(3, "config-unreadable");
    }
}

#[test]
fn a_spoilt_entry_is_discarded_with_a_word() {
    let door = needs!(RealDoor::ldap());
    let user = Visitor::new(&door, slapd::USER);
    let stored = user.get(&["--store", "file"]).assert_success().stdout;
    let file = stored_files(&user.home).pop().expect("an entry");
    let whole = fs::read_to_string(&file).expect("an entry");
    let spoilt = [
        String::new(),
        "{".to_owned(),
        whole[..whole.len() / 2].to_owned(),
        whole.replace("\"version\":1", "\"version\":99"),
        whole.replace(slapd::USER.login, slapd::CROWD.login),
    ];
    for (number, text) in spoilt.into_iter().enumerate() {
        assert_ne!(text, whole);
        fs::write(&file, text).expect("the entry");
        let got = user.get(&["--store", "file", "-v"]).assert_success();
        let got = got.assert_says("is discarded");
        assert_ne!(got.stdout, stored);
        assert_eq!(door.posts(), number + 2);
    }
}

#[test]
fn a_session_near_its_end_is_renewed() {
    let door = needs!(RealDoor::ldap());
    let user = Visitor::new(&door, slapd::USER);
    user.get(&["--store", "file"]).assert_success();
    ends_in(&user.home, TimeDelta::minutes(7));
    user.get(&["--store", "file"]).assert_success();
    assert_eq!(door.posts(), 1, "six minutes are enough");
    ends_in(&user.home, TimeDelta::minutes(5));
    let renewed = user.document(&["--store", "file"]);
    assert_eq!(door.posts(), 2);
    user.assert_opens(&renewed);
    assert_eq!(user.document(&["--store", "file"]), renewed);
}

#[test]
fn a_session_that_cannot_be_renewed_is_used_to_its_end() {
    let door = needs!(RealDoor::ldap());
    let user = Visitor::new(&door, slapd::USER);
    user.get(&["--store", "file"]).assert_success();
    ends_in(&user.home, TimeDelta::minutes(5));
    let ask = |password: &str, more: &[&str]| {
        let run = user.command(&[["--store", "file"].as_slice(), more].concat());
        run.env("KFP_CREDENTIAL_PASSWORD", password).run()
    };
    // The password has changed meanwhile.
    let old = ask("another password", &[]).assert_success();
    user.assert_opens(&old.json());
    ask("another password", &["-v"])
        .assert_success()
        .assert_says("renewing failed, the stored one is still valid: [dex-login-rejected]");
    ask("another password", &["--refresh"]).assert_error(5, "dex-login-rejected");
    ends_in(&user.home, TimeDelta::seconds(-1));
    ask("another password", &[]).assert_error(5, "dex-login-rejected");

    // Everything is gone.
    ask(slapd::USER.password, &[]).assert_success();
    ends_in(&user.home, TimeDelta::minutes(5));
    let endpoint = door.endpoint();
    let home = user.home;
    drop(door);
    let get = [
        "get",
        "--endpoint",
        &endpoint,
        "--username",
        slapd::USER.login,
    ];
    let get = [get.as_slice(), &["--store", "file"]].concat();
    home.run(&get).assert_success();
    ends_in(&home, TimeDelta::seconds(-1));
    home.run(&get).assert_error(6, "unreachable");
}

#[test]
fn a_refresh_leaves_the_stored_one_aside() {
    let door = needs!(RealDoor::ldap());
    let user = Visitor::new(&door, slapd::USER);
    let stored = user.get(&["--store", "file"]).assert_success().stdout;
    let fresh = user
        .get(&["--store", "file", "--refresh"])
        .assert_success()
        .stdout;
    assert_ne!(fresh, stored);
    assert_eq!(
        user.get(&["--store", "file"]).assert_success().stdout,
        fresh
    );
    assert_eq!(door.posts(), 2);
}

#[test]
fn a_least_life_can_be_asked_for() {
    let door = needs!(RealDoor::ldap());
    let user = Visitor::new(&door, slapd::USER);
    user.get(&["--store", "file"]).assert_success();
    ends_in(&user.home, TimeDelta::hours(1));
    user.get(&["--store", "file", "--min-ttl", "30m"])
        .assert_success();
    assert_eq!(door.posts(), 1);
    user.get(&["--store", "file", "--min-ttl", "2h"])
        .assert_success();
    assert_eq!(door.posts(), 2);
    user.get(&["--store", "file", "--min-ttl", "soon"])
        .assert_error(2, "usage")
        .assert_says("10m");
}

#[test]
fn a_session_belongs_to_one_endpoint_user_and_connector() {
    let door = needs!(RealDoor::several_connectors());
    let home = Sandbox::new();
    let get = |account: Account, more: &[&str]| {
        let password = home.secret(account.password);
        let endpoint = door.endpoint();
        let own = ["get", "--store", "file", "--endpoint", &endpoint];
        let own = [own.as_slice(), &["--username", account.login], more].concat();
        let run = home.command(&own).env("KFP_CREDENTIAL_PASSWORD", &password);
        run.run().assert_success().stdout
    };
    let ldap = ["--connector", "ldap"];
    let answers = [
        get(dex::USER, &[]),
        get(dex::ODD, &[]),
        get(slapd::USER, &ldap),
    ];
    assert_eq!(door.posts(), 3);
    let again = [
        get(dex::USER, &[]),
        get(dex::ODD, &[]),
        get(slapd::USER, &ldap),
    ];
    assert_eq!(answers, again);
    assert_eq!(door.posts(), 3);
    assert_eq!(stored_files(&home).len(), 3);
}

// -------------------------------------------------------------------- helpers

/// Gives a home a runtime folder in memory, as a login session has one.
fn in_memory(home: &Sandbox) -> Found<()> {
    let moved = home.runtime_on_tmpfs();
    moved
        .then_some(())
        .ok_or_else(|| Missing::new("a tmpfs at /dev/shm"))
}

/// Asks twenty times at once.
fn at_once(user: &Visitor, store: &str) -> Vec<String> {
    let start = || user.command(&["--store", store]).spawn();
    let running: Vec<_> = std::iter::repeat_with(start).take(20).collect();
    let answers = running
        .into_iter()
        .map(|one| one.wait().assert_success().stdout);
    answers.collect()
}

#[track_caller]
fn assert_twenty_are_one(door: &RealDoor, user: &Visitor, store: &str) {
    let start = Instant::now();
    let answers = at_once(user, store);
    let took = start.elapsed();
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "in {took:?}: {answers:#?}"
    );
    assert_eq!((door.posts(), door.logins()), (1, 1), "in {took:?}");
}

/// Lists the entries on the disk.
fn stored_files(home: &Sandbox) -> Vec<PathBuf> {
    let folder = fs::read_dir(home.state_folder().join("store"));
    let files = folder.into_iter().flatten().flatten();
    files.map(|file| file.path()).collect()
}

/// Makes the one stored session an old one that ends so much later than now.
fn ends_in(home: &Sandbox, life: TimeDelta) {
    let file = stored_files(home).pop().expect("an entry");
    let entry = fs::read(&file).expect("an entry");
    let mut entry: Value = serde_json::from_slice(&entry).expect("JSON");
    let end = (Utc::now() + life).to_rfc3339();
    let credential = &mut entry["credential"];
    assert!(credential["expires-at"].is_string(), "{credential}");
    credential["expires-at"] = end.clone().into();
    credential["told-end"] = end.into();
    credential["issued-at"] = (Utc::now() - TimeDelta::hours(23)).to_rfc3339().into();
    fs::write(&file, entry.to_string()).expect("the entry");
}
