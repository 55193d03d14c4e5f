//! Linux's keyring, the Secret Service over D-Bus, without ever asking a person by surprise.
//!
//! The `keyring` crate's store unlocks whatever it meets, even on a read, and so can open a dialogue behind a program
//! that runs in the night. Here is seen first what is locked; the crate then writes, under the same attributes.
//! <https://specifications.freedesktop.org/secret-service-spec/latest/>
//!
//! Reading is the hot path, and what costs there is the Diffie-Hellman exchange of an encrypted session. It hides
//! secrets from a bus that is somebody else's. Where the bus's other end is a process of this user on this machine, that
//! process could ask for the secret itself, so the session is a plain one.

use std::collections::HashMap;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::PathBuf;

use secret_service::blocking::{Item, SecretService};
use secret_service::{EncryptionType, Error};
use zbus::address::Address;
use zbus::address::transport::{Transport, UnixSocket};
use zbus::blocking::Connection;
use zbus::blocking::connection::Builder;

use crate::environment::Environment;
use crate::secret::Secret;
use crate::store::keyring::{Backend, Connect, SERVICE, Trouble};
use crate::store::native;

struct SecretServiceKeyring {
    service: SecretService<'static>,
    may_prompt: bool,
}

/// Gives the way to the session's Secret Service, if the environment names a bus at all.
pub(super) fn connect(environment: &Environment, may_prompt: bool) -> Connect {
    let address = environment.path("DBUS_SESSION_BUS_ADDRESS").is_some();
    let socket = environment
        .runtime_folder()
        .map(|runtime| runtime.join("bus"));
    Box::new(move || {
        if !address && !socket.is_some_and(|socket: PathBuf| socket.exists()) {
            return Err(Trouble::Absent("no D-Bus session bus".to_owned()));
        }
        let (bus, is_ours) = connect_to_bus()
            .map_err(|error| Trouble::Absent(format!("no D-Bus session bus: {error}")))?;
        let service = open(bus, is_ours).map_err(|error| match trouble_of(&error) {
            Trouble::Failed(why) => Trouble::Absent(why),
            trouble => trouble,
        })?;
        Ok(Box::new(SecretServiceKeyring {
            service,
            may_prompt,
        }))
    })
}

/// Connects to the session bus, and tells whether its other end is a process of this user (`SO_PEERCRED`).
///
/// zbus could tell that too, but looks the user up by name on the way, at services that may be slow.
fn connect_to_bus() -> Result<(Connection, bool), zbus::Error> {
    let address = Address::session()?;
    let stream = match address.transport() {
        Transport::Unix(unix) => match unix.path() {
            UnixSocket::File(path) => Some(UnixStream::connect(path)?),
            UnixSocket::Abstract(name) => {
                let name = SocketAddr::from_abstract_name(name.as_bytes())?;
                Some(UnixStream::connect_addr(&name)?)
            }
            _ => None,
        },
        _ => None,
    };
    let Some(stream) = stream else {
        return Ok((Builder::address(address)?.build()?, false));
    };
    let peer = rustix::net::sockopt::socket_peercred(&stream);
    let is_ours = peer.is_ok_and(|peer| peer.uid == rustix::process::geteuid());
    Ok((Builder::async_io_unix_stream(stream).build()?, is_ours))
}

fn open(bus: Connection, is_ours: bool) -> Result<SecretService<'static>, Error> {
    if is_ours {
        // A service may know encrypted sessions only.
        let plain = SecretService::connect_with_existing(EncryptionType::Plain, bus.clone());
        if let Ok(service) = plain {
            return Ok(service);
        }
    }
    SecretService::connect_with_existing(EncryptionType::Dh, bus)
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
        let items = self.unlocked_items(&of(name))?;
        if items.len() > 1 {
            // The crate refuses to choose between several, as a second collection may cause them.
            delete(&items)?;
        } else if items.is_empty() {
            self.open_default_collection()?;
        }
        native::write(name, secret)
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

    /// Makes sure that the collection which takes new items is there and open.
    fn open_default_collection(&self) -> Result<(), Trouble> {
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
        Ok(())
    }
}

/// Gives the attributes under which the `keyring` crate keeps an item.
fn of(name: &str) -> HashMap<&str, &str> {
    HashMap::from([("service", SERVICE), ("username", name)])
}

fn delete(items: &[Item]) -> Result<usize, Trouble> {
    for item in items {
        item.delete().map_err(|error| trouble_of(&error))?;
    }
    Ok(items.len())
}

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
