//! A person at the terminal: what is asked there, how long it waits, and how it is left.

use super::*;

#[test]
fn user_name_and_password_are_asked_at_the_terminal() {
    let door = needs!(RealDoor::sign_in_page());
    let (user, terminal) = (person(), Terminal::open());
    let running = login(&user, &door, &[])
        .at_terminal(terminal.line())
        .spawn();
    terminal.answer("User name (e-mail address)", dex::USER.login);
    terminal.answer_unseen(
        &format!("Password of {}", dex::USER.login),
        dex::USER.password,
    );
    let done = running.wait().assert_success();
    assert_eq!(done.stdout, "");
    done.assert_says(&format!("as {}, until", dex::USER.login));

    let shown = terminal.shown();
    assert!(shown.contains(dex::USER.login), "{shown}");
    terminal.assert_in_order(dex::USER.password);
    assert_eq!(door.logins(), 1);
}

#[test]
fn a_person_is_asked_afresh_although_a_session_is_stored() {
    let door = needs!(RealDoor::sign_in_page());
    let (user, terminal) = (person(), Terminal::open());
    log_in(&user, &door, &[]);
    let running = login(&user, &door, &["--username", dex::USER.login]);
    let running = running.at_terminal(terminal.line()).spawn();
    terminal.answer_unseen("Password of", dex::USER.password);
    running.wait().assert_success();
    assert_eq!(door.logins(), 2);
}

#[test]
fn a_person_who_types_is_waited_for() {
    let door = needs!(RealDoor::sign_in_page());
    let (user, terminal) = (person(), Terminal::open());
    let name = ["--username", dex::USER.login];
    let typing = login(&user, &door, &name).at_terminal(terminal.line());
    let typing = typing.spawn();
    terminal.wait_for_unseen("Password of");
    let endpoint = door.endpoint();
    let get = ["get", "-v", "--store", "file", "--endpoint", &endpoint];
    let waiting = user.command(&[&get[..], &name].concat()).spawn();
    waiting.says("waiting: another process is logging in");
    terminal.answer_unseen("Password of", dex::USER.password);
    typing.wait().assert_success();
    waiting.wait().assert_success();
    assert_eq!(door.logins(), 1);
}

#[test]
fn a_persons_time_is_not_the_logins_and_the_form_is_fetched_anew() {
    let door = needs!(RealDoor::sign_in_page());
    let (user, terminal) = (person(), Terminal::open());
    let options = ["--username", dex::USER.login, "--timeout", "6s"];
    let running = login(&user, &door, &options).at_terminal(terminal.line());
    let running = running.spawn();
    terminal.wait_for_unseen("Password of");
    std::thread::sleep(std::time::Duration::from_millis(6_100));
    terminal.answer_unseen("Password of", dex::USER.password);
    running.wait().assert_success();
    let login = [
        "GET /dex/auth 302",
        "GET /dex/auth/local 302",
        "GET /dex/auth/local/login 200",
        "POST /dex/auth/local/login 303",
    ];
    assert_eq!(door.recorder().hops(), [&login[..3], &login].concat());
}

#[test]
fn get_asks_at_the_terminal_only_where_it_may() {
    let door = needs!(RealDoor::sign_in_page());
    let (user, terminal) = (person(), Terminal::open());
    let endpoint = door.endpoint();
    let get = [
        "get",
        "--endpoint",
        &endpoint,
        "--username",
        dex::USER.login,
    ];
    let silent = user.command(&get).at_terminal(terminal.line()).run();
    silent.assert_error(4, "password-required");
    assert_eq!(terminal.shown(), "");

    let asking = [get.as_slice(), &["--interactive"]].concat();
    let running = user.command(&asking).at_terminal(terminal.line()).spawn();
    terminal.answer_unseen("Password of", dex::USER.password);
    let document = running.wait().assert_success().json();
    assert_eq!(document["status"]["kfp"]["principal"], dex::USER.login);
    terminal.assert_in_order(dex::USER.password);
}

#[test]
fn without_a_terminal_nobody_is_asked() {
    let door = needs!(RealDoor::sign_in_page());
    let user = person();
    let ask = |options: &[&str]| login(&user, &door, options).run();
    ask(&["--username", dex::USER.login]).assert_error(4, "password-required");
    ask(&[]).assert_error(4, "login-required");
    assert_eq!(door.posts(), 0);
}

#[test]
fn ctrl_c_at_the_password_gives_the_terminal_back() {
    let door = needs!(RealDoor::sign_in_page());
    let (user, terminal) = (person(), Terminal::open());
    let running = login(&user, &door, &["--username", dex::USER.login]);
    let running = running.at_terminal(terminal.line()).spawn();
    terminal.wait_for_unseen("Password of");
    terminal.interrupt();
    running.wait().assert_error(130, "interrupted");
    terminal.assert_in_order(dex::USER.password);
    assert_eq!(door.posts(), 0);

    // Its lock went with it.
    log_in(&user, &door, &[]);
}

#[test]
fn an_end_from_outside_gives_the_terminal_back() {
    let door = needs!(RealDoor::sign_in_page());
    // Ctrl-\ is QUIT.
    for signal in ["-TERM", "-QUIT"] {
        let (user, terminal) = (person(), Terminal::open());
        let running = login(&user, &door, &["--username", dex::USER.login]);
        let running = running.at_terminal(terminal.line()).spawn();
        terminal.wait_for_unseen("Password of");
        // As `timeout` does: to everything that the terminal runs.
        let all = format!("-{}", running.id());
        let sent = std::process::Command::new("kill")
            .args([signal, "--", &all])
            .status();
        assert!(sent.expect("kill").success());
        running.wait().assert_error(130, "interrupted");
        terminal.assert_in_order(dex::USER.password);
    }
}

#[test]
fn ctrl_c_at_the_user_name_ends_the_login() {
    let door = needs!(RealDoor::sign_in_page());
    let (user, terminal) = (person(), Terminal::open());
    let running = login(&user, &door, &[])
        .at_terminal(terminal.line())
        .spawn();
    terminal.wait_for("User name");
    terminal.interrupt();
    running.wait().assert_error(130, "interrupted");
    terminal.assert_in_order(dex::USER.password);
}

#[test]
fn nothing_typed_is_no_password() {
    let door = needs!(RealDoor::sign_in_page());
    let (user, terminal) = (person(), Terminal::open());
    let running = login(&user, &door, &["--username", dex::USER.login]);
    let running = running.at_terminal(terminal.line()).spawn();
    terminal.answer_unseen("Password of", "");
    running.wait().assert_error(4, "login-required");
    terminal.assert_in_order(dex::USER.password);
    assert_eq!(door.posts(), 0);
}
