//! One login at a time for each key, and one edit at a time of each file, across processes.
//!
//! The lock is the operating system's on an open file (`flock` on Unix), so it ends with its owner however that ends.
//! The file itself stays: a process that removed it could leave two others each holding a lock on another file of the
//! same name. Rust opens files close-on-exec, so no program that we start holds it on.
//!
//! A login goes on without a lock where none can be had: it costs a second login at most. An edit does not: it would
//! undo the one beside it.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::environment::Environment;
use crate::error::{Error, Result, Slug};
use crate::store::key::Key;
use crate::store::private_file::{open_private, private_folder};
use crate::trace::Trace;

/// The first pause between two tries; each next one is half as long again.
const SHORTEST_PAUSE: Duration = Duration::from_millis(5);
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);
/// How long a folder is waited for that others can hold for ever, where another lock is held.
const LONGEST_BESIDE_OTHERS: Duration = Duration::from_secs(2);

/// More than the name of an owner takes in the file.
const LONGEST_NAME: u64 = 32;

/// The right to log in for a key, or to edit a file, until it is dropped.
#[derive(Debug)]
pub struct Lock(File);

/// What a lock is for, as people are told.
#[derive(Clone, Copy)]
enum Doing {
    LoggingIn,
    Editing,
}

impl Lock {
    /// Waits until nobody else logs in for a key, at most until the deadline.
    ///
    /// `None` where no lock can be had, as on a read-only home: a login then goes on without one.
    pub fn acquire(
        environment: &Environment,
        key: &Key,
        deadline: Duration,
        trace: &Trace,
    ) -> Result<Option<Self>> {
        let file = open_lock_file(environment, key);
        let lock = Self::wait_for(Doing::LoggingIn, file, key, deadline, trace)?;
        let lock = lock.map_err(|why| trace.say(format_args!("going on without a lock: {why}")));
        Ok(lock.ok())
    }

    /// Waits until nobody else edits a file, whatever the spelling of its path, at most until the deadline; gives all
    /// the locks there are, one at least.
    ///
    /// One lies with the others, in the state folder; another run may have another state folder, or none. So the file's
    /// own folder is locked too. Whoever can open that can hold its lock for ever: where others can, and the first lock
    /// is held, it is waited for no longer than many edits take.
    pub fn of_file(
        environment: &Environment,
        path: &Path,
        deadline: Duration,
        trace: &Trace,
    ) -> Result<Vec<Self>> {
        let start = Instant::now();
        let path = spelled_alike(path);
        let key = Key::of_file(&path);
        let named = open_lock_file(environment, &key);
        let named = Self::wait_for(Doing::Editing, named, &key, deadline, trace)?;
        let folder = open_folder(&path);
        let may_be_left = named.is_ok() && folder.as_ref().is_ok_and(others_can_open);
        let mut left = deadline.saturating_sub(start.elapsed());
        if may_be_left {
            left = left.min(LONGEST_BESIDE_OTHERS);
        }
        let folder = match Self::wait_for(Doing::Editing, folder, &key, left, trace) {
            Err(error) if may_be_left => Err(error.one_line()),
            waited => waited?,
        };
        if let Err(why) = named.as_ref().and(folder.as_ref()) {
            trace.say(format_args!("going on with one lock: {why}"));
        }
        match (named, folder) {
            (Err(no_named), Err(no_folder)) => {
                let what = format!(
                    "cannot keep others from editing {} meanwhile",
                    path.display()
                );
                Err(Error::new(Slug::ConfigWriteFailed, what)
                    .because(format!("{no_named}; {no_folder}"))
                    .hint("make the state folder ($XDG_STATE_HOME, else ~/.local/state) or the file's own folder yours"))
            }
            (named, folder) => Ok([named, folder].into_iter().flatten().collect()),
        }
    }

