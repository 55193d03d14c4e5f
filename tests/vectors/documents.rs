//! The document vectors, held against the schema. What the clients make of them is in `tests/clients/documents.rs`.

use libtest_mimic::Trial;
use serde_json::Value;
use testkit::clients::documents::vectors;
use testkit::clients::vector::SchemaSays;
use testkit::clients::words::Words;
use testkit::contract::{compiled, read_json};

pub(crate) fn trials() -> Vec<Trial> {
    let vectors = vectors().into_iter();
    vectors
        .map(|(name, vector)| {
            crate::trial(name, move || {
                let schema = compiled(&read_json("protocol/document.schema.json"));
                let mut words = Words::default();
                words.set_now();
                let found = match serde_json::from_str::<Value>(&vector.printed(&words)) {
                    Ok(document) if schema.is_valid(&document) => SchemaSays::Valid,
                    Ok(_) => SchemaSays::Invalid,
                    Err(_) => SchemaSays::NoJson,
                };
                assert_eq!(found, vector.expect.schema);
            })
        })
        .collect()
}
