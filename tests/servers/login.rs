//! A person at the front door: `login`, `logout` and `status`, at a terminal and without one.

mod terminal;

use std::fs;

use serde_json::Value;

use testkit::peers::dex::{self, Account};
use testkit::peers::front_door::RealDoor;
use testkit::peers::keyring::{Keyring, State};
use testkit::peers::slapd;
use testkit::peers::visitor::Visitor;
use testkit::peers::{Found, needs};
use testkit::sandbox::{Output, Run, Sandbox, files_beneath};
use testkit::terminal::Terminal;

// --------------------------------------------------------------------- stdin

#[test]
fn the_password_comes_over_stdin() {
    let door = needs!(RealDoor::sign_in_page());
    let user = person();
    for stdin in [
        dex::ODD.password.to_owned(),
        dex::ODD.password.to_owned() + "\r\nmore\n",
    ] {
        let done = login(
            &user,
            &door,
            &["--username", dex::ODD.login, "--password-stdin"],
        );
        let done = done.stdin(&stdin).run().assert_success();
        assert_eq!(done.stdout, "");
        let words = format!(
            "Logged in to {} as {}, until 20",
            door.endpoint(),
            dex::ODD.login
        );
        done.assert_says(&words)
            .assert_says("The session is stored in the file.");
    }
    assert_eq!(door.logins(), 2);

    // The session is there, the password is not.
    let user = Visitor::at_home(user, &door, dex::ODD);
    let document = user.document(&["--store", "file"]);
    assert_eq!(door.posts(), 2);
    user.assert_opens(&document);
    user.get(&["--store", "file", "--refresh"])
        .assert_error(4, "password-required");
}

#[test]
fn an_empty_stdin_is_no_password() {
    let home = Sandbox::new();
    let options = [
        "login",
        "--endpoint",
        "http://127.0.0.1:9",
        "--password-stdin",
    ];
    for stdin in ["", "\n"] {
        home.command(&options)
            .stdin(stdin)
            .run()
            .assert_error(4, "password-required")
            .assert_says("stdin holds no password");
    }
}

#[test]
fn a_line_on_stdin_is_enough() {
    let door = needs!(RealDoor::sign_in_page());
    let (user, terminal) = (person(), Terminal::open());
    let options = ["--username", dex::USER.login, "--password-stdin"];
    let running = login(&user, &door, &options)
        .at_terminal(terminal.line())
        .spawn();
    terminal.press(&format!("{}\n", dex::USER.password));
    running.wait().assert_success();
    assert_eq!(door.logins(), 1);
}

#[test]
fn a_wrong_password_is_told_and_nothing_is_kept() {
    let door = needs!(RealDoor::sign_in_page());
    let user = person();
    login(
        &user,
        &door,
        &["--username", dex::USER.login, "--password-stdin"],
    )
    .stdin("a wrong password")
    .run()
    .assert_error(5, "dex-login-rejected")
    .assert_says("Invalid Email Address and password.");
    let store = files_beneath(&user.state_folder().join("store"));
    assert!(store.is_empty(), "{store:?}");
}

// ---------------------------------------------------------------- what stays

#[test]
fn a_saved_password_logs_in_again_when_the_session_is_over() {
    let keyring = needs!(Keyring::start(State::Unlocked));
    let door = needs!(RealDoor::short_sessions("2s"));
    let user = person();
    keyring.serve(&user);
    log_in(&user, &door, &["--save-password", "--store", "auto"])
        .assert_says("The session is stored in the keyring.")
        .assert_says("The password is stored in the keyring.");
    let user = Visitor::at_home(user, &door, dex::USER);
    let first = user.get(&[]).assert_success().stdout;
    let start = std::time::Instant::now();
    while user.get(&[]).assert_success().stdout == first {
        assert!(start.elapsed().as_secs() < 20, "the session lives for 2 s");
    }
    user.assert_opens(&user.document(&[]));
    assert!(door.logins() >= 2);
}

