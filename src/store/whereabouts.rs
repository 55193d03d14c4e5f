//! Where a session rests or would rest, for `status` and for what `login` says.

use std::fmt;
use std::path::PathBuf;

use super::keyring::Trouble;
use super::places::{Backing, Plan};
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
pub struct Whereabouts {
    /// What rests there.
    pub entry: Option<Entry>,
    /// Where it rests, or would rest.
    pub place: Place,
    /// What is wrong with the place that was tried before this one, or with this one.
    pub trouble: Option<String>,
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

impl Whereabouts {
    pub(super) fn new(
        place: Place,
        found: Result<Option<Entry>, String>,
        usable: Result<(), String>,
    ) -> Self {
        let trouble = usable.err();
        match found {
            Ok(entry) => Self {
                entry,
                place,
                trouble,
            },
            Err(unread) => Self {
                entry: None,
                place,
                trouble: trouble.or(Some(unread)),
            },
        }
    }
}

impl Store<'_> {
    /// Tells where the session of a key rests or would rest, and what stands in the way of a better place.
    pub fn whereabouts(&self, key: &Key) -> Whereabouts {
        match Plan::of(self.choice) {
            Plan::Nowhere => Whereabouts::new(Place::Nowhere, Ok(None), Ok(())),
            Plan::At(place) => self.whereabouts_at(place, key),
            Plan::KeyringOrMemory => self.whereabouts_of_auto(key),
        }
    }

    /// Looks into both places, as a person asks and may wait.
    fn whereabouts_of_auto(&self, key: &Key) -> Whereabouts {
        let usable = self.keyring.check(key.text());
        let in_memory = self.whereabouts_at(Backing::Memory, key);
        match usable {
            usable if in_memory.entry.is_some() => Whereabouts {
                trouble: usable.err().map(|trouble| trouble.to_string()),
                ..in_memory
            },
            // A locked one may well hold the session.
            Ok(()) | Err(Trouble::Locked) => self.whereabouts_at(Backing::Keyring, key),
            Err(no_keyring) => {
                let no_memory = in_memory
                    .trouble
                    .map(|why| format!("; {why}"))
                    .unwrap_or_default();
                Whereabouts {
                    trouble: Some(format!("{no_keyring}{no_memory}")),
                    ..in_memory
                }
            }
        }
    }
}
