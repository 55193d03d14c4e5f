//! The run and configuration vectors of `protocol/vectors`: whole runs of a helper, told as data, and the program's own
//! configuration files. `protocol/vectors/README.md` says what they mean.
//!
//! With `KFP_CREDENTIAL_VECTORS_HELPER=PROGRAM` another helper is run, over the vectors tagged `contract`; with
//! `KFP_CREDENTIAL_VECTORS_ONLY=NAME` one vector only.

#[path = "vectors/configs.rs"]
mod configs;
#[path = "vectors/format.rs"]
mod format;
#[path = "vectors/pattern.rs"]
mod pattern;
#[path = "vectors/script.rs"]
mod script;
#[path = "vectors/stage.rs"]
mod stage;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use serde_json::{Value, json};

use format::{Tag, Vector};
use testkit::contract::{files_of, read_json, stem};
use testkit::players::play_all;

const RUNS: &str = "protocol/vectors/runs";
/// How many vectors are played at once: most of them wait for processes and sockets.
const PLAYERS: usize = 4;
/// What cannot be brought about from outside.
const WITHOUT_VECTOR: [(&str, &str); 2] = [
    (
        "internal",
        "a fault of the program itself: whatever brings it about is to be repaired, not kept",
    ),
    (
        "system-limit",
        "a vector sets no limits for a process, and how many files a helper needs is its own affair",
    ),
];

