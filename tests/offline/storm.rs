//! A storm: hostile servers by the hundred, made by chance, at every step of a login at Dex, of a login and a renewal at
//! IAP, of what a machine asks Google for, and of tokens of an OpenID Connect provider.
//!
//! Each door is a server that behaves, but for one answer or a few, which the dice choose (`storm/mutation/`). Beside
//! it stand other origins which must never see a secret. What holds of every run is in `storm/holds.rs`. `cargo test
//! --test offline storm::` plays the same doors each time; `STORM_DOORS=1000` more of them, `STORM_SEED=N` others.
#![cfg(target_os = "linux")]

mod at_dex;
mod at_google;
mod at_oidc;
mod attack;
mod elsewhere;
mod holds;
mod mutation;

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use testkit::dice::Dice;
use testkit::http::TestCa;
use testkit::players::play_all;

/// Is the seed of every run that names none.
const SEED: u64 = 2026;
/// How many doors are played by a run that does not say.
const DOORS: u64 = 150;
/// How many are open at a time: most of them wait for something.
const PLAYERS: usize = 12;

/// Is what became of one door.
pub(crate) struct Played {
    /// The slug of the error, or `answered`.
    outcome: String,
    elapsed: Duration,
    /// In bytes.
    peak_memory: u64,
    /// Whether the client came as far as a bad answer.
    was_struck: bool,
    /// How often the client asked other origins.
    visits_elsewhere: usize,
}

/// Is what became of all of them.
#[derive(Default)]
struct Storm {
    /// How often, and at which door first.
    outcomes: BTreeMap<String, (usize, u64)>,
    struck: usize,
    visits_elsewhere: usize,
    slowest: (Duration, u64),
    largest: (u64, u64),
    failures: Vec<(u64, String)>,
}

#[test]
fn a_storm_of_hostile_servers() {
    let seed = setting("STORM_SEED").unwrap_or(SEED);
    let doors = match setting("STORM_DOOR") {
        Some(door) => door..door + 1,
        None => 0..setting("STORM_DOORS").unwrap_or(DOORS),
    };
    let count = doors.end - doors.start;
    let (start, ca) = (Instant::now(), TestCa::generate());
    let storm: Mutex<Storm> = Mutex::default();
    let enter = |door| {
        let mut told = String::new();
        let played = catch_unwind(AssertUnwindSafe(|| {
            let tell = &mut |line: String| _ = writeln!(told, "  {line}");
            play(seed, door, &ca, tell)
        }));
        if count == 1 {
            writeln!(std::io::stderr(), "door {door}:\n{told}").ok();
        }
        let mut storm = storm.lock().unwrap_or_else(PoisonError::into_inner);
        match played {
            Ok(played) => storm.add(door, &played),
            Err(panic) => storm
                .failures
                .push((door, format!("{told}{}", words_of(&*panic)))),
        }
    };
    play_all(doors, PLAYERS, enter);
    // A run that was late beside so many others has its time alone: reading a page of a mebibyte takes the unoptimised
    // program more than a second of a processor.
    let late = storm
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take_late();
    late.into_iter().for_each(enter);
    let storm = storm.into_inner().unwrap_or_else(PoisonError::into_inner);
    // Not println!, which the test harness would swallow.
    writeln!(
        std::io::stderr(),
        "{}",
        storm.summary(seed, count, start.elapsed())
    )
    .ok();
    assert!(storm.failures.is_empty(), "{}", storm.told_failures(seed));
    if count >= DOORS {
        // A storm that nobody is out in tells nothing.
        let struck = storm.struck * 100 / usize::try_from(count).expect("a small number");
        assert!(struck >= 75, "only {struck} % of the doors were reached");
        assert!(storm.visits_elsewhere > 0 && storm.outcomes.len() >= 10);
    }
}

fn play(seed: u64, door: u64, ca: &TestCa, tell: &mut dyn FnMut(String)) -> Played {
    let mut dice = Dice::new(seed, door);
    match dice.below(10) {
        0..=4 => at_dex::play(&mut dice, ca, tell),
        5..=7 => at_google::play(&mut dice, tell),
        _ => at_oidc::play(&mut dice, tell),
    }
}

impl Storm {
    fn add(&mut self, door: u64, played: &Played) {
        let outcome = self.outcomes.entry(played.outcome.clone());
        let outcome = outcome.or_insert((0, door));
        *outcome = (outcome.0 + 1, outcome.1.min(door));
        self.struck += usize::from(played.was_struck);
        self.visits_elsewhere += played.visits_elsewhere;
        self.slowest = self.slowest.max((played.elapsed, door));
        self.largest = self.largest.max((played.peak_memory, door));
    }

    /// Takes away the doors whose one fault is that a run was late.
    fn take_late(&mut self) -> Vec<u64> {
        let is_late = |failure: &mut (u64, String)| failure.1.contains(holds::LATE);
        let late = self.failures.extract_if(.., is_late);
        late.map(|(door, _)| door).collect()
    }

    fn summary(&self, seed: u64, count: u64, elapsed: Duration) -> String {
        let (slowest, largest) = (self.slowest, self.largest);
        let mut words = format!(
            "storm: seed {seed}, {count} doors, {} reached, {} failures, {} requests elsewhere; slowest {:.1} s (door {}), peak \
             memory {} KiB (door {}); {} s in all\n      ",
            self.struck,
            self.failures.len(),
            self.visits_elsewhere,
            slowest.0.as_secs_f64(),
            slowest.1,
            largest.0 / 1024,
            largest.1,
            elapsed.as_secs(),
        );
        for (outcome, (count, first)) in &self.outcomes {
            let _ = write!(words, " {outcome} {count} (door {first}),");
        }
        words
    }

    fn told_failures(&self, seed: u64) -> String {
        let mut words = format!("{} doors of the storm\n", self.failures.len());
        for (door, what) in self.failures.iter().take(40) {
            let what: String = what.chars().take(8000).collect();
            let _ = writeln!(
                words,
                "\n--- door {door}; again: STORM_SEED={seed} STORM_DOOR={door} cargo test --test offline storm::\n{what}"
            );
        }
        words
    }
}

fn words_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without words")
}

/// Reads a number that whoever runs the test may give.
#[allow(
    clippy::disallowed_methods,
    reason = "the program under test does not read these variables"
)]
fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name}={text} is no number")),
    )
}
