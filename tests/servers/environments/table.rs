//! The table: each environment hands its rows in, and the last one prints them all.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// The environments, in the table's order.
const ENVIRONMENTS: [&str; 34] = [
    "no D-Bus",
    "D-Bus without a service",
    "service started on demand",
    "open keyring",
    "KeePassXC",
    "no collection yet",
    "locked, nobody answers",
    "locked, a person answers",
    "locked, a person refuses",
    "daemon stopped before the read",
    "daemon stopped before the write",
    "daemon killed before the write",
    "another user's D-Bus",
    "our D-Bus behind another user's",
    "another user's D-Bus in XDG_RUNTIME_DIR",
    "another user's service on our D-Bus",
    "another user's service from the login on",
    "our service on root's D-Bus",
    "root's service on root's D-Bus",
    "D-Bus over TCP, or through a program",
    "D-Bus outside of the PID namespace",
    "HOME is read-only",
    "disk is full",
    "files may have no size",
    "HOME is not set",
    "root in a container",
    "home on overlayfs",
    "two containers, one home path",
    "container that forbids keys",
    "two users on one host",
    "a user namespace's unknown user",
    "kernel: no session keyring",
    "kernel: a new session keyring",
    "kernel: quota used up",
];

static TABLE: Mutex<BTreeMap<usize, Vec<Row>>> = Mutex::new(BTreeMap::new());

/// Is one environment while its test runs.
pub(super) struct Environment {
    index: usize,
    rows: Vec<Row>,
}

/// Is what came of one store.
pub(super) struct Row {
    pub(super) store: &'static str,
    pub(super) outcome: String,
    pub(super) took: Duration,
    pub(super) says: String,
    pub(super) status: String,
}

impl Environment {
    pub(super) fn new(name: &str) -> Self {
        let index = ENVIRONMENTS.iter().position(|one| *one == name);
        Self {
            index: index.expect("an environment of the table"),
            rows: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, row: Row) {
        self.rows.push(row);
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        let mut rows = std::mem::take(&mut self.rows);
        let without_rows = if thread::panicking() {
            Some("FAILED")
        } else {
            rows.is_empty().then_some("skipped")
        };
        rows.extend(without_rows.map(|outcome| Row {
            store: "",
            outcome: outcome.to_owned(),
            took: Duration::ZERO,
            says: String::new(),
            status: String::new(),
        }));
        let mut table = TABLE.lock().unwrap_or_else(PoisonError::into_inner);
        table.insert(self.index, rows);
        if table.len() == ENVIRONMENTS.len() {
            // Not println!, which the test harness would swallow.
            std::io::stdout().write_all(shown(&table).as_bytes()).ok();
        }
    }
}

/// Cuts what would make the table unreadable: the sandbox's folders, and the end of long words.
fn cut(words: &str) -> String {
    const MOST: usize = 150;
    let words: Vec<String> = words.split(' ').map(without_folder).collect();
    let words = words.join(" ");
    match words.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    }
}

fn without_folder(word: &str) -> String {
    match word.split_once("/.tmp") {
        Some((before, path)) => {
            let before = before.trim_end_matches("/tmp").trim_end_matches("/dev/shm");
            let path = path.split_once('/').map_or("", |(_, path)| path);
            format!("{before}…/{path}")
        }
        None => word.to_owned(),
    }
}

fn shown(table: &BTreeMap<usize, Vec<Row>>) -> String {
    let mut text = String::from(
        "\n| environment | store | outcome | ms | `-v` says | `status` says |\n| --- | --- | --- | ---: | --- | --- |\n",
    );
    for (index, rows) in table {
        for row in rows {
            let Row {
                store,
                outcome,
                took,
                says,
                status,
            } = row;
            let (name, took) = (ENVIRONMENTS[*index], took.as_millis());
            let (says, status) = (cut(says), cut(status));
            text.push_str(&format!(
                "| {name} | {store} | {outcome} | {took} | {says} | {status} |\n"
            ));
        }
    }
    text
}
