//! `kfp-credential` is a credential helper for Kubeflow Pipelines: it logs in and prints one JSON document with a bearer
//! token or session cookies, and when they expire.
//!
//! # The map, from argv to stdout
//!
//! 1. [`cli`] is the grammar: commands, options, help. Each command but `get` is a file below it.
//! 2. [`config`] turns the file, the options and the [`environment`] into one validated [`config::Context`].
//! 3. [`get`] is the story: load from the [`store`], or lock, log in by the [`method`], prove, save.
//! 4. [`protocol`] writes the answer: the document and the other forms of it, the only writer to stdout.
//!
//! [`credential`], [`secret`], [`line`](mod@line) and [`error`] are the words that all of them share; [`read_file`] is the one
//! reader of files; [`http`] is the one client and the one redirect follower; [`person`] and [`terminal`] are where
//! passwords come from; [`oauth`] is what the ways share that log in at an authorization server, and [`browser`] sends a
//! person there; [`sdk`] is the kfp SDK's own files.
//!
//! # What always holds
//!
//! - stdout is the answer, whole, or empty; stderr of a successful `get` is empty unless `-v` is given.
//! - A secret is a [`secret::Secret`]: nothing can print it, and it goes to its own origin only
//!   ([`method::dex`] has the rule for passwords).
//! - An answer from the store builds no HTTP client, starts no thread but the keyring's, and touches no network; only a
//!   Kubernetes client that asks again, as after a 401, has it checked.
//! - Nothing waits without a deadline.
//!
//! # The layers
//!
//! A module imports only what stands in its own line or below it; a test reads this list.
//!
//! ```text
//! cli
//! get
//! person
//! method
//! sdk
//! oauth
//! http store
//! config
//! protocol
//! browser guard jwt limits program read_file run shell terminal trace
//! credential deadline endpoint environment error line owner sanitize secret
//! ```

// A new method, store or kind of credential must not compile until each place has decided about it.
#![warn(clippy::wildcard_enum_match_arm)]

pub mod browser;
pub mod cli;
pub mod config;
pub mod credential;
pub mod deadline;
pub mod endpoint;
pub mod environment;
pub mod error;
pub mod get;
pub mod guard;
pub mod http;
pub mod jwt;
pub mod limits;
pub mod line;
pub mod method;
pub mod oauth;
#[cfg(unix)]
pub mod owner;
pub mod person;
pub mod program;
pub mod protocol;
pub mod read_file;
pub mod run;
pub mod sanitize;
pub mod sdk;
pub mod secret;
pub mod shell;
pub mod store;
pub mod terminal;
pub mod trace;

use std::ffi::OsString;
use std::io::Write;

use chrono::{DateTime, Utc};

use environment::Environment;
use read_file::Stdin;
use trace::Stderr;

/// What a run may use of the world.
pub struct Process<'a> {
    /// The environment variables.
    pub environment: Environment,
    /// Read only where an option says so.
    pub stdin: Stdin,
    /// Where the answer goes.
    pub stdout: &'a mut dyn Write,
    /// Where words for people go.
    pub stderr: Stderr,
    /// The clock.
    pub now: fn() -> DateTime<Utc>,
}

/// Runs one command and gives the exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>, process: Process<'_>) -> u8 {
    let stderr = process.stderr.clone();
    match cli::run(arguments, process) {
        Ok(()) => 0,
        Err(error) => {
            error.report(&mut *stderr.borrow_mut());
            error.exit_code()
        }
    }
}
