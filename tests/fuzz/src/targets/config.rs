//! The configuration file: read, and each context in it made sense of.

use std::path::{Path, PathBuf};

use kfp_credential::config::file::{self, ConfigFile};
use kfp_credential::config::of_entry;
use kfp_credential::environment::Environment;
use kfp_credential::error::Slug;

use crate::oracle;

/// What stands where a source belongs, in seeds.
const SECRET: &str = "s3cret-of-the-user";

pub(crate) fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let environment: Environment = [("HOME", "/home/user")].into_iter().collect();
    let path = Path::new("/folder/config.yaml");
    let config = match file::parse(path, text) {
        Ok(config) => config,
        Err(error) => {
            assert_eq!(error.slug(), Slug::ConfigInvalid);
            assert!(error.message().starts_with("/folder/config.yaml"));
            if stands_for_a_source(text) {
                oracle::keeps_silent(&oracle::report(&error), SECRET);
            }
            return;
        }
    };
    let names: Vec<&str> = config
        .contexts()
        .iter()
        .map(|one| one.name.value.as_str())
        .collect();
    for (at, name) in names.iter().enumerate() {
        assert!(!name.is_empty() && !names[..at].contains(name));
    }
    let path = PathBuf::from(path);
    let file = ConfigFile { path, config };
    for entry in file.config.contexts() {
        match of_entry(&file, entry, &environment) {
            Ok(context) => {
                assert_eq!(context.name.as_deref(), Some(entry.name.value.as_str()));
                assert_eq!(context.endpoint.is_some(), entry.endpoint.is_some());
            }
            Err(error) => assert_eq!(error.exit_code(), 3, "{error}"),
        }
    }
}

/// Tells whether the secret stands once, alone on the line of a key that takes a source, in a file of plain lines.
fn stands_for_a_source(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| line.contains(SECRET));
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return false;
    };
    let is_plain = !text.contains(['"', '\'', '|', '>', '&', '*', '!', '{', '[', '?', '%']);
    let keys = ["password", "other-client-secret"];
    let is_one = |key: &str| line.trim() == format!("{key}: {SECRET}");
    is_plain && keys.into_iter().any(is_one)
}
