//! Folders with a file for each key: the stores `file`, on the disk, and `runtime`, in the memory of a login session, and
//! small notes.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{Backend, BackendError};
use crate::environment::Environment;
use crate::secret::Secret;
use crate::store::key::Key;
use crate::store::private_file::{
    check_folder, is_half_written_name, private_folder, read_private, remove_half_written,
    remove_private, write_private,
};

/// A folder of entries, one file for each key.
pub(in crate::store) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Gives the folder of the store `file`, or why there is none.
    pub(in crate::store) fn on_disk(environment: &Environment) -> Result<Self, String> {
        Self::in_state(environment, "store")
    }

    /// Gives a folder of the program's state by its name, or why there is none.
    pub(in crate::store) fn in_state(
        environment: &Environment,
        name: &str,
    ) -> Result<Self, String> {
        let state = environment
            .state_folder()
            .ok_or("neither XDG_STATE_HOME nor HOME is set")?;
        let path = state.join(name);
        Ok(Self { path })
    }

    /// Gives the folder of the store `runtime`, or why there is none: `$XDG_RUNTIME_DIR` counts only when it is
    /// this user's alone and in memory.
    pub(in crate::store) fn in_memory(environment: &Environment) -> Result<Self, String> {
        let runtime = environment
            .runtime_folder()
            .ok_or("XDG_RUNTIME_DIR is not set")?;
        refuse_unless_private_memory(&runtime)?;
        Ok(Self {
            path: runtime.join("kfp-credential"),
        })
    }

    /// Tells where the entry of a key rests.
    pub(in crate::store) fn path_of(&self, key: &Key) -> PathBuf {
        self.path.join(key.file_name())
    }

    /// Reads the entry of a key.
    pub(in crate::store) fn read(&self, key: &Key) -> Result<Option<Zeroizing<Vec<u8>>>, String> {
        match self.check_parent() {
            Ok(()) => read_private(&self.path_of(key)).map_err(|error| error.to_string()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Writes the entry of a key, in place of the old one and of what a killed process left half-written.
    pub(in crate::store) fn write(&self, key: &Key, json: &Secret) -> Result<PathBuf, String> {
        let path = self.path_of(key);
        remove_half_written(&path);
        private_folder(self.parent())
            .and_then(|()| private_folder(&self.path))
            .and_then(|()| write_private(&path, json.expose().as_bytes()))
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        Ok(path)
    }

    /// Removes the entry of a key, and what a killed process left half-written of it; tells whether there was one.
    pub(in crate::store) fn remove(&self, key: &Key) -> Result<bool, String> {
        let path = self.path_of(key);
        remove_half_written(&path);
        remove_private(&path).map_err(|error| format!("cannot remove {}: {error}", path.display()))
    }

    /// Removes all entries, and what a killed process left half-written; tells how many entries there were. What cannot
    /// be removed is told when all else is gone.
    pub(in crate::store) fn remove_all(&self) -> Result<usize, String> {
        let cannot =
            |error: std::io::Error| format!("cannot empty {}: {error}", self.path.display());
        match check_folder(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
            checked => checked.map_err(cannot)?,
        }
        let mut removed = 0;
        let mut troubles = Vec::new();
        for file in fs::read_dir(&self.path).map_err(cannot)? {
            let file = file.map_err(cannot)?;
            let name = file.file_name().to_string_lossy().into_owned();
            let is_entry = is_entry_name(&name);
            if !is_entry && !is_half_written_name(&name) {
                continue;
            }
            match remove_private(&file.path()) {
                Ok(is_removed) => removed += usize::from(is_entry && is_removed),
                Err(error) => troubles.push(format!("{name}: {error}")),
            }
        }
        if troubles.is_empty() {
            return Ok(removed);
        }
        let troubles = troubles.join("; ");
        Err(format!("cannot empty {}: {troubles}", self.path.display()))
    }

    fn parent(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }

    fn check_parent(&self) -> std::io::Result<()> {
        check_folder(self.parent())
    }
}

impl Backend for Folder {
    fn read(&mut self, name: &str) -> Result<Option<Secret>, BackendError> {
        let found = Folder::read(self, &Key::named(name)).map_err(BackendError::File)?;
        // What is not text is not ours; empty text is discarded as every other corrupt entry.
        let text = found.map(|bytes| Secret::new(std::str::from_utf8(&bytes).unwrap_or_default()));
        Ok(text)
    }

    fn write(&mut self, name: &str, secret: &Secret) -> Result<(), BackendError> {
        let written = Folder::write(self, &Key::named(name), secret);
        written.map(drop).map_err(BackendError::File)
    }

    fn delete(&mut self, name: &str) -> Result<bool, BackendError> {
        self.remove(&Key::named(name)).map_err(BackendError::File)
    }

    fn delete_all(&mut self, _known: &[String]) -> Result<usize, BackendError> {
        self.remove_all().map_err(BackendError::File)
    }

    fn check(&mut self, _name: &str) -> Result<(), BackendError> {
        Ok(())
    }
}

fn is_entry_name(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(target_os = "linux")]
fn refuse_unless_private_memory(runtime: &Path) -> Result<(), String> {
    use std::os::unix::fs::MetadataExt;

    // From the kernel's `linux/magic.h`.
    const TMPFS_MAGIC: i64 = 0x0102_1994;
    const RAMFS_MAGIC: i64 = 0x8584_58f6;

    let cannot = |error: std::io::Error| format!("XDG_RUNTIME_DIR cannot be used: {error}");
    check_folder(runtime).map_err(cannot)?;
    let mode = fs::symlink_metadata(runtime).map_err(cannot)?.mode() & 0o777;
    if mode != 0o700 {
        return Err(format!(
            "{} has mode {mode:04o} in place of 0700",
            runtime.display()
        ));
    }
    let system = rustix::fs::statfs(runtime).map_err(|error| cannot(error.into()))?;
    if [TMPFS_MAGIC, RAMFS_MAGIC]
        .iter()
        .any(|magic| i128::from(system.f_type) == i128::from(*magic))
    {
        return Ok(());
    }
    Err(format!("{} is not in memory (tmpfs)", runtime.display()))
}

#[cfg(not(target_os = "linux"))]
fn refuse_unless_private_memory(_runtime: &Path) -> Result<(), String> {
    Err("there is no runtime folder in memory on this system".to_owned())
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn why_not(runtime: &Path) -> String {
        let environment: Environment = [("XDG_RUNTIME_DIR", runtime)].into_iter().collect();
        Folder::in_memory(&environment).err().unwrap_or_default()
    }

    #[test]
    fn a_runtime_folder_counts_only_when_it_is_private_and_in_memory() {
        let mode = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        let in_memory = |path: &Path| rustix::fs::statfs(path).unwrap().f_type == 0x0102_1994;

        assert!(why_not(Path::new("relative")).contains("is not set"));
        let disk = tempfile::tempdir().unwrap();
        assert!(why_not(&disk.path().join("gone")).contains("No such file"));
        mode(disk.path(), 0o700);
        assert_eq!(why_not(disk.path()).is_empty(), in_memory(disk.path()));

        let Ok(memory) = tempfile::tempdir_in("/dev/shm") else {
            return;
        };
        mode(memory.path(), 0o750);
        assert!(why_not(memory.path()).contains("mode 0750"));
        mode(memory.path(), 0o700);
        assert_eq!(why_not(memory.path()).is_empty(), in_memory(memory.path()));
    }
}
