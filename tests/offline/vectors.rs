//! What holds of the vectors of `protocol/vectors` together. Each of them is played by the program `vectors`.

mod contract;
mod merge;
mod pattern;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::{Value, json};

use testkit::contract::{files_of, read_json, stem};
use testkit::runs::format::{Tag, Vector};

const RUNS: &str = "protocol/vectors/runs";
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
