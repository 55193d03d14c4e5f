//! A bus, or a service on it, that is another user's: whatever leads there, nothing of ours arrives.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::sync::{Arc, OnceLock};

use super::namespace::{Wrapped, give_away};
use super::table::Environment;
use super::thief::Thief;
use super::user::{User, note};
use testkit::front_door::{PASSWORD, USER};
use testkit::http::Request;
use testkit::peers::keyring::{Keyring, State};
use testkit::peers::needs;
use testkit::sandbox::Sandbox;

/// Nobody: D-Bus wants users whom the system knows.
const STRANGER: u32 = 65_534;

#[test]
fn another_users_bus() {
    let mut environment = Environment::new("another user's D-Bus");
    let keyring = needs!(Keyring::start_as(STRANGER));
    let path = format!("unix:path={}/bus", keyring.folder().display());
    let lists = [
        path.clone(),
        keyring.bus().abstract_address(),
        format!("unix:path=/nowhere/bus;{path}"),
        format!("{path};{path}"),
    ];
    let user = User::new();
    for addresses in lists {
        user.home.env("DBUS_SESSION_BUS_ADDRESS", &addresses);
        for store in ["keyring", "auto"] {
            let visit = user.look(&mut environment, store);
            visit
                .says("belongs to uid 65534")
                .status_says("belongs to uid 65534");
        }
        assert!(!keyring.holds_something_of_ours(), "{addresses}");
    }
    let endpoint = user.door.endpoint();
    let login = ["login", "--endpoint", &endpoint, "--username", USER];
    let saving = [login.as_slice(), &["--save-password", "--password-stdin"]].concat();
    user.home
        .command(&saving)
        .stdin(PASSWORD)
        .run()
        .assert_error(3, "store-unavailable")
        .assert_says("belongs to uid 65534");
    assert!(!keyring.holds_something_of_ours(), "the password");
}

/// The first bus of a list that is ours counts, though a stranger's stands before it.
#[test]
fn our_bus_behind_another_users() {
    let mut environment = Environment::new("our D-Bus behind another user's");
    let strangers = needs!(Keyring::start_as(STRANGER));
    let ours = needs!(Keyring::start(State::Unlocked));
    let user = User::new();
    let of = |keyring: &Keyring| format!("unix:path={}/bus", keyring.folder().display());
    let both = format!("{};{}", of(&strangers), of(&ours));
    user.home.env("DBUS_SESSION_BUS_ADDRESS", &both);
    user.look(&mut environment, "keyring")
        .assert_kept("keyring");
    assert!(ours.holds_something_of_ours());
    assert!(!strangers.holds_something_of_ours());
}

#[test]
fn a_runtime_folder_with_another_users_bus() {
    let mut environment = Environment::new("another user's D-Bus in XDG_RUNTIME_DIR");
    let keyring = needs!(Keyring::start_as(STRANGER));
    let user = User::new();
    user.home.env_remove("DBUS_SESSION_BUS_ADDRESS");
    user.home
        .env("XDG_RUNTIME_DIR", &keyring.folder().to_string_lossy());
    for store in ["keyring", "auto"] {
        user.look(&mut environment, store)
            .assert_not_kept()
            .says("belongs to uid 65534");
    }
    // The folder is ours, and everybody can put a socket into it.
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).expect("mode 0777");
    let socket = keyring.folder().join("bus");
    std::os::unix::fs::symlink(socket, folder.path().join("bus")).expect("a link");
    user.home
        .env("XDG_RUNTIME_DIR", &folder.path().to_string_lossy());
    user.look(&mut environment, "keyring")
        .assert_not_kept()
        .says("mode 0777");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).expect("mode 0700");
    user.look(&mut environment, "keyring")
        .assert_not_kept()
        .says("belongs to uid 65534");
    assert!(!keyring.holds_something_of_ours());
}

#[test]
fn another_users_service_on_our_bus() {
    let mut environment = Environment::new("another user's service on our D-Bus");
    let keyring = needs!(Keyring::start_on_our_bus_as(STRANGER));
    let user = User::new();
    keyring.serve(&user.home);
    let words = "org.freedesktop.secrets on the D-Bus session bus belongs to uid 65534";
    user.look(&mut environment, "keyring")
        .assert_not_kept()
        .says(words)
        .status_says(words);
    assert!(!keyring.holds_something_of_ours());
}

