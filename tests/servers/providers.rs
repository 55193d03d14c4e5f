//! That providers other than Dex behave as `oidc` counts on.

#![cfg(unix)]

mod browser;
mod oidc_provider;
