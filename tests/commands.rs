//! The command line: help, options and their variables, which context is meant, and every command
//! but the logins themselves.

#[cfg(unix)]
#[path = "commands/at_once.rs"]
mod at_once;
#[path = "commands/characters.rs"]
mod characters;
#[path = "commands/config.rs"]
mod config;
#[path = "commands/files.rs"]
mod files;
#[path = "commands/help.rs"]
mod help;
#[path = "commands/options.rs"]
mod options;
#[path = "commands/status.rs"]
mod status;
#[path = "commands/surroundings.rs"]
mod surroundings;
#[path = "commands/token_files.rs"]
mod token_files;
#[path = "commands/which_context.rs"]
mod which_context;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use testkit::binary;
use testkit::front_door::{Connector, FrontDoor, Options, PASSWORD, USER};
use testkit::http::{Response, Server, TestCa, forward};
use testkit::kfp_api::{MultiUser, made_up_jwt, service_account_token};
use testkit::sandbox::{Output, Sandbox};

const AUDIENCE: &str = "pipelines.kubeflow.org";