    /// Waits for the lock of what was opened; gives why there is none, where there is none to be had.
    fn wait_for(
        doing: Doing,
        opened: Result<File, String>,
        key: &Key,
        deadline: Duration,
        trace: &Trace,
    ) -> Result<Result<Self, String>> {
        let file = match opened {
            Ok(file) => file,
            Err(why) => return Ok(Err(why)),
        };
        let start = Instant::now();
        let mut pause = SHORTEST_PAUSE;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Ok(Self::held(file))),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Ok(Err(error.to_string())),
            }
            let left = deadline.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Err(still_held(doing, file, key, deadline));
            }
            if pause == SHORTEST_PAUSE {
                trace.say(format_args!(
                    "waiting: another process is {} {key}",
                    doing.words()
                ));
            }
            thread::sleep(pause.min(left));
            pause = (pause * 3 / 2).min(LONGEST_PAUSE);
        }
    }

    /// Writes who holds the lock into the file, for those who give up on it.
    fn held(mut file: File) -> Self {
        let name = format!("{}\n", std::process::id());
        // A lock without a name locks as well.
        file.set_len(0)
            .and_then(|()| file.write_all(name.as_bytes()))
            .ok();
        Self(file)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // The next owner must not be taken for this one in the moment before it has written its own name.
        self.0.set_len(0).ok();
        self.0.unlock().ok();
    }
}

fn open_lock_file(environment: &Environment, key: &Key) -> Result<File, String> {
    let state = environment
        .state_folder()
        .ok_or("neither XDG_STATE_HOME nor HOME is set")?;
    let locks = state.join("locks");
    let open = |path: &Path| {
        private_folder(&state)?;
        private_folder(&locks)?;
        open_private(path)
    };
    let path = locks.join(key.file_name());
    open(&path).map_err(|error| format!("cannot open {}: {error}", path.display()))
}

/// Opens the folder that a file is edited in, which is made where it is missing.
fn open_folder(path: &Path) -> Result<File, String> {
    let folder = path.parent().unwrap_or(path);
    private_folder(folder)
        .and_then(|()| File::open(folder))
        .map_err(|error| format!("cannot lock {}: {error}", folder.display()))
}

#[cfg(unix)]
fn others_can_open(folder: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    let metadata = folder.metadata();
    metadata.is_ok_and(|metadata| metadata.mode() & 0o044 != 0)
}

#[cfg(not(unix))]
fn others_can_open(_folder: &File) -> bool {
    true
}

impl Doing {
    fn words(self) -> &'static str {
        match self {
            Self::LoggingIn => "logging in to",
            Self::Editing => "editing",
        }
    }

    fn slug(self) -> Slug {
        match self {
            Self::LoggingIn => Slug::LoginInProgress,
            Self::Editing => Slug::ConfigWriteFailed,
        }
    }
}

/// Gives one path for all spellings of it: links on the way are followed, as far as it is there.
fn spelled_alike(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let found = path.ancestors().find_map(|above| {
        let rest = path.strip_prefix(above).ok()?;
        let above = above.canonicalize().ok()?;
        // Joining nothing would put a slash at the end.
        Some(if rest.as_os_str().is_empty() {
            above
        } else {
            above.join(rest)
        })
    });
    found.unwrap_or(path)
}

fn still_held(doing: Doing, mut file: File, key: &Key, deadline: Duration) -> Error {
    let waited = (deadline.as_secs_f64() * 10.0).round() / 10.0;
    let error = |owner: &str| {
        Error::new(
            doing.slug(),
            format!(
                "waited {waited} s for {owner}, which is {} {key}",
                doing.words()
            ),
        )
    };
    let mut name = String::new();
    file.rewind()
        .and_then(|()| file.take(LONGEST_NAME).read_to_string(&mut name))
        .ok();
    match name.trim().parse().ok().filter(|pid| lives(*pid)) {
        Some(pid) => error(&format!("process {pid}")).hint(format!(
            "wait for it to end, or end it (`kill {pid}`), and try again"
        )),
        None => error("another process"),
    }
}

/// Tells whether a process is there: the name in the file may be that of one that was killed.
#[cfg(unix)]
fn lives(pid: i32) -> bool {
    use rustix::io::Errno;
    use rustix::process::{Pid, test_kill_process};
    Pid::from_raw(pid).is_some_and(|pid| test_kill_process(pid) != Err(Errno::SRCH))
}

/// Tells whether a process is there; Windows lets nobody read a locked file, so there is no name to ask about.
#[cfg(not(unix))]
fn lives(_pid: i32) -> bool {
    true
}

#[cfg(test)]
mod tests {
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
}
