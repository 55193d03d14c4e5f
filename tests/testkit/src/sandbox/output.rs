//! What a run has left, and what a test asks of it.

use std::time::Duration;

use serde_json::Value;

/// Holds what a run has left.
#[derive(Clone, Debug)]
pub struct Output {
    /// The exit code; below zero the signal that ended it.
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
    pub args: Vec<String>,
    pub elapsed: Duration,
    /// The most memory that it has had at once, in bytes, as seen every few milliseconds; 0 where
    /// the system does not tell.
    pub peak_memory: u64,
}

impl Output {
    /// Asserts exit code 0; of a `get` without `-v`, an empty stderr too, as the contract says.
    #[track_caller]
    pub fn assert_success(self) -> Self {
        assert_eq!(self.status, 0, "{}", self.shown());
        let verbose = self.is_verbose();
        if self.args.iter().any(|arg| arg == "get") && !verbose {
            assert_eq!(
                self.stderr,
                "",
                "stderr of a get that went well\n{}",
                self.shown()
            );
        }
        self
    }

    /// Asserts this failure: exit code, slug, an empty stdout, and a hint.
    #[track_caller]
    pub fn assert_error(self, exit: i32, slug: &str) -> Self {
        let first = format!("kfp-credential: error[{slug}]: ");
        let verbose = self.is_verbose();
        let named = if verbose {
            self.stderr.lines().any(|line| line.starts_with(&first))
        } else {
            self.stderr.starts_with(&first)
        };
        assert!(named, "wanted error[{slug}]\n{}", self.shown());
        assert_eq!(self.status, exit, "{}", self.shown());
        assert_eq!(self.stdout, "", "stdout of a failure\n{}", self.shown());
        let hinted = self
            .stderr
            .lines()
            .any(|line| line.trim_start().starts_with("hint: "));
        assert!(hinted, "no hint\n{}", self.shown());
        self
    }

    /// Asserts that stderr says this somewhere.
    #[track_caller]
    pub fn assert_says(self, words: &str) -> Self {
        assert!(
            self.stderr.contains(words),
            "stderr lacks {words:?}\n{}",
            self.shown()
        );
        self
    }

    /// Leaves out what a login says before it fails.
    #[track_caller]
    pub fn failure(mut self) -> Self {
        let error = self.stderr.find("kfp-credential: error[");
        let error = error.unwrap_or_else(|| panic!("no error\n{}", self.shown()));
        self.stderr.drain(..error);
        self
    }

    /// Reads stdout as the one JSON document that it is.
    #[track_caller]
    pub fn json(&self) -> Value {
        assert!(
            self.stdout.ends_with('\n'),
            "no newline at the end\n{}",
            self.shown()
        );
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("stdout is not JSON: {error}\n{}", self.shown()))
    }

    fn is_verbose(&self) -> bool {
        self.args
            .iter()
            .any(|arg| arg.starts_with("-v") || arg == "--verbose")
    }

    /// Shows everything, for the message of a failed assertion.
    pub fn shown(&self) -> String {
        format!(
            "$ kfp-credential {}\n(exit {}, {:?})\n--- stdout\n{}\n--- stderr\n{}",
            self.args.join(" "),
            self.status,
            self.elapsed,
            self.stdout,
            self.stderr
        )
    }
}
