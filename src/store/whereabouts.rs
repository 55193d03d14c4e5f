//! Where a session rests or would rest, for `status` and for what `login` says.

use std::fmt;
use std::path::PathBuf;

use crate::config::context::StoreChoice;

use super::files::Folder;
use super::keyring::Trouble;
use super::places::OpenFolder;
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

impl Store<'_> {
    /// Tells where the session of a key rests or would rest, and what stands in the way of a better place.
    pub fn whereabouts(&self, key: &Key) -> Whereabouts {
        match self.choice {
            StoreChoice::Auto => self.whereabouts_of_auto(key),
            StoreChoice::Keyring => self.whereabouts_in_keyring(key),
            StoreChoice::Runtime => self.whereabouts_in(Folder::in_memory, Place::Runtime, key),
            StoreChoice::Keyutils => {
                let usable = self
                    .kernel()
                    .and_then(|mut kernel| kernel.check(key.text()));
                let usable = usable.map_err(|trouble| trouble.to_string());
                whereabouts(Place::Kernel, self.in_kernel(key), usable)
            }
            StoreChoice::File => self.whereabouts_in(Folder::on_disk, Place::File, key),
            StoreChoice::None => whereabouts(Place::Nowhere, Ok(None), Ok(())),
        }
    }

    /// Looks into both places, as a person asks and may wait.
    fn whereabouts_of_auto(&self, key: &Key) -> Whereabouts {
        let usable = self.keyring.check(key.text());
        let in_memory = self.whereabouts_in(Folder::in_memory, Place::Runtime, key);
        match usable {
            usable if in_memory.entry.is_some() => Whereabouts {
                trouble: usable.err().map(|trouble| trouble.to_string()),
                ..in_memory
            },
            // A locked one may well hold the session.
            Ok(()) | Err(Trouble::Locked) => self.whereabouts_in_keyring(key),
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

    fn whereabouts_in_keyring(&self, key: &Key) -> Whereabouts {
        let found = self.in_keyring(key);
        let usable = self
            .keyring
            .check(key.text())
            .map_err(|trouble| trouble.to_string());
        whereabouts(Place::Keyring, found, usable)
    }

    fn whereabouts_in(
        &self,
        folder: OpenFolder,
        place: fn(PathBuf) -> Place,
        key: &Key,
    ) -> Whereabouts {
        match folder(self.environment) {
            Ok(opened) => whereabouts(
                place(opened.path_of(key)),
                self.in_folder(folder, key),
                Ok(()),
            ),
            Err(why) => whereabouts(Place::Nowhere, Ok(None), Err(why)),
        }
    }
}

fn whereabouts(
    place: Place,
    found: Result<Option<Entry>, String>,
    usable: Result<(), String>,
) -> Whereabouts {
    let trouble = usable.err();
    match found {
        Ok(entry) => Whereabouts {
            entry,
            place,
            trouble,
        },
        Err(unread) => Whereabouts {
            entry: None,
            place,
            trouble: trouble.or(Some(unread)),
        },
    }
}
