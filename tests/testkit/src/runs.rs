//! The run vectors of `protocol/vectors`: whole runs of a helper, told as data. `protocol/vectors/README.md` says what
//! they mean.

pub mod format;
pub mod pattern;
pub mod script;
pub mod stage;
