//! From the configuration file, the options and the environment to one validated [`Context`].
//!
//! `file` is what is written, `context` what is meant, `entry` the way from the one to the other; `method` has a file for
//! each method's block and the list of them. `options` and `inputs` adjust a context, `resolve` is the precedence of all of
//! that, `detect` finds the method where nothing names one. `namespace` and `sdk_variables` look around, `source` reads
//! secrets from where the file says they are, `check` and `characters` refuse values, `edit` changes the file.

mod characters;
mod check;
pub mod context;
mod detect;
pub mod edit;
mod entry;
pub mod file;
mod inputs;
pub mod method;
pub mod namespace;
pub mod options;
mod resolve;
mod sdk_variables;
pub mod source;

pub use context::Context;
pub use entry::of_entry;
pub use inputs::{Inputs, config_path};
pub use resolve::{check_options, resolve, resolve_entry};
