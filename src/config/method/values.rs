//! Values as the file is to have them.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::block::{Key, absolute};
use crate::config::source::Source;

pub(super) fn text(key: Key, value: Option<&str>) -> Option<(Key, Value)> {
    value.map(|value| (key, json!(value)))
}

pub(super) fn file(key: Key, path: Option<&PathBuf>) -> Option<(Key, Value)> {
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
