//! One login at a time for each key, and one edit at a time of each file, across processes.
//!
//! The lock is the operating system's on an open file (`flock` on Unix), so it ends with its owner however that ends.
//! The file itself stays: a process that removed it could leave two others each holding a lock on another file of the
//! same name. Rust opens files close-on-exec, so no program that we start holds it on.
//!
//! A login goes on without a lock where none can be had: it costs a second login at most. An edit does not: it would
//! undo the one beside it.

#[cfg(test)]
mod tests;

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
