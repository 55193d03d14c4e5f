//! Files that only this user may read or write, on every path that this program writes to.
//!
//! Folders are made 0700 and files 0600; a file is written whole beside its place and renamed into it, so a reader
//! meets the old or the new one and never half of either. What is a symbolic link, belongs to somebody else or can be
//! written by others is refused, when reading too: a planted file is somebody else's session.
//!
//! Nothing here waits for the disk except [`write_private_durably`]: what a crash loses of a store is one login, and
//! what it leaves half-written is discarded by its reader.

#[cfg(test)]
#[cfg(unix)]
mod tests;

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use tempfile::{Builder, NamedTempFile};
use zeroize::Zeroizing;

#[cfg(unix)]
use crate::owner;
use crate::read_file::{self, ONE_MIB};

/// Ends the name of a file that is being written in place of another one.
const HALF_WRITTEN: &str = ".kfp-credential";

/// Makes sure that a folder exists and is this user's alone; missing ones are made, with their parents.
pub fn private_folder(path: &Path) -> io::Result<()> {
    match check_folder(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            make_folders(path)?;
            check_folder(path)
        }
        checked => checked,
    }
}

/// Writes a file in a folder that exists, in place of whatever it held.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_beside(path, bytes)?.persist(path)?;
    Ok(())
}

/// Writes a file as [`write_private`] does, in a folder that it makes where needed, and waits until it has reached the
/// disk: for what cannot be made anew.
pub fn write_private_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    private_folder(folder_of(path))?;
    let beside = write_beside(path, bytes)?;
    beside.as_file().sync_all()?;
    beside.persist(path)?;
    Ok(())
}

/// Removes what processes that were killed while they wrote a file have left beside it.
pub fn remove_half_written(path: &Path) {
    let prefix = half_written_prefix(path);
    let is_half_written = |name: &OsStr| {
        let name = name
            .to_str()
            .and_then(|name| name.strip_prefix(prefix.to_str()?));
        let random = name.and_then(|name| name.strip_suffix(HALF_WRITTEN));
        random.is_some_and(|random| random.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    };
    for file in fs::read_dir(folder_of(path))
        .into_iter()
        .flatten()
        .flatten()
    {
        if is_half_written(&file.file_name()) && is_left_alone(&file.path()) {
            remove_private(&file.path()).ok();
        }
    }
}

/// Tells whether a file's name is that of one that was being written, whatever its place.
pub fn is_half_written_name(name: &str) -> bool {
    name.starts_with('.') && name.ends_with(HALF_WRITTEN)
}

/// Whoever writes such a file holds its lock, which ends with the process.
fn is_left_alone(path: &Path) -> bool {
    let opened = open(path, OpenOptions::new().read(true));
    opened.is_ok_and(|file| file.try_lock().is_ok())
}

/// Such a file is found by its name, `.NAME.RANDOM.kfp-credential`.
fn half_written_prefix(path: &Path) -> OsString {
    let mut prefix = OsString::from(".");
    prefix.push(path.file_name().unwrap_or_default());
    prefix.push(".");
    prefix
}

/// Writes a file that must last, in a folder that it makes where needed, unless there is one already.
pub fn create_closed(path: &Path, bytes: &[u8]) -> io::Result<()> {
    private_folder(folder_of(path))?;
    let beside = write_beside(path, bytes)?;
    beside.as_file().sync_all()?;
    match beside.persist_noclobber(path) {
        Err(refused) if refused.error.kind() != ErrorKind::AlreadyExists => Err(refused.error),
        _ => Ok(()),
    }
}

/// Reads a file; `None` where there is none.
pub fn read_private(path: &Path) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let file = open_to_read(path)?;
    file.map(|file| read_all(file, path)).transpose()
}

/// Reads a file that nobody else may read, and what the system knows of it; `None` where there is none.
#[cfg(unix)]
pub fn read_closed(path: &Path) -> io::Result<Option<(Zeroizing<Vec<u8>>, Metadata)>> {
    let Some(file) = open_to_read(path)? else {
        return Ok(None);
    };
    let metadata = file.metadata()?;
    let mode = std::os::unix::fs::MetadataExt::mode(&metadata) & 0o777;
    if mode & 0o077 != 0 {
        let words = format!(
            "is open to others (mode {mode:04o}); `chmod go= {}` closes it",
            path.display()
        );
        return Err(refusal(path, &words));
    }
    Ok(Some((read_all(file, path)?, metadata)))
}

