//! The vectors themselves: every file can be read, says why it is there, and holds what its folder and format promise.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use testkit::bases::BASES;
use testkit::clients::table::COLUMNS;
use testkit::clients::vector::{
    Asked, ClientVector, ClientsSay, DocumentVector, ExecFound, Outcome, SchemaSays, read_all,
};
use testkit::clients::words::Words;
use testkit::clients::{documents, exec};
use testkit::contract::{assert_valid, closed, files_of, plain_exec_credential, read_json, stem};

/// The topics that share the last column of the table.
const OTHER_TOPICS: [&str; 9] = [
    "sending",
    "renewal on a redirect",
    "rejection",
    "expiry",
    "reading",
    "finding",
    "running",
    "origin",
    "connection",
];
const FEWEST: usize = 60;

#[test]
fn every_vector_says_why_it_is_there() {
    let documents = documents::vectors();
    let exec = exec::vectors();
    let clients = read_all::<ClientVector>("clients");
    assert!(documents.len() + exec.len() + clients.len() >= FEWEST);
    let comments = documents.iter().map(|(name, one)| (name, &one.comment));
    let comments = comments.chain(exec.iter().map(|(name, one)| (name, &one.comment)));
    let comments = comments.chain(clients.iter().map(|(name, one)| (name, &one.comment)));
    for (name, comment) in comments {
        assert!(
            comment.ends_with('.') && comment.contains(' '),
            "{name}: {comment:?}"
        );
    }
    for (name, vector) in clients {
        let topic = vector.topic.as_str();
        let is_known = COLUMNS.contains(&topic) || OTHER_TOPICS.contains(&topic);
        assert!(is_known, "{name}: {topic:?}");
    }
}

#[test]
fn a_key_that_the_format_does_not_know_is_a_fault() {
    let document =
        json!({"comment": "", "document": {}, "expect": {"schema": "valid", "clients": "refuse"}});
    assert!(serde_json::from_value::<DocumentVector>(document.clone()).is_ok());
    for place in ["", "/expect"] {
        let mut changed = document.clone();
        changed.pointer_mut(place).unwrap()["coment"] = json!("");
        assert!(
            serde_json::from_value::<DocumentVector>(changed).is_err(),
            "{place}"
        );
    }
    assert!(serde_json::from_value::<Outcome>(json!({"status": 200})).is_ok());
    assert!(serde_json::from_value::<Outcome>(json!({"stauts": 200})).is_err());
    assert!(serde_json::from_value::<Asked>(json!({"requests": []})).is_ok());
    assert!(serde_json::from_value::<Asked>(json!({"requests": [], "paralel": 2})).is_err());
}

#[test]
fn the_folders_hold_what_they_are_named_for() {
    for (name, vector) in documents::vectors() {
        let is_valid = vector.expect.schema == SchemaSays::Valid;
        let is_read = matches!(vector.expect.clients, ClientsSay::Read(_));
        assert_eq!(
            name.starts_with("documents/valid/"),
            is_valid && is_read,
            "{name}"
        );
    }
    for (name, vector) in exec::vectors() {
        let is_found = matches!(vector.expect.clients, ExecFound::Command { .. });
        assert_eq!(name.starts_with("exec/valid/"), is_found, "{name}");
    }
}

#[test]
fn what_is_unknown_is_named_and_all_else_is_in_the_schemas() {
    let schema = closed(read_json("protocol/document.schema.json"));
    let words = every_word();
    let check = |name: &str, document: &Value, unknown: &[String]| {
        let known = without(document, &unknown.iter().map(String::as_str).collect());
        assert_valid(&schema, &words.in_json(&known), name);
    };
    for (name, vector) in documents::vectors() {
        if let (SchemaSays::Valid, ClientsSay::Read(_), Some(document)) = (
            vector.expect.schema,
            &vector.expect.clients,
            &vector.document,
        ) {
            check(&name, document, &vector.unknown);
        }
    }
    for (name, vector) in read_all::<ClientVector>("clients") {
        for document in vector
            .helper
            .iter()
            .filter_map(|answer| answer.document.as_ref())
        {
            check(&name, document, &vector.unknown);
        }
    }
    let mut schema = read_json("protocol/exec.schema.json");
    // Of somebody else's file there may be nothing left without what is unknown.
    schema["required"] = json!([]);
    let schema = closed(schema);
    for (name, vector) in exec::vectors() {
        if vector.expect.schema != SchemaSays::Valid {
            continue;
        }
        let unknown: BTreeSet<&str> = vector.unknown.iter().map(String::as_str).collect();
        let texts = vector.configurations();
        let readable = texts
            .iter()
            .filter_map(|text| serde_json::from_str::<Value>(text).ok());
        for configuration in readable {
            assert_valid(&schema, &without(&configuration, &unknown), &name);
        }
    }
}

#[test]
fn each_base_is_a_document_and_in_use() {
    let schema = read_json("protocol/document.schema.json");
    let plain = plain_exec_credential(schema.clone());
    let whole = closed(schema);
    let words = every_word();
    let folders = ["documents/valid", "documents/invalid", "clients", "runs"];
    let vectors = folders.map(|folder| files_of(&format!("protocol/vectors/{folder}"), "json"));
    let texts: Vec<String> = vectors
        .concat()
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap())
        .collect();
    let bases = files_of(BASES, "json");
    assert!(!bases.is_empty());
    for base in bases {
        let name = stem(&base);
        let document = words.in_json(&read_json(&format!("{BASES}/{name}.json")));
        let has_our_part = document["status"].get("kfp").is_some();
        assert_eq!(has_our_part, name != "pod-token-exec", "{name}");
        let schema = if has_our_part { &whole } else { &plain };
        assert_valid(schema, &document, &name);
        let used = format!("\"base\": \"{name}\"");
        assert!(texts.iter().any(|text| text.contains(&used)), "{used}");
    }
}

#[test]
fn every_error_of_a_client_has_a_vector() {
    let table = read_json("protocol/errors.json");
    let rows = table["clientErrors"].as_array().unwrap().iter();
    let slugs: BTreeSet<&str> = rows.filter_map(|row| row["slug"].as_str()).collect();
    let vectors = read_all::<ClientVector>("clients");
    let outcomes = vectors.values().flat_map(|vector| &vector.expect.results);
    let outcomes = outcomes.flat_map(|outcome| std::iter::once(outcome).chain(&outcome.any_of));
    let tried: BTreeSet<&str> = outcomes
        .filter_map(|outcome| outcome.error.as_deref())
        .collect();
    let missing: BTreeSet<&&str> = slugs.difference(&tried).collect();
    assert!(!slugs.is_empty() && missing.is_empty(), "{missing:?}");
}

/// Gives every placeholder that a document may have some meaning.
fn every_word() -> Words {
    let mut words = Words::default();
    words.set_now();
    for word in [
        "own-certificate",
        "own-certificate-data",
        "another-certificate",
        "home",
        "port",
        "ca",
        "ca-data",
        "another-ca",
        "token:pod",
    ] {
        words.set(word, "1");
    }
    words.set("origin", "http://127.0.0.1:1");
    words.set("other", "http://127.0.0.1:2");
    words
}

/// Takes the fields of these names away, wherever they are.
fn without(value: &Value, names: &BTreeSet<&str>) -> Value {
    match value {
        Value::Array(items) => items.iter().map(|item| without(item, names)).collect(),
        Value::Object(fields) => fields
            .iter()
            .filter(|(name, _)| !names.contains(name.as_str()))
            .map(|(name, value)| (name.clone(), without(value, names)))
            .collect(),
        other => other.clone(),
    }
}
