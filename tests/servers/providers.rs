//! That providers other than Dex behave as `oidc` counts on.

#![cfg(unix)]

mod oidc_provider;
