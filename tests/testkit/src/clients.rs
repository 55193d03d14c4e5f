//! The clients of `protocol/clients` at work: a home, a scripted helper and a scripted server for each vector, and the
//! table of what each client can do.

mod certificate;
pub mod documents;
pub mod driver;
pub mod exec;
pub mod scene;
pub mod stage;
pub mod table;
pub mod vector;
pub mod words;
