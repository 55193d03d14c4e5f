//! Logging in as a person from Python, where getpass stands for the notebook's cell.

use super::{build, dex_context, home, script};
use testkit::peers::front_door::RealDoor;
use testkit::peers::{dex, needs, python};

#[test]
fn login_asks_for_the_password_and_hands_it_over_a_pipe() {
    let kfp = needs!(python::kfp());
    let environment = needs!(build::from_wheel(&kfp));
    let mut door = needs!(RealDoor::sign_in_page());
    let nobody = format!(
        "  - name: nobody\n    endpoint: {}\n    store: file\n    dex: {{}}\n",
        door.endpoint()
    );
    let contexts = dex_context("team-a", &door, "    store: file\n") + &nobody;
    let home = home(&environment, &contexts);
    let password = home.secret(dex::USER.password);
    home.file("password", &password);
    let run = |step: &str| script(&home, "person.py", &[step]).assert_success();

    let wrong = run("wrong");
    assert!(
        wrong.stdout.ends_with("dex-login-rejected 5\n"),
        "{}",
        wrong.shown()
    );

    let named = run("named");
    let asked = "asked: Password for team-a: \nLogged in to ";
    assert!(named.stdout.starts_with(asked), "{}", named.shown());
    assert!(
        named.stdout.ends_with("\n['Default', 'taxi fares']\n"),
        "{}",
        named.shown()
    );
    assert!(!named.stdout.contains(&password), "{}", named.shown());
    assert_eq!(door.logins(), 1);

    let unnamed = run("unnamed");
    let asked = "asked: Password for nobody: \n\
        asked: The context names no user. User name (e-mail address): \nLogged in to ";
    assert!(unnamed.stdout.starts_with(asked), "{}", unnamed.shown());
    assert_eq!(door.logins(), 2);

    // One process: its session ends, which is an error at first, and no more after a login.
    door.forget_sessions();
    let again = run("again");
    let lines: Vec<&str> = again.stdout.lines().collect();
    assert_eq!(lines[..2], ["password-required 4"; 2], "{}", again.shown());
    assert_eq!(
        lines.last(),
        Some(&"['Default', 'taxi fares']"),
        "{}",
        again.shown()
    );
    assert_eq!(door.logins(), 3);
}
