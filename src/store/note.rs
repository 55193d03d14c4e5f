//! Small notes about a key that the next run reads: when a login was refused, who was answered last.
//!
//! A note holds no secret and decides nothing by itself, so one that cannot be read or written is only worth a word on
//! `-v`. Each kind has a folder beside the locks.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::secret::Secret;
use crate::store::backend::folder::Folder;
use crate::store::key::Key;
use crate::trace::Trace;

/// The notes of one kind.
#[derive(Clone, Copy)]
pub struct Notes<'a> {
    environment: &'a Environment,
    trace: &'a Trace,
    kind: &'static str,
}

/// A note as it rests, with its key for people who look into the file.
#[derive(Serialize, Deserialize)]
struct Written<T> {
    key: String,
    note: T,
}

impl<'a> Notes<'a> {
    /// Gives the notes of a kind, which names their folder.
    pub fn new(environment: &'a Environment, trace: &'a Trace, kind: &'static str) -> Self {
        Self {
            environment,
            trace,
            kind,
        }
    }

    /// Reads the note about a key; what is malformed is none.
    pub fn read<T: DeserializeOwned>(&self, key: &Key) -> Option<T> {
        let json = self.folder().ok()?.read(key).ok()??;
        let written: Written<T> = serde_json::from_slice(&json).ok()?;
        (written.key == key.text()).then_some(written.note)
    }

    /// Writes the note about a key, in place of the one before.
    pub fn write(&self, key: &Key, note: &impl Serialize) {
        let written = Written {
            key: key.text().to_owned(),
            note,
        };
        let (Ok(folder), Ok(json)) = (self.folder(), serde_json::to_string(&written)) else {
            return;
        };
        if let Err(why) = folder.write(key, &Secret::new(json)) {
            self.trace.say(why);
        }
    }

    /// Removes the note about a key.
    pub fn forget(&self, key: &Key) {
        if let Ok(folder) = self.folder()
            && let Err(why) = folder.remove(key)
        {
            self.trace.say(why);
        }
    }

    fn folder(&self) -> Result<Folder, String> {
        Folder::in_state(self.environment, self.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::key::Identity;

    fn key(user: &str) -> Key {
        Key::of_session(&Identity {
            endpoint: "https://h",
            method: "dex",
            user: Some(user),
            ..Identity::default()
        })
    }

    #[test]
    fn a_note_is_read_back_under_its_own_key_and_kind() {
        let home = tempfile::tempdir().unwrap();
        let environment: Environment = [("HOME", home.path())].into_iter().collect();
        let trace = Trace::default();
        let notes = Notes::new(&environment, &trace, "refusals");
        notes.write(&key("one"), &7);
        assert_eq!(notes.read(&key("one")), Some(7));
        assert_eq!(notes.read::<u32>(&key("two")), None);
        let others = Notes::new(&environment, &trace, "answers");
        assert_eq!(others.read::<u32>(&key("one")), None);
        notes.forget(&key("one"));
        assert_eq!(notes.read::<u32>(&key("one")), None);
    }

    #[test]
    fn a_malformed_note_is_none() {
        let home = tempfile::tempdir().unwrap();
        let environment: Environment = [("HOME", home.path())].into_iter().collect();
        let trace = Trace::default();
        let notes = Notes::new(&environment, &trace, "refusals");
        notes.write(&key("one"), &"text");
        assert_eq!(notes.read::<u32>(&key("one")), None);
        std::fs::write(notes.folder().unwrap().path_of(&key("one")), "{").unwrap();
        assert_eq!(notes.read::<String>(&key("one")), None);
    }
}
