//! What the operating system gives this process no more of: open files, threads, memory. None of it is a server's
//! fault, and the libraries between here and there would say so.

use std::fs::File;
use std::io;
use std::thread;

use crate::error::{Error, Result, Slug};

/// As many files as a connection takes at once: its runtime's own, the resolver's, certificates, the socket.
const FILES_OF_A_CONNECTION: usize = 12;

/// Checks, before anybody is contacted, that a connection's files can be opened: half of them would end in an error
/// that names the wrong culprit, such as a host that has no address.
pub fn room_for_a_connection() -> Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    let mut held = Vec::new();
    for _ in 0..FILES_OF_A_CONNECTION {
        match File::open("/dev/null") {
            Ok(file) => held.push(file),
            Err(error) => return explained(&error).map_or(Ok(()), Err),
        }
    }
    Ok(())
}

/// Checks that a thread can be started.
pub fn room_for_a_thread() -> Result<()> {
    match thread::Builder::new().spawn(|| ()) {
        Ok(_) => Ok(()),
        Err(error) => Err(explained(&error)
            .unwrap_or_else(|| Error::new(Slug::SystemLimit, "no thread can be started"))),
    }
}

/// Gives the error for what is a shortage, `None` for all others.
#[cfg(unix)]
pub fn explained(error: &io::Error) -> Option<Error> {
    use rustix::io::Errno;

    let (what, hint) = match Errno::from_raw_os_error(error.raw_os_error()?) {
        Errno::MFILE => (
            "too many open files in this process",
            "raise the limit, for instance `ulimit -n 1024`, or have the program that starts this one close its files",
        ),
        Errno::NFILE => (
            "too many open files in the whole system",
            "end programs that hold many files or connections open, or raise `fs.file-max`",
        ),
        Errno::AGAIN => (
            "too many threads or processes of this user",
            "end some, or raise the limit: `ulimit -u`, or a container's limit of processes (pids)",
        ),
        Errno::NOMEM | Errno::NOBUFS => (
            "out of memory",
            "end other programs, or raise the limit of the container",
        ),
        _ => return None,
    };
    Some(
        Error::new(Slug::SystemLimit, what)
            .because(error)
            .hint(hint),
    )
}

/// Gives the error for what is a shortage, `None` for all others.
#[cfg(not(unix))]
pub fn explained(error: &io::Error) -> Option<Error> {
    let is_memory = error.kind() == io::ErrorKind::OutOfMemory;
    is_memory.then(|| Error::new(Slug::SystemLimit, "out of memory").because(error))
}
