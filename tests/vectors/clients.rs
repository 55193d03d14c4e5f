//! The client vectors, each with every client, and the table of what came of them.

use std::sync::{LazyLock, Mutex, PoisonError};

use libtest_mimic::Trial;
use testkit::clients::scene;
use testkit::clients::table::{Table, drivers};
use testkit::clients::vector::{ClientVector, read_all};
use testkit::peers::clients::{Driver, Language};

/// What came of the vectors that were played.
static TABLE: LazyLock<Mutex<Table>> = LazyLock::new(Mutex::default);
/// The first vector that is played builds them.
static DRIVERS: LazyLock<Vec<(Language, Driver)>> = LazyLock::new(drivers);

pub(crate) fn trials() -> Vec<Trial> {
    let vectors = read_all::<ClientVector>("clients").into_iter();
    vectors
        .map(|(name, vector)| {
            crate::trial(format!("clients/{name}"), move || {
                let mut faults = Vec::new();
                for (language, driver) in &*DRIVERS {
                    let played = scene::play(&vector, driver);
                    let fault = played.as_ref().err();
                    faults.extend(fault.map(|fault| format!("{language:?}: {fault}")));
                    let mut table = TABLE.lock().unwrap_or_else(PoisonError::into_inner);
                    table.note(*language, &vector.topic, &name, played);
                }
                assert!(faults.is_empty(), "{faults:#?}");
            })
        })
        .collect()
}

/// Prints the table, where any of them was played.
pub(crate) fn show() {
    let table = TABLE.lock().unwrap_or_else(PoisonError::into_inner);
    if !table.is_empty() {
        table.print("with the vectors");
    }
}
