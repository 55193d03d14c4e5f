//! Every client vector with every client, then every client at a real front door, and the table of it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};

use crate::peers::clients::{Driver, Language};
use crate::peers::require;
use crate::support::players::play_all;
use crate::vector::{ClientVector, read_all};
use crate::{real, scene};

/// How many vectors are played at once: most of their time is waiting.
const PLAYERS: usize = 6;

/// The topics of vectors that have a column; the others share the last one.
pub(crate) const COLUMNS: [&str; 9] = [
    "bearer",
    "cookie",
    "renewal on 401",
    "renewal on HTML",
    "single flight",
    "helper missing",
    "helper failing",
    "helper hanging",
    REST,
];
const REST: &str = "the rest";

#[test]
fn every_client_does_as_the_vectors_say() {
    let drivers = drivers();
    let table = Mutex::new(Table::default());
    let only = only();
    play(&drivers, only.as_deref(), &table);
    if only.is_none() {
        real::run(&drivers, &table);
    }
    table
        .into_inner()
        .unwrap()
        .show("with the vectors, and through a real front door");
}

/// Returns the drivers of all languages that this machine has.
pub(crate) fn drivers() -> Vec<(Language, Driver)> {
    let languages = Language::ALL.into_iter();
    let drivers = languages.map(|language| Some((language, require(language.driver())?)));
    drivers.flatten().collect()
}

/// Plays every vector with every client, or the one of this name.
fn play(drivers: &[(Language, Driver)], only: Option<&str>, table: &Mutex<Table>) {
    let vectors = read_all::<ClientVector>("clients");
    let is_there = only.is_none_or(|only| vectors.contains_key(only));
    assert!(is_there, "there is no vector {only:?}");
    let chosen = vectors
        .iter()
        .filter(|(name, _)| only.is_none_or(|only| only == *name));
    let scenes = chosen.flat_map(|scene| drivers.iter().map(move |driver| (scene, driver)));
    play_all(scenes, PLAYERS, |((name, vector), (language, driver))| {
        let played = scene::play(vector, driver);
        let mut table = table.lock().unwrap_or_else(PoisonError::into_inner);
        table.note(*language, &vector.topic, name, played);
    });
}

/// Is what came of the runs, for each language and column.
#[derive(Default)]
pub(crate) struct Table {
    cells: BTreeMap<Language, BTreeMap<&'static str, Cell>>,
}

#[derive(Default)]
struct Cell {
    good: usize,
    faults: BTreeSet<String>,
}

impl Table {
    pub(crate) fn note(
        &mut self,
        language: Language,
        topic: &str,
        name: &str,
        played: Result<(), String>,
    ) {
        let column = COLUMNS
            .into_iter()
            .find(|column| *column == topic)
            .unwrap_or(REST);
        let row = self.cells.entry(language).or_default();
        let cell = row.entry(column).or_default();
        match played {
            Ok(()) => cell.good += 1,
            Err(fault) => {
                cell.faults.insert(format!("{language:?}, {name}: {fault}"));
            }
        }
    }

    /// Prints the table, and fails where a cell is not good.
    #[track_caller]
    pub(crate) fn show(&self, title: &str) {
        let mut text = format!("\nThe clients, {title}:\n{:10}", "");
        for column in COLUMNS {
            text += &format!(" | {column:15}");
        }
        for (language, row) in &self.cells {
            text += &format!("\n{:10}", format!("{language:?}"));
            for column in COLUMNS {
                let shown = row.get(column).map(Cell::shown).unwrap_or_default();
                text += &format!(" | {shown:15}");
            }
        }
        // Not println!, which the test harness would swallow.
        writeln!(std::io::stdout(), "{text}\n").expect("stdout");
        let cells = self.cells.values().flat_map(BTreeMap::values);
        let faults: Vec<&String> = cells.flat_map(|cell| &cell.faults).collect();
        assert!(faults.is_empty(), "{} failed: {faults:#?}", faults.len());
    }
}

impl Cell {
    fn shown(&self) -> String {
        match self.faults.len() {
            0 => format!("ok ({})", self.good),
            faults => format!("{faults} of {} fail", faults + self.good),
        }
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "the program under test does not read this variable"
)]
fn only() -> Option<String> {
    std::env::var("KFP_CREDENTIAL_VECTORS_ONLY").ok()
}
