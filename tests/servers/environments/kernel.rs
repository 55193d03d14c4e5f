//! The kernel's keyring, with and without what a login session gives a process.

use std::process::{Command, Stdio};

use super::namespace::{Wrapped, give_away};
use super::table::Environment;
use super::user::User;
use testkit::peers::{install, needs, visitor};
use testkit::sandbox::Sandbox;

const PLACE: &str = "kernel's keyring";
/// Users of whom nothing else is in the kernel's keyrings.
const CRON: u32 = 65_531;
const HOARDER: u32 = 65_532;
const NEIGHBOUR: u32 = 65_530;

/// As under cron: a user who has not logged in, hence without a session keyring.
#[test]
fn without_a_session_keyring() {
    let mut environment = Environment::new("kernel: no session keyring");
    let wrapped = needs!(Wrapped::as_user(CRON));
    let user = user_of(&wrapped);
    give_away(&user.home, CRON);
    user.look(&mut environment, "keyutils").assert_kept(PLACE);
    let stored = user.get("keyutils", &[]).assert_success().stdout;
    let fresh = user.get("keyutils", &["--refresh"]).assert_success();
    assert_ne!(fresh.stdout, stored);
    assert_eq!(
        user.get("keyutils", &[]).assert_success().stdout,
        fresh.stdout
    );
    user.forget("keyutils");
    assert_eq!(user.status("keyutils")["state"], "not logged in");
}

/// Each run has a session keyring of its own, which leads nowhere.
#[test]
fn with_a_new_session_keyring() {
    let mut environment = Environment::new("kernel: a new session keyring");
    let keyctl = needs!(install::program("keyctl", "keyutils"));
    let wrapped = Wrapped::in_words(&format!("{} session -", keyctl.display()));
    let user = user_of(&wrapped);
    user.look(&mut environment, "keyutils").assert_kept(PLACE);
    user.forget("keyutils");
}

#[test]
fn where_keys_are_forbidden() {
    let mut environment = Environment::new("container that forbids keys");
    let strace = needs!(install::program("strace", "strace"));
    let refusing = "-f -o /dev/null -e trace=keyctl,add_key -e inject=keyctl,add_key:error=EPERM";
    let wrapped = Wrapped::in_words(&format!("{} {refusing}", strace.display()));
    let user = user_of(&wrapped);
    user.look(&mut environment, "keyutils")
        .assert_not_kept()
        .says("the kernel does not let this process use its keys")
        .status_says("the kernel does not let this process use its keys");
    let login = user.target("login", "keyutils");
    let login: Vec<&str> = login.iter().map(String::as_str).collect();
    user.home
        .run(&login)
        .assert_error(3, "store-unavailable")
        .assert_says("the kernel does not let this process use its keys");
}

#[test]
fn with_the_quota_used_up() {
    let mut environment = Environment::new("kernel: quota used up");
    let keyctl = needs!(install::program("keyctl", "keyutils"));
    let wrapped = needs!(Wrapped::as_user(HOARDER));
    let user = user_of(&wrapped);
    give_away(&user.home, HOARDER);
    let id = HOARDER.to_string();
    let as_hoarder = |words: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", &id, "--regid", &id, "--clear-groups"]);
        command.arg("--").arg(&keyctl).args(words);
        command.stdout(Stdio::null());
        command
    };
    let most = std::fs::read_to_string("/proc/sys/kernel/keys/maxbytes").expect("a quota");
    let most: usize = most.trim().parse().expect("a number");
    let filler = "x".repeat(most - 600);
    let mut fill = as_hoarder(&["padd", "user", "filler", "@u"]);
    visitor::feed(&mut fill, &filler);
    user.look(&mut environment, "keyutils")
        .assert_not_kept()
        .says("the kernel keeps no more keys for this user");
    let cleared = as_hoarder(&["clear", "@u"]).status();
    assert!(cleared.expect("keyctl").success());
    user.get("keyutils", &[]).assert_success();
    assert_eq!(user.status("keyutils")["state"], "logged in");
    user.forget("keyutils");
}

/// Another container's entry makes no room for ours: its key may be in use.
#[test]
fn a_full_quota_takes_nothing_from_another_container() {
    let keyctl = needs!(install::program("keyctl", "keyutils"));
    let wrapped = needs!(Wrapped::as_user(NEIGHBOUR));
    let user = user_of(&wrapped);
    give_away(&user.home, NEIGHBOUR);
    let stored = user.get("keyutils", &[]).assert_success().stdout;
    let key = user.home.state_folder().join("keyutils.key");
    let others = key.with_extension("other");
    std::fs::rename(&key, &others).expect("another container's key");
    let id = NEIGHBOUR.to_string();
    let as_neighbour = |words: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", &id, "--regid", &id, "--clear-groups"]);
        command.arg("--").arg(&keyctl).args(words);
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.expect("keyctl").success()
    };
    let mut size = 16_384;
    let mut number = 0;
    while size > 0 {
        let name = format!("filler{number}");
        if as_neighbour(&["add", "user", &name, &"x".repeat(size), "@u"]) {
            number += 1;
        } else {
            size /= 2;
        }
    }
    let refused = user.get("keyutils", &["-v"]).assert_success();
    refused.assert_says("the kernel keeps no more keys for this user");
    assert!(as_neighbour(&["clear", "@u"]));
    std::fs::rename(&others, &key).expect("the key of before");
    assert_eq!(user.get("keyutils", &[]).assert_success().stdout, stored);
    user.forget("keyutils");
}

fn user_of(wrapped: &Wrapped) -> User {
    User::with(Sandbox::with_binary(&wrapped.binary), |_| None)
}
