//! Every environment that a store may meet, one test each, and one table of what comes of it:
//!
//! ```sh
//! cargo test --test servers environments::
//! ```
//!
//! When the last test has ended, the table is printed: environment and store, the outcome, how long the slowest run took,
//! what `-v` says and what `status` says. Nothing in it asks a person, so every run is bounded (`Visit::look`).

#![cfg(target_os = "linux")]

mod hosts;
mod kernel;
mod keyrings;
mod names;
mod namespace;
mod prompts;
mod strangers;
mod table;
mod thief;
mod user;
