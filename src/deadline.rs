//! Time limits for what has none of its own: name resolution, pipes, other programs, keyrings.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Runs `work` on a thread and waits for it at most `limit`; `None` when that passed. The thread is then left behind:
/// the process ends soon, and the thread with it.
pub fn within<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (sender, receiver) = mpsc::channel();
    thread::Builder::new()
        .spawn(move || sender.send(work()).ok())
        .ok()?;
    receiver.recv_timeout(limit).ok()
}
