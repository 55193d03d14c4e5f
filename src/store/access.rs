//! Reading, writing and removing in one place, with the words for what goes wrong there.

use chrono::{TimeDelta, Utc};
use serde::de::DeserializeOwned;

use super::backend::folder::Folder;
use super::backend::{Backend, BackendError};
use super::policy::BackendKind;
use super::{Entry, Key, Place, Store, StoreStatus, entry};
use crate::credential::wire_time;
use crate::environment::Environment;
use crate::error::{Error, Result, Slug};
use crate::secret::Secret;

/// Opens the kernel's keyring; tests put a double in its place.
pub(super) type OpenKernel = fn(&Environment) -> Result<Box<dyn Backend>, BackendError>;

#[cfg(not(target_os = "linux"))]
pub(super) fn open_kernel(_environment: &Environment) -> Result<Box<dyn Backend>, BackendError> {
    Err(BackendError::Absent(
        "only Linux's kernel has one".to_owned(),
    ))
}

impl Store<'_> {
    /// Asks a place something.
    pub(super) fn ask<T>(
        &self,
        kind: BackendKind,
        question: impl FnOnce(&mut dyn Backend) -> Result<T, BackendError>,
    ) -> Result<T, BackendError> {
        match kind {
            BackendKind::Disk | BackendKind::Memory => question(&mut self.folder(kind)?),
            BackendKind::Keyring => question(&mut &*self.keyring),
            BackendKind::Kernel => question(&mut *(self.kernel)(self.environment)?),
        }
    }

    fn folder(&self, kind: BackendKind) -> Result<Folder, BackendError> {
        let folder = if kind == BackendKind::Memory {
            Folder::in_memory(self.environment)
        } else {
            Folder::on_disk(self.environment)
        };
        folder.map_err(BackendError::NoFolder)
    }

    /// Tells whether there is such a place at all, as far as that is seen without asking anybody.
    pub(super) fn can_be_there(&self, kind: BackendKind) -> bool {
        match kind {
            BackendKind::Disk | BackendKind::Memory => self.folder(kind).is_ok(),
            BackendKind::Keyring | BackendKind::Kernel => true,
        }
    }

    /// Names the place of an entry.
    fn place(&self, kind: BackendKind, key: &Key) -> Place {
        let file = |place: fn(_) -> Place| {
            self.folder(kind)
                .map_or(Place::Nowhere, |folder| place(folder.path_of(key)))
        };
        match kind {
            BackendKind::Disk => file(Place::File),
            BackendKind::Memory => file(Place::Runtime),
            BackendKind::Keyring => Place::Keyring,
            BackendKind::Kernel => Place::Kernel,
        }
    }

    /// Reads what rests under a key, or tells why that cannot be known.
    pub(super) fn read_from<T: DeserializeOwned>(
        &self,
        kind: BackendKind,
        key: &Key,
    ) -> Result<Option<T>, String> {
        let found = self.ask(kind, |backend| backend.read(key.text()));
        let Some(json) = found.map_err(|error| error.to_string())? else {
            return Ok(None);
        };
        let parsed = entry::from_json(key, json.expose().as_bytes());
        parsed.map(Some).map_err(|why| {
            let place = match self.place(kind, key) {
                Place::File(path) | Place::Runtime(path) => path.display().to_string(),
                Place::Keyring | Place::Kernel | Place::Nowhere => "the keyring".to_owned(),
            };
            format!("the entry in {place} is discarded: {why}")
        })
    }

    /// Reads the session that rests under a key.
    pub(super) fn session_from(
        &self,
        kind: BackendKind,
        key: &Key,
    ) -> Result<Option<Entry>, String> {
        match self.read_from(kind, key)? {
            Some(entry) if is_of_the_future(&entry) => Err(format!(
                "the entry is discarded: it was made at {}, by a clock that was ahead of this machine's",
                wire_time(entry.credential.issued_at)
            )),
            found => Ok(found),
        }
    }

    /// Keeps something under a key, in place of what was there.
    pub(super) fn write_to(&self, kind: BackendKind, key: &Key, json: &Secret) -> Result<Place> {
        let written = self.try_to_write(kind, key, json);
        written.map_err(|error| {
            let what = match kind {
                BackendKind::Kernel => "nothing can be stored in the kernel's keyring",
                BackendKind::Keyring | BackendKind::Disk | BackendKind::Memory => {
                    "the session cannot be stored in the keyring"
                }
            };
            unavailable(what, &error)
        })
    }

    /// Does the same, and leaves the words for a failure to the caller.
    pub(super) fn try_to_write(
        &self,
        kind: BackendKind,
        key: &Key,
        json: &Secret,
    ) -> Result<Place, BackendError> {
        self.ask(kind, |backend| backend.write(key.text(), json))?;
        Ok(self.place(kind, key))
    }

    /// Removes what rests under a key; tells whether there was something. What is in no keyring at all need not be removed
    /// from it.
    pub(super) fn remove_from(&self, kind: BackendKind, key: &Key) -> Result<bool> {
        match self.ask(kind, |backend| backend.delete(key.text())) {
            Err(BackendError::NoFolder(_)) => Ok(false),
            Err(error @ BackendError::Absent(_)) => {
                self.trace
                    .say(format_args!("nothing is removed from the keyring: {error}"));
                Ok(false)
            }
            outcome => outcome
                .map_err(|error| unavailable("the keyring's entry cannot be removed", &error)),
        }
    }

    /// Removes everything of ours; tells how much there was. `known` are the names to try where there is no search.
    pub(super) fn empty(&self, kind: BackendKind, known: &[String]) -> Result<usize> {
        match self.ask(kind, |backend| backend.delete_all(known)) {
            Err(BackendError::Absent(_) | BackendError::NoFolder(_)) => Ok(0),
            outcome => {
                outcome.map_err(|error| unavailable("the keyring cannot be emptied", &error))
            }
        }
    }

    /// Tells of one place: what rests there under a key, and what is wrong with it.
    pub(super) fn status_at(&self, kind: BackendKind, key: &Key) -> StoreStatus {
        let usable = self.ask(kind, |backend| backend.check(key.text()));
        let found = match &usable {
            Err(BackendError::NoFolder(_)) => Ok(None),
            _ => self.session_from(kind, key),
        };
        let usable = usable.map_err(|error| error.to_string());
        StoreStatus::new(self.place(kind, key), found, usable)
    }

    /// Makes a miss of a failure, with a word.
    pub(super) fn or_miss<T>(&self, found: Result<Option<T>, String>) -> Option<T> {
        found.unwrap_or_else(|error| {
            self.trace
                .say(format_args!("nothing is read from the store: {error}"));
            None
        })
    }
}

/// Its end is as far off as its beginning, and no clock of this machine would tell that it has come.
fn is_of_the_future(entry: &Entry) -> bool {
    const LARGEST_DIFFERENCE: TimeDelta = TimeDelta::minutes(5);
    entry.credential.issued_at - Utc::now() > LARGEST_DIFFERENCE
}

/// Makes the error of a place; a folder's own words need no others.
pub(super) fn unavailable(what: &str, error: &BackendError) -> Error {
    let slug = match error {
        BackendError::Locked | BackendError::WouldAsk => Slug::StoreLocked,
        BackendError::NoFolder(why) | BackendError::File(why) => {
            return Error::new(Slug::StoreUnavailable, why.as_str());
        }
        BackendError::Absent(_) | BackendError::Silent(_) | BackendError::Failed(_) => {
            Slug::StoreUnavailable
        }
    };
    Error::new(slug, what).because(error)
}
