//! The vectors of exec configurations, held against the schema. What the clients find is in `tests/clients/exec.rs`.

use libtest_mimic::Trial;
use serde_json::Value;
use testkit::clients::exec::vectors;
use testkit::clients::vector::SchemaSays;
use testkit::contract::{compiled, read_json};

pub(crate) fn trials() -> Vec<Trial> {
    let vectors = vectors().into_iter();
    vectors
        .map(|(name, vector)| {
            crate::trial(name, move || {
                let schema = compiled(&read_json("protocol/exec.schema.json"));
                let says =
                    vector.configurations().into_iter().map(|text| {
                        match serde_json::from_str::<Value>(&text) {
                            Ok(configuration) if schema.is_valid(&configuration) => {
                                SchemaSays::Valid
                            }
                            Ok(_) => SchemaSays::Invalid,
                            Err(_) => SchemaSays::NoJson,
                        }
                    });
                let says: Vec<SchemaSays> = says.collect();
                let is_so = match vector.expect.schema {
                    SchemaSays::Nothing => !says.contains(&SchemaSays::Valid),
                    // One that is not asked, or is somebody else's, may lie beside it.
                    wanted => says.contains(&wanted),
                };
                assert!(is_so, "{says:?}");
            })
        })
        .collect()
}
