//! The contract with clients: what they ask ([`request`]), what they get ([`document`]) and in which form
//! ([`mod@format`]). `protocol/README.md` is the specification; this module knows nothing of methods, stores or HTTP.

pub mod document;
pub mod format;
pub mod request;
