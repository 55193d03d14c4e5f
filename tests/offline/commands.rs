//! The command line: help, options and their variables, which context is meant, and every command
//! but the logins themselves.

#[cfg(unix)]
mod at_once;
mod characters;
mod config;
mod files;
mod help;
mod options;
mod status;
mod surroundings;
mod token_files;
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
