//! From the configuration file, the options and the environment to one validated [`Context`].
//!
//! `file` is what is written, `context` what is meant, `resolve` the way from the one to the other with all
//! precedence, `source` reads secrets from where the file says they are, `edit` changes the file.

pub mod context;
pub mod edit;
pub mod file;
mod resolve;
pub mod source;

pub use context::Context;
pub use resolve::{Inputs, config_path, of_entry, resolve};
