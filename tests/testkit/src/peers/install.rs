//! Finds what the system has and builds what a registry has, once for a machine.
//!
//! Builds lie in `$KFP_CREDENTIAL_PEERS`, else in `kfp-credential-peers` of the user's cache
//! folder: outside the checkout, named by what they were made from, so that a changed pin is a new
//! build. A file lock lets parallel test binaries build each peer once.

use std::env;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::process;
use super::{Found, Missing};

/// Is how long a build may take on an empty module cache.
const BUILD_DEADLINE: Duration = Duration::from_secs(40 * 60);

/// Returns the folder of everything that is built or reserved outside the checkout.
pub fn cache() -> PathBuf {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty());
    if let Some(folder) = set("KFP_CREDENTIAL_PEERS") {
        return folder.into();
    }
    let base = set("XDG_CACHE_HOME").map(PathBuf::from);
    let base = base.or_else(|| set("HOME").map(|home| Path::new(&home).join(".cache")));
    base.unwrap_or_else(env::temp_dir)
        .join("kfp-credential-peers")
}

/// Finds a program on `PATH` or where systems keep their servers (which a user's `PATH` lacks).
pub fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let servers = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    env::split_paths(&path)
        .chain(servers)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// Finds a program, or names the Debian package that has it.
pub fn program(name: &str, package: &str) -> Found<PathBuf> {
    on_path(name).ok_or_else(|| Missing::new(format!("{name} (Debian package {package})")))
}

/// Is a program that `go build` makes from a module of ours, which names it at a pinned version, or which is a small
/// `main` around a pinned library.
pub struct GoPeer {
    pub name: &'static str,
    pub package: &'static str,
    pub go_mod: &'static str,
    pub go_sum: &'static str,
    pub main: Option<&'static str>,
    /// What it is to be built with, and with a C compiler.
    pub tags: Option<&'static str>,
}

impl GoPeer {
    /// Returns where it is, once it is built.
    fn product(&self) -> PathBuf {
        let texts = [self.go_mod, self.go_sum].into_iter();
        let texts: Vec<&str> = texts.chain(self.main).chain(self.tags).collect();
        cache().join(format!("{}-{}", self.name, key(&texts)))
    }

    pub fn is_built(&self) -> bool {
        self.product().exists()
    }
}

/// Returns the built program; the first call on a machine takes minutes.
pub fn go_peer(peer: &GoPeer) -> Found<PathBuf> {
    let go = on_path("go").ok_or_else(|| Missing::new("go (1.26 or newer)"))?;
    let product = peer.product();
    once(&product, |log| {
        let module = tempfile::tempdir().expect("a temporary folder");
        fs::write(module.path().join("go.mod"), peer.go_mod).expect("go.mod");
        fs::write(module.path().join("go.sum"), peer.go_sum).expect("go.sum");
        if let Some(main) = peer.main {
            fs::write(module.path().join("main.go"), main).expect("main.go");
        }
        // Beside its final place, so that the rename is atomic.
        let fresh = product.with_extension("new");
        let mut build = process::command(&go);
        build
            .current_dir(module.path())
            .args(["build", "-buildvcs=false", "-tags"])
            .arg(peer.tags.unwrap_or_default())
            .arg("-o")
            .args([fresh.as_os_str(), peer.package.as_ref()])
            .env("CGO_ENABLED", if peer.tags.is_some() { "1" } else { "0" })
            .env("GOFLAGS", "-mod=readonly")
            .env("GOWORK", "off");
        run_step(peer.name, build, log)?;
        fs::rename(fresh, &product).expect("the peer's place in the cache");
        Ok(())
    })?;
    Ok(product)
}

/// Returns the Python of a virtual environment with exactly these requirements.
pub fn python_venv(name: &str, requirements: &str) -> Found<PathBuf> {
    let base = python()?;
    let key = key(&[requirements, &base.to_string_lossy()]);
    let folder = cache().join(format!("{name}-{key}"));
    let python = folder.join("bin").join("python");
    // An environment cannot be renamed: a file made last says that it is whole.
    let whole = folder.join("whole");
    once(&whole, |log| {
        fs::remove_dir_all(&folder).ok();
        let mut venv = process::command(&base);
        venv.args(["-m", "venv"]).arg(&folder);
        run_step("python3 -m venv (Debian package python3-venv)", venv, log)?;
        let list = folder.join("requirements.txt");
        fs::write(&list, requirements).expect("requirements.txt");
        let mut pip = process::command(&python);
        // Every package is pinned, and kfp asks for one that the index may not have yet.
        pip.args(["-m", "pip", "install", "--no-deps", "--quiet", "-r"])
            .arg(&list);
        run_step(&format!("pip install of {name}"), pip, log)?;
        File::create(&whole).expect("the mark of a whole environment");
        Ok(())
    })?;
    Ok(python)
}

/// Is a folder that a package manager or a compiler fills: its name and the files that it starts with.
pub struct FolderPeer {
    pub name: &'static str,
    pub files: &'static [(&'static str, &'static str)],
}

