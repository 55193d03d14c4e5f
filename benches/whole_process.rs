//! What a run of `kfp-credential` costs, as a whole process and beside others:
//!
//! ```sh
//! cargo bench --bench whole_process            # release binaries; needs the peers of the tests
//! cargo bench --bench whole_process -- --once  # one round: does everything still work?
//! ```
//!
//! 1. A stored credential is read back: beside `/bin/true`, which is what any process costs.
//! 2. The same from a keyring: beside `secret-tool lookup` (only where there is gnome-keyring).
//! 3. A cold login at real servers (oauth2-proxy with its sign-in page, Dex, a directory): beside
//!    Python's `requests` (`login.py`) and curl (`login.sh`), which make the same requests. A
//!    directory, as Dex takes 50 ms and more of everybody's time to check a password of its own.
//!
//! The commands of a group run one after the other, round by round, in an order that turns about;
//! a ratio is taken within a round, and what is printed is the median of the ratios with their
//! quartiles. So what else the machine does meets both sides, and the ratio holds where the
//! milliseconds do not. A missed target is printed and fails nothing; a failed command fails.
//!
//! Each run has a small parent of its own (this program again, with `--measure`): the kernel counts
//! processor time and the largest resident set for all children of a process together.
#![allow(clippy::print_stdout, clippy::print_stderr)] // printing is what it is for
#![allow(clippy::disallowed_methods)] // hands PATH on

#[path = "../tests/peers/mod.rs"]
mod peers;
#[path = "../tests/support/mod.rs"]
mod support;

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use tempfile::TempDir;

use peers::front_door::RealDoor;
use peers::keyring::{Keyring, State};
use peers::{Found, install, python, slapd};
use support::kfp_api;

const STORED_ROUNDS: usize = 50;
const LOGIN_ROUNDS: usize = 15;
const AUDIENCE: &str = "pipelines.kubeflow.org";

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    let done = match arguments.split_first() {
        Some((first, command)) if first == "--measure" => measure(command),
        _ => bench(arguments.iter().any(|argument| argument == "--once")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("whole_process: {why}");
            ExitCode::FAILURE
        }
    }
}

fn bench(once: bool) -> Result<()> {
    let rounds = |usual| if once { 1 } else { usual };
    println!(
        "Whole processes: medians. Ratios are taken round by round: their median (quartiles)."
    );
    if cfg!(debug_assertions) {
        println!("This is no release build: its figures mean nothing, and no target is looked at.");
    }
    let door = need(RealDoor::ldap())?;
    let home = Home::new(&door)?;
    stored(&home, rounds(STORED_ROUNDS))?;
    keyring(&home, rounds(STORED_ROUNDS))?;
    login(&home, &door, rounds(LOGIN_ROUNDS))
}

fn need<T>(found: Found<T>) -> Result<T> {
    Ok(found.map_err(|missing| format!("needs {missing}"))?)
}

// ------------------------------------------------------------------ groups

fn stored(home: &Home, rounds: usize) -> Result<()> {
    let environment = home.environment();
    let spawn = Contender::new("/bin/true", ["/bin/true"]);
    let get = Contender::helper("get, file store", "file");
    let token = Contender::helper("get, token file", "token");
    get.run(&environment)?; // logs in and stores
    let group = [spawn, get, token];
    let group = Group::race("A stored credential", group, &environment, rounds)?;
    group.compare(1, 0, Some(Target::at_most(3.0, Cost::Wall)));
    group.compare(2, 0, None);
    Ok(())
}

fn keyring(home: &Home, rounds: usize) -> Result<()> {
    let program = install::program("secret-tool", "libsecret-tools");
    let found = program.and_then(|program| Ok((program, Keyring::start(State::Unlocked)?)));
    let (secret_tool, keyring) = match found {
        Ok(found) => found,
        Err(missing) => {
            println!("\nA credential in the keyring: not measured, needs {missing}");
            return Ok(());
        }
    };
    let mut environment = home.environment();
    environment.extend(keyring.environment());
    let secret_tool = secret_tool.to_string_lossy();
    let store = r#"printf secret | "$0" store --label=bench bench whole_process"#;
    let store = ["/bin/sh", "-c", store, &secret_tool];
    Contender::new("secret-tool store", store).run(&environment)?;

    let lookup = [&secret_tool, "lookup", "bench", "whole_process"];
    let lookup = Contender::new("secret-tool lookup", lookup);
    let get = Contender::helper("get, keyring", "keyring");
    get.run(&environment)?; // logs in and stores
    let title = "A credential in the keyring";
    let group = Group::race(title, [lookup, get], &environment, rounds)?;
    group.compare(1, 0, Some(Target::at_most(0.4, Cost::Wall)));
    Ok(())
}

