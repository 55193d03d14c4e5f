//! What holds of the repository: the contract, what the documents say, the dependencies, and the files of the tests.

mod contract;
mod dependencies;
mod files;
mod layers;
mod readme;
