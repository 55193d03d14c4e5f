//! A browser on another machine: the person pastes what it ends at.

use super::*;
use testkit::sandbox::Running;
use testkit::terminal::Terminal;

const PROMPT: &str = "Address or code: ";

/// Starts a login without a browser at a terminal, and returns where the browser would have ended.
pub(crate) fn redirected<'a>(
    person: &'a Person,
    terminal: &Terminal,
    args: &[&str],
) -> (Running<'a>, String) {
    let running = person
        .command(&[&["login"], args].concat())
        .at_terminal(terminal.line())
        .spawn();
    terminal.wait_for_unseen(PROMPT);
    let url = running.says_word("https://accounts.google.com/");
    let back = person.google.consent(&url).expect("a redirect");
    (running, back)
}

/// Asserts that the login went well, and that the code was shown to nobody.
#[track_caller]
fn assert_logged_in(running: Running<'_>, terminal: &Terminal) {
    running
        .wait()
        .assert_success()
        .assert_says(&format!("as {USER}, until "));
    terminal.assert_in_order("made-up-code");
}

#[test]
fn the_whole_address_can_be_pasted() {
    let (person, terminal) = (Person::new(), Terminal::open());
    let (running, back) = redirected(&person, &terminal, &["--no-browser"]);
    terminal.press(&format!("{back}\n"));
    assert_logged_in(running, &terminal);
    assert_eq!(person.bearer(&[]).1["email"], USER);
}

#[test]
fn the_bare_code_can_be_pasted() {
    let (person, terminal) = (Person::new(), Terminal::open());
    let (running, back) = redirected(&person, &terminal, &["--no-browser"]);
    let back = Url::parse(&back).expect("a URL");
    let code = back
        .query_pairs()
        .find(|(name, _)| name == "code")
        .expect("a code")
        .1;
    terminal.press(&format!("{code}\n"));
    assert_logged_in(running, &terminal);
}

#[test]
fn without_a_display_it_is_pasted_too() {
    let (person, terminal) = (Person::new(), Terminal::open());
    let (running, back) = redirected(&person, &terminal, &[]);
    terminal.press(&format!("  {back} \n"));
    running
        .wait()
        .assert_success()
        .assert_says("there is no display");
}

#[test]
fn the_answer_of_another_login_is_refused() {
    let (person, terminal) = (Person::new(), Terminal::open());
    person
        .google
        .behave(|behave| behave.other_state = Some("made-up-state"));
    let (running, back) = redirected(&person, &terminal, &["--no-browser"]);
    person.google.clear();
    terminal.press(&format!("{back}\n"));
    running.wait().failure().assert_error(5, "state-mismatch");
    assert!(person.google.requests().is_empty());
    person.run(&["get"]).assert_error(4, "login-required");
}

#[test]
fn a_browser_on_this_machine_needs_no_pasting() {
    let (person, terminal) = (Person::new(), Terminal::open());
    let (running, back) = redirected(&person, &terminal, &["--no-browser"]);
    assert_eq!(testkit::google::stand_in::visit(&back).status, 200);
    assert_logged_in(running, &terminal);
}

#[test]
fn ctrl_c_leaves_nothing_behind() {
    let (person, terminal) = (Person::new(), Terminal::open());
    let (running, _) = redirected(&person, &terminal, &["--no-browser"]);
    terminal.interrupt();
    let output = running.wait();
    assert_ne!(output.status, 0, "{}", output.shown());
    assert_eq!(output.stdout, "");
    terminal.assert_in_order("made-up-code");
    person.run(&["get"]).assert_error(4, "login-required");
}

#[test]
fn a_missing_iap_client_is_read_from_iap() {
    let (person, terminal) = (Person::without_context(), Terminal::open());
    person.context("file", &desktop());
    let browser = person.google.browser();
    let running = person
        .command(&["login"])
        .env("BROWSER", &browser.to_string_lossy())
        .at_terminal(terminal.line())
        .spawn();
    terminal.answer("Log in for this client, and remember it? [Y/n] ", "");
    running
        .wait()
        .assert_success()
        .assert_says(&format!("with the client {IAP_CLIENT}"))
        .assert_says(&format!("as {USER}, until "));
    // It is kept, so that nobody has to say it again.
    person.google.clear();
    assert_eq!(person.bearer(&[]).1["aud"], IAP_CLIENT);
    assert!(person.google.requests().is_empty());
}

#[test]
fn a_missing_iap_client_is_not_taken_without_consent() {
    let (person, terminal) = (Person::without_context(), Terminal::open());
    person.context("file", &desktop());
    let before = fs::read_to_string(person.sandbox.config_file()).expect("the file");
    let running = person
        .command(&["login"])
        .at_terminal(terminal.line())
        .spawn();
    terminal.answer("Log in for this client, and remember it? [Y/n] ", "n");
    running
        .wait()
        .failure()
        .assert_error(3, "config-missing")
        .assert_says(IAP_CLIENT);
    person
        .run(&["login"])
        .failure()
        .assert_error(3, "config-missing")
        .assert_says(IAP_CLIENT);
    let told = person.run(&["get"]).assert_error(3, "config-missing");
    told.assert_says("kfp-credential login --context google");
    let after = fs::read_to_string(person.sandbox.config_file()).expect("the file");
    assert_eq!(before, after);
}
