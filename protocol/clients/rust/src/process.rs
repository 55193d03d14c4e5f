//! Runs the helper: no shell, nothing to read, a deadline.
//!
//! The process is ended alone, not as a group of its own: such a group could not ask at the terminal. What it leaves
//! behind may hold the pipes; nobody waits for that longer than a moment.

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::error::{HELPER_ANSWER_INVALID, HELPER_MISSING, HELPER_TIMEOUT, HelperError};
use crate::exec::ExecConfig;

const PIPE_GRACE: Duration = Duration::from_millis(500);
const POLL: Duration = Duration::from_millis(5);
const LARGEST_ANSWER: usize = 1024 * 1024;
const KEPT_OF_STDERR: usize = 64 * 1024;

/// Gives what the helper printed.
pub(crate) fn run(
    config: &ExecConfig,
    further: &[&str],
    limit: Duration,
) -> Result<Vec<u8>, HelperError> {
    let started = Instant::now();
    let mut child = Command::new(&config.command)
        .args(&config.args)
        .args(further)
        .envs(config.env.iter().map(|(name, value)| (name, value)))
        .env_remove("KUBERNETES_EXEC_INFO") // It asks for another form of answer.
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| missing(config, &error))?;
    let stdout = child.stdout.take().map(|pipe| Drain::of(pipe, keep_answer));
    let stderr = child.stderr.take().map(|pipe| Drain::of(pipe, keep_end));
    let drains = [stdout, stderr];

    let status = wait(&mut child, started, limit);
    let grace = Instant::now() + PIPE_GRACE;
    while drains.iter().flatten().any(Drain::is_open) && Instant::now() < grace {
        thread::sleep(POLL);
    }
    let [stdout, stderr] = drains.map(|drain| drain.map(Drain::take).unwrap_or_default());

    if stdout.len() > LARGEST_ANSWER {
        let what = "the helper's answer is longer than 1 MiB";
        return Err(HelperError::new(HELPER_ANSWER_INVALID, what));
    }
    let shown = config.command.display();
    match status {
        Some(status) if status.success() => Ok(stdout),
        Some(status) if stderr.is_empty() => {
            let words = format!("the helper {shown} said nothing: {status}");
            Err(HelperError::of_helper(&words, status.code()))
        }
        Some(status) => {
            let words = String::from_utf8_lossy(&stderr);
            Err(HelperError::of_helper(&words, status.code()))
        }
        None => Err(HelperError::new(
            HELPER_TIMEOUT,
            format!("the helper {shown} did not end within {limit:?}"),
        )),
    }
}

/// Waits for the process to end, or ends it at the limit.
fn wait(child: &mut Child, started: Instant, limit: Duration) -> Option<ExitStatus> {
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        if started.elapsed() >= limit {
            child.kill().ok();
            child.wait().ok();
            return None;
        }
        thread::sleep(POLL);
    }
}

/// Reads a pipe in a thread of its own, which ends with the pipe.
struct Drain {
    text: Arc<Mutex<Vec<u8>>>,
    thread: JoinHandle<()>,
}

impl Drain {
    /// Begins; `keep` takes each part, and says whether to go on.
    fn of(mut pipe: impl Read + Send + 'static, keep: fn(&mut Vec<u8>, &[u8]) -> bool) -> Self {
        let text = Arc::default();
        let thread = thread::spawn({
            let text = Arc::clone(&text);
            move || {
                let mut part = [0; 8192];
                while let Ok(length @ 1..) = pipe.read(&mut part)
                    && keep(&mut locked(&text), &part[..length])
                {}
            }
        });
        Self { text, thread }
    }

    fn is_open(&self) -> bool {
        !self.thread.is_finished()
    }

    /// Gives what has come so far.
    fn take(self) -> Vec<u8> {
        std::mem::take(&mut *locked(&self.text))
    }
}

fn keep_answer(kept: &mut Vec<u8>, part: &[u8]) -> bool {
    kept.extend_from_slice(part);
    kept.len() <= LARGEST_ANSWER
}

fn keep_end(kept: &mut Vec<u8>, part: &[u8]) -> bool {
    kept.extend_from_slice(part);
    kept.drain(..kept.len().saturating_sub(KEPT_OF_STDERR));
    true
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn missing(config: &ExecConfig, error: &std::io::Error) -> HelperError {
    let (command, source) = (config.command.display(), &config.source);
    let what =
        format!("the helper {command} (exec configuration: {source}) cannot be run: {error}");
    let hint = config.install_hint.as_deref();
    HelperError::new(HELPER_MISSING, what)
        .hint_to(hint.unwrap_or("install kfp-credential: pip install kfp-credential"))
}
