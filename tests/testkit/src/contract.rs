//! The contract as the tests read it: the files of `protocol/` and the READMEs.
//!
//! They are read at run time, from the checkout or from where `KFP_CREDENTIAL_CONTRACT_ROOT` points: so a changed copy
//! can be tried without building anything (`.ci/rename_fields.py`).

use std::path::{Path, PathBuf};

use jsonschema::Validator;
use serde_json::{Value, json};

/// Returns the folder that holds `protocol/` and `README.md`.
pub fn root() -> PathBuf {
    std::env::var_os("KFP_CREDENTIAL_CONTRACT_ROOT").map_or_else(super::root, PathBuf::from)
}

/// Reads a file by its path below the root.
pub fn read(path: &str) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Reads a JSON file by its path below the root.
pub fn read_json(path: &str) -> Value {
    serde_json::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Lists the files of a folder below the root, by their names.
pub fn files_of(folder: &str, extension: &str) -> Vec<PathBuf> {
    let path = root().join(folder);
    let entries =
        std::fs::read_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry of the folder").path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    files.sort();
    files
}

/// Returns a file's name without its extension.
pub fn stem(path: &Path) -> String {
    let stem = path.file_stem().expect("a file's name");
    stem.to_string_lossy().into_owned()
}

/// Prepares a schema as it is published: open, as readers ignore what they do not know.
pub fn compiled(schema: &Value) -> Validator {
    jsonschema::validator_for(schema).expect("a schema")
}

/// Prepares a schema that allows no more than it names: what we write has nothing else.
pub fn closed(mut schema: Value) -> Validator {
    close(&mut schema);
    compiled(&schema)
}

/// Prepares the document's schema for the plain ExecCredential, which has nothing of ours, in either version.
pub fn plain_exec_credential(mut schema: Value) -> Validator {
    let versions =
        ["v1", "v1beta1"].map(|version| format!("client.authentication.k8s.io/{version}"));
    schema["properties"]["apiVersion"] = json!({"enum": versions});
    let status = &mut schema["properties"]["status"];
    status["required"] = json!(["expirationTimestamp", "token"]);
    status["oneOf"] = json!([{}]);
    let properties = status["properties"].as_object_mut().expect("properties");
    properties.retain(|name, _| name == "expirationTimestamp" || name == "token");
    closed(schema)
}

fn close(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    if object.contains_key("properties")
        && object.contains_key("type")
        && !object.contains_key("additionalProperties")
    {
        object.insert("additionalProperties".into(), json!(false));
    }
    for key in ["properties", "$defs"] {
        if let Some(children) = object.get_mut(key).and_then(Value::as_object_mut) {
            children.values_mut().for_each(close);
        }
    }
    if let Some(items) = object.get_mut("items") {
        close(items);
    }
}

/// Asserts that a document follows a schema.
#[track_caller]
pub fn assert_valid(schema: &Validator, document: &Value, what: &str) {
    let errors: Vec<String> = schema
        .iter_errors(document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{what}: {errors:#?}\n{document:#}");
}
