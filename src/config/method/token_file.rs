//! The block `token-file`: a bearer token that somebody else keeps fresh.

use std::path::PathBuf;

use serde::Deserialize;

use super::AUDIENCE;
use super::block::{Addresses, Block, Key, Values};
use super::values::{file, text};
use crate::config::check::Check;
use crate::config::inputs::Inputs;
use crate::config::options::TargetOptions;
use crate::config::sdk_variables::{DEFAULT_TOKEN_FILE, SdkVariables};
use crate::error::Result;

/// The audience of the projected token, as the Kubeflow Pipelines API server reviews it.
const PIPELINES_AUDIENCE: &str = "pipelines.kubeflow.org";

/// The block of the method `token-file`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TokenFileBlock {
    #[serde(default)]
    pub path: Option<String>,
    #[serde(default)]
    pub audience: Option<String>,
}

/// Where a bearer token is read.
#[derive(Debug, Default)]
pub struct TokenFile {
    /// The file.
    pub path: PathBuf,
    /// The audience that a JWT in it must be meant for.
    pub audience: Option<String>,
}

impl Block for TokenFileBlock {
    fn check(&self, check: &Check<'_>) -> Result<()> {
        let Self { path, audience } = self;
        check.text("token-file.path", path.as_deref())?;
        check.text("token-file.audience", audience.as_deref())
    }

    fn addresses(&self) -> Vec<(Key, Addresses<'_>)> {
        Vec::new()
    }
}

impl TokenFileBlock {
    /// Reads the block.
    pub(super) fn meant(&self, check: &Check<'_>) -> TokenFile {
        let path = self.path.as_deref().map(|text| check.path(text));
        TokenFile {
            path: path.unwrap_or_default(),
            audience: self.audience.clone(),
        }
    }
}

/// The options that stand for its keys, and which of them are given.
pub(super) fn options(target: &TargetOptions) -> Vec<(&'static str, bool)> {
    vec![
        ("--token-file", target.token_file.is_some()),
        (AUDIENCE, target.audience.is_some()),
    ]
}

/// What `config set-context` writes of the options.
pub(super) fn set(target: &TargetOptions) -> Values {
    let mut values = Values::new();
    values.extend(file(&["token-file", "path"], target.token_file.as_ref()));
    values.extend(text(
        &["token-file", "audience"],
        target.audience.as_deref(),
    ));
    values
}

impl TokenFile {
    /// Lets options and variables adjust it: the path is the option's, the context's, `KF_PIPELINES_SA_TOKEN_PATH`'s or
    /// the default; the last two are the projected token, whose audience is known.
    pub(in crate::config) fn adjust(&mut self, inputs: &Inputs<'_>, sdk: &SdkVariables<'_>) {
        let exec_audience = || inputs.exec.and_then(|exec| exec.audience.clone());
        let target = inputs.target;
        let audience = target.audience.clone().or_else(exec_audience);
        self.audience = audience.or_else(|| self.audience.take());
        if let Some(path) = &target.token_file {
            self.path.clone_from(path);
        }
        let default = sdk.token_file();
        if self.path.as_os_str().is_empty() {
            self.path.clone_from(&default);
        }
        if self.path == default || self.path == std::path::Path::new(DEFAULT_TOKEN_FILE) {
            self.audience
                .get_or_insert_with(|| PIPELINES_AUDIENCE.to_owned());
        }
    }

    /// What `login --save-context` writes.
    pub(super) fn found(&self) -> Values {
        let mut values = Values::new();
        values.extend(file(&["token-file", "path"], Some(&self.path)));
        values.extend(text(&["token-file", "audience"], self.audience.as_deref()));
        values
    }
}
