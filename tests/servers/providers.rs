//! That providers other than Dex behave as `oidc` counts on.

#![cfg(unix)]

mod browser;
mod hydra;
mod oidc_provider;
