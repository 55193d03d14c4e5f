//! Linux's keyring, the Secret Service over D-Bus, without ever asking a person by surprise.
//!
//! Items have the attributes and labels that the `keyring` crate gives them, but its store is of no use here: it makes a
//! connection of its own to whatever answers at the bus's address, and unlocks whatever it meets, even on a read, and so
//! can open a dialogue behind a program that runs in the night. Here is seen first whose bus it is and what is locked.
//! <https://specifications.freedesktop.org/secret-service-spec/latest/>
//!
//! Reading is the hot path, and what costs there is the Diffie-Hellman exchange of an encrypted session. It hides
//! secrets from the bus. Where that is this user's own, it could ask for the secret itself, so the session is a plain
//! one; root's carries encrypted ones. Writing is always encrypted: a service that takes the name in the last moment has
//! another one's session, and no key to it.

use std::collections::HashMap;

use secret_service::blocking::{Collection, Item, SecretService};
use secret_service::{EncryptionType, Error};
use zbus::blocking::Connection;

use crate::environment::Environment;
use crate::secret::Secret;
use crate::store::backend::keyring::{Connect, SERVICE};
use crate::store::backend::name_owner::NameOwner;
use crate::store::backend::session_bus::{Bus, SessionBus};
use crate::store::backend::{Backend, BackendError, sum_of};

/// The name of every Secret Service on the bus.
const SECRETS: &str = "org.freedesktop.secrets";
/// What the `keyring` crate says of its secrets.
const CONTENT_TYPE: &str = "application/octet-stream";

struct SecretServiceKeyring {
    connection: Connection,
    owner: NameOwner,
    service: SecretService<'static>,
    /// The session for writes, where the one above is plain; made by the first of them.
    encrypted: Option<SecretService<'static>>,
    is_plain: bool,
    may_prompt: bool,
}

/// Gives the way to the session's Secret Service, if the environment names a bus at all.
pub(in crate::store) fn connect(environment: &Environment, may_prompt: bool) -> Connect {
    let bus = SessionBus::named_in(environment);
    Box::new(move || {
        let bus = bus.connect().map_err(BackendError::Absent)?;
        let mut owner = NameOwner::watch(&bus.connection, SECRETS).map_err(BackendError::Absent)?;
        let (service, is_plain) = open(&bus).map_err(|error| match error_of(&error) {
            BackendError::Failed(why) => BackendError::Absent(why),
            error @ (BackendError::Absent(_)
            | BackendError::Locked
            | BackendError::WouldAsk
            | BackendError::Silent(_)
            | BackendError::NoFolder(_)
            | BackendError::File(_)) => error,
        })?;
        // Only now, as it may have been started by the question for a session, which holds no secret.
        owner.check().map_err(BackendError::Absent)?;
        Ok(Box::new(SecretServiceKeyring {
            connection: bus.connection,
            owner,
            service,
            encrypted: None,
            is_plain,
            may_prompt,
        }))
    })
}

/// Opens a session, and tells whether it is a plain one.
fn open(bus: &Bus) -> Result<(SecretService<'static>, bool), Error> {
    if bus.is_ours {
        // A service may know encrypted sessions only.
        if let Ok(plain) = session_of(&bus.connection, EncryptionType::Plain) {
            return Ok((plain, true));
        }
    }
    Ok((session_of(&bus.connection, EncryptionType::Dh)?, false))
}

fn session_of(
    connection: &Connection,
    kind: EncryptionType,
) -> Result<SecretService<'static>, Error> {
    SecretService::connect_with_existing(kind, connection.clone())
}

impl Backend for SecretServiceKeyring {
    fn read(&mut self, name: &str) -> Result<Option<Secret>, BackendError> {
        let read = read(&self.service, self.may_prompt, name);
        self.check_owner()?;
        read
    }

    fn write(&mut self, name: &str, secret: &Secret) -> Result<(), BackendError> {
        self.check_owner()?;
        if self.is_plain && self.encrypted.is_none() {
            let opened = session_of(&self.connection, EncryptionType::Dh);
            self.encrypted = Some(opened.map_err(|error| error_of(&error))?);
            // Its key is the first owner's.
            self.check_owner()?;
        }
        let service = self.encrypted.as_ref().unwrap_or(&self.service);
        let written = write(service, self.may_prompt, name, secret);
        self.check_owner()?;
        written
    }

    fn delete(&mut self, name: &str) -> Result<bool, BackendError> {
        self.delete_of(&of(name)).map(|removed| removed > 0)
    }

    fn delete_all(&mut self, _known: &[String]) -> Result<usize, BackendError> {
        self.delete_of(&HashMap::from([("service", SERVICE)]))
    }

    fn check(&mut self, name: &str) -> Result<(), BackendError> {
        let checked = check(&self.service, name);
        self.check_owner()?;
        checked
    }
}

impl SecretServiceKeyring {
    /// Sees that whoever has just answered, or is to be told something, is the one that was met first.
    fn check_owner(&mut self) -> Result<(), BackendError> {
        self.owner.check().map_err(BackendError::Failed)
    }