fn login(home: &Home, door: &RealDoor, rounds: usize) -> Result<()> {
    let environment = home.environment();
    let python = need(python::requests())?;
    let benches = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches");
    let jar = home.folder.path().join("jar");
    let user: [OsString; 3] = [
        door.endpoint().into(),
        slapd::USER.login.into(),
        home.password().into(),
    ];
    let python = [python, benches.join("login.py")].map(OsString::from);
    let curl = [PathBuf::from("/bin/sh"), benches.join("login.sh")].map(OsString::from);
    let group = [
        Contender::helper("get, no store", "cold"),
        Contender::new("Python, requests", python.iter().chain(&user)),
        Contender::new("curl, twice", curl.iter().chain(&user).chain([&jar.into()])),
    ];
    let mut traffic = Vec::new();
    for contender in &group {
        let before = Traffic::at(door);
        contender.run(&environment)?;
        let made = Traffic::at(door).since(&before);
        traffic.push(format!("  {}: {made}", contender.name));
    }
    let group = Group::race("A cold login, LDAP", group, &environment, rounds)?;
    println!("{}", traffic.join("\n"));
    group.compare(0, 1, Some(Target::below(0.5, Cost::Wall)));
    group.compare(0, 2, Some(Target::below(1.0, Cost::Processor)));
    Ok(())
}

/// Counts requests, to show that clients do the same work.
struct Traffic {
    door: usize,
    dex: usize,
    application: usize,
}

impl Traffic {
    fn at(door: &RealDoor) -> Self {
        // oauth2-proxy logs each request, with its protocol, after it; its log comes first.
        thread::sleep(Duration::from_millis(100));
        let logs = door.logs();
        let of_proxy = logs.split("\n== ").next().unwrap_or_default();
        Self {
            door: of_proxy.matches(" HTTP/1.1 \"").count(),
            dex: door.recorder().requests().len(),
            application: door.upstream().requests().len(),
        }
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            door: self.door - before.door,
            dex: self.dex - before.dex,
            application: self.application - before.application,
        }
    }
}

impl fmt::Display for Traffic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            door,
            dex,
            application,
        } = self;
        write!(
            formatter,
            "{door} requests, {dex} of them to Dex, {application} to the application"
        )
    }
}

// -------------------------------------------------------------- contenders

/// Is a home with a configuration, a password file and a token file.
struct Home {
    folder: TempDir,
}

impl Home {
    fn new(door: &RealDoor) -> io::Result<Self> {
        let home = Self {
            folder: TempDir::new()?,
        };
        let (endpoint, username) = (door.endpoint(), slapd::USER.login);
        let (password, token) = (home.password(), home.folder.path().join("token"));
        let (password_shown, token_shown) = (password.display(), token.display());
        let session = |name: &str, store: &str| {
            format!(
                r#"
  - name: {name}
    endpoint: {endpoint}
    store: {store}
    dex: {{ username: {username}, password: {{ file: "{password_shown}" }} }}"#
            )
        };
        let config = format!(
            r#"
apiVersion: kfp-credential/v1
kind: Config
contexts:
  - name: token
    endpoint: {endpoint}
    token-file: {{ path: "{token_shown}", audience: {AUDIENCE} }}{}{}{}
"#,
            session("file", "file"),
            session("keyring", "keyring"),
            session("cold", "none"),
        );
        let folder = home.folder.path().join("kfp-credential");
        fs::create_dir(&folder)?;
        fs::write(folder.join("config.yaml"), config)?;
        fs::write(&password, slapd::USER.password)?;
        fs::set_permissions(&password, Permissions::from_mode(0o600))?;
        fs::write(&token, kfp_api::service_account_token(AUDIENCE, 3600))?;
        Ok(home)
    }

    fn password(&self) -> PathBuf {
        self.folder.path().join("password")
    }

    fn environment(&self) -> Environment {
        let folders = ["HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"];
        let folders = folders.map(|name| (name, self.folder.path().into()));
        let path = env::var_os("PATH").unwrap_or_default();
        [("PATH", path)].into_iter().chain(folders).collect()
    }
}

/// Is all of the environment of a run.
type Environment = Vec<(&'static str, OsString)>;

/// Is a command to run.
struct Contender {
    name: &'static str,
    command: Vec<OsString>,
}

impl Contender {
    fn new(name: &'static str, command: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        let command = command.into_iter().map(Into::into).collect();
        Self { name, command }
    }

    fn helper(name: &'static str, context: &str) -> Self {
        Self::new(name, [support::BINARY, "get", "--context", context])
    }

    fn run(&self, environment: &Environment) -> Result<Sample> {
        let output = Command::new(env::current_exe()?)
            .arg("--measure")
            .args(&self.command)
            .env_clear()
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .output()?;
        let report = String::from_utf8_lossy(&output.stdout);
        let sample = Sample::parse(&report).filter(|_| output.status.success());
        sample.ok_or_else(|| {
            let words = String::from_utf8_lossy(&output.stderr);
            format!("{}: {words}", self.name).into()
        })
    }
}

/// Is what one run has cost.
struct Sample {
    /// Milliseconds from its start to its end.
    wall: f64,
    /// Milliseconds of processor time, user and system, of the command and all that it started.
    processor: f64,
    /// The largest resident set among them, in MiB.
    memory: f64,
}

#[derive(Clone, Copy)]
enum Cost {
    Wall,
    Processor,
    Memory,
}

impl Sample {
    fn of(&self, cost: Cost) -> f64 {
        match cost {
            Cost::Wall => self.wall,
            Cost::Processor => self.processor,
            Cost::Memory => self.memory,
        }
    }

    /// Reads what [`measure`] has printed: microseconds twice, and KiB.
    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text
            .split_whitespace()
            .filter_map(|number| number.parse().ok())
            .map(|number: u32| f64::from(number));
        Some(Self {
            wall: numbers.next()? / 1e3,
            processor: numbers.next()? / 1e3,
            memory: numbers.next()? / 1024.0,
        })
    }
}

