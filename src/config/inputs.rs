//! What can say which context is meant and what adjusts it.

use std::path::PathBuf;

use crate::config::options::{CommonOptions, ContactOptions, TargetOptions};
use crate::environment::Environment;
use crate::error::{Error, Slug};
use crate::protocol::request::ExecConfig;

/// All that can say which context is meant, options and variables already merged.
#[derive(Debug)]
pub struct Inputs<'a> {
    /// The options of every command.
    pub common: &'a CommonOptions,
    /// The options that stand in for keys.
    pub target: &'a TargetOptions,
    /// The options of contacts.
    pub contact: &'a ContactOptions,
    /// What a Kubernetes client's exec info asks for.
    pub exec: Option<&'a ExecConfig>,
    /// The environment.
    pub environment: &'a Environment,
}

/// Gives the path of the configuration file, and whether somebody named it.
pub fn config_path(common: &CommonOptions, environment: &Environment) -> Option<(PathBuf, bool)> {
    match &common.config {
        Some(path) => Some((path.clone(), true)),
        None => Some((environment.config_folder()?.join("config.yaml"), false)),
    }
}

/// Says that the value of an option, or of its variable, makes no sense.
pub(super) fn wrong_value(option: &str, value: &str, what: &str) -> Error {
    Error::new(
        Slug::ConfigInvalid,
        format!("the value {value:?} of {option} is wrong: {what}"),
    )
    .hint(format!(
        "correct {option}, or the variable that stands in for it"
    ))
}
