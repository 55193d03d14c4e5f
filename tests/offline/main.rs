//! What needs nothing but Cargo: the real binary in a home of its own, before servers that live in the process of the
//! test. `cargo test --test offline` runs it.

mod clock;
mod commands;
mod crowds;
mod exec;
mod google_machine;
mod google_user;
mod shapes;
mod storm;
mod vectors;
