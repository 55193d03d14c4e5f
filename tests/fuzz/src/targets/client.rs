//! What a client of the protocol reads: a helper's answer, and the exec configuration that names the helper.

use std::path::Path;

use kfp_credential_client::{Credential, ExecConfig};
use serde_json::Value;

use crate::input::Fields;
use crate::oracle;

pub(crate) fn run(bytes: &[u8]) {
    let mut fields = Fields::of(bytes);
    let document = fields.bytes();
    match Credential::parse(document) {
        Ok(credential) => {
            for (name, value) in credential.header_lines() {
                assert!(
                    !name.is_empty() && !name.contains([':', ' ', '\r', '\n']),
                    "{name:?}"
                );
                assert!(!value.contains(['\r', '\n', '\0']), "{value:?}");
            }
        }
        Err(error) => silent(&error.to_string(), document),
    }
    let configuration = fields.bytes();
    match ExecConfig::parse(configuration, "f", Some(Path::new("/folder"))) {
        Ok(config) => assert!(!config.command.as_os_str().is_empty()),
        Err(error) => silent(&error.to_string(), configuration),
    }
}

/// No error repeats a text of what could not be read.
fn silent(words: &str, json: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(json) else {
        return;
    };
    for secret in [&value["status"]["token"], &value["exec"]["env"][0]["value"]] {
        let secret = secret.as_str().unwrap_or_default();
        if oracle::is_secret(secret) {
            oracle::keeps_silent(words, secret);
        }
    }
}
