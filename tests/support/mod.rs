//! What the tests share: servers that can misbehave, a stand-in of KFP, the embedded front door and
//! the sandbox in which the real binary runs. `quickstart.rs` beside it is an example built from
//! the same parts.
#![allow(dead_code, unreachable_pub)]

pub mod contract;
pub mod dice;
pub mod front_door;
pub mod gate;
pub mod http;
pub mod kfp_api;
pub mod outside;
pub mod players;
pub mod sandbox;
#[cfg(unix)]
pub mod terminal;
#[cfg(unix)]
pub mod transcript;

/// Is the binary that Cargo has built for these tests.
pub const BINARY: &str = env!("CARGO_BIN_EXE_kfp-credential");

impl sandbox::Sandbox {
    /// Makes an empty home for runs of this package's binary.
    pub fn new() -> Self {
        Self::with_binary(BINARY)
    }
}
