//! From the configuration file, the options and the environment to one validated [`Context`].
//!
//! `file` is what is written, `context` what is meant, `entry` the way from the one to the other, `options` and `inputs`
//! what adjusts it, `resolve` the precedence of all of them, `method` that of the method. `namespace` and
//! `google_credentials` look around where nothing is said, `source` reads secrets from where the file says they are,
//! `characters` refuses values that are no lines, `edit` changes the file.

mod characters;
pub mod context;
pub mod edit;
mod entry;
pub mod file;
pub mod google_credentials;
mod inputs;
mod method;
pub mod namespace;
pub mod options;
mod resolve;
pub mod source;

pub use context::Context;
pub use entry::of_entry;
pub use inputs::{Inputs, config_path};
pub use resolve::{check_options, resolve, resolve_entry};
