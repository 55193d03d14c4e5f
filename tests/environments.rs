//! Every environment that a store may meet, one test each, and one table of what comes of it:
//!
//! ```sh
//! cargo test --test environments
//! ```
//!
//! When the last test has ended, the table is printed: environment and store, the outcome, how long the slowest run took,
//! what `-v` says and what `status` says. Nothing in it asks a person, so every run is bounded (`Visit::look`).

#![cfg(target_os = "linux")]
#![allow(unreachable_pub)] // the modules below are one program

#[path = "environments/hosts.rs"]
mod hosts;
#[path = "environments/kernel.rs"]
mod kernel;
#[path = "environments/keyrings.rs"]
mod keyrings;
#[path = "environments/names.rs"]
mod names;
#[path = "environments/namespace.rs"]
mod namespace;
#[path = "environments/prompts.rs"]
mod prompts;
#[path = "environments/strangers.rs"]
mod strangers;
#[path = "environments/table.rs"]
mod table;
#[path = "environments/thief.rs"]
mod thief;
#[path = "environments/user.rs"]
mod user;
