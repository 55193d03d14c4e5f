//! The words of `-v` and of `KFP_CREDENTIAL_LOG`: what was done and why, for people, never a secret.
//!
//! [`Secret`](crate::secret::Secret) cannot be formatted, so a line can hold one only by an `expose` that everyone can
//! grep for. The libraries below write no log of their own: theirs could hold what travels.

use std::cell::RefCell;
use std::fmt::Display;
use std::fs::File;
use std::io::Write;
use std::rc::Rc;

use chrono::Utc;

use crate::credential::wire_time;

/// A shared handle to the process's stderr, or to a test's buffer.
pub type Stderr = Rc<RefCell<dyn Write>>;

/// Takes the words of a run to where the user asked for them; nowhere by default.
#[derive(Default)]
pub struct Trace {
    stderr: Option<Stderr>,
    file: Option<RefCell<File>>,
    last: RefCell<String>,
}

impl Trace {
    /// Makes a trace that writes to `stderr` (for `-v`), to a file (for `KFP_CREDENTIAL_LOG`), to both or to neither.
    pub fn new(stderr: Option<Stderr>, file: Option<File>) -> Self {
        Self {
            stderr,
            file: file.map(RefCell::new),
            last: RefCell::default(),
        }
    }

    /// Tells whether anybody hears what is said.
    pub fn is_on(&self) -> bool {
        self.stderr.is_some() || self.file.is_some()
    }

    /// Says one line; the same one again is not repeated.
    pub fn say(&self, words: impl Display) {
        if !self.is_on() {
            return;
        }
        let words = words.to_string();
        if *self.last.borrow() == words {
            return;
        }
        if let Some(stderr) = &self.stderr {
            write_line(
                &mut *stderr.borrow_mut(),
                format_args!("kfp-credential: {words}"),
            );
        }
        if let Some(file) = &self.file {
            write_line(
                &mut *file.borrow_mut(),
                format_args!("{} [{}] {words}", wire_time(Utc::now()), std::process::id()),
            );
        }
        *self.last.borrow_mut() = words;
    }

    /// Stops writing to stderr: some callers merge it into stdout (fabric8), so the exec form keeps it silent.
    #[must_use]
    pub fn without_stderr(mut self) -> Self {
        self.stderr = None;
        self
    }
}

/// A trace that cannot be written changes nothing.
fn write_line(sink: &mut dyn Write, line: std::fmt::Arguments<'_>) {
    sink.write_all(format!("{line}\n").as_bytes()).ok();
}
