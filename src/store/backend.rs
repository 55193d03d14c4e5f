//! The places that entries rest in, a file each: one trait for what they do, one type for what goes wrong.

#[cfg(any(windows, target_os = "linux"))]
pub(super) mod chunked;
pub(super) mod folder;
pub(super) mod keyring;
#[cfg(target_os = "linux")]
pub(super) mod keyutils;
#[cfg(target_os = "linux")]
mod name_owner;
#[cfg(not(target_os = "linux"))]
pub(super) mod native;
#[cfg(target_os = "linux")]
pub(super) mod seal;
#[cfg(target_os = "linux")]
pub(super) mod secret_service;
#[cfg(target_os = "linux")]
mod session_bus;

use std::fmt;
use std::time::Duration;

use crate::secret::Secret;

/// What a place does for the store; tests put a double in a keyring's place.
pub(super) trait Backend {
    /// Reads what is kept under a name.
    fn read(&mut self, name: &str) -> Result<Option<Secret>, BackendError>;
    /// Keeps something under a name, in place of what was there.
    fn write(&mut self, name: &str, secret: &Secret) -> Result<(), BackendError>;
    /// Removes what is kept under a name; tells whether there was something.
    fn delete(&mut self, name: &str) -> Result<bool, BackendError>;
    /// Removes everything of ours; `known` are the names to try where it cannot be searched.
    fn delete_all(&mut self, known: &[String]) -> Result<usize, BackendError>;
    /// Tells whether something could be kept under a name without asking anybody.
    fn check(&mut self, name: &str) -> Result<(), BackendError>;
}

/// Why a place gave no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum BackendError {
    /// There is none here.
    Absent(String),
    /// It is locked, and nobody unlocked it.
    Locked,
    /// It holds what was asked for and would ask a person before it hands that to this program.
    WouldAsk,
    /// It did not answer in time.
    Silent(Duration),
    /// It answered with an error.
    Failed(String),
    /// There can be no such folder here.
    NoFolder(String),
    /// The folder, or a file in it, cannot be used.
    File(String),
}

/// Adds up what was removed, and gives the first error only when all was tried.
pub(super) fn sum_of(
    removed: impl Iterator<Item = Result<usize, BackendError>>,
) -> Result<usize, BackendError> {
    let all: Vec<Result<usize, BackendError>> = removed.collect();
    all.into_iter().sum()
}

impl fmt::Display for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BackendError::Absent(why) => write!(f, "there is no keyring: {why}"),
            BackendError::Locked => f.write_str("the keyring is locked"),
            BackendError::WouldAsk => {
                f.write_str("the keyring would ask a person before it lets this program read")
            }
            BackendError::Silent(patience) => {
                write!(
                    f,
                    "the keyring did not answer within {} s",
                    patience.as_secs()
                )
            }
            BackendError::Failed(why) => write!(f, "the keyring failed: {why}"),
            BackendError::NoFolder(why) | BackendError::File(why) => f.write_str(why),
        }
    }
}
