//! What the ways share that log in at an authorization server: OAuth 2.0 (RFC 6749) and OpenID Connect.
//!
//! Nothing here knows a provider. Its addresses, its name for people, the client, the scopes and whatever else it wants
//! are the caller's.

pub mod loopback;
pub mod refusal;
pub mod response;
