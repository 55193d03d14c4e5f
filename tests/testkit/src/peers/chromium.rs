//! Real Chromium without a window, and somebody at it: who fills in a provider's login form,
//! consents, and is sent on to wherever the provider leads.
//!
//! It is driven over its debugging pipe, which opens no port, has a profile of its own, and reaches
//! loopback only. [`Chromium::log_in`] opens an address; [`Person`] is the program for `BROWSER`.

mod person;
mod pipe;

use std::fs::File;
use std::process::{Child, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::dex::Account;
use super::{Found, install, process};

pub use person::Person;
use pipe::Pipe;

/// Is how Chromium runs on a machine without a screen and, in a container, as root.
pub const FLAGS: [&str; 8] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// What is not on this machine does not exist.
const LOOPBACK_ONLY: &str =
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1, EXCLUDE [::1]";

/// How long a login may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Is what the browser shows at last.
#[derive(Clone, Debug)]
pub struct Page {
    pub url: String,
    pub title: String,
    pub text: String,
}

/// Is a running browser.
pub struct Chromium {
    child: Child,
    pipe: Mutex<Pipe>,
    _folder: TempDir,
}

impl Chromium {
    pub fn start() -> Found<Self> {
        let program = install::program("chromium", "chromium")?;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = File::create(folder.path().join("log")).expect("a log file");
        // Commands come on descriptor 3, answers go to 4.
        let script = "exec 3<&0 4>&1; exec \"$0\" \"$@\" </dev/null >&2";
        let mut command = process::command("sh");
        command
            .args(["-c", script])
            .arg(program)
            .args(FLAGS)
            .arg(LOOPBACK_ONLY)
            .arg("--remote-debugging-pipe")
            .arg(format!(
                "--user-data-dir={}",
                folder.path().join("profile").display()
            ))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log);
        let mut child = process::spawn(command).expect("chromium");
        let commands = child.stdin.take().expect("a pipe");
        let answers = child.stdout.take().expect("a pipe");
        Ok(Self {
            child,
            pipe: Mutex::new(Pipe::new(commands, answers)),
            _folder: folder,
        })
    }

    /// Opens an address in a new tab, logs in and consents where it is asked to, and returns the
    /// page at which nothing of that is left to do.
    #[track_caller]
    pub fn log_in(&self, url: &str, account: Account) -> Page {
        let mut pipe = self.pipe.lock().unwrap_or_else(PoisonError::into_inner);
        let tab = pipe.ask(None, "Target.createTarget", &json!({"url": "about:blank"}));
        let target = tab["targetId"].clone();
        let attach = json!({"targetId": target, "flatten": true});
        let session = pipe.ask(None, "Target.attachToTarget", &attach)["sessionId"].clone();
        let session = session.as_str().expect("a session");
        pipe.ask(Some(session), "Page.navigate", &json!({"url": url}));
        let page = walk(&mut pipe, session, account);
        pipe.ask(None, "Target.closeTarget", &json!({"targetId": target}));
        page
    }
}

/// Does what a person does, page after page.
fn walk(pipe: &mut Pipe, session: &str, account: Account) -> Page {
    let names = json!({"login": account.login, "password": account.password});
    let script = format!("({})({names})", include_str!("chromium/step.js"));
    let look = json!({"expression": script, "returnByValue": true});
    let start = Instant::now();
    let mut before = Value::Null;
    loop {
        // No value while one page gives way to the next.
        let seen = pipe.ask(Some(session), "Runtime.evaluate", &look)["result"]["value"].clone();
        let is_last = seen["done"] == true && seen == before;
        if is_last {
            let text = |key: &str| seen[key].as_str().unwrap_or_default().to_owned();
            return Page {
                url: text("url"),
                title: text("title"),
                text: text("text"),
            };
        }
        assert!(start.elapsed() < PATIENCE, "the browser is stuck: {seen}");
        before = seen;
        thread::sleep(Duration::from_millis(100));
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let pipe = self.pipe.get_mut().unwrap_or_else(PoisonError::into_inner);
        pipe.tell("Browser.close");
        let start = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && start.elapsed().as_secs() < 5 {
            thread::sleep(Duration::from_millis(10));
        }
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
