//! Every vector of exec configurations: what each client finds, and what the schema says.

use serde_json::Value;

use testkit::clients::exec::vectors;
use testkit::clients::vector::SchemaSays;
use testkit::contract::{compiled, read_json};
use testkit::peers::clients::Language;
use testkit::peers::require;

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
