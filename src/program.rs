//! Other programs: those that are run from here, and the one that runs us.
//!
//! A program is run without a shell, without anything to read, with a deadline. Its stderr is not shown, as it may
//! repeat a secret.

use std::io::{Read, Result};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::deadline;

/// Tells one process from every other, as ids are given anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    id: u32,
    /// When it started, in the kernel's own count; `None` where the system does not tell.
    started: Option<u64>,
}

/// Gives the program's end and the first `largest` bytes that it printed; `None` where it took longer than `limit`, and
/// was killed.
pub fn output(
    command: &mut Command,
    limit: Duration,
    largest: u64,
) -> Result<Option<(ExitStatus, Vec<u8>)>> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let started = Instant::now();
    let stdout = child.stdout.take();
    let printed = deadline::within(limit, move || {
        let mut bytes = Vec::new();
        stdout
            .map(|pipe| pipe.take(largest).read_to_end(&mut bytes))
            .transpose()
            .map(|_| bytes)
    });
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Some(status),
            Ok(None) if printed.is_some() && started.elapsed() < limit => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Ok(None) | Err(_) => break None,
        }
    };
    let (Some(status), Some(printed)) = (status, printed) else {
        child.kill().ok();
        child.wait().ok();
        return Ok(None);
    };
    Ok(Some((status, printed?)))
}

/// Gives the process that runs us; `None` where the system does not tell.
#[cfg(unix)]
pub fn parent() -> Option<Identity> {
    let id = std::os::unix::process::parent_id();
    Some(Identity {
        id,
        started: started(id),
    })
}

/// Gives the process that runs us; `None` where the system does not tell.
#[cfg(not(unix))]
pub fn parent() -> Option<Identity> {
    None
}

/// Reads field 22 of `/proc/PID/stat` (proc(5)); field 2, the name, is in brackets and may hold anything.
#[cfg(unix)]
fn started(id: u32) -> Option<u64> {
    use crate::read_file::{self, Kind, ONE_MIB};
    let stat = format!("/proc/{id}/stat");
    let stat = read_file::read_text(stat.as_ref(), Kind::File, ONE_MIB).ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_its_start_too() {
        let parent = parent().unwrap();
        let own = started(std::process::id()).unwrap();
        assert!(parent.started.is_some_and(|started| started <= own));
        assert_eq!(super::parent(), Some(parent));
    }
}
