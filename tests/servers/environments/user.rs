//! Somebody with a home at the embedded front door, and a look at what a store makes of a login there.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::table::{Environment, Row};
use testkit::front_door::{FrontDoor, Options, PASSWORD, USER};
use testkit::http::{Request, Response};
use testkit::sandbox::{Output, Sandbox};

/// Is the longest that a run may take which asks nobody.
const BOUND: Duration = Duration::from_secs(3);

/// Is a home, a password and a front door that takes it.
pub(super) struct User {
    pub(super) home: Sandbox,
    pub(super) door: FrontDoor,
}

impl User {
    pub(super) fn new() -> Self {
        Self::with(Sandbox::new(), |_| None)
    }

    /// Makes one at a door that asks this closure first.
    pub(super) fn with(
        home: Sandbox,
        instead: impl Fn(&Request) -> Option<Response> + Send + Sync + 'static,
    ) -> Self {
        home.env("KFP_CREDENTIAL_PASSWORD", &home.secret(PASSWORD));
        let door = FrontDoor::start_with(Options::default(), instead);
        Self { home, door }
    }

    pub(super) fn target(&self, command: &str, store: &str) -> Vec<String> {
        let endpoint = self.door.endpoint();
        let words = [command, "--endpoint", &endpoint, "--username", USER];
        let words = [words.as_slice(), &["--store", store]].concat();
        words.into_iter().map(str::to_owned).collect()
    }

    /// Asks for a credential, within the bound.
    #[track_caller]
    pub(super) fn get(&self, store: &str, more: &[&str]) -> Output {
        let own = self.target("get", store);
        let own: Vec<&str> = own.iter().map(String::as_str).collect();
        let bound = self.bound();
        let got = self.home.run(&[own.as_slice(), more].concat());
        assert!(got.elapsed < bound, "{bound:?}: {}", got.shown());
        got
    }

    /// Logs out.
    #[track_caller]
    pub(super) fn forget(&self, store: &str) {
        let own = self.target("logout", store);
        let own: Vec<&str> = own.iter().map(String::as_str).collect();
        self.home.run(&own).assert_success();
    }

    /// Asks what is known of a store, within the bound.
    #[track_caller]
    pub(super) fn status(&self, store: &str) -> Value {
        let own = self.target("status", store);
        let own: Vec<&str> = own.iter().map(String::as_str).collect();
        let bound = self.bound();
        let told = self.home.run(&[own.as_slice(), &["-o", "json"]].concat());
        assert!(told.elapsed < bound, "{bound:?}: {}", told.shown());
        told.assert_success().json()[0].clone()
    }

    /// Logs in and asks again, and notes what has come of that.
    #[track_caller]
    pub(super) fn look(&self, environment: &mut Environment, store: &'static str) -> Visit {
        let first = self.get(store, &["-v"]).assert_success();
        let second = self.get(store, &["-v"]).assert_success();
        let visit = Visit {
            kept: first.stdout == second.stdout,
            says: words_of(&first),
            status: self.status(store),
        };
        let place = visit.status["store"].as_str().unwrap_or_default();
        let outcome = if visit.kept {
            format!("kept: {place}")
        } else {
            "answered, not kept".to_owned()
        };
        environment.add(Row {
            store,
            outcome,
            took: first.elapsed.max(second.elapsed),
            says: visit.says.clone(),
            status: format!("{place}: {}", visit.trouble()),
        });
        visit
    }

    /// Is the bound, and what a busy machine adds to it: twenty times what a process costs just now.
    fn bound(&self) -> Duration {
        let start = Instant::now();
        self.home.run(&["--version"]).assert_success();
        BOUND + start.elapsed() * 20
    }
}

/// Is what a store has made of a login.
pub(super) struct Visit {
    kept: bool,
    says: String,
    status: Value,
}

impl Visit {
    #[track_caller]
    pub(super) fn assert_kept(self, place: &str) -> Self {
        assert!(self.kept, "not kept: {}", self.says);
        assert_eq!(self.status["store"], place, "{}", self.status);
        assert_eq!(self.status["state"], "logged in", "{}", self.status);
        self
    }

    #[track_caller]
    pub(super) fn assert_not_kept(self) -> Self {
        assert!(!self.kept, "kept: {}", self.status);
        self
    }

    #[track_caller]
    pub(super) fn says(self, words: &str) -> Self {
        assert!(self.says.contains(words), "{words}: {}", self.says);
        self
    }

    #[track_caller]
    pub(super) fn status_says(self, words: &str) -> Self {
        assert!(self.trouble().contains(words), "{words}: {}", self.status);
        self
    }

    fn trouble(&self) -> &str {
        self.status["trouble"].as_str().unwrap_or("-")
    }
}

/// Gives the lines of `-v` about stores and locks, the prefix cut off.
pub(super) fn words_of(run: &Output) -> String {
    let about = ["keyring", "store", "without a lock"];
    let lines = run.stderr.lines().filter_map(|line| {
        let line = line.strip_prefix("kfp-credential: ")?;
        about.iter().any(|word| line.contains(word)).then_some(line)
    });
    let mut said: Vec<&str> = Vec::new();
    for line in lines {
        if !said.contains(&line) {
            said.push(line);
        }
    }
    if said.is_empty() {
        return "-".to_owned();
    }
    said.join("; ")
}

/// Adds a row for a run that is told from its own test.
#[track_caller]
pub(super) fn note(
    environment: &mut Environment,
    store: &'static str,
    outcome: &str,
    run: &Output,
    status: &Value,
) {
    let text = |name: &str| status[name].as_str().unwrap_or("-").to_owned();
    environment.add(Row {
        store,
        outcome: outcome.to_owned(),
        took: run.elapsed,
        says: words_of(run),
        status: format!("{}: {}", text("store"), text("trouble")),
    });
}