    /// Removes all that can be removed, also beside what is locked.
    fn delete_of(&mut self, attributes: &HashMap<&str, &str>) -> Result<usize, BackendError> {
        let removed = delete_found(&self.service, self.may_prompt, attributes);
        self.check_owner()?;
        removed
    }
}

fn read(
    service: &SecretService<'_>,
    may_prompt: bool,
    name: &str,
) -> Result<Option<Secret>, BackendError> {
    let items = unlocked_items(service, may_prompt, &of(name))?;
    let Some(item) = items.first() else {
        return Ok(None);
    };
    let bytes = item.get_secret().map_err(|error| error_of(&error))?;
    // What is not text is not ours; empty text is discarded as every other corrupt entry.
    Ok(Some(Secret::new(
        String::from_utf8(bytes).unwrap_or_default(),
    )))
}

fn write(
    service: &SecretService<'_>,
    may_prompt: bool,
    name: &str,
    secret: &Secret,
) -> Result<(), BackendError> {
    let bytes = secret.expose().as_bytes();
    let items = unlocked_items(service, may_prompt, &of(name))?;
    if let [item] = items.as_slice() {
        let written = item.set_secret(bytes, CONTENT_TYPE);
        return written.map_err(|error| error_of(&error));
    }
    // Of several, as a second collection may cause them, none is the one.
    delete(&items)?;
    let label = format!("keyring:{name}@{SERVICE}");
    let collection = open_default_collection(service, may_prompt)?;
    let written = collection.create_item(&label, of(name), bytes, true, CONTENT_TYPE);
    written.map(drop).map_err(|error| error_of(&error))
}

fn check(service: &SecretService<'_>, name: &str) -> Result<(), BackendError> {
    let found = service
        .search_items(of(name))
        .map_err(|error| error_of(&error))?;
    match (found.locked.as_slice(), found.unlocked.as_slice()) {
        ([], []) => service
            .get_default_collection()
            .and_then(|collection| collection.ensure_unlocked())
            .map_err(|error| error_of(&error)),
        ([], _) => Ok(()),
        (_, _) => Err(BackendError::Locked),
    }
}

fn delete_found(
    service: &SecretService<'_>,
    may_prompt: bool,
    attributes: &HashMap<&str, &str>,
) -> Result<usize, BackendError> {
    if may_prompt {
        return delete(&unlocked_items(service, may_prompt, attributes)?);
    }
    let found = service
        .search_items(attributes.clone())
        .map_err(|error| error_of(&error))?;
    let removed = delete(&found.unlocked)?;
    if found.locked.is_empty() {
        Ok(removed)
    } else {
        Err(BackendError::Locked)
    }
}

/// Finds items; locked ones are unlocked where a person may be asked, and are an error elsewhere.
fn unlocked_items<'a>(
    service: &'a SecretService<'_>,
    may_prompt: bool,
    attributes: &HashMap<&str, &str>,
) -> Result<Vec<Item<'a>>, BackendError> {
    let found = service
        .search_items(attributes.clone())
        .map_err(|error| error_of(&error))?;
    if !found.locked.is_empty() {
        if !may_prompt {
            return Err(BackendError::Locked);
        }
        let locked: Vec<&Item> = found.locked.iter().collect();
        service
            .unlock_all(&locked)
            .map_err(|error| error_of(&error))?;
    }
    Ok(found.unlocked.into_iter().chain(found.locked).collect())
}

/// Gives the collection which takes new items, open.
fn open_default_collection<'a>(
    service: &'a SecretService<'_>,
    may_prompt: bool,
) -> Result<Collection<'a>, BackendError> {
    let collection = match service.get_default_collection() {
        // A new collection means a new password to type: the same name as libsecret gives it.
        Err(Error::NoResult) if may_prompt => {
            service.create_collection("Default keyring", "default")
        }
        found => found,
    }
    .map_err(|error| error_of(&error))?;
    if collection.is_locked().map_err(|error| error_of(&error))? {
        if !may_prompt {
            return Err(BackendError::Locked);
        }
        collection.unlock().map_err(|error| error_of(&error))?;
    }
    Ok(collection)
}

/// Gives an item's attributes.
fn of(name: &str) -> HashMap<&str, &str> {
    HashMap::from([("service", SERVICE), ("username", name)])
}

fn delete(items: &[Item]) -> Result<usize, BackendError> {
    let removed = items
        .iter()
        .map(|item| item.delete().map(|()| 1).map_err(|error| error_of(&error)));
    sum_of(removed)
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library adds errors, and what it has not told apart has failed"
)]
fn error_of(error: &Error) -> BackendError {
    match error {
        Error::Locked | Error::Prompt | Error::PromptDisconnected => BackendError::Locked,
        Error::Unavailable => {
            BackendError::Absent("no D-Bus session bus, or no Secret Service on it".to_owned())
        }
        Error::NoResult => BackendError::Failed("it has no default collection".to_owned()),
        other => BackendError::Failed(other.to_string()),
    }
}