#[test]
fn our_service_on_roots_bus() {
    let mut environment = Environment::new("our service on root's D-Bus");
    let wrapped = needs!(Wrapped::as_user(STRANGER));
    let keyring = needs!(Keyring::start_on_our_bus_as(STRANGER));
    let user = User::with(Sandbox::with_binary(&wrapped.binary), |_| None);
    give_away(&user.home, STRANGER);
    keyring.serve(&user.home);
    user.look(&mut environment, "keyring")
        .assert_kept("keyring");
}

/// Root lets others onto the bus, and its service hands them what it keeps for us.
#[test]
fn roots_service_on_roots_bus() {
    let mut environment = Environment::new("root's service on root's D-Bus");
    let wrapped = needs!(Wrapped::as_user(STRANGER));
    let keyring = needs!(Keyring::start(State::Unlocked));
    keyring.bus().let_others_in(STRANGER);
    let user = User::with(Sandbox::with_binary(&wrapped.binary), |_| None);
    give_away(&user.home, STRANGER);
    keyring.serve(&user.home);
    user.look(&mut environment, "keyring")
        .assert_not_kept()
        .says("org.freedesktop.secrets on the D-Bus session bus belongs to uid 0");
    assert!(!keyring.holds_something_of_ours());
}

#[test]
fn a_bus_that_proves_nothing() {
    let mut environment = Environment::new("D-Bus over TCP, or through a program");
    let user = User::new();
    let folder = tempfile::tempdir().expect("a folder");
    let started = folder.path().join("started");
    let program = format!("unixexec:path=touch,argv1={}", started.display());
    for address in ["tcp:host=127.0.0.1,port=9", &program, "unix:tmpdir=/tmp"] {
        user.home.env("DBUS_SESSION_BUS_ADDRESS", address);
        user.look(&mut environment, "keyring")
            .assert_not_kept()
            .says("only a unix socket tells whose it is")
            .status_says("only a unix socket tells whose it is");
    }
    assert!(!started.exists(), "no program is run");
}

/// There the kernel gives no number for the bus's process, and its user all the same.
#[test]
fn our_bus_outside_of_a_pid_namespace() {
    let mut environment = Environment::new("D-Bus outside of the PID namespace");
    let wrapped = needs!(Wrapped::in_a_pid_namespace());
    let keyring = needs!(Keyring::start(State::Unlocked));
    let user = User::with(Sandbox::with_binary(&wrapped.binary), |_| None);
    keyring.serve(&user.home);
    user.look(&mut environment, "keyring")
        .assert_kept("keyring");
}

/// Our bus lets another user in, and their service takes the name once ours has ended.
#[test]
fn a_service_that_takes_the_name_during_a_login() {
    let mut environment = Environment::new("another user's service from the login on");
    let wrapped = needs!(Wrapped::as_user(STRANGER));
    let keyring = needs!(Keyring::start_as(STRANGER));
    let address = keyring.bus().address();
    let daemon = keyring.daemon_id().to_string();
    let thief: Arc<OnceLock<Thief>> = Arc::default();
    let taken = Arc::clone(&thief);
    let at_the_password = move |request: &Request| {
        if request.method == "POST" {
            let killed = Command::new("kill").args(["-s", "KILL", &daemon]).status();
            assert!(killed.expect("kill").success());
            taken.get_or_init(|| Thief::start(&address));
        }
        None
    };
    let user = User::with(Sandbox::with_binary(&wrapped.binary), at_the_password);
    give_away(&user.home, STRANGER);
    keyring.serve(&user.home);
    let got = user.get("keyring", &["-v"]).assert_success();
    let got =
        got.assert_says("org.freedesktop.secrets on the D-Bus session bus has changed its owner");
    assert_eq!(thief.get().expect("a thief").taken(), [""; 0]);
    let words = "org.freedesktop.secrets on the D-Bus session bus belongs to uid 0";
    let status = user.status("keyring");
    let trouble = status["trouble"].as_str();
    assert!(trouble.is_some_and(|told| told.contains(words)), "{status}");
    note(
        &mut environment,
        "keyring",
        "answered, not kept",
        &got,
        &status,
    );
}
