//! What the tests and benchmarks share: the sandbox in which the real binary runs, servers that can misbehave, a
//! stand-in of KFP, the embedded front door, real peers and Google's stand-ins.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`sandbox`] | a home of its own for every run of the binary |
//! | [`http`], [`gate`], [`kfp_api`] | servers of the test's own |
//! | [`front_door`] | Dex and oauth2-proxy as a stand-in, in the process of the test |
//! | [`google`] | Google's servers as stand-ins |
//! | [`ec_key`] | a key that signs ES256 |
//! | [`oauth`] | words that every client of OAuth needs |
//! | [`machines`] | who says who a machine is: a CI's runner, a cluster |
//! | [`peers`] | real servers and clients, built or installed once for a machine |
//! | [`clients`] | the clients of `protocol/clients` at work |
//! | [`runs`] | the run vectors of `protocol/vectors` at work |
//! | [`contract`], [`transcript`] | what is written in `protocol/` and in documents |
//!
//! It is a crate so that it is compiled once, not once for each program that uses it.

#[cfg(unix)]
pub mod bases;
pub mod clients;
pub mod contract;
pub mod dice;
pub mod ec_key;
pub mod front_door;
pub mod gate;
pub mod google;
pub mod http;
pub mod kfp_api;
pub mod machines;
pub mod oauth;
pub mod outside;
#[cfg(unix)]
pub mod peers;
pub mod players;
#[cfg(unix)]
pub mod runs;
pub mod sandbox;
#[cfg(unix)]
pub mod terminal;
#[cfg(unix)]
pub mod transcript;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// Returns the path of the binary that Cargo has built for the running test or benchmark.
///
/// A crate of its own is not told by `env!`. Cargo tells it at run time, or the binary lies beside the folder of the
/// program that runs: `TARGET/PROFILE/deps/NAME`.
pub fn binary() -> &'static str {
    static BINARY: LazyLock<String> = LazyLock::new(|| {
        let told = std::env::var("CARGO_BIN_EXE_kfp-credential").ok();
        told.unwrap_or_else(|| {
            let this = std::env::current_exe().expect("the path of this program");
            let folder = this.ancestors().nth(2).expect("TARGET/PROFILE/deps/NAME");
            let name = format!("kfp-credential{}", std::env::consts::EXE_SUFFIX);
            let binary = folder.join(name);
            assert!(binary.is_file(), "{} is not built", binary.display());
            binary
                .into_os_string()
                .into_string()
                .expect("a path in UTF-8")
        })
    });
    &BINARY
}

/// Returns the folder of the checkout.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors()
        .nth(2)
        .expect("ROOT/tests/testkit")
        .to_owned()
}

impl sandbox::Sandbox {
    /// Makes an empty home for runs of this package's binary.
    pub fn new() -> Self {
        Self::with_binary(binary())
    }
}
