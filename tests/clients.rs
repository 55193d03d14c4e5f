//! The clients of `protocol/clients` in their five languages, and a toy helper, held to the vectors of
//! `protocol/vectors` and to each other; `protocol/vectors/README.md` says what the vectors mean.
//!
//! `cargo test --test clients` prints a table of what each client can do, made from the runs that it has just made.
//! With `KFP_CREDENTIAL_VECTORS_ONLY=NAME` one vector only is played.

#[path = "clients/contract.rs"]
mod contract;
#[path = "clients/documents.rs"]
mod documents;
#[path = "clients/exec.rs"]
mod exec;
#[path = "clients/guide.rs"]
mod guide;
#[path = "clients/own.rs"]
mod own;
#[path = "clients/real.rs"]
mod real;
#[path = "clients/table.rs"]
mod table;
#[path = "clients/toy.rs"]
mod toy;
