//! The vectors of exec configurations: what a machine has, and what a client finds.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::driver;
use super::stage::write_files;
use super::vector::{ExecFound, ExecVector, read_all};
use super::words::Words;
use crate::peers::clients::Driver;

const VARIABLE: &str = "KFP_CREDENTIAL_EXEC";

/// Reads the valid and the invalid ones, under names that say which they are.
pub fn vectors() -> BTreeMap<String, ExecVector> {
    let mut all = BTreeMap::new();
    for folder in ["exec/valid", "exec/invalid"] {
        let vectors = read_all::<ExecVector>(folder).into_iter();
        all.extend(vectors.map(|(name, vector)| (format!("{folder}/{name}"), vector)));
    }
    all
}

impl ExecVector {
    pub fn play(&self, driver: &Driver) -> Result<(), String> {
        let home = tempfile::tempdir().expect("a temporary folder");
        let mut words = Words::default();
        words.set("home", home.path().to_string_lossy());
        write_files(home.path(), &words, &self.files);
        let variable = self.variable.iter();
        let env = variable.map(|value| (VARIABLE.to_owned(), words.in_text(value)));
        let printed = driver::run(driver, home.path(), &env.collect(), &json!({"find": true}))?;
        let [found] = printed.results.as_slice() else {
            return Err(format!("not one result: {}", printed.text));
        };
        if let Some(secret) = self
            .secrets
            .iter()
            .find(|secret| printed.text.contains(*secret))
        {
            return Err(format!("{secret:?} is in {}", printed.text));
        }
        match &self.expect.clients {
            ExecFound::Command { command, args } => {
                let is_so = found["command"] == words.in_text(command).as_str()
                    && found["args"] == json!(args);
                is_so.then_some(()).ok_or_else(|| format!("found {found}"))
            }
            ExecFound::Error { error, says } => {
                let message = found["message"].as_str().unwrap_or_default();
                let is_so = found["error"] == error.as_str()
                    && says
                        .iter()
                        .all(|part| message.contains(&words.in_text(part)));
                is_so
                    .then_some(())
                    .ok_or_else(|| format!("found {found}, no {error} that says {says:?}"))
            }
        }
    }

    /// Returns the texts of all exec configurations in it.
    pub fn configurations(&self) -> Vec<String> {
        let inline = self
            .variable
            .iter()
            .filter(|value| value.starts_with("{\""));
        let files = self.files.values().map(|contents| match contents {
            Value::String(text) => text.clone(),
            json => json.to_string(),
        });
        inline.cloned().chain(files).collect()
    }
}
