//! What holds of every run, whatever a server has answered.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use testkit::contract;
use testkit::sandbox::{Output, Run, Sandbox, files_beneath};

/// How long an attacked login may take, by its `--timeout`.
const LIMIT: Duration = Duration::from_secs(3);
/// How long the servers of a logout may take.
const LOGOUT_LIMIT: Duration = Duration::from_secs(5);
/// How long a login at a good server may take on a busy machine.
const CALM_LIMIT: Duration = Duration::from_secs(40);
/// What a busy machine adds to a limit.
const SLACK: Duration = Duration::from_secs(4);
/// Is said of a run that took longer.
pub(crate) const LATE: &str = "past the deadline";
/// How much memory a run may have at once.
const MOST_MEMORY: u64 = 64 * 1024 * 1024;

/// Runs a command for the context `storm` while its servers are attacked.
#[track_caller]
pub(crate) fn attacked(sandbox: &Sandbox, words: &[&str]) -> Output {
    let output = match words {
        // It has no such option.
        ["logout"] => ended(command(sandbox, words, &[]), LOGOUT_LIMIT, sandbox),
        _ => ended(
            command(sandbox, words, &["--timeout", "3s"]),
            LIMIT,
            sandbox,
        ),
    };
    let slug = outcome(&output);
    let blames_us = slug == "usage" || slug.starts_with("config-");
    assert!(
        !blames_us,
        "a server's answer is no fault of the configuration\n{}",
        output.shown()
    );
    output
}

/// Runs one while they behave.
#[track_caller]
pub(crate) fn calm(sandbox: &Sandbox, words: &[&str]) -> Output {
    ended(
        command(sandbox, words, &["--timeout", "40s"]),
        CALM_LIMIT,
        sandbox,
    )
}

fn command<'a>(sandbox: &'a Sandbox, words: &[&str], limit: &[&str]) -> Run<'a> {
    sandbox.command(&[words, &["-v", "--context", "storm"], limit].concat())
}

/// Runs to the end, and looks at what is left: the outcome is in the contract, in time, within the memory, and no
/// process remains.
#[track_caller]
fn ended(run: Run<'_>, limit: Duration, sandbox: &Sandbox) -> Output {
    let running = run.spawn();
    let session = running.id();
    let output = running.wait();
    let shown = || output.shown();
    assert!(output.elapsed <= limit + SLACK, "{LATE}\n{}", shown());
    assert!(
        output.peak_memory <= MOST_MEMORY,
        "{} KiB of memory\n{}",
        output.peak_memory / 1024,
        shown()
    );
    assert_alone(session);
    match output.status {
        0 => {}
        _ => assert_failed_by_contract(&output),
    }
    assert_state_is_whole(sandbox);
    output
}

/// Names how a run ended: the slug of its error, or `answered`.
pub(crate) fn outcome(output: &Output) -> String {
    slugs(output).pop().unwrap_or_else(|| "answered".to_owned())
}

fn slugs(output: &Output) -> Vec<String> {
    let lines = output.stderr.lines();
    let after = lines.filter_map(|line| line.strip_prefix("kfp-credential: error["));
    let slugs = after.filter_map(|rest| rest.split_once("]: "));
    slugs.map(|(slug, _)| slug.to_owned()).collect()
}

/// Asserts one error, whose exit code is that of its slug, and nothing on stdout.
#[track_caller]
fn assert_failed_by_contract(output: &Output) {
    let shown = output.shown();
    assert_eq!(output.stdout, "", "stdout of a failure\n{shown}");
    let slugs = slugs(output);
    assert_eq!(slugs.len(), 1, "one error\n{shown}");
    assert_ne!(slugs[0], "internal", "a fault of the program\n{shown}");
    let errors = contract::read_json("protocol/errors.json");
    let errors = errors["errors"].as_array().expect("a list").iter();
    let exit = errors
        .clone()
        .find(|error| error["slug"] == slugs[0].as_str());
    let exit = exit.unwrap_or_else(|| panic!("a slug of nobody's\n{shown}"))["exit"].as_i64();
    assert_eq!(exit, Some(output.status.into()), "{shown}");
    assert!(output.stderr.contains("\n  hint: "), "no hint\n{shown}");
    let is_visible = |letter: char| letter == '\n' || !letter.is_control();
    assert!(
        output.stderr.chars().all(is_visible),
        "control characters\n{shown}"
    );
}

/// Asserts that no process of this session lives on (each run is a session of its own).
#[track_caller]
fn assert_alone(session: u32) {
    let start = Instant::now();
    loop {
        let left = members(session);
        if left.is_empty() {
            return;
        }
        // What a run has told to end may take a moment.
        assert!(
            start.elapsed() < Duration::from_secs(2),
            "left behind: {left:?}"
        );
        thread::sleep(Duration::from_millis(10));
    }
}

/// Lists the living processes of a session, by proc(5): pid, name, state, parent, group, session.
fn members(session: u32) -> Vec<String> {
    let session = session.to_string();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let stats =
        processes.filter_map(|process| fs::read_to_string(process.path().join("stat")).ok());
    let is_member = |stat: &String| {
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        let fields: Vec<&str> = fields.split_whitespace().collect();
        fields.get(3) == Some(&session.as_str()) && fields.first() != Some(&"Z")
    };
    stats.filter(is_member).collect()
}

/// Asserts that what rests in the state folder can be read, that no half-written file lies there, and no lock is held.
#[track_caller]
fn assert_state_is_whole(sandbox: &Sandbox) {
    for file in files_beneath(&sandbox.state_folder()) {
        let name = file.display();
        if file
            .parent()
            .is_some_and(|folder| folder.ends_with("locks"))
        {
            let lock = fs::File::open(&file).expect("a lock");
            lock.try_lock()
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            continue;
        }
        let text = fs::read(&file).expect("a file of the state");
        let read: Result<Value, _> = serde_json::from_slice(&text);
        assert!(read.is_ok(), "{name}: {}", String::from_utf8_lossy(&text));
    }
}
