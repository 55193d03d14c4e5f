//! Runs commands against one another, as whole processes.
//!
//! The commands of a group run one after the other, round by round, in an order that turns about; a ratio is taken
//! within a round, and what is printed is the median of the ratios with their quartiles. So what else the machine does
//! meets both sides, and the ratio holds where the milliseconds do not.
//!
//! Each run has a small parent of its own (this program again, with `--measure`): the kernel counts processor time and
//! the largest resident set for all children of a process together. That set is never below the parent's own, which a
//! child has until it executes its program: 2.3 MiB, what `/bin/true` shows. Above that it is the command's, its pages
//! of the program file and of shared libraries with it.

use std::env;
use std::ffi::OsString;
use std::process::{Command, Stdio};
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;

use super::Result;
use super::targets::{Bound, Quartiles, Targets};

/// Is all of the environment of a run.
pub(crate) type Environment = Vec<(&'static str, OsString)>;

/// Is a command to run.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    command: Vec<OsString>,
    environment: Environment,
}

impl Contender {
    pub(crate) fn new(
        name: &'static str,
        command: impl IntoIterator<Item = impl Into<OsString>>,
        environment: Environment,
    ) -> Self {
        Self {
            name,
            command: command.into_iter().map(Into::into).collect(),
            environment,
        }
    }

    /// Gives it another environment.
    pub(crate) fn within(self, environment: Environment) -> Self {
        Self {
            environment,
            ..self
        }
    }

    pub(crate) fn run(&self) -> Result<Sample> {
        let output = Command::new(env::current_exe()?)
            .arg("--measure")
            .args(&self.command)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
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
pub(crate) struct Sample {
    /// Milliseconds from its start to its end.
    wall: f64,
    /// Milliseconds of processor time, user and system, of the command and all that it started.
    processor: f64,
    /// The largest resident set among them, in MiB.
    memory: f64,
}

#[derive(Clone, Copy)]
pub(crate) enum Cost {
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
pub(crate) fn measure(command: &[OsString]) -> Result<()> {
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

/// Is what contenders have cost, round by round.
pub(crate) struct Group {
    contenders: Vec<Contender>,
    rounds: Vec<Vec<Sample>>,
}

impl Group {
    /// Runs them and prints a line for each.
    pub(crate) fn race(title: &str, contenders: Vec<Contender>, rounds: usize) -> Result<Self> {
        let count = contenders.len();
        let mut group = Self {
            contenders,
            rounds: Vec::new(),
        };
        for round in 0..rounds {
            let mut order: Vec<usize> = (0..count).collect();
            order.rotate_left(round % count);
            if round / count % 2 == 1 {
                order.reverse();
            }
            let mut samples: Vec<(usize, Sample)> = Vec::new();
            for contender in order {
                samples.push((contender, group.contenders[contender].run()?));
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
        for contender in &group.contenders {
            let name = contender.name;
            let [wall, processor, memory] = [Cost::Wall, Cost::Processor, Cost::Memory]
                .map(|cost| group.costs(name, cost).median);
            println!("  {name:<40}{wall:>10.2}{processor:>10.2}{memory:>10.1}");
        }
        Ok(group)
    }

    /// Prints the ratio of two contenders.
    pub(crate) fn compare(&self, ours: &str, theirs: &str) {
        let [wall, processor] =
            [Cost::Wall, Cost::Processor].map(|cost| self.ratio(ours, theirs, cost));
        println!("  {ours} / {theirs}: wall {wall}, CPU {processor}");
    }

    /// Prints it, and notes what became of a target.
    pub(crate) fn aim(
        &self,
        ours: &str,
        theirs: &str,
        cost: Cost,
        bound: Bound,
        targets: &mut Targets,
    ) {
        self.compare(ours, theirs);
        let word = match cost {
            Cost::Wall => "wall",
            Cost::Processor => "CPU",
            Cost::Memory => "memory",
        };
        let what = format!("{ours} / {theirs}, {word}");
        targets.note(&what, self.ratio(ours, theirs, cost).median, "x", bound);
    }

    /// Notes what became of a target for a contender's memory, in MiB.
    pub(crate) fn aim_memory(&self, ours: &str, bound: Bound, targets: &mut Targets) {
        let peak = self.costs(ours, Cost::Memory).median;
        targets.note(&format!("{ours}, peak memory"), peak, "MiB", bound);
    }

    fn costs(&self, name: &str, cost: Cost) -> Quartiles {
        let index = self.index(name);
        let costs = self.rounds.iter().map(|round| round[index].of(cost));
        Quartiles::of(costs.collect())
    }

    fn ratio(&self, ours: &str, theirs: &str, cost: Cost) -> Quartiles {
        let (ours, theirs) = (self.index(ours), self.index(theirs));
        let rounds = self.rounds.iter();
        let ratios = rounds.map(|round| round[ours].of(cost) / round[theirs].of(cost));
        Quartiles::of(ratios.collect())
    }

    fn index(&self, name: &str) -> usize {
        let mut names = self.contenders.iter().map(|contender| contender.name);
        names
            .position(|it| it == name)
            .expect("a contender of this group")
    }
}
