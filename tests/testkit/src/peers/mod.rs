//! Real servers and clients for the tests, on loopback: Dex, oauth2-proxy, Envoy, oidc-provider,
//! Hydra, OpenLDAP, Apache with `mod_auth_openidc`, Chromium, gnome-keyring, KeePassXC, kubectl and
//! Python's requests and kfp.
//!
//! [`front_door`] ties the servers into a Kubeflow-like front door, [`stock_door`] into that of a
//! stock Kubeflow with its gateway; the other modules start one peer each. [`install`] builds what
//! comes from a registry, once for a machine; what comes with the system is listed in
//! `debian-packages.txt`. A peer that cannot be had is [`Missing`]: [`needs!`] skips the test there,
//! and fails it where `CI=true`.
//!
//! Every peer has its own port, its own temporary folder and its own log, and ends with its owner.

pub mod actions_core;
pub mod apache;
pub mod chromium;
pub mod clients;
pub mod curl;
pub mod dex;
pub mod envoy;
pub mod front_door;
pub mod google_oauth2;
pub mod hydra;
pub mod install;
pub mod keepassxc;
pub mod keyring;
pub mod kube_apiserver;
pub mod kubectl;
pub mod kubelogin;
pub mod kubernetes_clients;
pub mod oauth2_proxy;
pub mod oidc_provider;
pub mod ports;
pub mod process;
pub mod python;
pub mod screen;
pub mod session_bus;
pub mod slapd;
pub mod stock_door;
pub mod tls;
pub mod visitor;

use std::fmt;
use std::io::Write as _;

/// Names a peer that this machine lacks, and where to get it.
#[derive(Debug)]
pub struct Missing(pub String);

impl Missing {
    pub fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Is what a start gives: a peer, or the name of what is missing.
pub type Found<T> = Result<T, Missing>;

/// Unwraps what a test needs; `None`, with a line on stderr, means that the test is to return.
///
/// Where `CI=true` nothing may be missing.
pub fn require<T>(found: Found<T>) -> Option<T> {
    match found {
        Ok(peer) => Some(peer),
        Err(missing) if std::env::var("CI").is_ok_and(|ci| ci == "true") => {
            panic!("CI must have every peer: {missing}")
        }
        Err(missing) => {
            let thread = std::thread::current();
            let test = thread.name().unwrap_or("a test");
            // Not eprintln!, which the test harness would swallow.
            writeln!(std::io::stderr(), "skipped: needs {missing} ({test})").ok();
            None
        }
    }
}

/// Is the value of a [`Found`], or returns from the test with a word on stderr.
#[macro_export]
macro_rules! needs {
    ($found:expr) => {
        match $crate::peers::require($found) {
            Some(peer) => peer,
            None => return,
        }
    };
}
pub use needs;
