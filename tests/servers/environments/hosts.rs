//! Homes that are missing, full, closed or somebody else's.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use super::namespace::{Namespace, Wrapped, give_away};
use super::table::Environment;
use super::user::{User, note};
use testkit::peers::keyring::{Keyring, State};
use testkit::peers::{Found, Missing, needs};
use testkit::sandbox::Sandbox;

#[test]
fn home_is_read_only() {
    let mut environment = Environment::new("HOME is read-only");
    let mut home = Sandbox::new();
    let namespace = needs!(Namespace::start(
        r#"mount --bind "$1" "$1"; mount -o remount,bind,ro "$1""#,
        &[&home.home()]
    ));
    home.run_with(namespace.binary());
    let user = User::with(home, |_| None);
    user.look(&mut environment, "auto")
        .assert_not_kept()
        .says("going on without a lock");
    user.look(&mut environment, "file")
        .assert_not_kept()
        .says("going on without a lock")
        .says("the credential was not stored: [store-unavailable]")
        .says("Read-only file system");
    if user.home.runtime_on_tmpfs() {
        user.look(&mut environment, "runtime")
            .assert_kept("runtime folder");
    }
    user.look(&mut environment, "keyutils")
        .assert_not_kept()
        .says("the key that encrypts entries cannot be kept")
        .says("Read-only file system")
        .status_says("the key that encrypts entries cannot be kept");
}

