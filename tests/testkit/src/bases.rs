//! Documents of vectors, told by what differs from one of `protocol/vectors/bases`: a field that every document has is
//! written in a few places, and a vector shows its flaw alone. `protocol/vectors/README.md` says how to read them.

use serde_json::{Map, Value};

use crate::contract::read_json;

pub const BASES: &str = "protocol/vectors/bases";

/// Puts the document in the place of `base` and `change`, wherever a vector has them.
pub fn with_documents(vector: Value) -> Value {
    match vector {
        Value::Array(items) => items.into_iter().map(with_documents).collect(),
        Value::Object(mut fields) => {
            if let Some(Value::String(name)) = fields.remove("base") {
                let base = read_json(&format!("{BASES}/{name}.json"));
                let change = fields.remove("change").unwrap_or_default();
                let document = match change {
                    Value::Null => base,
                    change => merged(base, change),
                };
                let before = fields.insert("document".to_owned(), document);
                assert!(before.is_none(), "a document beside the base {name}");
            }
            let fields = fields.into_iter();
            fields
                .map(|(name, value)| match name.as_str() {
                    "document" => (name, value),
                    _ => (name, with_documents(value)),
                })
                .collect()
        }
        other => other,
    }
}

/// Applies a JSON merge patch (RFC 7396 section 2).
pub fn merged(target: Value, patch: Value) -> Value {
    let Value::Object(changes) = patch else {
        return patch;
    };
    let mut fields = match target {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    for (name, change) in changes {
        let before = fields.remove(&name).unwrap_or_default();
        if !change.is_null() {
            fields.insert(name, merged(before, change));
        }
    }
    Value::Object(fields)
}