fn open_to_read(path: &Path) -> io::Result<Option<File>> {
    let opened =
        check_folder(folder_of(path)).and_then(|()| open(path, OpenOptions::new().read(true)));
    match opened {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn read_all(file: File, path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    read_file::read_open(file, ONE_MIB).map_err(|error| {
        if error.kind() == ErrorKind::FileTooLarge {
            refusal(path, "is larger than 1 MiB")
        } else {
            error
        }
    })
}

/// Opens a file for reading and writing in a folder that exists, making it empty where it is missing.
pub fn open_private(path: &Path) -> io::Result<File> {
    check_folder(folder_of(path))?;
    open(
        path,
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false),
    )
}

/// Removes a file; tells whether there was one.
pub fn remove_private(path: &Path) -> io::Result<bool> {
    let removed = check_folder(folder_of(path)).and_then(|()| fs::remove_file(path));
    match removed {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Refuses a folder that is a symbolic link, not this user's, or open to others' writing.
pub fn check_folder(path: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    if metadata.is_symlink() {
        return Err(refusal(path, "is a symbolic link"));
    }
    if !metadata.is_dir() {
        return Err(refusal(path, "is not a folder"));
    }
    refuse_strangers(path, &metadata)?;
    refuse_open(path, &metadata)
}

fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

fn write_beside(path: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let folder = folder_of(path);
    check_folder(folder)?;
    match fs::symlink_metadata(path) {
        Ok(metadata) => {
            refuse_no_file(path, &metadata)?;
            refuse_strangers(path, &metadata)?;
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    // The crate makes its files 0600.
    let prefix = half_written_prefix(path);
    let mut name = Builder::new();
    let name = name.prefix(&prefix).suffix(HALF_WRITTEN);
    let mut beside = name.tempfile_in(folder)?;
    // On Windows a lock would keep readers from what it is renamed to.
    #[cfg(unix)]
    beside.as_file().try_lock().ok();
    beside.write_all(bytes)?;
    Ok(beside)
}

fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        // A FIFO must not make us wait for its other end.
        options
            .mode(0o600)
            .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    }
    let file = options
        .open(path)
        .map_err(|error| match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_symlink() => refusal(path, "is a symbolic link"),
            _ => error,
        })?;
    let metadata = file.metadata()?;
    refuse_no_file(path, &metadata)?;
    refuse_strangers(path, &metadata)?;
    refuse_open(path, &metadata)?;
    Ok(file)
}

fn make_folders(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path)
}

fn refuse_no_file(path: &Path, metadata: &Metadata) -> io::Result<()> {
    if metadata.is_symlink() {
        return Err(refusal(path, "is a symbolic link"));
    }
    if metadata.is_file() {
        Ok(())
    } else {
        Err(refusal(path, "is not a file"))
    }
}

#[cfg(unix)]
fn refuse_strangers(path: &Path, metadata: &Metadata) -> io::Result<()> {
    let owner = std::os::unix::fs::MetadataExt::uid(metadata);
    owner::refuse_others(owner).map_err(|why| refusal(path, &why))
}

#[cfg(unix)]
fn refuse_open(path: &Path, metadata: &Metadata) -> io::Result<()> {
    // The sticky bit keeps users of one folder from each other's files, as in /tmp.
    const SHARED: u32 = 0o1000;
    let mode = std::os::unix::fs::MetadataExt::mode(metadata) & 0o1777;
    if mode & 0o022 == 0 {
        return Ok(());
    }
    let word = |path: &Path| crate::shell::word(&path.display().to_string(), "FILE");
    let words = if metadata.is_dir() && mode & SHARED != 0 {
        format!(
            "is shared by all users (mode {mode:04o}); `mkdir -m 700 {}` makes a folder of your own to use instead",
            word(&path.join("kfp"))
        )
    } else {
        let word = word(path);
        format!("can be written by others (mode {mode:04o}); `chmod go-w {word}` closes it")
    };
    Err(refusal(path, &words))
}

// Elsewhere the user's own folders are closed to others by the access lists that they inherit.
#[cfg(not(unix))]
fn refuse_strangers(_path: &Path, _metadata: &Metadata) -> io::Result<()> {
    Ok(())
}

#[cfg(not(unix))]
fn refuse_open(_path: &Path, _metadata: &Metadata) -> io::Result<()> {
    Ok(())
}

fn refusal(path: &Path, why: &str) -> io::Error {
    io::Error::new(
        ErrorKind::PermissionDenied,
        format!("refused: {} {why}", path.display()),
    )
}
