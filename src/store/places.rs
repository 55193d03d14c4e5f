//! The places that something may rest in, which of them each store has, and reading, writing and removing there.

use std::path::PathBuf;

use serde::de::DeserializeOwned;

use crate::config::context::StoreChoice;
use crate::environment::Environment;
use crate::error::{Error, Result, Slug};
use crate::secret::Secret;

use super::files::Folder;
use super::keyring::{Backend, Trouble};
use super::{Key, Place, Store, Whereabouts, entry};

/// Opens a folder of entries, or says why it cannot be used.
type OpenFolder = fn(&Environment) -> Result<Folder, String>;

/// Opens the kernel's keyring; tests put a double in its place.
pub(super) type OpenKernel = fn(&Environment) -> Result<Box<dyn Backend>, Trouble>;

#[cfg(not(target_os = "linux"))]
pub(super) fn open_kernel(_environment: &Environment) -> Result<Box<dyn Backend>, Trouble> {
    Err(Trouble::Absent("only Linux's kernel has one".to_owned()))
}

/// A place that something may rest in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Backing {
    /// A folder on the disk.
    Disk,
    /// A folder in the login session's memory.
    Memory,
    /// The operating system's keyring.
    Keyring,
    /// The kernel's.
    Kernel,
}

/// How a store uses the places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plan {
    /// Nothing rests anywhere.
    Nowhere,
    /// All rests in one place.
    At(Backing),
    /// All rests in the keyring; sessions in memory where that is of no use.
    KeyringOrMemory,
}

impl Plan {
    /// Gives the plan of the store that was chosen.
    pub(super) fn of(choice: StoreChoice) -> Self {
        match choice {
            StoreChoice::Auto => Plan::KeyringOrMemory,
            StoreChoice::Keyring => Plan::At(Backing::Keyring),
            StoreChoice::Runtime => Plan::At(Backing::Memory),
            StoreChoice::Keyutils => Plan::At(Backing::Kernel),
            StoreChoice::File => Plan::At(Backing::Disk),
            StoreChoice::None => Plan::Nowhere,
        }
    }

    /// Tells whether something may rest in a place.
    pub(super) fn uses(self, backing: Backing) -> bool {
        match self {
            Plan::Nowhere => false,
            Plan::At(own) => own == backing,
            Plan::KeyringOrMemory => [Backing::Keyring, Backing::Memory].contains(&backing),
        }
    }

    /// Gives the place of refresh tokens, where there is one.
    pub(super) fn place_of_grants(self) -> Option<Backing> {
        match self {
            Plan::Nowhere => None,
            Plan::At(own) => Some(own).filter(|own| own.keeps_grants()),
            Plan::KeyringOrMemory => Some(Backing::Keyring),
        }
    }
}

impl Backing {
    /// Gives every place there is.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        std::iter::successors(Some(Backing::Disk), |one| match one {
            Backing::Disk => Some(Backing::Memory),
            Backing::Memory => Some(Backing::Keyring),
            Backing::Keyring => Some(Backing::Kernel),
            Backing::Kernel => None,
        })
    }

    /// Tells whether refresh tokens may rest there, which live longer than a login session.
    fn keeps_grants(self) -> bool {
        match self {
            Backing::Disk | Backing::Keyring | Backing::Kernel => true,
            Backing::Memory => false,
        }
    }

    /// Tells whether a look costs nothing and asks nobody, so that it is worth one where another store was chosen.
    pub(super) fn is_at_hand(self) -> bool {
        match self {
            Backing::Disk | Backing::Memory => true,
            Backing::Keyring | Backing::Kernel => false,
        }
    }
}

