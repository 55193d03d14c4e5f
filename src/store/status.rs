//! Where a session rests or would rest, for `status` and for what `login` says.

use std::fmt;
use std::path::PathBuf;

use super::backend::BackendError;
use super::policy::BackendKind;
use super::{Entry, Key, Store};

/// Where an entry rests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In the operating system's keyring.
    Keyring,
    /// In this file of the login session's memory.
    Runtime(PathBuf),
    /// In the kernel's memory.
    Kernel,
    /// In this file on the disk.
    File(PathBuf),
    /// Nowhere: the next run logs in again.
    Nowhere,
}

/// What `status` tells of a key.
#[derive(Debug)]
pub struct StoreStatus {
    /// What rests there.
    pub entry: Option<Entry>,
    /// Where it rests, or would rest.
    pub place: Place,
    /// What is wrong with the place that was tried before this one, or with this one.
    pub problem: Option<String>,
}

impl Place {
    /// Names the place for people.
    pub fn name(&self) -> &'static str {
        match self {
            Place::Keyring => "keyring",
            Place::Runtime(_) => "runtime folder",
            Place::Kernel => "kernel's keyring",
            Place::File(_) => "file",
            Place::Nowhere => "none",
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl StoreStatus {
    pub(super) fn new(
        place: Place,
        found: Result<Option<Entry>, String>,
        usable: Result<(), String>,
    ) -> Self {
        let problem = usable.err();
        match found {
            Ok(entry) => Self {
                entry,
                place,
                problem,
            },
            Err(unread) => Self {
                entry: None,
                place,
                problem: problem.or(Some(unread)),
            },
        }
    }
}

impl Store<'_> {
    /// Tells where the session of a key rests or would rest, and what stands in the way of a better place.
    pub fn status(&self, key: &Key) -> StoreStatus {
        match self.policy().sessions {
            [] => StoreStatus::new(Place::Nowhere, Ok(None), Ok(())),
            [only] => self.status_at(*only, key),
            _ => self.status_of_auto(key),
        }
    }

    /// Looks into both places, as a person asks and may wait.
    fn status_of_auto(&self, key: &Key) -> StoreStatus {
        let usable = self.ask(BackendKind::Keyring, |keyring| keyring.check(key.text()));
        let in_memory = self.status_at(BackendKind::Memory, key);
        match usable {
            usable if in_memory.entry.is_some() => StoreStatus {
                problem: usable.err().map(|problem| problem.to_string()),
                ..in_memory
            },
            // A locked one may well hold the session.
            Ok(()) | Err(BackendError::Locked) => self.status_at(BackendKind::Keyring, key),
            Err(no_keyring) => {
                let no_memory = in_memory
                    .problem
                    .map(|why| format!("; {why}"))
                    .unwrap_or_default();
                StoreStatus {
                    problem: Some(format!("{no_keyring}{no_memory}")),
                    ..in_memory
                }
            }
        }
    }
}
