use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;

use super::*;
use crate::store::key::Identity;

fn key(user: &str) -> Key {
    Key::of_session(&Identity {
        endpoint: "https://h",
        method: "dex",
        user: Some(user),
        ..Identity::default()
    })
}

fn home() -> (TempDir, Environment) {
    let home = tempfile::tempdir().unwrap();
    let environment = [("HOME", home.path())].into_iter().collect();
    (home, environment)
}

fn acquire(environment: &Environment, user: &str, deadline: Duration) -> Result<Option<Lock>> {
    Lock::acquire(environment, &key(user), deadline, &Trace::default())
}

fn lock_file(environment: &Environment, user: &str) -> std::path::PathBuf {
    environment
        .state_folder()
        .unwrap()
        .join("locks")
        .join(key(user).file_name())
}

#[test]
fn twenty_at_once_hold_it_one_after_another() {
    let (_home, environment) = home();
    let (inside, entered) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                let _lock = acquire(&environment, "u", Duration::from_secs(20))
                    .unwrap()
                    .unwrap();
                assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                thread::sleep(Duration::from_millis(3));
                inside.fetch_sub(1, Ordering::SeqCst);
                entered.fetch_add(1, Ordering::SeqCst);
            });
        }
    });
    assert_eq!(entered.into_inner(), 20);
}

#[test]
#[cfg(unix)]
fn every_spelling_of_a_file_is_one_lock() {
    let (home, environment) = home();
    let real = home.path().join("real");
    std::fs::create_dir(&real).unwrap();
    std::os::unix::fs::symlink(&real, home.path().join("link")).unwrap();
    let of_file =
        |path: &Path| Lock::of_file(&environment, path, Duration::ZERO, &Trace::default());
    let held = of_file(&real.join("x/f.json")).unwrap();
    for spelling in ["link/x/f.json", "real/./x//f.json", "link/../real/x/f.json"] {
        let error = of_file(&home.path().join(spelling)).unwrap_err();
        assert_eq!(error.slug(), Slug::ConfigWriteFailed, "{spelling}");
        assert!(error.message().contains("editing"), "{error}");
    }
    assert_eq!(of_file(&real.join("y/g.json")).unwrap().len(), 2);
    // The file is made meanwhile.
    std::fs::write(real.join("x/f.json"), "").unwrap();
    assert!(of_file(&home.path().join("link/x/f.json")).is_err());
    drop(held);
    assert_eq!(of_file(&real.join("x/f.json")).unwrap().len(), 2);
}

#[test]
#[cfg(unix)]
fn no_file_is_edited_without_a_lock() {
    let (home, environment) = home();
    std::fs::write(home.path().join(".local"), "").unwrap();
    let of_file =
        |path: &Path| Lock::of_file(&environment, path, Duration::ZERO, &Trace::default());
    let file = home.path().join("x/f.json");
    let held = of_file(&file).unwrap();
    assert_eq!(held.len(), 1, "the folder's own");
    let error = of_file(&file).unwrap_err();
    assert!(error.message().contains("another process"), "{error}");
    drop(held);
    // No state folder, and a folder that is none of ours.
    std::fs::remove_dir(home.path().join("x")).unwrap();
    std::fs::write(home.path().join("x"), "").unwrap();
    let error = of_file(&file).unwrap_err();
    assert_eq!(error.slug(), Slug::ConfigWriteFailed);
    assert!(error.message().contains("cannot keep others"), "{error}");
}

#[test]
#[cfg(unix)]
fn another_state_folder_is_no_way_round() {
    let (home, environment) = home();
    let elsewhere = tempfile::tempdir().unwrap();
    let file = home.path().join("x/f.json");
    let other: Environment = [("HOME", elsewhere.path())].into_iter().collect();
    let of_file = |environment: &Environment| {
        Lock::of_file(environment, &file, Duration::ZERO, &Trace::default())
    };
    let held = of_file(&environment).unwrap();
    assert_eq!(of_file(&other).unwrap_err().slug(), Slug::ConfigWriteFailed);
    drop(held);
    // Whoever can open the folder might hold its lock for ever.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    let folder = home.path().join("x");
    std::fs::set_permissions(&folder, open).unwrap();
    let stranger = File::open(&folder).unwrap();
    stranger.lock().unwrap();
    assert_eq!(of_file(&other).unwrap().len(), 1);
}

#[test]
fn other_keys_do_not_wait() {
    let (_home, environment) = home();
    let _one = acquire(&environment, "one", Duration::ZERO)
        .unwrap()
        .unwrap();
    assert!(
        acquire(&environment, "two", Duration::ZERO)
            .unwrap()
            .is_some()
    );
}

#[test]
fn who_waits_too_long_is_told_whom_for() {
    let (_home, environment) = home();
    let lock = acquire(&environment, "u", Duration::ZERO).unwrap().unwrap();
    let error = acquire(&environment, "u", Duration::from_millis(100)).unwrap_err();
    assert_eq!(error.slug(), Slug::LoginInProgress);
    let pid = std::process::id();
    assert!(
        error.message().contains(&format!("process {pid}")),
        "{error}"
    );
    drop(lock);
    assert!(
        acquire(&environment, "u", Duration::ZERO)
            .unwrap()
            .is_some()
    );
}

#[test]
#[cfg(unix)]
fn a_dead_owner_is_not_blamed() {
    let (_home, environment) = home();
    let _lock = acquire(&environment, "u", Duration::ZERO).unwrap().unwrap();
    let mut child = std::process::Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    std::fs::write(lock_file(&environment, "u"), format!("{}\n", child.id())).unwrap();
    let error = acquire(&environment, "u", Duration::ZERO).unwrap_err();
    assert!(error.message().contains("another process"), "{error}");
}

#[test]
#[cfg(unix)]
fn a_program_that_we_start_does_not_hold_it_on() {
    let (_home, environment) = home();
    let lock = acquire(&environment, "u", Duration::ZERO).unwrap();
    let mut child = std::process::Command::new("sleep")
        .arg("5")
        .spawn()
        .unwrap();
    drop(lock);
    assert!(
        acquire(&environment, "u", Duration::ZERO)
            .unwrap()
            .is_some()
    );
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn the_file_stays_and_names_nobody() {
    let (_home, environment) = home();
    drop(acquire(&environment, "u", Duration::ZERO).unwrap());
    assert_eq!(std::fs::read(lock_file(&environment, "u")).unwrap(), b"");
}

#[test]
fn without_a_place_for_locks_the_login_goes_on_with_a_word() {
    let (home, environment) = home();
    std::fs::write(home.path().join(".local"), "").unwrap();
    for environment in [environment, Environment::default()] {
        let words = Rc::new(RefCell::new(Vec::new()));
        let trace = Trace::new(Some(words.clone()), None);
        assert!(
            Lock::acquire(&environment, &key("u"), Duration::ZERO, &trace)
                .unwrap()
                .is_none()
        );
        assert!(
            String::from_utf8(words.take())
                .unwrap()
                .contains("going on without a lock")
        );
    }
}
