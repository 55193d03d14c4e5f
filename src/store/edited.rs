//! A file that others edit too: held by one process while it is read, changed and written.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::environment::Environment;
use crate::error::{Error, Result, Slug};
use crate::store::lock::Lock;
use crate::store::private_file::{remove_half_written, write_private_durably};
use crate::trace::Trace;

/// A file that nobody else edits until this is dropped. What is to be changed is read after it was made.
#[derive(Debug)]
pub struct EditedFile {
    path: PathBuf,
    _alone: Vec<Lock>,
}

impl EditedFile {
    /// Waits until nobody else edits the file, at most for so long.
    pub fn hold(
        environment: &Environment,
        path: &Path,
        patience: Duration,
        trace: &Trace,
    ) -> Result<Self> {
        Ok(Self {
            path: path.to_path_buf(),
            _alone: Lock::of_file(environment, path, patience, trace)?,
        })
    }

    /// Gives the file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the file: whole, for its owner only, and on the disk when this returns.
    pub fn write(&self, bytes: &[u8]) -> Result<()> {
        remove_half_written(&self.path);
        write_private_durably(&self.path, bytes).map_err(|error| {
            let what = format!(
                "{} could not be written, and was not changed",
                self.path.display()
            );
            Error::new(Slug::ConfigWriteFailed, what).because(error)
        })
    }
}