#[test]
fn every_run_ends_as_its_vector_says() {
    let (helper, tags) = helper();
    let vectors = vectors();
    assert!(
        vectors.keys().any(|name| is_chosen(name)),
        "nothing to play"
    );
    let vectors = vectors
        .into_iter()
        .filter(|(name, vector)| is_chosen(name) && tags.contains(&vector.tag));
    let failed = Mutex::new(BTreeSet::new());
    play_all(vectors, PLAYERS, |(name, vector)| {
        for is_verbose in [false, true] {
            if !goes_well(&name, &vector, &helper, is_verbose) {
                failed.lock().unwrap().insert(name.clone());
            }
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} failed: {failed:#?}", failed.len());
}

#[test]
fn every_slug_has_a_vector() {
    let table = read_json("protocol/errors.json");
    let rows = table["errors"].as_array().unwrap();
    let exits: BTreeMap<&str, &Value> = rows
        .iter()
        .map(|row| (row["slug"].as_str().unwrap(), &row["exit"]))
        .collect();
    let mut missing: BTreeSet<&str> = exits.keys().copied().collect();
    let vectors = vectors();
    for (name, vector) in &vectors {
        let Some(slug) = &vector.expect.slug else {
            continue;
        };
        let exit = exits.get(slug.as_str());
        assert_eq!(exit, Some(&&json!(vector.expect.exit)), "{name}: {slug}");
        missing.remove(slug.as_str());
    }
    let excused: BTreeSet<&str> = WITHOUT_VECTOR.iter().map(|(slug, _)| *slug).collect();
    assert_eq!(missing, excused);
    let readme = testkit::contract::read("protocol/vectors/README.md");
    for (slug, why) in WITHOUT_VECTOR {
        let row = format!("| `{slug}` | {why} |");
        assert!(readme.contains(&row), "{row}");
    }
}

#[test]
fn the_table_of_errors_has_the_fields_that_programs_read() {
    let table = read_json("protocol/errors.json");
    let names = |value: &Value| -> Vec<String> {
        let fields = value.as_object().expect("an object");
        fields.keys().cloned().collect()
    };
    let wanted = ["clientErrors", "errors", "exitCodes", "version"];
    assert_eq!(names(&table), wanted);
    for row in table["errors"].as_array().unwrap() {
        assert_eq!(names(row), ["exit", "hint", "meaning", "slug"], "{row}");
    }
    for row in table["clientErrors"].as_array().unwrap() {
        assert_eq!(names(row), ["hint", "meaning", "slug"], "{row}");
    }
}

#[test]
fn each_kind_of_run_has_a_vector() {
    let vectors = vectors();
    let of = |tag: Tag| vectors.values().filter(|vector| vector.tag == tag).count();
    assert!(of(Tag::Contract) >= 15, "{}", of(Tag::Contract));
    assert!(of(Tag::KfpCredential) >= 60, "{}", of(Tag::KfpCredential));
    for form in [
        "exec",
        "exec-v1beta1",
        "token",
        "cookie",
        "headers",
        "curl-config",
        "netscape",
        "env",
    ] {
        let is_form = |vector: &&Vector| {
            let args = vector.args.windows(2);
            let is_asked = args.into_iter().any(|pair| pair == ["-o", form]);
            is_asked && vector.expect.exit == 0
        };
        assert!(vectors.values().any(|vector| is_form(&vector)), "-o {form}");
    }
}

#[test]
fn a_vector_that_says_something_unknown_is_refused() {
    let good = json!({
        "comment": "c", "tag": "contract", "args": ["get"],
        "server": {}, "when": {"terminal": {"prompt": "p", "types": "t"}},
        "files": {"a": {"text": "t"}},
        "exchanges": [{"request": {"method": "GET", "path": "/"}, "reply": {"status": 200}}],
        "stored": {"exchanges": []},
        "expect": {"exit": 3, "slug": "s"},
    });
    assert!(Vector::parse(&good.to_string()).is_ok());
    for place in [
        "",
        "/server",
        "/when",
        "/when/terminal",
        "/files/a",
        "/exchanges/0",
        "/exchanges/0/request",
        "/exchanges/0/reply",
        "/stored",
        "/expect",
    ] {
        let mut bad = good.clone();
        bad.pointer_mut(place).unwrap()["unknown"] = json!({});
        assert!(Vector::parse(&bad.to_string()).is_err(), "{place}");
    }
}

#[test]
fn a_vector_that_expects_nothing_is_refused() {
    let vector = |comment: &str, expect: Value| {
        let vector = json!({"comment": comment, "tag": "contract", "args": [], "expect": expect});
        Vector::parse(&vector.to_string())
    };
    assert!(vector("c", json!({"exit": 0, "stdout": ""})).is_ok());
    assert!(vector(" ", json!({"exit": 0, "stdout": ""})).is_err());
    assert!(vector("c", json!({"exit": 0})).is_err());
    assert!(vector("c", json!({"exit": 3})).is_err());
    assert!(vector("c", json!({"exit": 3, "slug": "s", "stdout": ""})).is_err());
    let kept = json!({"exit": 3, "slug": "s", "stored_after": "what was stored"});
    assert!(vector("c", kept).is_err());
}

/// Reads every run vector, by name.
fn vectors() -> BTreeMap<String, Vector> {
    let read = |path: PathBuf| {
        let vector = Vector::read(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        (stem(&path), vector)
    };
    files_of(RUNS, "json").into_iter().map(read).collect()
}

/// Plays a vector on a thread that has its name, so that a failure tells which it was.
fn goes_well(name: &str, vector: &Vector, helper: &Path, is_verbose: bool) -> bool {
    let name = format!("{name}{}", if is_verbose { " -v" } else { "" });
    thread::scope(|scope| {
        thread::Builder::new()
            .name(name)
            .spawn_scoped(scope, || stage::play(vector, helper, is_verbose))
            .expect("a thread")
            .join()
            .is_ok()
    })
}

/// Tells whether a vector is to be tried: all are, unless one is named.
fn is_chosen(name: &str) -> bool {
    variable("KFP_CREDENTIAL_VECTORS_ONLY").is_none_or(|only| only == name)
}

/// Returns the helper to run, and the vectors that are for it.
fn helper() -> (PathBuf, Vec<Tag>) {
    match variable("KFP_CREDENTIAL_VECTORS_HELPER") {
        Some(helper) => (helper.into(), vec![Tag::Contract]),
        None => (
            testkit::binary().into(),
            vec![Tag::Contract, Tag::KfpCredential],
        ),
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "the program under test does not read these variables"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
