//! Linux's keyring, the Secret Service over D-Bus, without ever asking a person by surprise.
//!
//! Items have the attributes and labels that the `keyring` crate gives them, but its store is of no use here: it makes a
//! connection of its own to whatever answers at the bus's address, and unlocks whatever it meets, even on a read, and so
//! can open a dialogue behind a program that runs in the night. Here is seen first whose bus it is and what is locked.
//! <https://specifications.freedesktop.org/secret-service-spec/latest/>
//!
//! Reading is the hot path, and what costs there is the Diffie-Hellman exchange of an encrypted session. It hides
//! secrets from the bus. Where that is this user's own, it could ask for the secret itself, so the session is a plain
//! one; root's carries encrypted ones.

use std::collections::HashMap;

use secret_service::blocking::{Collection, Item, SecretService};
use secret_service::{EncryptionType, Error};

use crate::environment::Environment;
use crate::secret::Secret;
use crate::store::keyring::{Backend, Connect, SERVICE, Trouble};
use crate::store::session_bus::{Bus, SessionBus};

/// The name of every Secret Service on the bus.
const SECRETS: &str = "org.freedesktop.secrets";
/// What the `keyring` crate says of its secrets.
const CONTENT_TYPE: &str = "application/octet-stream";

struct SecretServiceKeyring {
    service: SecretService<'static>,
    may_prompt: bool,
}

/// Gives the way to the session's Secret Service, if the environment names a bus at all.
pub(super) fn connect(environment: &Environment, may_prompt: bool) -> Connect {
    let bus = SessionBus::named_in(environment);
    Box::new(move || {
        let bus = bus.connect().map_err(Trouble::Absent)?;
        let service = open(&bus).map_err(|error| match trouble_of(&error) {
            Trouble::Failed(why) => Trouble::Absent(why),
            trouble @ (Trouble::Absent(_)
            | Trouble::Locked
            | Trouble::WouldAsk
            | Trouble::Silent(_)) => trouble,
        })?;
        // Only now, as it may have been started by the question for a session, which holds no secret.
        bus.check_owner(SECRETS).map_err(Trouble::Absent)?;
        Ok(Box::new(SecretServiceKeyring {
            service,
            may_prompt,
        }))
    })
}

fn open(bus: &Bus) -> Result<SecretService<'static>, Error> {
    let session_of = |kind| SecretService::connect_with_existing(kind, bus.connection.clone());
    if bus.is_ours {
        // A service may know encrypted sessions only.
        let plain = session_of(EncryptionType::Plain);
        if plain.is_ok() {
            return plain;
        }
    }
    session_of(EncryptionType::Dh)
}

impl Backend for SecretServiceKeyring {
    fn read(&mut self, name: &str) -> Result<Option<Secret>, Trouble> {
        let items = self.unlocked_items(&of(name))?;
        let Some(item) = items.first() else {
            return Ok(None);
        };
        let bytes = item.get_secret().map_err(|error| trouble_of(&error))?;
        // What is not text is not ours; empty text is discarded as every other corrupt entry.
        Ok(Some(Secret::new(
            String::from_utf8(bytes).unwrap_or_default(),
        )))
    }

    fn write(&mut self, name: &str, secret: &Secret) -> Result<(), Trouble> {
        let bytes = secret.expose().as_bytes();
        let items = self.unlocked_items(&of(name))?;
        if let [item] = items.as_slice() {
            let written = item.set_secret(bytes, CONTENT_TYPE);
            return written.map_err(|error| trouble_of(&error));
        }
        // Of several, as a second collection may cause them, none is the one.
        delete(&items)?;
        let label = format!("keyring:{name}@{SERVICE}");
        let collection = self.open_default_collection()?;
        let written = collection.create_item(&label, of(name), bytes, true, CONTENT_TYPE);
        written.map(drop).map_err(|error| trouble_of(&error))
    }

    fn delete(&mut self, name: &str) -> Result<bool, Trouble> {
        let items = self.unlocked_items(&of(name))?;
        delete(&items).map(|removed| removed > 0)
    }

    fn delete_all(&mut self, _known: &[String]) -> Result<usize, Trouble> {
        delete(&self.unlocked_items(&HashMap::from([("service", SERVICE)]))?)
    }

    fn check(&mut self, name: &str) -> Result<(), Trouble> {
        let found = self
            .service
            .search_items(of(name))
            .map_err(|error| trouble_of(&error))?;
        match (found.locked.as_slice(), found.unlocked.as_slice()) {
            ([], []) => {
                let collection = self
                    .service
                    .get_default_collection()
                    .map_err(|error| trouble_of(&error))?;
                collection
                    .ensure_unlocked()
                    .map_err(|error| trouble_of(&error))
            }
            ([], _) => Ok(()),
            (_, _) => Err(Trouble::Locked),
        }
    }
}

impl SecretServiceKeyring {
    /// Finds items; locked ones are unlocked where a person may be asked, and are trouble elsewhere.
    fn unlocked_items(&self, attributes: &HashMap<&str, &str>) -> Result<Vec<Item<'_>>, Trouble> {
        let found = self
            .service
            .search_items(attributes.clone())
            .map_err(|error| trouble_of(&error))?;
        if !found.locked.is_empty() {
            if !self.may_prompt {
                return Err(Trouble::Locked);
            }
            let locked: Vec<&Item> = found.locked.iter().collect();
            self.service
                .unlock_all(&locked)
                .map_err(|error| trouble_of(&error))?;
        }
        Ok(found.unlocked.into_iter().chain(found.locked).collect())
    }

    /// Gives the collection which takes new items, open.
    fn open_default_collection(&self) -> Result<Collection<'_>, Trouble> {
        let collection = match self.service.get_default_collection() {
            // A new collection means a new password to type: the same name as libsecret gives it.
            Err(Error::NoResult) if self.may_prompt => {
                self.service.create_collection("Default keyring", "default")
            }
            found => found,
        }
        .map_err(|error| trouble_of(&error))?;
        if collection.is_locked().map_err(|error| trouble_of(&error))? {
            if !self.may_prompt {
                return Err(Trouble::Locked);
            }
            collection.unlock().map_err(|error| trouble_of(&error))?;
        }
        Ok(collection)
    }
}

/// Gives an item's attributes.
fn of(name: &str) -> HashMap<&str, &str> {
    HashMap::from([("service", SERVICE), ("username", name)])
}

fn delete(items: &[Item]) -> Result<usize, Trouble> {
    for item in items {
        item.delete().map_err(|error| trouble_of(&error))?;
    }
    Ok(items.len())
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library adds errors, and what it has not told apart has failed"
)]
fn trouble_of(error: &Error) -> Trouble {
    match error {
        Error::Locked | Error::Prompt | Error::PromptDisconnected => Trouble::Locked,
        Error::Unavailable => {
            Trouble::Absent("no D-Bus session bus, or no Secret Service on it".to_owned())
        }
        Error::NoResult => Trouble::Failed("it has no default collection".to_owned()),
        other => Trouble::Failed(other.to_string()),
    }
}
