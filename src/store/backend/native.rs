//! The `keyring` crate, which knows the keyrings of the other systems. Whether one is locked cannot be told beforehand.

use std::collections::HashMap;

#[cfg(target_os = "macos")]
use security_framework::os::macos::keychain::{KeychainUserInteractionLock, SecKeychain};

use crate::environment::Environment;
use crate::secret::Secret;
use crate::store::backend::keyring::{Connect, SERVICE};
use crate::store::backend::{Backend, BackendError, sum_of};

struct NativeKeyring {
    /// While it lives, the keychain answers that it would ask, and does not.
    #[cfg(target_os = "macos")]
    _quiet: Option<KeychainUserInteractionLock>,
}

/// Gives the way to the system's keyring, which is opened by its first use.
#[cfg(not(windows))]
pub(in crate::store) fn connect(_environment: &Environment, may_prompt: bool) -> Connect {
    Box::new(move || Ok(Box::new(NativeKeyring::new(may_prompt)?)))
}

/// Gives the way to Windows' credentials, which hold 2,560 bytes each (`CRED_MAX_CREDENTIAL_BLOB_SIZE`).
#[cfg(windows)]
pub(in crate::store) fn connect(_environment: &Environment, may_prompt: bool) -> Connect {
    use crate::store::backend::chunked::Chunked;
    Box::new(move || {
        Ok(Box::new(Chunked::new(
            NativeKeyring::new(may_prompt)?,
            2560,
        )))
    })
}

impl NativeKeyring {
    #[cfg(target_os = "macos")]
    fn new(may_prompt: bool) -> Result<Self, BackendError> {
        let quiet = (!may_prompt).then(SecKeychain::disable_user_interaction);
        let quiet = quiet
            .transpose()
            .map_err(|error| BackendError::Failed(error.to_string()))?;
        Ok(Self { _quiet: quiet })
    }

    #[cfg(not(target_os = "macos"))]
    #[allow(clippy::unnecessary_wraps, reason = "macOS's may fail")]
    fn new(_may_prompt: bool) -> Result<Self, BackendError> {
        Ok(Self {})
    }
}

/// Tells whether the keychain refused because it was not allowed to ask (`Security/SecBase.h`).
#[cfg(target_os = "macos")]
fn is_question(cause: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    const AUTH_FAILED: i32 = -25293;
    const INTERACTION_NOT_ALLOWED: i32 = -25308;
    const INTERACTION_REQUIRED: i32 = -25315;
    let error = cause.downcast_ref::<security_framework::base::Error>();
    error.is_some_and(|error| {
        [AUTH_FAILED, INTERACTION_NOT_ALLOWED, INTERACTION_REQUIRED].contains(&error.code())
    })
}

impl Backend for NativeKeyring {
    fn read(&mut self, name: &str) -> Result<Option<Secret>, BackendError> {
        match entry(name)?.get_secret() {
            // What is not text is not ours; empty text is discarded as every other corrupt entry.
            Ok(bytes) => Ok(Some(Secret::new(
                String::from_utf8(bytes).unwrap_or_default(),
            ))),
            Err(keyring_core::Error::NoEntry) => Ok(None),
            Err(error) => Err(error_of(&error)),
        }
    }

    fn write(&mut self, name: &str, secret: &Secret) -> Result<(), BackendError> {
        entry(name)?
            .set_secret(secret.expose().as_bytes())
            .map_err(|error| error_of(&error))
    }

    fn delete(&mut self, name: &str) -> Result<bool, BackendError> {
        match entry(name)?.delete_credential() {
            Ok(()) => Ok(true),
            Err(keyring_core::Error::NoEntry) => Ok(false),
            Err(error) => Err(error_of(&error)),
        }
    }

    fn delete_all(&mut self, known: &[String]) -> Result<usize, BackendError> {
        let removed = sum_of(known.iter().map(|name| self.delete(name).map(usize::from)));
        // Windows searches by a pattern over `USER.SERVICE`, the others by the service.
        let ours = if cfg!(windows) {
            HashMap::from([("pattern", r"\.kfp-credential$")])
        } else {
            HashMap::from([("service", SERVICE)])
        };
        let found = keyring_core::Entry::search(&ours).unwrap_or_default();
        let others = sum_of(found.into_iter().map(|found| {
            let removed = found.delete_credential();
            removed.map(|()| 1).map_err(|error| error_of(&error))
        }));
        Ok(removed? + others?)
    }

    fn check(&mut self, name: &str) -> Result<(), BackendError> {
        entry(name).map(drop)
    }
}

fn entry(name: &str) -> Result<keyring::Entry, BackendError> {
    if let Err(error) = keyring::Entry::store_status() {
        return Err(BackendError::Absent(error.to_string()));
    }
    keyring::Entry::new(SERVICE, name).map_err(|error| error_of(&error))
}

fn error_of(error: &keyring_core::Error) -> BackendError {
    match error {
        #[cfg(target_os = "macos")]
        keyring_core::Error::PlatformFailure(cause) if is_question(&**cause) => {
            BackendError::WouldAsk
        }
        keyring_core::Error::NoStorageAccess(_) => BackendError::Locked,
        keyring_core::Error::NoDefaultStore => BackendError::Absent(error.to_string()),
        // These two carry what they hold.
        keyring_core::Error::BadEncoding(_) | keyring_core::Error::BadDataFormat(..) => {
            BackendError::Failed("what it holds is malformed".to_owned())
        }
        other => BackendError::Failed(other.to_string()),
    }
}
