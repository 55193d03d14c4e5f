//! What holds for every target: time and memory that grow with the input's size at most, and no secret in words.

use std::alloc::System;
use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cap::Cap;
use kfp_credential::error::Error;
use rustix::time::{ClockId, clock_gettime};
use tempfile::TempDir;

/// What any input may cost, on the slowest of machines.
const MOST: Duration = Duration::from_millis(400);
/// What each byte of it may cost.
const MOST_PER_BYTE: Duration = Duration::from_micros(20);

/// What any input may take of memory at a time, in bytes; the process ends where it takes more.
const MOST_MEMORY: usize = 16 * 1024 * 1024;
/// What each byte of it may take.
const MOST_MEMORY_PER_BYTE: usize = 1024;

#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, usize::MAX);

/// The slowest input so far, in milliseconds of this process's time on a processor.
static SLOWEST: AtomicU64 = AtomicU64::new(0);

/// A folder of this process; `.ci/fuzz` sets TMPDIR to one in memory, and removes it.
static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a folder"));

/// Plays one input, and tells when it was the slowest.
pub(crate) fn timed(bytes: &[u8], target: fn(&[u8])) {
    let most = MOST_MEMORY + MOST_MEMORY_PER_BYTE * bytes.len();
    MEMORY
        .set_limit(MEMORY.allocated() + most)
        .expect("a limit above what is in use");
    let start = processor_time();
    target(bytes);
    let taken = processor_time().saturating_sub(start);
    let size = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    assert!(
        taken <= MOST + MOST_PER_BYTE * size,
        "{size} bytes took {taken:?}"
    );
    let milliseconds = u64::try_from(taken.as_millis()).unwrap_or(u64::MAX);
    if milliseconds > SLOWEST.fetch_max(milliseconds, Ordering::Relaxed) {
        eprintln!("slowest: {milliseconds} ms");
    }
}

fn processor_time() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(now).unwrap_or_default()
}

/// Gives a path in this process's folder.
pub(crate) fn path(name: &str) -> PathBuf {
    FOLDER.path().join(name)
}

/// Fails where words repeat a secret, as it is or as in a URL or form.
#[track_caller]
pub(crate) fn keeps_silent(words: &str, secret: &str) {
    let secret = packed(secret);
    assert!(secret.len() >= 8, "{secret:?} may be in any words");
    for text in spellings(words) {
        assert!(
            !packed(&text).contains(&secret),
            "the words repeat {secret:?}: {words}"
        );
    }
}

/// Gives a text without its blanks.
fn packed(text: &str) -> String {
    text.split_whitespace().collect()
}

/// Gives a text as it is, and as what it would be in a URL and in a form.
pub(crate) fn spellings(text: &str) -> [String; 3] {
    let decoded = |text: &str| {
        let decoded = percent_encoding::percent_decode_str(text).decode_utf8_lossy();
        decoded.into_owned()
    };
    [
        text.to_owned(),
        decoded(text),
        decoded(&text.replace('+', " ")),
    ]
}

/// Tells the secrets of seeds from other texts, which a mutation may have put into a secret's place.
pub(crate) fn is_secret(text: &str) -> bool {
    packed(text).len() >= 10 && (text.contains("secret") || text.contains("s3cret"))
}

/// Gives an error as people see it.
pub(crate) fn report(error: &Error) -> String {
    let mut text = Vec::new();
    error.report(&mut text);
    String::from_utf8(text).expect("an error is text")
}

/// Makes a stderr that can be read.
pub(crate) fn stderr() -> Rc<RefCell<Vec<u8>>> {
    Rc::default()
}
