//! Python with what its users of Kubeflow Pipelines have: requests, the kfp SDK, google-auth; and
//! what builds our own package for them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::{Found, install, process};

/// Returns a Python that has requests.
pub fn requests() -> Found<PathBuf> {
    install::python_venv("requests-2.33.0", include_str!("requests/requirements.txt"))
}

/// Returns a Python that has the kfp SDK (and requests).
pub fn kfp() -> Found<PathBuf> {
    install::python_venv("kfp-2.17.3", include_str!("kfp/requirements.txt"))
}

/// Returns a Python that has the kfp SDK of the 1.8 line.
pub fn kfp1() -> Found<PathBuf> {
    install::python_venv("kfp-1.8.22", include_str!("kfp1/requirements.txt"))
}

/// Returns a Python that has google-auth (and requests).
pub fn google_auth() -> Found<PathBuf> {
    let requirements = include_str!("google_auth/requirements.txt");
    install::python_venv("google-auth-2.62.2", requirements)
}

/// Returns a Python that has maturin and zig.
pub fn maturin() -> Found<PathBuf> {
    let requirements = include_str!("maturin/requirements.txt");
    install::python_venv("maturin-1.16.0", requirements)
}

/// Returns a folder with the package maturin, where pip finds it without an index.
pub fn maturin_package() -> Found<PathBuf> {
    let requirements = include_str!("maturin/requirements.txt");
    let lines = requirements.lines();
    let maturin = lines.filter(|line| line.starts_with("maturin=="));
    install::python_packages("maturin-package-1.16.0", &maturin.collect::<String>())
}

/// Is a fresh virtual environment, gone when dropped.
pub struct Environment {
    folder: TempDir,
    base: PathBuf,
}

impl Environment {
    /// Makes one in which everything of `base`, another environment's Python, can be imported.
    pub fn over(base: &Path) -> Self {
        let environment = Self::made_by(base);
        let packages = "import sysconfig; print(sysconfig.get_path('purelib'))";
        let shared = said_by(base, packages);
        let own = said_by(&environment.python(), packages);
        fs::write(Path::new(&own).join("shared.pth"), shared).expect("shared.pth");
        environment
    }

    /// Makes an empty one; `base` is a Python that has pip.
    pub fn made_by(base: &Path) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let environment = Self {
            folder,
            base: base.to_owned(),
        };
        let mut venv = process::command(base);
        venv.args(["-m", "venv", "--without-pip"])
            .arg(environment.folder.path());
        succeed(venv);
        environment
    }

    /// Returns the folder of its programs, Python among them.
    pub fn programs(&self) -> PathBuf {
        self.folder.path().join("bin")
    }

    pub fn python(&self) -> PathBuf {
        self.programs().join("python")
    }

    /// Runs `pip install` for it, with these further arguments, and without an index.
    pub fn install(&self, prepare: impl FnOnce(&mut Command)) {
        let mut pip = process::command(&self.base);
        pip.args(["-m", "pip", "--python"]).arg(self.python());
        pip.args(["install", "--quiet", "--no-index"]);
        prepare(&mut pip);
        succeed(pip);
    }
}

fn said_by(python: &Path, script: &str) -> String {
    let mut command = process::command(python);
    command.args(["-c", script]);
    succeed(command)
}

/// Runs a command that must succeed, and returns what it prints.
pub fn succeed(mut command: Command) -> String {
    let output = command.output().expect("a program that runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{stdout}\n{stderr}");
    stdout.trim_end().to_owned()
}