impl Store<'_> {
    /// Reads what rests under a key, or tells why that cannot be known.
    pub(super) fn read_from<T: DeserializeOwned>(
        &self,
        backing: Backing,
        key: &Key,
    ) -> Result<Option<T>, String> {
        match backing {
            Backing::Disk => self.in_folder(Folder::on_disk, key),
            Backing::Memory => self.in_folder(Folder::in_memory, key),
            Backing::Keyring => parse_item(key, self.keyring.read(key.text())),
            Backing::Kernel => {
                let found = self.kernel().and_then(|mut kernel| kernel.read(key.text()));
                parse_item(key, found)
            }
        }
    }

    /// Keeps something under a key, in place of what was there.
    pub(super) fn write_to(&self, backing: Backing, key: &Key, json: &Secret) -> Result<Place> {
        let in_folder = |folder, place: fn(PathBuf) -> Place| {
            let written = self.write_to_folder(folder, key, json);
            written.map(place).map_err(no_folder)
        };
        match backing {
            Backing::Disk => in_folder(Folder::on_disk, Place::File),
            Backing::Memory => in_folder(Folder::in_memory, Place::Runtime),
            Backing::Keyring => {
                let what = "the session cannot be stored in the keyring";
                let written = self.keyring.write(key.text(), json);
                written.map_err(|trouble| unavailable(what, &trouble))?;
                Ok(Place::Keyring)
            }
            Backing::Kernel => {
                let what = "nothing can be stored in the kernel's keyring";
                let kernel = self.kernel();
                let written = kernel.and_then(|mut kernel| kernel.write(key.text(), json));
                written.map_err(|trouble| unavailable(what, &trouble))?;
                Ok(Place::Kernel)
            }
        }
    }

    /// Removes what rests under a key; tells whether there was something.
    pub(super) fn remove_from(&self, backing: Backing, key: &Key) -> Result<bool> {
        match backing {
            Backing::Disk => self.remove_from_folder(Folder::on_disk, key),
            Backing::Memory => self.remove_from_folder(Folder::in_memory, key),
            Backing::Keyring => self.removed(self.keyring.delete(key.text())),
            Backing::Kernel => {
                let kernel = self.kernel();
                self.removed(kernel.and_then(|mut kernel| kernel.delete(key.text())))
            }
        }
    }

    /// Removes everything of ours; tells how much there was. `known` are the names to try where there is no search.
    pub(super) fn empty(&self, backing: Backing, known: &[String]) -> Result<usize> {
        let folder = |folder: Result<Folder, String>| match folder {
            Ok(folder) => folder.remove_all().map_err(no_folder),
            Err(_) => Ok(0),
        };
        match backing {
            Backing::Disk => folder(Folder::on_disk(self.environment)),
            Backing::Memory => folder(Folder::in_memory(self.environment)),
            Backing::Keyring => emptied(self.keyring.delete_all(known.to_vec())),
            Backing::Kernel => {
                let kernel = self.kernel();
                emptied(kernel.and_then(|mut kernel| kernel.delete_all(known)))
            }
        }
    }

    /// Tells of one place: what rests there under a key, and what is wrong with it.
    pub(super) fn whereabouts_at(&self, backing: Backing, key: &Key) -> Whereabouts {
        let (place, usable) = match backing {
            Backing::Disk => self.folder_of(Folder::on_disk, Place::File, key),
            Backing::Memory => self.folder_of(Folder::in_memory, Place::Runtime, key),
            Backing::Keyring => {
                let usable = self.keyring.check(key.text());
                (
                    Place::Keyring,
                    usable.map_err(|trouble| trouble.to_string()),
                )
            }
            Backing::Kernel => {
                let kernel = self.kernel();
                let usable = kernel.and_then(|mut kernel| kernel.check(key.text()));
                (Place::Kernel, usable.map_err(|trouble| trouble.to_string()))
            }
        };
        let found = if place == Place::Nowhere {
            Ok(None)
        } else {
            self.read_from(backing, key)
        };
        Whereabouts::new(place, found, usable)
    }

    /// Gives the file of a key in a folder, where that may be used.
    fn folder_of(
        &self,
        folder: OpenFolder,
        place: fn(PathBuf) -> Place,
        key: &Key,
    ) -> (Place, Result<(), String>) {
        match folder(self.environment) {
            Ok(folder) => (place(folder.path_of(key)), Ok(())),
            Err(why) => (Place::Nowhere, Err(why)),
        }
    }

    fn in_folder<T: DeserializeOwned>(
        &self,
        folder: OpenFolder,
        key: &Key,
    ) -> Result<Option<T>, String> {
        let folder = folder(self.environment)?;
        match folder.read(key)? {
            Some(json) => parse(key, &folder.path_of(key).display().to_string(), &json).map(Some),
            None => Ok(None),
        }
    }

    /// Makes a miss of a trouble, with a word.
    pub(super) fn heard<T>(&self, found: Result<Option<T>, String>) -> Option<T> {
        found.unwrap_or_else(|trouble| {
            self.trace
                .say(format_args!("nothing is read from the store: {trouble}"));
            None
        })
    }

    pub(super) fn write_to_folder(
        &self,
        folder: OpenFolder,
        key: &Key,
        json: &Secret,
    ) -> Result<PathBuf, String> {
        folder(self.environment)?.write(key, json)
    }

    /// Removes the file of a key where its folder can be there at all.
    fn remove_from_folder(&self, folder: OpenFolder, key: &Key) -> Result<bool> {
        folder(self.environment).map_or(Ok(false), |folder| folder.remove(key).map_err(no_folder))
    }

    fn kernel(&self) -> Result<Box<dyn Backend>, Trouble> {
        (self.kernel)(self.environment)
    }

    /// What is in no keyring at all need not be removed from it.
    fn removed(&self, outcome: Result<bool, Trouble>) -> Result<bool> {
        match outcome {
            Err(trouble @ Trouble::Absent(_)) => {
                self.trace.say(format_args!(
                    "nothing is removed from the keyring: {trouble}"
                ));
                Ok(false)
            }
            outcome => outcome
                .map_err(|trouble| unavailable("the keyring's entry cannot be removed", &trouble)),
        }
    }
}

fn emptied(outcome: Result<usize, Trouble>) -> Result<usize> {
    match outcome {
        Err(Trouble::Absent(_)) => Ok(0),
        outcome => {
            outcome.map_err(|trouble| unavailable("the keyring cannot be emptied", &trouble))
        }
    }
}

fn parse_item<T: DeserializeOwned>(
    key: &Key,
    found: Result<Option<Secret>, Trouble>,
) -> Result<Option<T>, String> {
    match found {
        Ok(Some(json)) => parse(key, "the keyring", json.expose().as_bytes()).map(Some),
        Ok(None) => Ok(None),
        Err(trouble) => Err(trouble.to_string()),
    }
}

fn parse<T: DeserializeOwned>(key: &Key, place: &str, json: &[u8]) -> Result<T, String> {
    entry::from_json(key, json).map_err(|why| format!("the entry in {place} is discarded: {why}"))
}

pub(super) fn unavailable(what: &str, trouble: &Trouble) -> Error {
    let slug = match trouble {
        Trouble::Locked | Trouble::WouldAsk => Slug::StoreLocked,
        Trouble::Absent(_) | Trouble::Silent(_) | Trouble::Failed(_) => Slug::StoreUnavailable,
    };
    Error::new(slug, what).because(trouble)
}

fn no_folder(why: String) -> Error {
    Error::new(Slug::StoreUnavailable, why)
}