/// Returns the folder, filled by `fill`, which gets the folder and the log.
pub fn folder_peer(
    peer: &FolderPeer,
    fill: impl FnOnce(&Path, &Path) -> Found<()>,
) -> Found<PathBuf> {
    let texts: Vec<&str> = peer.files.iter().map(|(_, text)| *text).collect();
    let folder = cache().join(format!("{}-{}", peer.name, key(&texts)));
    let whole = folder.join("whole");
    once(&whole, |log| {
        fs::remove_dir_all(&folder).ok();
        for (name, text) in peer.files {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder of the cache");
            fs::write(path, text).expect("a file of the cache");
        }
        fill(&folder, log)?;
        File::create(&whole).expect("the mark of a whole folder");
        Ok(())
    })?;
    Ok(folder)
}

/// Installs the packages of a folder's `package-lock.json`.
pub fn npm(folder: &Path, log: &Path) -> Found<()> {
    let mut npm = process::command(program("npm", "npm")?);
    npm.current_dir(folder)
        .args(["ci", "--omit=dev", "--ignore-scripts"])
        .args(["--no-audit", "--no-fund"]);
    run_step("npm ci", npm, log)
}

/// Builds a folder's Cargo package for development, from its `Cargo.lock`, and keeps nothing but its program.
pub fn cargo(folder: &Path, log: &Path, program: &str) -> Found<()> {
    let cargo = on_path("cargo").ok_or_else(|| Missing::new("cargo"))?;
    let target = folder.join("target");
    let mut build = process::command(cargo);
    build
        .current_dir(folder)
        .args(["build", "--quiet", "--locked"])
        .env("CARGO_TARGET_DIR", &target)
        .env("CARGO_INCREMENTAL", "0");
    run_step("cargo build", build, log)?;
    let made = target.join("debug").join(program);
    fs::rename(made, folder.join(program)).expect("the program that cargo has built");
    fs::remove_dir_all(target).expect("what it was built from");
    Ok(())
}

/// Runs Maven in a folder, on a local repository of the cache's own: one at a time, as Maven does not see to that.
pub fn maven(folder: &Path, log: &Path, goals: &[&str]) -> Found<()> {
    let mvn = program("mvn", "maven")?;
    let repository = cache().join("maven-repository");
    let lock = File::create(repository.with_extension("lock")).expect("a lock file");
    lock.lock().expect("the lock of Maven's repository");
    let mut command = process::command(mvn);
    command
        .current_dir(folder)
        .args(["--batch-mode", "--quiet"])
        .arg(format!("-Dmaven.repo.local={}", repository.display()))
        .args(goals);
    run_step("mvn", command, log)
}

/// Returns a folder of these packages as files, for a pip that is to ask no index.
pub fn python_packages(name: &str, requirements: &str) -> Found<PathBuf> {
    let base = python()?;
    let key = key(&[requirements, &base.to_string_lossy()]);
    let folder = cache().join(format!("{name}-{key}"));
    let whole = folder.join("whole");
    once(&whole, |log| {
        fs::create_dir_all(&folder).expect("a folder of packages");
        let list = folder.join("requirements.txt");
        fs::write(&list, requirements).expect("requirements.txt");
        let mut pip = process::command(&base);
        pip.args(["-m", "pip", "download", "--no-deps", "--quiet", "-r"])
            .arg(&list)
            .arg("--dest")
            .arg(&folder);
        run_step(&format!("pip download of {name}"), pip, log)?;
        File::create(&whole).expect("the mark of a whole folder");
        Ok(())
    })?;
    Ok(folder)
}

/// Finds a Python that the pinned packages are known to work with.
pub fn python() -> Found<PathBuf> {
    let new_enough = |python: &PathBuf| {
        let check = "import sys; sys.exit(sys.version_info < (3, 11))";
        let tried = Command::new(python).args(["-c", check]).output();
        tried.is_ok_and(|output| output.status.success())
    };
    ["python3.11", "python3"]
        .into_iter()
        .filter_map(on_path)
        .find(new_enough)
        .ok_or_else(|| Missing::new("python3.11 (Debian packages python3 and python3-venv)"))
}

/// Makes `product` unless it is there; one process at a time.
pub(super) fn once(product: &Path, make: impl FnOnce(&Path) -> Found<()>) -> Found<()> {
    if product.exists() {
        return Ok(());
    }
    let folder = cache();
    fs::create_dir_all(&folder).expect("the cache of peers");
    let inside = product.strip_prefix(&folder).expect("a path of the cache");
    let name = inside.to_string_lossy().replace('/', "-");
    let lock = File::create(folder.join(format!("{name}.lock"))).expect("a lock file");
    lock.lock().expect("the lock of a build");
    if product.exists() {
        return Ok(());
    }
    let log = folder.join(format!("{name}.log"));
    fs::write(&log, "").expect("a build log");
    let start = Instant::now();
    make(&log)?;
    let seconds = start.elapsed().as_secs();
    // Not eprintln!, which the test harness would swallow.
    writeln!(io::stderr(), "made {name} in {seconds} s").ok();
    Ok(())
}

pub(super) fn run_step(name: &str, command: Command, log: &Path) -> Found<()> {
    let outcome = match process::run(name, command, log, BUILD_DEADLINE) {
        Ok(status) if status.success() => return Ok(()),
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    };
    let text = process::read_log(log);
    let lines: Vec<&str> = text.lines().collect();
    let tail = lines[lines.len().saturating_sub(12)..].join("\n");
    Err(Missing::new(format!("{name}: {outcome}\n{tail}\n")))
}

/// Names a build by its inputs; a toolchain that hashes in another way only builds again.
pub(super) fn key(inputs: &[&str]) -> String {
    let mut hasher = DefaultHasher::new();
    inputs.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