/// Runs a command and prints what it has cost.
fn measure(command: &[OsString]) -> Result<()> {
    let (program, arguments) = command.split_first().ok_or("--measure needs a command")?;
    let mut command = Command::new(program);
    command.args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let start = Instant::now();
    let status = command.status()?;
    let wall = start.elapsed().as_micros();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    if !status.success() {
        return Err(status.to_string().into());
    }
    let processor = usage.user_time() + usage.system_time();
    println!(
        "{wall} {} {}",
        processor.num_microseconds(),
        usage.max_rss()
    );
    Ok(())
}

// ----------------------------------------------------------------- figures

/// Is what contenders have cost, round by round.
struct Group {
    contenders: Vec<Contender>,
    rounds: Vec<Vec<Sample>>,
}

impl Group {
    /// Runs them and prints a line for each.
    fn race<const N: usize>(
        title: &str,
        contenders: [Contender; N],
        environment: &Environment,
        rounds: usize,
    ) -> Result<Self> {
        let mut group = Self {
            contenders: contenders.into(),
            rounds: Vec::new(),
        };
        for round in 0..rounds {
            let mut order: Vec<usize> = (0..N).collect();
            order.rotate_left(round % N);
            if round / N % 2 == 1 {
                order.reverse();
            }
            let mut samples: Vec<(usize, Sample)> = Vec::new();
            for contender in order {
                let sample = group.contenders[contender].run(environment)?;
                samples.push((contender, sample));
            }
            samples.sort_by_key(|(contender, _)| *contender);
            let samples = samples.into_iter().map(|(_, sample)| sample);
            group.rounds.push(samples.collect());
        }
        let title = format!("{title} ({rounds} rounds)");
        println!(
            "\n{title:<42}{:>10}{:>10}{:>10}",
            "wall ms", "CPU ms", "peak MiB"
        );
        for (index, contender) in group.contenders.iter().enumerate() {
            let [wall, processor, memory] =
                [Cost::Wall, Cost::Processor, Cost::Memory].map(|cost| {
                    let costs = group.rounds.iter().map(|round| round[index].of(cost));
                    Quartiles::of(costs.collect()).median
                });
            let name = contender.name;
            println!("  {name:<40}{wall:>10.2}{processor:>10.2}{memory:>10.1}");
        }
        Ok(group)
    }

    /// Prints the ratio of two contenders, and what became of the target.
    fn compare(&self, ours: usize, theirs: usize, target: Option<Target>) {
        let ratio = |cost| {
            let rounds = self.rounds.iter();
            let ratios = rounds.map(|round| round[ours].of(cost) / round[theirs].of(cost));
            Quartiles::of(ratios.collect())
        };
        let [ours, theirs] = [ours, theirs].map(|index| self.contenders[index].name);
        let (wall, processor) = (ratio(Cost::Wall), ratio(Cost::Processor));
        println!("  {ours} / {theirs}: wall {wall}, CPU {processor}");
        if let Some(target) = target.filter(|_| !cfg!(debug_assertions)) {
            let met = target.is_met_by(ratio(target.cost).median);
            println!(
                "    target: {target}: {}",
                if met { "met" } else { "missed" }
            );
        }
    }
}

/// Is the middle half of some figures.
struct Quartiles {
    first: f64,
    median: f64,
    third: f64,
}

impl Quartiles {
    fn of(mut figures: Vec<f64>) -> Self {
        figures.sort_by(f64::total_cmp);
        let at = |quarters: usize| figures[(figures.len() - 1) * quarters / 4];
        Self {
            first: at(1),
            median: at(2),
            third: at(3),
        }
    }
}

impl fmt::Display for Quartiles {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            first,
            median,
            third,
        } = self;
        write!(formatter, "{median:.2} ({first:.2} to {third:.2})")
    }
}

/// Is what a ratio should be.
struct Target {
    limit: f64,
    /// The limit itself is good enough.
    inclusive: bool,
    cost: Cost,
}

impl Target {
    fn at_most(limit: f64, cost: Cost) -> Self {
        Self {
            limit,
            inclusive: true,
            cost,
        }
    }

    fn below(limit: f64, cost: Cost) -> Self {
        Self {
            inclusive: false,
            ..Self::at_most(limit, cost)
        }
    }

    fn is_met_by(&self, ratio: f64) -> bool {
        ratio < self.limit || (self.inclusive && ratio <= self.limit)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cost = match self.cost {
            Cost::Wall => "wall",
            Cost::Processor => "CPU",
            Cost::Memory => "memory",
        };
        let bound = if self.inclusive { "at most" } else { "below" };
        write!(formatter, "{cost} {bound} {:.1}", self.limit)
    }
}
