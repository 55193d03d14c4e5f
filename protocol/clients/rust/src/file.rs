//! Reads what a user named, which may be a device without an end.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// More than any exec configuration or authority is long.
const LARGEST_FILE: u64 = 1024 * 1024;

/// Reads a whole file, where it is not too large.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(LARGEST_FILE + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST_FILE {
        let what = "it is larger than 1 MiB";
        return Err(io::Error::new(ErrorKind::FileTooLarge, what));
    }
    Ok(bytes)
}
