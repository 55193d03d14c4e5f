//! kubelogin, the credential plugin for OpenID Connect that many Kubernetes users have: a yardstick.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::Found;
use super::dex::{self, Account, Dex};
use super::install::{self, GoPeer};

const PEER: GoPeer = GoPeer {
    name: "kubelogin-1.36.3",
    package: "github.com/int128/kubelogin",
    go_mod: include_str!("kubelogin/go.mod"),
    go_sum: include_str!("kubelogin/go.sum"),
    main: None,
    tags: None,
};

/// Returns the built program.
pub fn kubelogin() -> Found<PathBuf> {
    install::go_peer(&PEER)
}

/// Returns the command that prints a token of a person (static passwords only), from the folder `cache` once it is
/// there.
pub fn get_token(kubelogin: &Path, dex: &Dex, account: Account, cache: &Path) -> [OsString; 9] {
    let option = |name: &str, value: &str| OsString::from(format!("--{name}={value}"));
    [
        kubelogin.into(),
        "get-token".into(),
        "--grant-type=password".into(),
        option("oidc-issuer-url", dex.issuer()),
        option("oidc-client-id", dex::CLIENT_ID),
        option("oidc-client-secret", dex::CLIENT_SECRET),
        option("username", account.login),
        option("password", account.password),
        option("token-cache-dir", &cache.to_string_lossy()),
    ]
}
