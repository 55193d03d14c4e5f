//! The vectors of documents: what a helper prints, and what a client makes of it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::vector::{ClientsSay, DocumentVector, Reading, Verdict, read_all};
use super::words::Words;

/// Reads the valid and the invalid ones, under names that say which they are.
pub fn vectors() -> BTreeMap<String, DocumentVector> {
    let mut all = BTreeMap::new();
    for folder in ["documents/valid", "documents/invalid"] {
        let vectors = read_all::<DocumentVector>(folder).into_iter();
        all.extend(vectors.map(|(name, vector)| (format!("{folder}/{name}"), vector)));
    }
    all
}

impl DocumentVector {
    /// Returns the helper's stdout.
    pub fn printed(&self, words: &Words) -> String {
        match (&self.stdout, &self.document) {
            (Some(text), None) => words.in_text(text),
            (None, Some(document)) => format!("{}\n", words.in_json(document)),
            _ => panic!("a vector has either a document or the text of one"),
        }
    }

    /// Says what is wrong with a client's result.
    pub fn judge(&self, got: &Value, words: &Words) -> Option<String> {
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
