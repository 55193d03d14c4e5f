//! What the fuzz targets in `tests/fuzz` need of this module, and a keyring with small items for them and for tests;
//! compiled with `--cfg fuzzing` and for tests alone.

use std::collections::BTreeMap;

use serde::Serialize;

use super::backend::chunked::Chunked;
use super::backend::{Backend, BackendError};
use super::entry::{self, Entry, StoredGrant, StoredPassword};
use super::key::Key;
use crate::secret::Secret;

/// Reads a session that rested under a key, or tells why it is of no use.
pub fn session(key: &Key, json: &[u8]) -> Result<Entry, String> {
    entry::from_json(key, json)
}

/// Reads a password in the same way.
pub fn password(key: &Key, json: &[u8]) -> Result<StoredPassword, String> {
    entry::from_json(key, json)
}

/// Reads a refresh token in the same way.
pub fn grant(key: &Key, json: &[u8]) -> Result<StoredGrant, String> {
    entry::from_json(key, json)
}

/// Writes any of them as it rests in a store.
pub fn written(entry: &impl Serialize) -> Secret {
    entry::to_json(entry)
}

/// A keyring with small items, which may break off.
pub struct SmallKeyring(Chunked<Items>);

/// The most bytes of a head, which real limits are far above.
const HEAD: usize = 128;

/// What is in it.
#[derive(Debug)]
pub struct Items {
    /// By name.
    pub by_name: BTreeMap<String, String>,
    /// How many changes succeed from now on; `None` for all.
    pub changes_left: Option<usize>,
    /// The most bytes of an item.
    largest: usize,
}

impl SmallKeyring {
    /// Makes an empty one that cuts entries into parts of so many bytes; a head fits into any item.
    pub fn new(limit: usize) -> Self {
        Self(Chunked::new(Items::of_at_most(limit.max(HEAD)), limit))
    }

    /// Gives what is in it.
    pub fn items(&mut self) -> &mut Items {
        self.0.inner()
    }

    /// Reads an entry.
    pub fn read(&mut self, name: &str) -> Result<Option<Secret>, String> {
        self.0.read(name).map_err(|error| error.to_string())
    }

    /// Writes an entry.
    pub fn write(&mut self, name: &str, secret: &Secret) -> Result<(), String> {
        self.0
            .write(name, secret)
            .map_err(|error| error.to_string())
    }

    /// Removes an entry.
    pub fn delete(&mut self, name: &str) -> Result<bool, String> {
        self.0.delete(name).map_err(|error| error.to_string())
    }
}

impl Items {
    /// Makes none, of which each may hold so many bytes.
    pub fn of_at_most(largest: usize) -> Self {
        Self {
            by_name: BTreeMap::new(),
            changes_left: None,
            largest,
        }
    }

    fn change(&mut self) -> Result<(), BackendError> {
        match &mut self.changes_left {
            Some(0) => Err(BackendError::Failed("the process has ended".to_owned())),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl Backend for Items {
    fn read(&mut self, name: &str) -> Result<Option<Secret>, BackendError> {
        Ok(self.by_name.get(name).map(Secret::new))
    }

    fn write(&mut self, name: &str, secret: &Secret) -> Result<(), BackendError> {
        self.change()?;
        assert!(secret.expose().len() <= self.largest, "larger than an item");
        let text = secret.expose().to_owned();
        self.by_name.insert(name.to_owned(), text);
        Ok(())
    }

    fn delete(&mut self, name: &str) -> Result<bool, BackendError> {
        self.change()?;
        Ok(self.by_name.remove(name).is_some())
    }

    fn delete_all(&mut self, _known: &[String]) -> Result<usize, BackendError> {
        Ok(std::mem::take(&mut self.by_name).len())
    }

    fn check(&mut self, _name: &str) -> Result<(), BackendError> {
        Ok(())
    }
}
