//! Reading, writing and removing at one place: the keyring, the kernel's, a folder.

use std::path::PathBuf;

use serde::de::DeserializeOwned;

use crate::environment::Environment;
use crate::error::{Error, Result, Slug};
use crate::secret::Secret;

use super::files::Folder;
use super::keyring::{Backend, Trouble};
use super::{Key, Place, Store, entry};

/// Opens a folder of entries, or says why it cannot be used.
pub(super) type OpenFolder = fn(&Environment) -> Result<Folder, String>;

/// Opens the kernel's keyring; tests put a double in its place.
pub(super) type OpenKernel = fn(&Environment) -> Result<Box<dyn Backend>, Trouble>;

#[cfg(not(target_os = "linux"))]
pub(super) fn open_kernel(_environment: &Environment) -> Result<Box<dyn Backend>, Trouble> {
    Err(Trouble::Absent("only Linux's kernel has one".to_owned()))
}

impl Store<'_> {
    pub(super) fn in_keyring<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>, String> {
        parse_item(key, self.keyring.read(key.text()))
    }

    pub(super) fn in_kernel<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>, String> {
        let found = self.kernel().and_then(|mut kernel| kernel.read(key.text()));
        parse_item(key, found)
    }

    pub(super) fn in_folder<T: DeserializeOwned>(
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

    pub(super) fn write_to(
        &self,
        folder: OpenFolder,
        key: &Key,
        json: &Secret,
    ) -> Result<PathBuf, String> {
        folder(self.environment)?.write(key, json)
    }

    pub(super) fn write_to_kernel(&self, key: &Key, json: &Secret) -> Result<Place> {
        self.kernel()
            .and_then(|mut kernel| kernel.write(key.text(), json))
            .map(|()| Place::Kernel)
            .map_err(|trouble| {
                unavailable("nothing can be stored in the kernel's keyring", &trouble)
            })
    }

    pub(super) fn delete_from_kernel(&self, key: &Key) -> Result<bool> {
        let removed = self
            .kernel()
            .and_then(|mut kernel| kernel.delete(key.text()));
        self.removed(removed)
    }

    pub(super) fn kernel(&self) -> Result<Box<dyn Backend>, Trouble> {
        (self.kernel)(self.environment)
    }

    /// Removes the file of a key where its folder can be there at all.
    pub(super) fn remove_from(&self, folder: OpenFolder, key: &Key) -> Result<bool> {
        folder(self.environment).map_or(Ok(false), |folder| folder.remove(key).map_err(no_folder))
    }

    pub(super) fn delete_from_keyring(&self, key: &Key) -> Result<bool> {
        self.removed(self.keyring.delete(key.text()))
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

pub(super) fn no_folder(why: String) -> Error {
    Error::new(Slug::StoreUnavailable, why)
}
