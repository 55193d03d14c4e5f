//! Values as the file is to have them.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::block::Key;
use crate::config::source::Source;

/// Writes a text, where there is one.
pub fn text(key: Key, value: Option<&str>) -> Option<(Key, Value)> {
    value.map(|value| (key, json!(value)))
}

/// Writes a file's path, where there is one.
pub fn file(key: Key, path: Option<&PathBuf>) -> Option<(Key, Value)> {
    path.map(|path| (key, json!(absolute(path))))
}

pub(super) fn file_source(key: Key, path: Option<&PathBuf>) -> Option<(Key, Value)> {
    path.map(|path| (key, json!({ "file": absolute(path) })))
}

pub(super) fn source_value(source: &Source) -> Value {
    match source {
        Source::File(path) => json!({ "file": absolute(&path.into()) }),
        Source::Command(command) => json!({ "command": command }),
        Source::Env(name) => json!({ "env": name }),
        Source::Keyring => json!({ "keyring": true }),
    }
}

/// A path of the command line is relative to where the command runs, one of the file to the file.
pub fn absolute(path: &PathBuf) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
    path.to_string_lossy().into_owned()
}
