//! Runs another program: without a shell, without anything to read, with a deadline. Its stderr is not shown, as it may
//! repeat a secret.

use std::io::{Read, Result};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::deadline;

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
