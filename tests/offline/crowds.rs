//! Crowds: many processes edit, export, renew, log in and log out at once, and some of them are killed at any moment.
//!
//! What a process has acknowledged, by ending with 0, is not lost; no file is ever half-written; nobody waits for the
//! dead. When whom to kill is the dice's choice: `CROWD_SEED=N cargo test --test offline crowds::` throws others.
#![cfg(target_os = "linux")]

mod exports;
mod logins;
mod renewals;
mod settings;

use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::dice::Dice;
use testkit::google::{DESKTOP_CLIENT, DESKTOP_SECRET, Google, IAP_HOST, USER};
use testkit::sandbox::{Output, Run, Sandbox};

const SEED: u64 = 2026;

/// Starts the dice of one test.
fn dice(test: u64) -> Dice {
    let seed = seed();
    writeln!(std::io::stderr(), "crowd {test}: CROWD_SEED={seed}").ok();
    Dice::new(seed, test)
}

#[allow(
    clippy::disallowed_methods,
    reason = "the program under test does not read this variable"
)]
fn seed() -> u64 {
    let text = std::env::var("CROWD_SEED").ok();
    text.map_or(SEED, |text| text.parse().expect("CROWD_SEED is a number"))
}

/// Is how long a run may live.
#[derive(Clone, Copy)]
enum Life {
    Whole,
    Short(Duration),
}

impl Life {
    /// Lets so many in a hundred be killed: as they start, in the middle of what they do, or as they end.
    fn by_chance(dice: &mut Dice, killed_of_hundred: usize) -> Self {
        let millis = dice.below(150);
        if dice.happens(killed_of_hundred) {
            Self::Short(Duration::from_millis(
                millis.try_into().expect("a small number"),
            ))
        } else {
            Self::Whole
        }
    }
}

/// Runs to its end, or kills it before.
fn lived(run: Run<'_>, life: Life) -> Output {
    let running = run.spawn();
    if let Life::Short(time) = life {
        thread::sleep(time);
        running.signal("KILL");
    }
    running.wait()
}

/// Tells whether a run has acknowledged what it was asked for; one that was not killed has to.
#[track_caller]
fn acknowledged(output: &Output, life: Life) -> bool {
    match (output.status, life) {
        (0, _) => true,
        (-9, Life::Short(_)) => false,
        _ => panic!("neither done nor killed\n{}", output.shown()),
    }
}

/// Reads a file over and over while a crowd is at work; asserts that it is whole each time.
fn watched(file: &Path, is_whole: impl Fn(&str) -> bool + Sync, crowd: impl FnOnce()) {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut seen = String::new();
            while !is_over.load(Ordering::SeqCst) {
                let text = std::fs::read_to_string(file)
                    .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
                if text != seen {
                    assert!(is_whole(&text), "half-written:\n{text}");
                    seen = text;
                }
                thread::sleep(Duration::from_millis(1));
            }
        });
        let end = EndOf(&is_over);
        crowd();
        drop(end);
        watcher.join().expect("the file was whole at all times");
    });
}

/// Ends a watch, also where the crowd has panicked.
struct EndOf<'a>(&'a AtomicBool);

impl Drop for EndOf<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<Value>(text).is_ok_and(|value| value.is_object())
}

/// Is a home with one context for each of these clients of IAP, all of one Google.
fn home_of_clients(google: &Google, clients: &[String], store: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    for (name, value) in google.env() {
        sandbox.env(name, &value);
    }
    for secret in [
        DESKTOP_SECRET,
        "made-up-refresh-token",
        "made-up-access-token",
        "eyJh",
    ] {
        sandbox.secret(secret);
    }
    google.behave(|google| {
        google.audiences = clients.to_vec();
        google.iap_audiences = clients.to_vec();
    });
    let mut yaml = "apiVersion: kfp-credential/v1\nkind: Config\ncontexts:\n".to_owned();
    for client in clients {
        yaml += &format!(
            "- name: {client}\n  endpoint: https://{IAP_HOST}/pipeline\n  store: {store}\n  iap: {{ client-id: {client} }}\n"
        );
    }
    sandbox.config(&yaml);
    sandbox
}

fn clients(count: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("client-{number}"))
        .collect()
}

/// Makes the SDK's file with a login of each client, and what nobody knows.
fn sdk_file(google: &Google, clients: &[String]) -> Value {
    let mut file = json!({"of-somebody-else": {"refresh_token": "x", "unknown": [1, null]}});
    for client in clients {
        file[client] = json!({
            "other_client_id": DESKTOP_CLIENT,
            "other_client_secret": DESKTOP_SECRET,
            "refresh_token": google.refresh_token(USER),
        });
    }
    file
}
