//! The clients of `protocol/clients`, each as its conformance driver: a program that reads on stdin what to do with the
//! client, and prints what came of it.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::install::{self, key, on_path, once, program, run_step};
use super::process;
use super::{Found, Missing};

/// Is where Maven keeps the one dependency of the Java client.
const GSON: &str = "maven-repository/com/google/code/gson/gson/2.13.2/gson-2.13.2.jar";

/// For short runs: neither the better compiler nor the better collector is worth its time. Java's own words would be
/// taken for the driver's.
const QUICK_JAVA: [&str; 3] = [
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-Xlog:disable",
];
/// Is a language that has a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Language {
    Python,
    Go,
    JavaScript,
    Java,
    Rust,
}

impl Language {
    pub const ALL: [Self; 5] = [
        Self::Python,
        Self::Go,
        Self::JavaScript,
        Self::Java,
        Self::Rust,
    ];

    /// Returns the client's driver; the first call after a change of the client builds it.
    pub fn driver(self) -> Found<Driver> {
        match self {
            Self::Python => python(),
            Self::Go => go(),
            Self::JavaScript => javascript(),
            Self::Java => java(),
            Self::Rust => Ok(rust()),
        }
    }
}

/// Is how to start a driver.
pub struct Driver {
    program: PathBuf,
    args: Vec<OsString>,
}

impl Driver {
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args);
        command
    }
}

fn python() -> Found<Driver> {
    // What is found may be a starter that needs its user's home.
    let mut command = Command::new(install::python()?);
    command.args(["-c", "import sys; print(sys.executable)"]);
    let output = command.output().expect("Python");
    let program = String::from_utf8_lossy(&output.stdout).trim().into();
    Ok(Driver {
        program,
        // No .pyc files in the checkout.
        args: vec!["-B".into(), folder("python").join("conformance.py").into()],
    })
}

fn go() -> Found<Driver> {
    let go = on_path("go").ok_or_else(|| Missing::new("go"))?;
    let folder = folder("go");
    let product = product("client-go", &folder);
    once(&product, |log| {
        let mut build = process::command(&go);
        build
            .current_dir(&folder)
            .args(["build", "-buildvcs=false", "-o"])
            .args([product.as_os_str(), "./conformance".as_ref()])
            .env("CGO_ENABLED", "0")
            .env("GOWORK", "off");
        run_step("go build of the Go client", build, log)
    })?;
    Ok(Driver {
        program: product,
        args: Vec::new(),
    })
}

fn javascript() -> Found<Driver> {
    Ok(Driver {
        program: program("node", "nodejs")?,
        args: vec![folder("js").join("conformance.mjs").into()],
    })
}

/// Returns the class path of the Java client and its driver.
pub fn java_class_path() -> Found<OsString> {
    let driver = java()?;
    let position = driver.args.iter().position(|word| word == "-cp");
    Ok(driver.args[position.expect("-cp") + 1].clone())
}

fn java() -> Found<Driver> {
    let java = program("java", "openjdk-17-jdk-headless")?;
    let jar = program("jar", "openjdk-17-jdk-headless")?;
    let folder = folder("java");
    let product = product("client-java", &folder);
    let archive = product.join("conformance.jar");
    let classes = product.join("conformance.jsa");
    let class_path = [archive.clone(), install::cache().join(GSON)];
    let class_path = std::env::join_paths(class_path).expect("no colon in the cache's path");
    let run = ["-cp".into(), class_path, "Conformance".into()];
    once(&classes, |log| {
        let build = format!("-DbuildDirectory={}", product.display());
        install::maven(&folder, log, &[&build, "test-compile"])?;
        let mut pack = process::command(&jar);
        pack.current_dir(&product)
            .args(["--create", "--file", "conformance.jar"])
            .args(["-C", "classes", ".", "-C", "test-classes", "."]);
        run_step("jar of the Java client", pack, log)?;
        // Classes that are loaded from such a file save a third of the time that a run takes.
        let task = product.join("task.json");
        fs::write(&task, usual_task().to_string()).expect("a task");
        let mut first = process::command(&java);
        first
            .args(QUICK_JAVA)
            .arg(join("-XX:ArchiveClassesAtExit=", &classes))
            .args(&run)
            .stdin(File::open(&task).expect("the task"));
        run_step("the Java client", first, log)
    })?;
    let quick = QUICK_JAVA.map(OsString::from).into_iter();
    let shared = join("-XX:SharedArchiveFile=", &classes);
    Ok(Driver {
        program: java,
        args: quick.chain([shared]).chain(run).collect(),
    })
}

/// Makes a driver load what most tasks need: it runs a helper, and finds nobody at the endpoint.
fn usual_task() -> Value {
    let document = json!({
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {
            "expirationTimestamp": "9999-12-31T23:59:59Z",
            "headers": {"X-Team": ["a"]},
            "kfp": {"version": 1, "endpoint": "http://127.0.0.1:1"},
        },
    });
    json!({
        "exec": {"command": "printf", "args": ["%s", document.to_string()]},
        "requests": [{"method": "GET", "url": "/"}],
    })
}

fn join(option: &str, path: &Path) -> OsString {
    let mut joined = OsString::from(option);
    joined.push(path);
    joined
}

/// Builds the example in the target folder and profile of this test.
fn rust() -> Driver {
    let this = std::env::current_exe().expect("the path of this program");
    let output = this.ancestors().nth(2).expect("TARGET/PROFILE/deps/NAME");
    let target = output.parent().expect("TARGET");
    let profile = match output.file_name().and_then(OsStr::to_str) {
        None | Some("debug") => "dev",
        Some(profile) => profile,
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(crate::root())
        .args(["build", "--quiet", "--locked", "--profile", profile])
        .args(["--package", "kfp-credential-client"])
        .args(["--example", "conformance", "--target-dir"])
        .arg(target);
    crate::outside::as_from_a_shell(&mut command);
    let built = command.output().expect("cargo");
    let words = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "the Rust client: {words}");
    Driver {
        program: output.join("examples").join("conformance"),
        args: Vec::new(),
    }
}

/// Returns the folder of a client's source.
pub fn folder(language: &str) -> PathBuf {
    crate::root().join("protocol/clients").join(language)
}

/// Names what is built from a folder, by what is in it.
fn product(name: &str, folder: &Path) -> PathBuf {
    let mut texts = Vec::new();
    gather(folder, &mut texts);
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    install::cache().join(format!("{name}-{}", key(&texts)))
}

/// Collects the names and texts of all sources.
fn gather(folder: &Path, texts: &mut Vec<String>) {
    let entries = fs::read_dir(folder).expect("the client's folder");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    for path in paths {
        if path.ends_with("target") {
            continue; // what somebody has built there by hand
        }
        if path.is_dir() {
            gather(&path, texts);
        } else {
            texts.push(path.to_string_lossy().into_owned());
            texts.push(process::read_log(&path));
        }
    }
}
