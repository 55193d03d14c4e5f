//! From the configuration file, the options and the environment to one validated [`Context`].
//!
//! `file` is what is written, `context` what is meant, `entry` the way from the one to the other, `resolve` the
//! precedence of all that adjusts it, `method` that of the method, `source` reads secrets from
//! where the file says they are, `characters` refuses values that are no lines, `edit` changes the file.

mod characters;
pub mod context;
pub mod edit;
mod entry;
pub mod file;
mod method;
mod resolve;
pub mod shown;
pub mod source;

pub use context::Context;
pub use entry::of_entry;
pub use resolve::{Inputs, check_options, config_path, resolve, resolve_entry};
