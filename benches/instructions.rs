//! How many instructions an answer without a login takes, as valgrind's callgrind counts them:
//!
//! ```sh
//! cargo bench --bench instructions                           # prints, beside what is kept
//! cargo bench --bench instructions -- --check                # a growth above 10 % fails
//! cargo bench --bench instructions -- --write                # keeps what was counted
//! cargo bench --profile dev --bench instructions -- --check  # the same for the binary of the tests
//! ```
//!
//! The count is the same on a busy machine (its spread is below 0.1 %: hash tables are seeded anew in every run), so
//! unlike a time it can be compared with what was counted elsewhere. It changes with the compiler and the C library:
//! `instructions.json` keeps one for each of their pairs, by machine and profile, and an unknown pair only prints.
#![allow(clippy::print_stdout, clippy::print_stderr)] // printing is what it is for
#![allow(clippy::disallowed_methods)] // reads CI

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use serde::{Deserialize, Serialize};

use testkit::binary;
use testkit::front_door::{FrontDoor, Options, PASSWORD, USER};
use testkit::kfp_api;
use testkit::sandbox::Sandbox;

/// Is how much a count may be of the one that is kept.
const GROWTH: f64 = 1.10;
const AUDIENCE: &str = "pipelines.kubeflow.org";

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let wants = |option: &str| env::args().any(|argument| argument == option);
    match run(wants("--check"), wants("--write")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("instructions: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(check: bool, write: bool) -> Result<()> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        if env::var("CI").is_ok_and(|ci| ci == "true") {
            return Err("CI must have valgrind (Debian package valgrind)".into());
        }
        println!("not measured: needs valgrind (Debian package valgrind)");
        return Ok(());
    }
    let pair = Pair::of_this_machine()?;
    let counts = count()?;
    println!("Instructions: {pair:?}");
    let mut kept = read()?;
    let known = kept.iter().find(|entry| entry.pair == pair);
    let grown = compare(&counts, known.map(|entry| &entry.counts));
    if write {
        kept.retain(|entry| entry.pair != pair);
        kept.push(Entry { pair, counts });
        fs::write(file(), serde_json::to_string_pretty(&kept)? + "\n")?;
    } else if check && grown {
        return Err(
            "a count has grown by more than 10 % (`-- --write` keeps a growth that is worth it)"
                .into(),
        );
    }
    Ok(())
}

/// Prints a line for each count; tells whether one has grown too much.
fn compare(counts: &Counts, kept: Option<&Counts>) -> bool {
    let Counts {
        token_file,
        file_store,
    } = *counts;
    let mut grown = false;
    for (name, count, before) in [
        (
            "get, token file",
            token_file,
            kept.map(|kept| kept.token_file),
        ),
        (
            "get, file store",
            file_store,
            kept.map(|kept| kept.file_store),
        ),
    ] {
        let Some(before) = before else {
            println!("  {name}: {count}; none is kept for this compiler and C library");
            continue;
        };
        let ratio = f64::from(count) / f64::from(before);
        println!("  {name}: {count}, {ratio:.3} x the {before} that are kept");
        grown |= ratio > GROWTH;
    }
    grown
}

// ------------------------------------------------------------------- counts

/// Is what was counted.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Counts {
    token_file: u32,
    file_store: u32,
}

fn count() -> Result<Counts> {
    let door = FrontDoor::start(Options::default());
    let sandbox = Sandbox::new();
    let token = kfp_api::service_account_token(AUDIENCE, 3600);
    let token = sandbox.file("token", token);
    let endpoint = door.endpoint();
    sandbox.config(&format!(
        r#"
apiVersion: kfp-credential/v1
kind: Config
contexts:
  - name: token
    endpoint: {endpoint}
    token-file: {{ path: "{}", audience: {AUDIENCE} }}
  - name: stored
    endpoint: {endpoint}
    store: file
    dex: {{ username: {USER}, password: {{ env: KF_PASSWORD }} }}
"#,
        token.display()
    ));
    sandbox.env("KF_PASSWORD", PASSWORD);
    let login = sandbox.run(&["get", "--context", "stored"]);
    if login.status != 0 || door.logins() != 1 {
        return Err(login.stderr.into());
    }
    let counts = Counts {
        token_file: instructions(&sandbox, "token")?,
        file_store: instructions(&sandbox, "stored")?,
    };
    if door.logins() != 1 {
        return Err("the stored session was not answered".into());
    }
    Ok(counts)
}

/// Counts what `get` takes for a context.
fn instructions(sandbox: &Sandbox, context: &str) -> Result<u32> {
    let file = sandbox.home().join("callgrind.out");
    let out = format!("--callgrind-out-file={}", file.display());
    let command = ["--quiet", "--tool=callgrind", &out, binary()];
    let arguments = [&command[..], &["get", "--context", context]].concat();
    let output = sandbox.command(&arguments).by(Path::new("valgrind")).run();
    if output.status != 0 {
        return Err(output.stderr.into());
    }
    let profile = fs::read_to_string(file)?;
    let mut lines = profile.lines();
    let total = lines.find_map(|line| line.strip_prefix("totals: "));
    Ok(total.ok_or("callgrind gave no total")?.trim().parse()?)
}

// -------------------------------------------------------------- what is kept

/// Is what a count depends on beside the program itself.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Pair {
    machine: String,
    rustc: String,
    libc: String,
    profile: String,
}

impl Pair {
    fn of_this_machine() -> Result<Self> {
        let libc = if cfg!(target_env = "gnu") {
            said("getconf", "GNU_LIBC_VERSION")?
        } else {
            "the compiler's own".into()
        };
        let rustc = said("rustc", "--version")?;
        let version = rustc.split(' ').nth(1).ok_or("rustc tells no version")?;
        let profile = if cfg!(debug_assertions) {
            "dev"
        } else {
            "release"
        };
        Ok(Self {
            machine: env::consts::ARCH.into(),
            rustc: version.into(),
            libc,
            profile: profile.into(),
        })
    }
}

fn said(program: &str, argument: &str) -> Result<String> {
    let output = Command::new(program).arg(argument).output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

#[derive(Serialize, Deserialize)]
struct Entry {
    #[serde(flatten)]
    pair: Pair,
    counts: Counts,
}

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/instructions.json")
}

fn read() -> Result<Vec<Entry>> {
    Ok(serde_json::from_str(&fs::read_to_string(file())?)?)
}