#[test]
fn a_saved_password_serves_when_the_server_has_forgotten_the_session() {
    let keyring = needs!(Keyring::start(State::Unlocked));
    let mut door = needs!(RealDoor::sign_in_page());
    let home = person();
    keyring.serve(&home);
    log_in(&home, &door, &["--save-password", "--store", "auto"]);
    door.forget_sessions();
    let user = Visitor::at_home(home, &door, dex::USER);
    let stale = user.document(&[]);
    let fresh = user.document(&["--refresh"]);
    assert_ne!(stale["status"]["headers"], fresh["status"]["headers"]);
    user.assert_opens(&fresh);
    assert_eq!(user.document(&[]), fresh);
}

#[test]
fn a_saved_password_needs_a_keyring() {
    let door = needs!(RealDoor::sign_in_page());
    let user = person();
    login(
        &user,
        &door,
        &[
            "--username",
            dex::USER.login,
            "--password-stdin",
            "--save-password",
        ],
    )
    .stdin(dex::USER.password)
    .run()
    .assert_error(3, "store-unavailable")
    .assert_says("password: {file: F}");
    door.assert_no_request();
}

#[test]
fn a_saved_context_is_all_that_get_needs() {
    let door = needs!(RealDoor::sign_in_page());
    let user = person();
    user.config(
        "# Ours.\napiVersion: kfp-credential/v1\nkind: Config\ncurrent-context: other\ncontexts:\n  \
         - name: other # stays\n    endpoint: http://127.0.0.1:9\n    none: {}\n",
    );
    log_in(
        &user,
        &door,
        &["--save-context", "team-a", "--namespace", "team-a"],
    )
    .assert_says("Wrote the context team-a to ");
    let config = fs::read_to_string(user.config_file()).expect("the file");
    for kept in ["# Ours.", "- name: other # stays", "current-context: other"] {
        assert!(config.contains(kept), "{kept}\n{config}");
    }
    assert!(!config.contains(dex::USER.password), "{config}");

    door.forget_requests();
    let user = Visitor::at_home(user, &door, dex::USER);
    let document = user.home.run(&["get", "--context", "team-a"]);
    let document = document.assert_success().json();
    door.assert_no_request();
    assert_eq!(document["status"]["kfp"]["context"], "team-a");
    assert_eq!(document["status"]["kfp"]["namespace"], "team-a");
    user.assert_opens(&document);
}

#[test]
fn a_context_is_saved_into_whichever_file_is_named() {
    let door = needs!(RealDoor::ldap());
    let user = person();
    let password = user.secret(slapd::USER.password);
    let endpoint = door.endpoint();
    for file in ["here.yaml", "team/a/config.yaml"] {
        let config = user.home().join(file);
        fs::create_dir_all(config.parent().expect("a folder")).expect("a folder");
        fs::write(&config, "").expect("an empty file");
        let login = [
            "login",
            "--config",
            file,
            "--endpoint",
            &endpoint,
            "--username",
        ];
        let login = [login.as_slice(), &[slapd::USER.login, "--password-stdin"]].concat();
        let login = [
            login.as_slice(),
            &["--save-context", "a", "--store", "file"],
        ]
        .concat();
        let done = user.command(&login).stdin(&password).run();
        done.assert_success().assert_says("Wrote the context a to ");
        user.run(&["get", "--config", file]).assert_success();
    }
    assert_eq!(door.posts(), 2);
}

#[test]
fn a_first_saved_context_is_the_current_one_and_knows_the_typed_name_and_password() {
    let (keyring, door) = needs!(keyring_and_door());
    let (user, terminal) = (person(), Terminal::open());
    keyring.serve(&user);
    let options = [
        "--save-context",
        "team-a",
        "--save-password",
        "--store",
        "keyring",
    ];
    let running = login(&user, &door, &options)
        .at_terminal(terminal.line())
        .spawn();
    terminal.answer("User name", dex::USER.login);
    terminal.answer_unseen("Password of", dex::USER.password);
    running.wait().assert_success();

    door.forget_requests();
    let stored = user.run(&["get"]).assert_success().json();
    door.assert_no_request();
    assert_eq!(stored["status"]["kfp"]["context"], "team-a");
    user.run(&["get", "--refresh"]).assert_success();
    assert_eq!(door.posts(), 1, "the typed password was there");
    user.run(&["logout"])
        .assert_success()
        .assert_says("Removed the session and the password");
    assert_eq!(items(&keyring), 0, "nothing is left in the keyring");
}

