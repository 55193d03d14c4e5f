//! One child process: started with a log, awaited with a deadline, ended with its owner.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::install;

/// Is how long a server may take to answer for the first time, on a busy machine.
pub const START_DEADLINE: Duration = Duration::from_secs(60);

/// Is a child process of a peer. Dropping it kills it.
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a peer; what it prints goes to `log`, after what is there already.
    pub fn start(name: &str, mut command: Command, log: &Path) -> Self {
        let file = File::options()
            .create(true)
            .append(true)
            .open(log)
            .expect("a log file");
        command.stdout(file.try_clone().expect("a log file"));
        command.stderr(file);
        let child = spawn(command).unwrap_or_else(|error| panic!("{name}: {error}"));
        Self {
            name: name.to_owned(),
            child,
            log: log.to_owned(),
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns what the peer has printed so far.
    pub fn log(&self) -> String {
        read_log(&self.log)
    }

    /// Gives the child its standard input (the command must have asked for a pipe) and closes it.
    pub fn feed(&mut self, input: &[u8]) {
        let mut pipe = self.child.stdin.take().expect("a piped stdin");
        io::Write::write_all(&mut pipe, input).expect("the peer's stdin");
    }

    /// Waits until the peer is ready; panics with its log when it ends or takes too long.
    pub fn wait_until(&mut self, mut ready: impl FnMut() -> bool) {
        let deadline = Instant::now() + START_DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child's status") {
                panic!("{} ended, {status}; its log:\n{}", self.name, self.log());
            }
            if ready() {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{} was not ready within {START_DEADLINE:?}; its log:\n{}",
                self.name,
                self.log()
            );
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for its end; what takes longer is a failure.
    pub fn ends_within(&mut self, deadline: Duration) {
        let end = Instant::now() + deadline;
        while self.child.try_wait().expect("a child's status").is_none() {
            assert!(Instant::now() < end, "{}: {}", self.name, self.log());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends a signal by its name, such as `STOP`.
    pub fn signal(&self, name: &str) {
        let mut shell = Command::new("sh");
        shell.args(["-c", r#"kill -s "$0" "$1""#, name, &self.id().to_string()]);
        let status = shell.status().expect("sh");
        assert!(status.success(), "kill -s {name} {}", self.name);
    }

    /// Ends the peer at once.
    pub fn kill(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Reads a log; one that was not written yet is empty.
pub fn read_log(path: &Path) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Prepares a command that the kernel kills when the process of the tests dies, where `setpriv`
/// is there to ask for that. Standard input is empty.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    prepare(program.as_ref(), &[])
}

/// Prepares a [`command`] for a server that will not run as root: a folder that is root's goes,
/// with what lies in it, to the user `nobody`, and so does the server.
pub fn unprivileged(program: impl AsRef<OsStr>, folder: &Path) -> Command {
    let owner = fs::metadata(folder).expect("the folder").uid();
    if owner != 0 {
        return command(program);
    }
    let inside = fs::read_dir(folder).expect("the folder");
    let inside = inside.map(|entry| entry.expect("an entry").path());
    for path in inside.chain([folder.to_owned()]) {
        chown(path, Some(NOBODY), Some(NOBODY)).expect("root may give away");
    }
    as_user(program, NOBODY)
}

/// Prepares a [`command`] that root runs as another user.
pub fn as_user(program: impl AsRef<OsStr>, id: u32) -> Command {
    let id = id.to_string();
    let user = ["--reuid", &id, "--regid", &id, "--clear-groups"];
    prepare(program.as_ref(), &user)
}

const NOBODY: u32 = 65_534;

fn prepare(program: &OsStr, options: &[&str]) -> Command {
    let mut command = match install::on_path("setpriv") {
        Some(setpriv) => {
            let mut command = Command::new(setpriv);
            command.args(["--pdeathsig", "KILL"]).args(options);
            command.arg("--").arg(program);
            command
        }
        None => Command::new(program),
    };
    command.stdin(Stdio::null());
    command
}

/// Runs a command to its end, with its output in `log`; kills it at the deadline.
pub fn run(name: &str, command: Command, log: &Path, deadline: Duration) -> io::Result<ExitStatus> {
    let mut process = Process::start(name, command, log);
    let end = Instant::now() + deadline;
    loop {
        if let Some(status) = process.child.try_wait()? {
            return Ok(status);
        }
        if Instant::now() > end {
            return Err(io::Error::other(format!("not done within {deadline:?}")));
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Spawns from a thread that never ends: the kernel's "parent has died" is about the thread, and a
/// test's thread may end before the peers that it started.
pub(super) fn spawn(command: Command) -> io::Result<Child> {
    type Job = (Command, Sender<io::Result<Child>>);
    static SPAWNER: LazyLock<Mutex<Sender<Job>>> = LazyLock::new(|| {
        let (sender, jobs) = channel::<Job>();
        thread::spawn(move || {
            for (mut command, reply) in jobs {
                reply.send(command.spawn()).ok();
            }
        });
        Mutex::new(sender)
    });
    let (reply, result) = channel();
    let spawner = SPAWNER.lock().unwrap_or_else(PoisonError::into_inner);
    spawner
        .send((command, reply))
        .expect("the spawner lives as long as we do");
    drop(spawner);
    result.recv().expect("the spawner answers")
}
