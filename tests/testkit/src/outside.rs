//! Programs that are not ours: those that run ours as users' programs do, in a home, with the binary on `PATH`; and
//! builds.

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;

use super::binary;
use super::sandbox::Sandbox;

/// Gives a program its surroundings and nothing else of this machine's. Its stdin is a file, which is not for us.
pub fn surround(program: &mut Command, home: &Sandbox) {
    let folder = PathBuf::from(binary())
        .parent()
        .expect("a folder")
        .to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder).chain(std::env::split_paths(&path));
    let path = std::env::join_paths(folders.collect::<Vec<_>>()).expect("a PATH");
    let stdin = home.file("stdin", "not for the helper\n");
    program
        .env_clear()
        .env("PATH", path)
        .env("HOME", home.home())
        .current_dir(home.home())
        .stdin(File::open(stdin).expect("the program's stdin"));
}

/// Takes from a build what the Cargo that runs these tests says of their package: build scripts run again where that
/// changes, and most of the crates with them.
pub fn as_from_a_shell(build: &mut Command) {
    let of_a_package = [
        "CARGO_PKG_",
        "CARGO_MANIFEST_",
        "CARGO_BIN_",
        "CARGO_CRATE_",
        "OUT_DIR",
    ];
    for name in std::env::vars_os().map(|(name, _)| name) {
        let text = name.to_string_lossy();
        if of_a_package.iter().any(|start| text.starts_with(start)) {
            build.env_remove(&name);
        }
    }
}