#[test]
fn a_store_that_was_named_must_work_for_login_but_not_for_get() {
    let door = needs!(RealDoor::sign_in_page());
    for store in ["keyring", "runtime"] {
        let user = Visitor::new(&door, dex::USER);
        login(
            &user.home,
            &door,
            &["--username", dex::USER.login, "--store", store],
        )
        .run()
        .assert_error(3, "store-unavailable")
        .assert_says("--store");
        user.get(&["--store", store]).assert_success();
        user.get(&["--store", store, "-v"])
            .assert_success()
            .assert_says("the credential was not stored: [store-unavailable]");
    }
}

#[test]
fn where_nothing_can_store_login_says_so() {
    let door = needs!(RealDoor::sign_in_page());
    log_in(&person(), &door, &["--store", "auto"])
        .assert_says("The session was not stored")
        .assert_says("--store file");
}

// ---------------------------------------------------------- status and logout

#[test]
fn status_and_logout_tell_what_is_stored() {
    let keyring = needs!(Keyring::start(State::Unlocked));
    let door = needs!(RealDoor::sign_in_page());
    let user = person();
    keyring.serve(&user);
    user.config(&two_contexts(&door));
    door.forget_requests();
    let before = status(&user);
    assert_eq!(before.as_array().map(Vec::len), Some(2));
    assert_eq!(before[0]["context"], "in-keyring");
    assert_eq!(before[0]["current"], true);
    assert_eq!(before[0]["method"], "dex");
    assert_eq!(before[0]["endpoint"], door.endpoint());
    assert_eq!(before[0]["state"], "not logged in");
    assert_eq!(before[0]["store"], "keyring");
    assert_eq!(before[1]["store"], "file");
    let text = user.run(&["status"]).assert_success().stdout;
    assert!(text.contains("in-keyring (current)\n"), "{text}");
    assert!(text.contains("not logged in"), "{text}");
    door.assert_no_request();

    for context in ["in-keyring", "in-file"] {
        let options = [
            "login",
            "--context",
            context,
            "--password-stdin",
            "--save-password",
        ];
        let login = user.command(&options).stdin(dex::USER.password);
        login.run().assert_success();
    }
    door.forget_requests();
    let after = status(&user);
    for row in after.as_array().expect("a list") {
        assert_eq!(row["state"], "logged in");
        assert_eq!(row["principal"], dex::USER.login);
        assert!(
            row["expiresAt"]
                .as_str()
                .is_some_and(|end| end.ends_with('Z'))
        );
    }
    let text = user.run(&["status"]).assert_success().stdout;
    assert!(
        text.contains("(in 23h 59m)") || text.contains("(in 1d"),
        "{text}"
    );
    let one = user.run(&["status", "--context", "in-file", "-o", "json"]);
    assert_eq!(one.assert_success().json()[0], after[1]);

    user.run(&["logout", "--context", "in-file"])
        .assert_success()
        .assert_says("Removed the session and the password of context \"in-file\".");
    user.run(&["logout", "--context", "in-file"])
        .assert_success()
        .assert_says("Nothing was stored of context \"in-file\".");
    user.run(&["get", "--context", "in-file"])
        .assert_error(4, "password-required");
    assert_eq!(status(&user)[1]["state"], "not logged in");
    assert_eq!(status(&user)[0]["state"], "logged in");
    assert_eq!(door.posts(), 0);
}

