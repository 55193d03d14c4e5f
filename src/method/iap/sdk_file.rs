//! The kfp SDK's `credentials.json` as a second place of refresh tokens: a machine where the SDK was logged in needs no
//! login, and a token that Google replaced is put back where the SDK looks for it.

use std::path::PathBuf;
use std::time::Duration;

use crate::credential::Grant;
use crate::error::{Error, Result};
use crate::run::Run;
use crate::sdk::SdkCredentials;
use crate::secret::Secret;
use crate::store::EditedFile;

/// How long the file may be held by others: what is to be written is the only copy of what renews a login.
const PATIENCE: Duration = Duration::from_secs(20);

/// The login of one IAP client in that file.
pub(super) struct SdkFile<'a> {
    pub(super) run: Run<'a>,
    pub(super) path: PathBuf,
    pub(super) client_id: &'a str,
}

/// What became of a new refresh token in the file.
pub(super) enum InFile {
    /// The file has it in place of the dead one.
    Written,
    /// The dead one was not in the file.
    NotOurs,
    /// The file still has the dead one, or one that was dead before.
    Refused(Secret, Error),
}

impl SdkFile<'_> {
    /// Gives the login, where the file is one and holds it.
    pub(super) fn grant(&self) -> Result<Option<Grant>> {
        let file = SdkCredentials::read(&self.path)?;
        Ok(file.and_then(|file| file.grant(self.client_id)))
    }

    /// Puts a new login in the place of the one that `is_dead`, for which it waits no longer than `patience`.
    pub(super) fn replace(
        &self,
        is_dead: &dyn Fn(&Grant) -> bool,
        new: &Grant,
        patience: Duration,
    ) -> InFile {
        let dead_in = |file: &SdkCredentials| file.grant(self.client_id).filter(is_dead);
        // A file that is no such file holds no token of ours.
        let Ok(Some(before)) = SdkCredentials::read(&self.path) else {
            return InFile::NotOurs;
        };
        let Some(held) = dead_in(&before) else {
            return InFile::NotOurs;
        };
        let (environment, trace) = (self.run.environment, self.run.trace);
        let patience = patience.min(PATIENCE);
        let written =
            EditedFile::hold(environment, &self.path, patience, trace).and_then(|edited| {
                let file = SdkCredentials::read(&self.path)?;
                let Some(mut file) = file.filter(|file| dead_in(file).is_some()) else {
                    return Ok(false);
                };
                file.insert(self.client_id, new);
                file.write(&edited).map(|()| true)
            });
        match written {
            Ok(true) => InFile::Written,
            Ok(false) => InFile::NotOurs,
            Err(error) => InFile::Refused(held.refresh_token, error),
        }
    }
}
