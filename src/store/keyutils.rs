//! The kernel's own keys (keyrings(7)): memory that is never swapped and asks no daemon, for hosts without a desktop.
//!
//! Entries rest in the user's persistent keyring, which outlives the login session: it goes after three days in which
//! nobody asks for it, and with the machine. A process may read a key only where it *possesses* it, that is, where it
//! reaches it from its own keyrings. Under cron and in a container there is no session keyring to reach it from, so the
//! persistent one is linked to this process's before anything is looked for; nothing is ever written that the next run
//! cannot read.

use linux_keyutils::{KeyError, KeyRing, KeyRingIdentifier};
use sha2::{Digest, Sha256};

use crate::environment::Environment;
use crate::secret::Secret;
use crate::store::keyring::{Backend, SERVICE, Trouble};
use crate::store::parted::Parted;

/// What a key of the type `user` holds, in bytes.
const LIMIT: usize = 32_767;
/// More than any user may have (`/proc/sys/kernel/keys/root_maxkeys`): the list is only read whole.
const MOST_KEYS: usize = 1 << 20;

struct KernelKeys {
    ring: KeyRing,
    prefix: String,
}

/// Opens the user's keyring.
pub(super) fn open(environment: &Environment) -> Result<Box<dyn Backend>, Trouble> {
    let ring = match KeyRing::get_persistent(KeyRingIdentifier::Process) {
        Err(KeyError::OperationNotSupported) => users_own(),
        ring => ring,
    };
    let keys = KernelKeys {
        ring: ring.map_err(unusable)?,
        prefix: prefix(environment),
    };
    Ok(Box::new(Parted::new(keys, LIMIT)))
}

/// Gives the user keyring, for kernels built without persistent ones.
fn users_own() -> Result<KeyRing, KeyError> {
    let ours = KeyRing::from_special_id(KeyRingIdentifier::Process, true)?;
    ours.link_keyring_id(KeyRingIdentifier::User)?;
    KeyRing::from_special_id(KeyRingIdentifier::User, false)
}

/// Tells the entries of one home from those of another: the kernel knows users by number only, and root of a container
/// and root of its host may be one user to it.
fn prefix(environment: &Environment) -> String {
    let folder = environment.state_folder().unwrap_or_default();
    let hash = format!(
        "{:x}",
        Sha256::digest(folder.as_os_str().as_encoded_bytes())
    );
    format!("{SERVICE}:{}:", &hash[..8])
}

impl KernelKeys {
    fn description(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

impl Backend for KernelKeys {
    fn read(&mut self, name: &str) -> Result<Option<Secret>, Trouble> {
        let found = self.ring.search(&self.description(name));
        let bytes = found.and_then(|key| key.read_to_vec());
        let bytes = some_or_none(bytes)?;
        // What is not text is not ours; empty text is discarded as every other corrupt entry.
        Ok(bytes.map(|bytes| Secret::new(String::from_utf8(bytes).unwrap_or_default())))
    }

    fn write(&mut self, name: &str, secret: &Secret) -> Result<(), Trouble> {
        // Replaces what a key of this description holds, or leaves it as it was.
        let written = self.ring.add_key(&self.description(name), secret.expose());
        written.map(drop).map_err(failed)
    }

    fn delete(&mut self, name: &str) -> Result<bool, Trouble> {
        let found = self.ring.search(&self.description(name));
        let removed = found.and_then(|key| self.ring.unlink_key(key));
        Ok(some_or_none(removed)?.is_some())
    }

    fn delete_all(&mut self, _known: &[String]) -> Result<usize, Trouble> {
        let mut removed = 0;
        for link in self.ring.get_links(MOST_KEYS).map_err(failed)?.iter() {
            let Some(key) = link.as_key() else { continue };
            let is_ours = |description: &str| description.starts_with(&self.prefix);
            if key
                .metadata()
                .is_ok_and(|metadata| is_ours(metadata.get_description()))
            {
                self.ring.unlink_key(key).map_err(failed)?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    fn check(&mut self, _name: &str) -> Result<(), Trouble> {
        Ok(())
    }
}

fn some_or_none<T>(found: Result<T, KeyError>) -> Result<Option<T>, Trouble> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(KeyError::KeyDoesNotExist | KeyError::KeyExpired | KeyError::KeyRevoked) => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

fn unusable(error: KeyError) -> Trouble {
    if error == KeyError::QuotaExceeded {
        return failed(error);
    }
    Trouble::Absent(format!(
        "the kernel does not let this process use its keys ({}), which most containers forbid",
        words(error)
    ))
}

fn failed(error: KeyError) -> Trouble {
    Trouble::Failed(match error {
        KeyError::QuotaExceeded => {
            "the kernel keeps no more keys for this user (/proc/sys/kernel/keys/maxbytes)"
                .to_owned()
        }
        error => format!("the kernel's keys: {}", words(error)),
    })
}

fn words(error: KeyError) -> String {
    match error {
        KeyError::PermissionDenied => "operation not permitted".to_owned(),
        KeyError::AccessDenied => "permission denied".to_owned(),
        KeyError::Unknown(number) => std::io::Error::from_raw_os_error(number).to_string(),
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The user keyring, which kernels without persistent ones have too; its keys are ours by their names.
    #[test]
    fn a_key_in_either_keyring_comes_back() {
        let rings = [
            users_own(),
            KeyRing::get_persistent(KeyRingIdentifier::Process),
        ];
        for (number, ring) in rings.into_iter().enumerate() {
            let Ok(ring) = ring else {
                // Where nothing may be used at all, nothing is promised.
                continue;
            };
            let prefix = format!("{SERVICE}-test-{}-{number}:", std::process::id());
            let keys = KernelKeys { ring, prefix };
            let mut keys = Parted::new(keys, LIMIT);
            assert_eq!(keys.read("k"), Ok(None));
            assert_eq!(keys.delete("k"), Ok(false));
            for text in ["first", "second", "x"] {
                keys.write("k", &Secret::new(text)).unwrap();
                assert_eq!(keys.read("k"), Ok(Some(Secret::new(text))));
            }
            keys.write("other", &Secret::new("o")).unwrap();
            assert_eq!(keys.delete("k"), Ok(true));
            assert_eq!(keys.read("k"), Ok(None));
            assert_eq!(keys.delete_all(&[]), Ok(1));
            assert_eq!(keys.read("other"), Ok(None));
        }
    }
}