#[test]
fn the_disk_is_full() {
    let mut environment = Environment::new("disk is full");
    let mut home = Sandbox::new();
    let state = home.state_folder();
    fs::create_dir_all(&state).expect("the state folder");
    let namespace = needs!(Namespace::start(
        r#"mount -t tmpfs -o size=64k,mode=0700 tmpfs "$1""#,
        &[&state]
    ));
    home.run_with(namespace.binary());
    let user = User::with(home, |_| None);
    let stored = user.get("file", &[]).assert_success().stdout;
    namespace.run(r#"head -c 1M /dev/zero >"$0/filler" || true"#, &state);
    let fresh = user.get("file", &["--refresh", "-v"]).assert_success();
    let fresh = fresh
        .assert_says("the credential was not stored: [store-unavailable]")
        .assert_says("No space left on device");
    assert_ne!(fresh.stdout, stored);
    let status = user.status("file");
    assert_eq!(status["state"], "not logged in", "the old one is replaced");
    note(
        &mut environment,
        "file",
        "answered, not kept",
        &fresh,
        &status,
    );
    let next = user.get("file", &[]).assert_success().stdout;
    assert!(![&stored, &fresh.stdout].contains(&&next), "{next}");
    namespace.run(r#"rm "$0/filler""#, &state);
    user.get("file", &["--refresh"]).assert_success();
    user.look(&mut environment, "file").assert_kept("file");
}

#[test]
fn a_limit_on_the_size_of_files() {
    let mut environment = Environment::new("files may have no size");
    let wrapped = Wrapped::in_words(r#"sh -c 'ulimit -f 0; exec "$0" "$@"'"#);
    let user = User::with(Sandbox::with_binary(&wrapped.binary), |_| None);
    user.look(&mut environment, "file")
        .assert_not_kept()
        .says("the credential was not stored: [store-unavailable]")
        .says("File too large");
}

#[test]
fn home_is_not_set() {
    let mut environment = Environment::new("HOME is not set");
    let user = User::new();
    for name in [
        "HOME",
        "XDG_CONFIG_HOME",
        "XDG_STATE_HOME",
        "XDG_RUNTIME_DIR",
    ] {
        user.home.env_remove(name);
    }
    user.look(&mut environment, "auto")
        .assert_not_kept()
        .says("XDG_RUNTIME_DIR is not set");
    user.look(&mut environment, "file")
        .assert_not_kept()
        .says("neither XDG_STATE_HOME nor HOME is set")
        .status_says("neither XDG_STATE_HOME nor HOME is set");
    user.look(&mut environment, "keyutils")
        .assert_not_kept()
        .says("neither XDG_STATE_HOME nor HOME is set")
        .status_says("neither XDG_STATE_HOME nor HOME is set");
}

/// Containers of one user whose homes have the same path: what one has stored opens in no other.
#[test]
fn two_containers_with_one_home_path() {
    let mut environment = Environment::new("two containers, one home path");
    let namespace = needs!(Namespace::start("", &[]));
    let mut user = User::new();
    let home = user.home.home();
    let own = [(); 2].map(|()| tempfile::tempdir().expect("a container's home"));
    let [first, second] = own
        .each_ref()
        .map(|own| namespace.container(&home, own.path()));
    let (first, second) = (needs!(first), needs!(second));
    user.home.run_with(&first);
    user.look(&mut environment, "keyutils")
        .assert_kept("kernel's keyring");
    let stored = user.get("keyutils", &[]).assert_success().stdout;
    let password = user.home.variable("KFP_CREDENTIAL_PASSWORD");

    user.home.env_remove("KFP_CREDENTIAL_PASSWORD");
    user.home.run_with(&second);
    let nothing = |user: &User| {
        user.get("keyutils", &[])
            .assert_error(4, "password-required");
        assert_eq!(user.status("keyutils")["state"], "not logged in");
    };
    nothing(&user);
    // Nor with a copy of the other's home.
    let mut copy = Command::new("cp");
    let copied = copy.arg("-a").arg(own[0].path().join(".local"));
    assert!(copied.arg(own[1].path()).status().expect("cp").success());
    nothing(&user);
    // Each has its own, and takes nothing from the other.
    user.home
        .env("KFP_CREDENTIAL_PASSWORD", &password.expect("a password"));
    user.look(&mut environment, "keyutils")
        .assert_kept("kernel's keyring");
    user.home.run_with(&first);
    assert_eq!(user.get("keyutils", &[]).assert_success().stdout, stored);
    assert_eq!(user.door.logins(), 2);
    // Nor by forgetting everything.
    user.home.run_with(&second);
    user.home.run(&["logout", "--all"]).assert_success();
    assert_eq!(user.status("keyutils")["state"], "not logged in");
    user.home.run_with(&first);
    assert_eq!(user.get("keyutils", &[]).assert_success().stdout, stored);
    assert_eq!(user.door.logins(), 2);
    user.forget("keyutils");
}

/// A home in a container's own layers: a key of the image below is every container's of that image.
#[test]
fn home_in_a_containers_image() {
    let mut environment = Environment::new("home on overlayfs");
    let mut home = Sandbox::new();
    let layers = tempfile::tempdir().expect("the layers");
    let namespace = needs!(Namespace::start(
        r#"mount -t tmpfs tmpfs "$2"; mkdir "$2/lower" "$2/upper" "$2/work"
        if ! mount -t overlay -o "lowerdir=$2/lower,upperdir=$2/upper,workdir=$2/work" overlay "$1"; then
            touch "$1/none"
        fi"#,
        &[&home.home(), layers.path()]
    ));
    if home.home().join("none").exists() {
        let missing: Found<()> = Err(Missing::new("overlayfs in user namespaces (Linux 5.11)"));
        return needs!(missing);
    }
    home.run_with(namespace.binary());
    let user = User::with(home, |_| None);
    let words = "a key there may be another container's as well";
    user.look(&mut environment, "keyutils")
        .assert_not_kept()
        .says(words)
        .status_says(words);
    // Nor with one that the image brings.
    let key = user.home.state_folder().join("keyutils.key");
    namespace.run(
        r#"mkdir -p "${0%/*}"; head -c 32 /dev/zero >"$0"; chmod 700 "${0%/*}"; chmod 600 "$0""#,
        &key,
    );
    user.look(&mut environment, "keyutils")
        .assert_not_kept()
        .says(words)
        .status_says(words);
    user.look(&mut environment, "file").assert_kept("file");
}

/// A rootless one: root of a user namespace, without a session of any kind.
#[test]
fn root_in_a_container() {
    let mut environment = Environment::new("root in a container");
    let namespace = needs!(Namespace::start("", &[]));
    let home = Sandbox::with_binary(namespace.binary());
    for name in ["XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"] {
        home.env_remove(name);
    }
    let user = User::with(home, |_| None);
    user.look(&mut environment, "auto")
        .assert_not_kept()
        .says("no D-Bus session bus")
        .says("`store: file`");
    user.look(&mut environment, "keyutils")
        .assert_kept("kernel's keyring");
    user.look(&mut environment, "file").assert_kept("file");
}

/// The other user's number.
const STRANGER: u32 = 65_533;

/// What one user has stored is nobody else's, whatever the other's environment says.
#[test]
fn two_users_on_one_host() {
    let mut environment = Environment::new("two users on one host");
    let wrapped = needs!(Wrapped::as_user(STRANGER));
    let keyring = needs!(Keyring::start(State::Unlocked));
    let owner = User::new();
    keyring.serve(&owner.home);
    let in_memory = owner.home.runtime_on_tmpfs();
    let places = ["keyring", "keyutils", "file", "runtime"];
    let places = &places[..if in_memory { 4 } else { 3 }];
    let before = places
        .iter()
        .map(|store| owner.get(store, &[]).assert_success().stdout);
    let before: Vec<String> = before.collect();

    let stranger = User {
        home: Sandbox::with_binary(&wrapped.binary),
        door: owner.door,
    };
    give_away(&stranger.home, STRANGER);
    let password = testkit::front_door::PASSWORD;
    stranger
        .home
        .env("KFP_CREDENTIAL_PASSWORD", &stranger.home.secret(password));
    keyring.serve(&stranger.home);
    let state = owner.home.home().join(".local/state");
    stranger
        .home
        .env("XDG_STATE_HOME", &state.to_string_lossy());
    if let Some(runtime) = owner.home.variable("XDG_RUNTIME_DIR") {
        stranger.home.env("XDG_RUNTIME_DIR", &runtime);
    }
    // All of it is closed to them; where it is open, it is refused.
    let home = owner.home.home();
    let root = home.parent().expect("the sandbox");
    let folders = ["", "home", "home/.local", "home/.local/state"].map(|name| root.join(name));
    for folder in folders.iter().map(AsRef::as_ref).chain([keyring.folder()]) {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("mode 0755");
    }
    for store in places {
        let visit = stranger.look(&mut environment, store);
        match *store {
            "keyutils" | "file" | "runtime" => visit.assert_not_kept().says("belongs to uid 0"),
            _ => visit.assert_not_kept().says("there is no keyring"),
        };
    }
    // Their own is forgotten, and the owner's file only named.
    let logout = stranger.target("logout", "keyutils");
    let logout: Vec<&str> = logout.iter().map(String::as_str).collect();
    let refused = stranger.home.run(&logout);
    assert_eq!(refused.status, 3, "{}", refused.shown());
    refused.assert_says("error[store-unavailable]: cannot remove");
    assert_eq!(stranger.status("keyutils")["state"], "not logged in");
    let owner = User {
        home: owner.home,
        door: stranger.door,
    };
    let after = places
        .iter()
        .map(|store| owner.get(store, &[]).assert_success().stdout);
    assert_eq!(after.collect::<Vec<_>>(), before, "nothing is lost");
    owner.forget("keyutils");
}

/// There the number of every user whom the namespace does not know is ours too.
#[test]
fn the_unknown_user_of_a_namespace() {
    let mut environment = Environment::new("a user namespace's unknown user");
    let wrapped = needs!(Wrapped::as_the_unknown_user());
    let user = User::with(Sandbox::with_binary(&wrapped.binary), |_| None);
    let told = "stands for every user that this user namespace does not know";
    user.look(&mut environment, "file")
        .assert_not_kept()
        .says(told)
        .status_says(told);
}
