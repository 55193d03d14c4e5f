//! Builds the package as its publisher does: by maturin, with zig for a static binary. And installs it
//! as its users do: by pip, from a wheel or from the checkout.
//!
//! All builds share a target folder outside the checkout, so that only the first one takes minutes, and
//! use the dev profile: what is tested is the packaging.

use std::env::consts::ARCH;
use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use testkit::peers::python::{self, Environment, succeed};
use testkit::peers::{Found, install, process};

pub(crate) const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Is a wheel, and whether its binary is to need nothing of the system.
pub(crate) struct Wheel {
    pub(crate) file: PathBuf,
    pub(crate) is_static: bool,
}

/// Builds the wheel, once for all tests.
pub(crate) fn wheel() -> Found<&'static Wheel> {
    static WHEEL: OnceLock<Wheel> = OnceLock::new();
    let python = python::maturin()?;
    Ok(WHEEL.get_or_init(|| {
        let folder = install::cache().join("python-package-wheels");
        let mut build = maturin(&python, "build");
        build.args(["--profile", "dev", "--out"]).arg(&folder);
        let target = static_target();
        if let Some(target) = &target {
            build.args(["--zig", "--target", target]);
            // A static binary runs beside any libc.
            build.args(["--compatibility", "manylinux2014", "musllinux_1_2"]);
            // No relocations at each start (SECURITY.md).
            build.args(["--", "-Crelocation-model=static"]);
        }
        succeed(build);
        let wheels = fs::read_dir(&folder).expect("the folder of wheels");
        let wheels = wheels.map(|entry| entry.expect("a wheel").path());
        let is_static = |file: &PathBuf| file.to_string_lossy().contains("musllinux");
        let newest = wheels
            .filter(|file| is_static(file) == target.is_some())
            .max_by_key(|file| fs::metadata(file).and_then(|data| data.modified()).ok());
        Wheel {
            file: newest.expect("the wheel that was just built"),
            is_static: target.is_some(),
        }
    }))
}

/// Builds the source distribution and returns the names of its files.
pub(crate) fn files_of_source_distribution() -> Found<Vec<String>> {
    let python = python::maturin()?;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut build = maturin(&python, "sdist");
    build.arg("--out").arg(folder.path());
    succeed(build);
    let script = "import os, sys, tarfile\n\
        [name] = os.listdir(sys.argv[1])\n\
        print('\\n'.join(tarfile.open(os.path.join(sys.argv[1], name)).getnames()))";
    let mut list = process::command(&python);
    list.args(["-c", script]).arg(folder.path());
    let names = succeed(list);
    let inside = names.lines().filter_map(|name| name.split_once('/'));
    Ok(inside.map(|(_, name)| name.to_owned()).collect())
}

/// Makes an environment with what `base` has and the wheel.
pub(crate) fn from_wheel(base: &Path) -> Found<Environment> {
    let wheel = wheel()?;
    let environment = Environment::over(base);
    environment.install(|pip| {
        pip.arg(&wheel.file);
    });
    Ok(environment)
}

/// Makes an environment with what `base` has and `pip install .` of the checkout.
pub(crate) fn from_checkout(base: &Path) -> Found<Environment> {
    let maturin = python::maturin_package()?;
    let environment = Environment::over(base);
    environment.install(|pip| {
        pip.arg(".").arg("--find-links").arg(maturin);
        pip.env("MATURIN_PEP517_ARGS", "--profile dev");
        as_from_a_shell(pip);
    });
    Ok(environment)
}

fn maturin(python: &Path, command: &str) -> Command {
    let programs = python.parent().expect("the environment's programs");
    let mut maturin = process::command(programs.join("maturin"));
    maturin.arg(command);
    let path = as_from_a_shell(&mut maturin);
    // Where it finds zig.
    let folders = std::iter::once(programs.to_owned()).chain(std::env::split_paths(&path));
    let path = std::env::join_paths(folders).expect("a PATH");
    maturin.env("PATH", path);
    maturin
}

/// Runs a build in the checkout as somebody does at a shell. Returns `PATH`.
#[allow(
    clippy::disallowed_methods,
    reason = "what is inherited is to be known and shortened"
)]
fn as_from_a_shell(build: &mut Command) -> OsString {
    testkit::outside::as_from_a_shell(build);
    build.current_dir(ROOT);
    build.env("CARGO_TARGET_DIR", target_folder());
    std::env::var_os("PATH").unwrap_or_default()
}

fn target_folder() -> PathBuf {
    install::cache().join("python-package-target")
}

/// Returns the target of static binaries. This Rust may not have its standard library, and no way to
/// fetch it: then the wheel is built for this system's libc, which is all that the tests lose.
fn static_target() -> Option<String> {
    let target = format!("{ARCH}-unknown-linux-musl");
    let is_there = || {
        let mut rustc = process::command("rustc");
        rustc.args(["--print", "target-libdir", "--target", &target]);
        Path::new(&succeed(rustc)).is_dir()
    };
    if !is_there() {
        let mut rustup = process::command("rustup");
        rustup.args(["target", "add", &target]).output().ok();
    }
    if !is_there() {
        let words = "no static wheel: rustup cannot give";
        writeln!(std::io::stderr(), "{words} {target}").ok();
        return None;
    }
    Some(target)
}