#[test]
fn logout_of_all_leaves_nothing_anywhere() {
    let (keyring, door) = needs!(keyring_and_door());
    let user = person();
    keyring.serve(&user);
    user.config(&two_contexts(&door));
    for context in ["in-keyring", "in-file"] {
        let options = [
            "login",
            "--context",
            context,
            "--password-stdin",
            "--save-password",
        ];
        let login = user.command(&options).stdin(dex::USER.password);
        login.run().assert_success();
    }
    // One that no context knows any more.
    let options = [
        "login",
        "--endpoint",
        door.origin(),
        "--store",
        "file",
        "--username",
    ];
    let options = [options.as_slice(), &[dex::USER.login, "--password-stdin"]].concat();
    let login = user.command(&options).stdin(dex::USER.password);
    login.run().assert_success();
    user.run(&["logout", "--all"])
        .assert_success()
        .assert_says("Removed all that was stored: 5 sessions and passwords.");
    for row in status(&user).as_array().expect("a list") {
        assert_eq!(row["state"], "not logged in");
    }
    assert_eq!(items(&keyring), 0);
    let store = fs::read_dir(user.state_folder().join("store"));
    assert_eq!(store.expect("the store's folder").count(), 0);
    user.run(&["logout", "--all"])
        .assert_success()
        .assert_says("0 sessions and passwords");
}

#[test]
fn status_without_a_configuration_says_how_to_write_one() {
    let home = Sandbox::new();
    let told = home.run(&["status"]).assert_success();
    assert!(
        told.stdout.contains("config set-context NAME"),
        "{}",
        told.shown()
    );
    assert_eq!(
        home.run(&["status", "-o", "json"]).assert_success().stdout,
        "[]\n"
    );
}

// -------------------------------------------------------------------- helpers

/// Makes a home without any password in it; the accounts' passwords are searched all the same.
fn person() -> Sandbox {
    let home = Sandbox::new();
    for account in [dex::USER, dex::ODD] {
        home.secret(account.password);
    }
    home
}

/// Prepares `login`; the session goes to a file unless the options say otherwise.
fn login<'a>(home: &'a Sandbox, door: &RealDoor, more: &[&str]) -> Run<'a> {
    let endpoint = door.endpoint();
    let mut options = vec!["login", "--endpoint", &endpoint];
    if !more.contains(&"--store") {
        options.extend(["--store", "file"]);
    }
    options.extend(more);
    home.command(&options)
}

/// Logs the usual account in.
#[track_caller]
fn log_in(home: &Sandbox, door: &RealDoor, more: &[&str]) -> Output {
    let Account {
        login: name,
        password,
        ..
    } = dex::USER;
    let options = [["--username", name, "--password-stdin"].as_slice(), more].concat();
    login(home, door, &options)
        .stdin(password)
        .run()
        .assert_success()
}

/// Starts a keyring that can be searched, and a front door.
fn keyring_and_door() -> Found<(Keyring, RealDoor)> {
    testkit::peers::install::program("secret-tool", "libsecret-tools")?;
    Ok((Keyring::start(State::Unlocked)?, RealDoor::sign_in_page()?))
}

/// Counts what a keyring keeps for us.
fn items(keyring: &Keyring) -> usize {
    let mut search = keyring.command("secret-tool");
    search.args(["search", "--all", "service", "kfp-credential"]);
    let found = search.output().expect("secret-tool");
    let text = String::from_utf8_lossy(&found.stdout).into_owned();
    text.matches("secret = ").count()
}

fn status(home: &Sandbox) -> Value {
    home.run(&["status", "-o", "json"]).assert_success().json()
}

fn two_contexts(door: &RealDoor) -> String {
    let context = |name: &str, store: &str, connector: &str| {
        format!(
            "  - name: {name}\n    endpoint: {}\n    store: {store}\n    dex:\n      username: {}\n{connector}",
            door.endpoint(),
            dex::USER.login
        )
    };
    format!(
        "apiVersion: kfp-credential/v1\nkind: Config\ncurrent-context: in-keyring\ncontexts:\n{}{}",
        context("in-keyring", "keyring", ""),
        context("in-file", "file", "      connector: local\n")
    )
}
