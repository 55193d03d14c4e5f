//! A program of golang.org/x/oauth2/google: what Go programs get Google's default credentials with.

use std::path::PathBuf;

use super::Found;
use super::install::{GoPeer, go_peer};

const PEER: GoPeer = GoPeer {
    name: "google-oauth2-0.36.0",
    package: ".",
    go_mod: include_str!("google_oauth2/go.mod"),
    go_sum: include_str!("google_oauth2/go.sum"),
    main: Some(include_str!("google_oauth2/main.go")),
    tags: None,
};

/// Returns a program that prints an access token of the default credentials.
pub fn client() -> Found<PathBuf> {
    go_peer(&PEER)
}
