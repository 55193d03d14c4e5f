//! The kfp SDK's `context.json`: one key is set, all else stays.

use std::time::Duration;

use kfp_credential::config::namespace;
use kfp_credential::environment::Environment;
use kfp_credential::line::breaks_a_line;
use kfp_credential::sdk;
use kfp_credential::store::EditedFile;
use kfp_credential::trace::Trace;
use serde_json::{Map, Value, json};

use crate::oracle;

pub(crate) fn run(bytes: &[u8]) {
    let path = oracle::path("context.json");
    std::fs::write(&path, bytes).expect("a file");
    let before: Option<Map<String, Value>> = serde_json::from_slice(bytes).ok();
    let namespace = namespace::of_sdk(&path);
    let said = before
        .as_ref()
        .and_then(|context| context.get("namespace")?.as_str());
    let said = said.filter(|text| !text.is_empty() && !breaks_a_line(text));
    assert_eq!(namespace.as_deref(), said);

    let exec = json!({"command": "kfp-credential", "args": ["get"]});
    let home = oracle::path("home");
    let environment: Environment = [("HOME", home.as_path())].into_iter().collect();
    let patience = Duration::from_secs(1);
    let outcome = EditedFile::hold(&environment, &path, patience, &Trace::default())
        .and_then(|file| sdk::set_context(&file, "exec", exec.clone()));
    let after = std::fs::read(&path).expect("the file");
    match (before, outcome) {
        (Some(mut wanted), Ok(())) => {
            wanted.insert("exec".to_owned(), exec);
            let after: Map<String, Value> = serde_json::from_slice(&after).expect("JSON");
            if wanted.values().any(has_fraction) {
                assert!(after.keys().eq(wanted.keys()));
                return;
            }
            assert_eq!(after, wanted);
        }
        (None, Err(error)) => {
            assert_eq!(after, bytes, "{error}");
            assert_eq!(error.exit_code(), 3);
        }
        (before, outcome) => panic!("{before:?}: {outcome:?}"),
    }
}

/// Tells of numbers that are only kept as well as a float can; the SDK writes none.
pub(super) fn has_fraction(value: &Value) -> bool {
    match value {
        Value::Number(number) => !number.is_i64() && !number.is_u64(),
        Value::Array(values) => values.iter().any(has_fraction),
        Value::Object(map) => map.values().any(has_fraction),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}
