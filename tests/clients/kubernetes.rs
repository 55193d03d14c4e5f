//! Real Kubernetes clients run the real binary, each against a stand-in of an API server.
//!
//! What they do differs, and users meet the differences as ours: protocol/README.md has a table of them, which is held
//! to what is observed here.
#![cfg(unix)]

mod behaviour;
mod kubectl;
mod stage;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use behaviour::{COLUMNS, Row, observe};
use testkit::contract;
use testkit::peers::kubernetes_clients::CLIENTS;
use testkit::peers::require;

#[test]
fn clients_do_what_the_specification_says() {
    let rows = observe_all();
    let table = table(&rows);
    writeln!(std::io::stderr(), "\n{table}").ok();
    let specified = specified();
    let mut differences: Vec<String> = specified
        .keys()
        .filter(|name| CLIENTS.iter().all(|client| client.name != name.as_str()))
        .map(|name| format!("{name} is in the table, and nobody runs it"))
        .collect();
    for (client, row) in &rows {
        for (column, seen) in row {
            let said = specified.get(*client).and_then(|row| row.get(*column));
            if said != Some(seen) {
                differences.push(format!("{client}, {column}: {seen}; the table: {said:?}"));
            }
        }
    }
    assert!(
        differences.is_empty(),
        "{}\n{table}",
        differences.join("\n")
    );
}

/// Observes every client that can be had, three at a time: they wait more than they work.
fn observe_all() -> BTreeMap<&'static str, Row> {
    let next = AtomicUsize::new(0);
    let rows = Mutex::new(BTreeMap::new());
    let work = || {
        while let Some(client) = CLIENTS.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Some(row) = require(observe(client)) {
                rows.lock().expect("the rows").insert(client.name, row);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..3 {
            // A client that is skipped is told with the thread's name.
            let worker = thread::Builder::new().name("kubernetes".to_owned());
            worker.spawn_scoped(scope, work).expect("a thread");
        }
    });
    rows.into_inner().expect("the rows")
}

fn table(rows: &BTreeMap<&str, Row>) -> String {
    let line = |cells: Vec<&str>| format!("| {} |\n", cells.join(" | "));
    let mut table = line([&["client"][..], &COLUMNS[..]].concat());
    table += &line(vec!["---"; COLUMNS.len() + 1]);
    for client in &CLIENTS {
        if let Some(row) = rows.get(client.name) {
            let cells = COLUMNS.iter().map(|column| row[column].as_str());
            table += &line(std::iter::once(client.name).chain(cells).collect());
        }
    }
    table
}

/// Reads the table of protocol/README.md: client, then column, then what it says.
fn specified() -> BTreeMap<String, BTreeMap<String, String>> {
    let text = contract::read("protocol/README.md");
    let cells = |line: &str| -> Vec<String> {
        let inner = line.trim().trim_start_matches('|').trim_end_matches('|');
        inner
            .split(" | ")
            .map(|cell| cell.trim().to_owned())
            .collect()
    };
    let mut lines = text
        .lines()
        .skip_while(|line| !line.starts_with("| client | `KUBERNETES_EXEC_INFO` |"));
    let columns = cells(lines.next().expect("the table of Kubernetes clients"));
    lines
        .skip(1)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let mut row = columns.iter().cloned().zip(cells(line));
            let (_, client) = row.next().expect("a client");
            (client, row.collect())
        })
        .collect()
}
