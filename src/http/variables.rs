//! What `SSL_CERT_FILE` and `SSL_CERT_DIR` put in the place of the system's authorities. The library that reads them
//! knows no bounds: a FIFO would hold it up and a device without an end fill the memory, past every deadline.

use std::path::Path;

use crate::config::context::Connection;
use crate::environment::{SSL_CERT_DIR, SSL_CERT_FILE};
use crate::error::{Error, Result, Slug};
use crate::read_file::{self, Kind, ONE_MIB};

/// Many times what all the authorities of the world take.
const LARGEST: u64 = 16 * ONE_MIB;

/// Checks that what the variables name ends; what cannot be opened is left to the library, which passes it over.
pub(super) fn check(connection: &Connection) -> Result<()> {
    // Elsewhere the system itself verifies, and does not look at them.
    if !cfg!(unix) || cfg!(target_vendor = "apple") {
        return Ok(());
    }
    let mut room = LARGEST;
    if let Some(file) = &connection.system_authority {
        check_file(SSL_CERT_FILE, file, &mut room)?;
    }
    for folder in &connection.system_authority_folders {
        for entry in folder.read_dir().into_iter().flatten().flatten() {
            let path = entry.path();
            // What else is in a folder is not opened.
            if path.metadata().is_ok_and(|metadata| metadata.is_file()) {
                check_file(SSL_CERT_DIR, &path, &mut room)?;
            }
        }
    }
    Ok(())
}

/// Reads a file to its end: the size of one in `/proc` or of a network's is no promise.
fn check_file(variable: &str, path: &Path, room: &mut u64) -> Result<()> {
    let is_left_alone = |error: &std::io::Error| {
        error.kind() == std::io::ErrorKind::PermissionDenied || path.metadata().is_err()
    };
    match read_file::read(path, Kind::File, *room) {
        Ok(bytes) => {
            *room -= bytes.len() as u64;
            Ok(())
        }
        Err(error) if is_left_alone(&error) => Ok(()),
        Err(error) => Err(Error::new(
            Slug::ConfigUnreadable,
            format!(
                "{}, which the variable {variable} names, could not be read",
                path.display()
            ),
        )
        .because(error)
        .hint(format!(
            "{variable} is for PEM certificates, of {} MiB at most in all",
            LARGEST / ONE_MIB
        ))),
    }
}
