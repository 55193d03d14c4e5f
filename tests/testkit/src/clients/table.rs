//! The table of what each client can do, made from the runs that have just been made.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

use crate::peers::clients::{Driver, Language};
use crate::peers::require;

/// The topics of vectors that have a column; the others share the last one.
pub const COLUMNS: [&str; 9] = [
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

/// Returns the drivers of all languages that this machine has.
pub fn drivers() -> Vec<(Language, Driver)> {
    let languages = Language::ALL.into_iter();
    let drivers = languages.map(|language| Some((language, require(language.driver())?)));
    drivers.flatten().collect()
}

/// Is what came of the runs, for each language and column.
#[derive(Default)]
pub struct Table {
    cells: BTreeMap<Language, BTreeMap<&'static str, Cell>>,
}

#[derive(Default)]
struct Cell {
    good: usize,
    faults: BTreeSet<String>,
}

impl Table {
    pub fn note(
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

    /// Tells whether nothing was noted.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Prints the table, and fails where a cell is not good.
    #[track_caller]
    pub fn show(&self, title: &str) {
        self.print(title);
        let cells = self.cells.values().flat_map(BTreeMap::values);
        let faults: Vec<&String> = cells.flat_map(|cell| &cell.faults).collect();
        assert!(faults.is_empty(), "{} failed: {faults:#?}", faults.len());
    }

    /// Prints the table.
    pub fn print(&self, title: &str) {
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
