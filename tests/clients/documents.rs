//! Every document vector, read by every client and held against the schema.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::driver;
use crate::peers::clients::Language;
use crate::peers::require;
use crate::support::contract::{compiled, read_json};
use crate::vector::{ClientsSay, DocumentVector, Reading, SchemaSays, Verdict, read_all};
use crate::words::Words;

#[test]
fn every_client_reads_documents_as_the_vectors_say() {
    let vectors = vectors();
    for language in Language::ALL {
        let Some(driver) = require(language.driver()) else {
            continue;
        };
        let mut words = Words::default();
        words.set_now();
        let texts: Vec<String> = vectors.values().map(|one| one.printed(&words)).collect();
        let home = tempfile::tempdir().unwrap();
        let input = json!({ "documents": texts });
        let printed = driver::run(&driver, home.path(), &BTreeMap::new(), &input);
        let printed = printed.unwrap_or_else(|fault| panic!("{language:?}: {fault}"));
        assert_eq!(printed.results.len(), vectors.len(), "{language:?}");
        let faults: Vec<String> = vectors
            .iter()
            .zip(&printed.results)
            .filter_map(|((name, vector), got)| Some((name, vector.judge(got, &words)?)))
            .map(|(name, fault)| format!("{name}: {fault}"))
            .collect();
        assert!(faults.is_empty(), "{language:?}: {faults:#?}");
    }
}

#[test]
fn the_schema_agrees_with_the_vectors() {
    let schema = compiled(&read_json("protocol/document.schema.json"));
    let mut words = Words::default();
    words.set_now();
    for (name, vector) in vectors() {
        let found = match serde_json::from_str::<Value>(&vector.printed(&words)) {
            Ok(document) if schema.is_valid(&document) => SchemaSays::Valid,
            Ok(_) => SchemaSays::Invalid,
            Err(_) => SchemaSays::NoJson,
        };
        assert_eq!(found, vector.expect.schema, "{name}");
    }
}

/// Reads the valid and the invalid ones, under names that say which they are.
pub(crate) fn vectors() -> BTreeMap<String, DocumentVector> {
    let mut all = BTreeMap::new();
    for folder in ["documents/valid", "documents/invalid"] {
        let vectors = read_all::<DocumentVector>(folder).into_iter();
        all.extend(vectors.map(|(name, vector)| (format!("{folder}/{name}"), vector)));
    }
    all
}

impl DocumentVector {
    /// Returns the helper's stdout.
    fn printed(&self, words: &Words) -> String {
        match (&self.stdout, &self.document) {
            (Some(text), None) => words.in_text(text),
            (None, Some(document)) => format!("{}\n", words.in_json(document)),
            _ => panic!("a vector has either a document or the text of one"),
        }
    }

    /// Says what is wrong with a client's result.
    fn judge(&self, got: &Value, words: &Words) -> Option<String> {
        let slug = got.get("error").map(|slug| slug == "helper-answer-invalid");
        let is_read = got["ok"] == true;
        match (&self.expect.clients, slug) {
            (ClientsSay::InWord(Verdict::Refuse), Some(true)) => {
                let message = got["message"].as_str().unwrap_or_default();
                judge_message(message)
            }
            (ClientsSay::InWord(Verdict::Refuse), _) => Some(format!("not refused: {got}")),
            (ClientsSay::InWord(Verdict::MayAccept), Some(true)) => None,
            (ClientsSay::InWord(Verdict::MayAccept), _) => {
                (!is_read).then(|| format!("neither refused nor read: {got}"))
            }
            (ClientsSay::Read(wanted), None) if is_read => {
                let found: Reading = match serde_json::from_value(without_ok(got)) {
                    Ok(found) => found,
                    Err(error) => return Some(format!("{error}: {got}")),
                };
                let wanted = wanted.expanded(words);
                (found != wanted).then(|| format!("read as {found:?}"))
            }
            (ClientsSay::Read(_), _) => Some(format!("not read: {got}")),
        }
    }
}

/// A message says something, and nothing of what the helper has printed.
fn judge_message(message: &str) -> Option<String> {
    if message.trim().is_empty() {
        return Some("refused without a word".to_owned());
    }
    let secrets = ["first-token", "first-session", "Bearer first"];
    let shown = secrets.iter().find(|secret| message.contains(**secret))?;
    Some(format!("{shown:?} is in the message: {message}"))
}

impl Reading {
    fn expanded(&self, words: &Words) -> Self {
        let values =
            |values: &Vec<String>| values.iter().map(|value| words.in_text(value)).collect();
        let headers = self.headers.iter();
        Self {
            headers: headers
                .map(|(name, found)| (name.clone(), values(found)))
                .collect(),
            expiration: words.in_text(&self.expiration),
            ..self.clone()
        }
    }
}

fn without_ok(got: &Value) -> Value {
    let mut reading = got.clone();
    reading.as_object_mut().map(|fields| fields.remove("ok"));
    reading
}
