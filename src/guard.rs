//! The two ends that no function returns from, a panic and Ctrl-C: both leave stdout empty and say what happened.

#[cfg(unix)]
use std::sync::Arc;
use std::sync::{Mutex, MutexGuard, Once, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use crate::error::{Error, Slug};
use crate::terminal;

/// Held while something happens that must not be broken off.
static UNDISTURBED: Mutex<()> = Mutex::new(());
/// How long a signal waits for that.
const PATIENCE: Duration = Duration::from_secs(5);

/// Makes a panic an ordinary error: exit code 1, no payload, which might hold a secret.
#[expect(
    clippy::exit,
    reason = "a panic must not end in an abort, whose exit code means nothing to clients"
)]
pub fn panics() {
    std::panic::set_hook(Box::new(|info| {
        let place = info
            .location()
            .map(|at| format!(" at {}:{}", at.file(), at.line()))
            .unwrap_or_default();
        let error = Error::new(Slug::Internal, format!("internal error{place}"));
        error.report(&mut std::io::stderr());
        std::process::exit(i32::from(error.exit_code()));
    }));
}

/// Makes a write past the limit of a file's size (`ulimit -f`) an error like that of a full disk: the signal that comes
/// with it would end the process.
pub fn file_size_limits() {
    #[cfg(unix)]
    signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default()).ok();
}

/// Makes Ctrl-C, Ctrl-\, SIGTERM and SIGHUP an error too, once something slow begins. Locks end with the process.
pub fn interrupts() {
    static ONCE: Once = Once::new();
    ONCE.call_once(watch);
}

#[cfg(unix)]
fn watch() {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    use signal_hook::iterator::Signals;
    // Of SIGQUIT the system would also write the memory to a file, secrets and all.
    if let Ok(mut signals) = Signals::new([SIGINT, SIGQUIT, SIGTERM, SIGHUP]) {
        let thread = std::thread::Builder::new().name("signals".to_owned());
        thread
            .spawn(move || {
                if signals.forever().next().is_some() {
                    end();
                }
            })
            .ok();
    }
}

#[cfg(not(unix))]
fn watch() {
    ctrlc::set_handler(|| end()).ok();
}

#[expect(clippy::exit, reason = "a signal ends the process wherever it is")]
fn end() -> ! {
    // Held to the end: whoever wants to begin such a thing meanwhile waits, and ends with the process.
    let _undisturbed = undisturbed();
    terminal::give_back();
    let error = Error::new(Slug::Interrupted, "interrupted");
    error.report(&mut std::io::stderr());
    std::process::exit(i32::from(error.exit_code()))
}

/// Keeps signals waiting a little until the value is dropped: a new refresh token is not lost between its arrival and
/// its store.
pub fn defer_signals() -> MutexGuard<'static, ()> {
    UNDISTURBED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until nothing of that kind happens any more; `None` where that takes too long.
fn undisturbed() -> Option<MutexGuard<'static, ()>> {
    let start = Instant::now();
    loop {
        match UNDISTURBED.try_lock() {
            Ok(guard) => return Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) if start.elapsed() > PATIENCE => return None,
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}
