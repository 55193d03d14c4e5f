//! Every client vector with every client, then every client at a real front door, and the table of it.

use std::sync::{Mutex, PoisonError};

use testkit::clients::scene;
use testkit::clients::table::{Table, drivers};
use testkit::clients::vector::{ClientVector, read_all};
use testkit::peers::clients::{Driver, Language};
use testkit::players::play_all;

use crate::real;

/// How many vectors are played at once: most of their time is waiting.
const PLAYERS: usize = 6;

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

#[allow(
    clippy::disallowed_methods,
    reason = "the program under test does not read this variable"
)]
fn only() -> Option<String> {
    std::env::var("KFP_CREDENTIAL_VECTORS_ONLY").ok()
}
