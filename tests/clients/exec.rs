//! Every vector of exec configurations: what each client finds, and what the schema says.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::driver;
use crate::peers::clients::{Driver, Language};
use crate::peers::require;
use crate::stage::write_files;
use crate::support::contract::{compiled, read_json};
use crate::vector::{ExecFound, ExecVector, SchemaSays, read_all};
use crate::words::Words;

const VARIABLE: &str = "KFP_CREDENTIAL_EXEC";

#[test]
fn every_client_finds_its_helper_as_the_vectors_say() {
    let vectors = vectors();
    let mut faults = Vec::new();
    for language in Language::ALL {
        let Some(driver) = require(language.driver()) else {
            continue;
        };
        for (name, vector) in &vectors {
            if let Err(fault) = vector.play(&driver) {
                faults.push(format!("{language:?}: {name}: {fault}"));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn the_schema_agrees_with_the_vectors() {
    let schema = compiled(&read_json("protocol/exec.schema.json"));
    for (name, vector) in vectors() {
        let says = vector.configurations().into_iter().map(|text| {
            match serde_json::from_str::<Value>(&text) {
                Ok(configuration) if schema.is_valid(&configuration) => SchemaSays::Valid,
                Ok(_) => SchemaSays::Invalid,
                Err(_) => SchemaSays::NoJson,
            }
        });
        let says: Vec<SchemaSays> = says.collect();
        let wanted = vector.expect.schema;
        let is_so = match wanted {
            SchemaSays::Nothing => !says.contains(&SchemaSays::Valid),
            // One that is not asked, or is somebody else's, may lie beside it.
            wanted => says.contains(&wanted),
        };
        assert!(is_so, "{name}: {says:?}");
    }
}

/// Reads the valid and the invalid ones, under names that say which they are.
pub(crate) fn vectors() -> BTreeMap<String, ExecVector> {
    let mut all = BTreeMap::new();
    for folder in ["exec/valid", "exec/invalid"] {
        let vectors = read_all::<ExecVector>(folder).into_iter();
        all.extend(vectors.map(|(name, vector)| (format!("{folder}/{name}"), vector)));
    }
    all
}

impl ExecVector {
    fn play(&self, driver: &Driver) -> Result<(), String> {
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
    pub(crate) fn configurations(&self) -> Vec<String> {
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
