//! The `keyring` crate, which knows each system's own keyring: all writing, and elsewhere than on Linux all else.

use crate::secret::Secret;
use crate::store::keyring::{SERVICE, Trouble};

/// Keeps something under a name, in place of what was there.
pub(super) fn write(name: &str, secret: &Secret) -> Result<(), Trouble> {
    entry(name)?
        .set_secret(secret.expose().as_bytes())
        .map_err(|error| trouble_of(&error))
}

fn entry(name: &str) -> Result<keyring::Entry, Trouble> {
    if let Err(error) = keyring::Entry::store_status() {
        return Err(Trouble::Absent(error.to_string()));
    }
    keyring::Entry::new(SERVICE, name).map_err(|error| trouble_of(&error))
}

fn trouble_of(error: &keyring_core::Error) -> Trouble {
    match error {
        keyring_core::Error::NoStorageAccess(_) => Trouble::Locked,
        keyring_core::Error::NoDefaultStore => Trouble::Absent(error.to_string()),
        // These two carry what they hold.
        keyring_core::Error::BadEncoding(_) | keyring_core::Error::BadDataFormat(..) => {
            Trouble::Failed("what it holds is malformed".to_owned())
        }
        other => Trouble::Failed(other.to_string()),
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) use elsewhere::connect;

/// Reading and removing, where it cannot be told beforehand whether the keyring is locked.
#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use std::collections::HashMap;

    use super::{SERVICE, Secret, Trouble, entry, trouble_of};
    use crate::environment::Environment;
    use crate::store::keyring::{Backend, Connect};

    struct NativeKeyring;

    /// Gives the way to the system's keyring, which is opened by its first use.
    pub(in crate::store) fn connect(_environment: &Environment, _may_prompt: bool) -> Connect {
        Box::new(|| Ok(Box::new(NativeKeyring)))
    }

    impl Backend for NativeKeyring {
        fn read(&mut self, name: &str) -> Result<Option<Secret>, Trouble> {
            match entry(name)?.get_secret() {
                // What is not text is not ours; empty text is discarded as every other corrupt entry.
                Ok(bytes) => Ok(Some(Secret::new(
                    String::from_utf8(bytes).unwrap_or_default(),
                ))),
                Err(keyring_core::Error::NoEntry) => Ok(None),
                Err(error) => Err(trouble_of(&error)),
            }
        }

        fn write(&mut self, name: &str, secret: &Secret) -> Result<(), Trouble> {
            super::write(name, secret)
        }

        fn delete(&mut self, name: &str) -> Result<bool, Trouble> {
            match entry(name)?.delete_credential() {
                Ok(()) => Ok(true),
                Err(keyring_core::Error::NoEntry) => Ok(false),
                Err(error) => Err(trouble_of(&error)),
            }
        }

        fn delete_all(&mut self, known: &[String]) -> Result<usize, Trouble> {
            let mut removed = 0;
            for name in known {
                removed += usize::from(self.delete(name)?);
            }
            // Windows searches by a pattern over `USER.SERVICE`, the others by the service.
            let ours = if cfg!(windows) {
                HashMap::from([("pattern", r"\.kfp-credential$")])
            } else {
                HashMap::from([("service", SERVICE)])
            };
            for found in keyring_core::Entry::search(&ours).unwrap_or_default() {
                found
                    .delete_credential()
                    .map_err(|error| trouble_of(&error))?;
                removed += 1;
            }
            Ok(removed)
        }

        fn check(&mut self, name: &str) -> Result<(), Trouble> {
            entry(name).map(drop)
        }
    }
}
