//! A home of its own for every run of the binary, and a watch over the secrets in it.
//!
//! The environment is empty but for `PATH` and the folders of the sandbox, there is no D-Bus, no
//! controlling terminal and nothing on stdin, so a run sees what the test has written and nothing
//! of the machine. A run that does not end within a minute fails the test with what it had printed.
//!
//! Every string given to [`Sandbox::secret`] is searched in the arguments and in stderr of every
//! run, in the file of `KFP_CREDENTIAL_LOG`, and at the end in every file that others can read.

mod output;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use url::form_urlencoded;

pub use output::Output;

/// How long a run may take before it counts as a hang.
const DEADLINE: Duration = Duration::from_secs(60);
const LOG: &str = "KFP_CREDENTIAL_LOG";

// ----------------------------------------------------------------- sandbox

/// Is a temporary home, gone when dropped.
pub struct Sandbox {
    binary: PathBuf,
    root: TempDir,
    runtime: Mutex<Option<TempDir>>,
    env: Mutex<BTreeMap<String, String>>,
    secrets: Mutex<Vec<String>>,
    /// Files that the test has made readable for others on purpose.
    shared: Mutex<BTreeSet<PathBuf>>,
    logs: Mutex<BTreeSet<PathBuf>>,
}

impl Sandbox {
    /// Makes an empty home for runs of this binary.
    pub fn with_binary(binary: impl Into<PathBuf>) -> Self {
        let root = TempDir::new().expect("a temporary folder");
        let sandbox = Self {
            binary: binary.into(),
            root,
            runtime: Mutex::default(),
            env: Mutex::default(),
            secrets: Mutex::default(),
            shared: Mutex::default(),
            logs: Mutex::default(),
        };
        for (variable, folder) in [
            ("HOME", "home"),
            ("XDG_CONFIG_HOME", "home/.config"),
            ("XDG_STATE_HOME", "home/.local/state"),
            ("XDG_RUNTIME_DIR", "run"),
            ("TMPDIR", "tmp"),
        ] {
            let folder = sandbox.root.path().join(folder);
            fs::create_dir_all(&folder).expect("a folder of the sandbox");
            set_mode(&folder, 0o700);
            sandbox.env(variable, &folder.to_string_lossy());
        }
        let nowhere = format!("unix:path={}", sandbox.root.path().join("no-bus").display());
        sandbox.env("DBUS_SESSION_BUS_ADDRESS", &nowhere);
        // No test asks the metadata server of the machine that it runs on.
        sandbox.env("GCE_METADATA_HOST", "127.0.0.1:1");
        sandbox
    }

    /// Runs this binary from now on.
    pub fn run_with(&mut self, binary: impl Into<PathBuf>) {
        self.binary = binary.into();
    }

    /// Returns the home folder, where every run starts.
    pub fn home(&self) -> PathBuf {
        self.root.path().join("home")
    }

    /// Returns the folder of locks, store and state.
    pub fn state_folder(&self) -> PathBuf {
        self.home().join(".local/state/kfp-credential")
    }

    /// Returns the place of the config file, there or not.
    pub fn config_file(&self) -> PathBuf {
        self.home().join(".config/kfp-credential/config.yaml")
    }

    /// Writes the config file, for nobody else's eyes.
    pub fn config(&self, yaml: &str) -> PathBuf {
        let file = self.config_file();
        let folder = file.parent().expect("a folder");
        fs::create_dir_all(folder).expect("the config folder");
        set_mode(folder, 0o700);
        self.file(".config/kfp-credential/config.yaml", yaml)
    }

    /// Writes a file beneath the home folder that only its owner can read.
    pub fn file(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.home().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder in the sandbox");
        fs::write(&path, contents).expect("a file in the sandbox");
        set_mode(&path, 0o600);
        path
    }

    /// Writes a file that everybody can read; it may hold a secret.
    pub fn shared_file(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.file(name, contents);
        set_mode(&path, 0o644);
        lock(&self.shared).insert(path.clone());
        path
    }

    /// Sets a variable for every later run.
    pub fn env(&self, name: &str, value: &str) {
        lock(&self.env).insert(name.to_owned(), value.to_owned());
    }

    /// Returns what later runs find in a variable.
    pub fn variable(&self, name: &str) -> Option<String> {
        lock(&self.env).get(name).cloned()
    }

    /// Takes a variable away from every later run.
    pub fn env_remove(&self, name: &str) {
        lock(&self.env).remove(name);
    }

    /// Moves `XDG_RUNTIME_DIR` to a tmpfs, which the `runtime` store insists on; `false` where the
    /// machine has none.
    #[must_use]
    pub fn runtime_on_tmpfs(&self) -> bool {
        let Ok(folder) = TempDir::new_in("/dev/shm") else {
            return false;
        };
        set_mode(folder.path(), 0o700);
        self.env("XDG_RUNTIME_DIR", &folder.path().to_string_lossy());
        *lock(&self.runtime) = Some(folder);
        true
    }

    /// Remembers a secret, to be searched where it must not be, and returns it.
    pub fn secret(&self, value: impl Into<String>) -> String {
        let value = value.into();
        assert!(
            value.len() >= 4,
            "a secret this short would be found everywhere"
        );
        lock(&self.secrets).push(value.clone());
        value
    }

    /// Prepares a run.
    pub fn command(&self, args: &[&str]) -> Run<'_> {
        Run {
            sandbox: self,
            binary: self.binary.clone(),
            args: args.iter().map(|&arg| arg.to_owned()).collect(),
            env: lock(&self.env).clone(),
            stdin: None,
            terminal: None,
        }
    }

    /// Runs the binary with these arguments to its end.
    #[must_use = "a run that nobody looks at tests nothing"]
    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).run()
    }

    /// Fails the test when a secret is in this text.
    fn assert_no_secret(&self, text: &str, place: &str) {
        for secret in &*lock(&self.secrets) {
            let encoded: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
            let found = text.contains(secret.as_str()) || text.contains(&encoded);
            assert!(!found, "the secret {secret:?} is in {place}:\n{text}");
        }
    }

    fn assert_no_secret_in_file(&self, path: &Path) {
        let contents = fs::read(path).unwrap_or_default();
        let text = String::from_utf8_lossy(&contents);
        self.assert_no_secret(&text, &path.display().to_string());
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if thread::panicking() {
            return;
        }
        for log in &*lock(&self.logs) {
            self.assert_no_secret_in_file(log);
        }
        let runtime = lock(&self.runtime);
        let folders = [Some(self.root.path()), runtime.as_ref().map(TempDir::path)];
        for file in folders.into_iter().flatten().flat_map(files_beneath) {
            if others_can_read(&file) && !lock(&self.shared).contains(&file) {
                self.assert_no_secret_in_file(&file);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lists the regular files beneath a folder, without following links.
pub fn files_beneath(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => files.extend(files_beneath(&entry.path())),
            Ok(kind) if kind.is_file() => files.push(entry.path()),
            _ => {}
        }
    }
    files
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permissions");
}

#[cfg(not(unix))]
fn set_mode(_path: &Path, _mode: u32) {}

#[cfg(unix)]
fn others_can_read(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o044 != 0)
}

#[cfg(not(unix))]
fn others_can_read(_path: &Path) -> bool {
    false
}

// -------------------------------------------------------------------- runs

/// Is a run in preparation.
#[must_use]
pub struct Run<'a> {
    sandbox: &'a Sandbox,
    binary: PathBuf,
    args: Vec<String>,
    env: BTreeMap<String, String>,
    stdin: Option<String>,
    terminal: Option<fs::File>,
}

impl<'a> Run<'a> {
    /// Sets a variable for this run.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Takes a variable away from this run.
    pub fn env_remove(mut self, name: &str) -> Self {
        self.env.remove(name);
        self
    }

    /// Runs this program in the binary's place, which runs the binary.
    pub fn by(mut self, program: &Path) -> Self {
        program.clone_into(&mut self.binary);
        self
    }

    /// Gives this text on stdin, then its end.
    pub fn stdin(mut self, text: &str) -> Self {
        self.stdin = Some(text.to_owned());
        self
    }

    /// Runs at a terminal: it is stdin and the controlling terminal, stdout and stderr lead
    /// elsewhere.
    pub fn at_terminal(mut self, line: fs::File) -> Self {
        self.terminal = Some(line);
        self
    }

    /// Runs to the end.
    #[must_use = "a run that nobody looks at tests nothing"]
    pub fn run(self) -> Output {
        self.spawn().wait()
    }

    /// Starts and returns at once.
    pub fn spawn(self) -> Running<'a> {
        let sandbox = self.sandbox;
        sandbox.assert_no_secret(&self.args.join(" "), "the arguments");
        if let Some(log) = self.env.get(LOG) {
            lock(&sandbox.logs).insert(sandbox.home().join(log));
        }
        let (mut command, stdin) = match (self.terminal, &self.stdin) {
            (Some(line), _) => (with_terminal(&self.binary), Stdio::from(line)),
            (None, Some(_)) => (without_terminal(&self.binary), Stdio::piped()),
            (None, None) => (without_terminal(&self.binary), Stdio::null()),
        };
        let mut child = command
            .args(&self.args)
            .env_clear()
            .env("PATH", search_path())
            .envs(&self.env)
            .current_dir(sandbox.home())
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", self.binary.display()));
        if let (Some(text), Some(mut pipe)) = (self.stdin, child.stdin.take()) {
            // A program that does not read its stdin may close it: no failure of the test.
            thread::spawn(move || pipe.write_all(text.as_bytes()).ok());
        }
        Running {
            sandbox,
            args: self.args,
            log: self.env.get(LOG).map(|log| sandbox.home().join(log)),
            started: Instant::now(),
            stdout: Collected::from(child.stdout.take().expect("piped")),
            stderr: Collected::from(child.stderr.take().expect("piped")),
            child,
        }
    }
}

/// Starts the binary in a session of its own, so that it cannot prompt on the terminal of whoever
/// runs the tests. `setsid` (util-linux) becomes the binary: same process, same parent.
fn without_terminal(binary: &Path) -> Command {
    let Some(setsid) = setsid() else {
        return Command::new(binary);
    };
    let mut command = Command::new(setsid);
    command.arg(binary);
    command
}

/// Starts the binary from a shell, as people do, whose terminal is stdin. The shell says there how
/// the binary has left it, before its end would set it right.
fn with_terminal(binary: &Path) -> Command {
    const SHELL: &str = r#"trap : INT TERM QUIT; "$@" 3>&-; code=$?
        case $(stty -a <&3) in *" -echo "*) echo "[left without echo]" >&3;; esac
        exit $code"#;
    let mut command = Command::new(setsid().expect("setsid (util-linux)"));
    command.args(["--ctty", "sh", "-c"]);
    command
        .arg(format!("exec 3<>/dev/tty; {SHELL}"))
        .arg("sh")
        .arg(binary);
    command
}

fn setsid() -> Option<PathBuf> {
    let path = search_path();
    std::env::split_paths(&path)
        .map(|dir| dir.join("setsid"))
        .find(|file| file.is_file())
}

fn search_path() -> String {
    std::env::var("PATH").unwrap_or_default()
}

/// Is a run under way.
#[must_use]
pub struct Running<'a> {
    sandbox: &'a Sandbox,
    args: Vec<String>,
    log: Option<PathBuf>,
    started: Instant,
    stdout: Collected,
    stderr: Collected,
    child: Child,
}

impl Running<'_> {
    /// Returns the process's id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until stderr holds these words.
    #[track_caller]
    pub fn says(&self, words: &str) {
        while !self.stderr.text().contains(words) {
            if self.started.elapsed() > DEADLINE {
                self.hung(&format!("it did not say {words:?}"));
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits until stderr holds a whole word that begins like this, and returns the word.
    #[track_caller]
    pub fn says_word(&self, start: &str) -> String {
        loop {
            let said = self.stderr.text();
            let whole = said.rsplit_once(char::is_whitespace);
            let mut words = whole.map_or("", |(whole, _)| whole).split_whitespace();
            if let Some(word) = words.find(|word| word.starts_with(start)) {
                return word.to_owned();
            }
            if self.started.elapsed() > DEADLINE {
                self.hung(&format!("it did not say {start:?}"));
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Sends it what Ctrl-C sends.
    pub fn interrupt(&self) {
        self.signal("INT");
    }

    /// Sends a signal by its name, such as `STOP`.
    pub fn signal(&self, name: &str) {
        let id = self.id().to_string();
        let sent = Command::new("kill")
            .args(["-s", name, &id])
            .status()
            .expect("kill");
        assert!(sent.success(), "kill -s {name} {id}");
    }

    /// Waits for the end, a minute from the start at most.
    #[must_use = "a run that nobody looks at tests nothing"]
    pub fn wait(mut self) -> Output {
        let (mut peak_memory, mut is_over) = (0, false);
        let status = loop {
            peak_memory = peak_memory_of(self.id()).unwrap_or(peak_memory);
            if let Some(status) = self.child.try_wait().expect("a child to wait for") {
                break status;
            }
            if self.started.elapsed() > DEADLINE {
                self.child.kill().ok();
                self.child.wait().ok();
                self.hung("it hung");
            }
            // Many wait at once, and each look costs: what has run for long is looked at less often, and what lets go of
            // its output ends at once.
            let pause = self.started.elapsed() / 16;
            let pause = pause.clamp(Duration::from_millis(2), Duration::from_millis(20));
            if is_over {
                thread::sleep(Duration::from_millis(1));
            } else {
                is_over = self.stdout.finished(pause);
            }
        };
        let elapsed = self.started.elapsed();
        let left = DEADLINE.saturating_sub(elapsed).max(Duration::from_secs(1));
        if !((is_over || self.stdout.finished(left)) && self.stderr.finished(left)) {
            self.hung("it ended, but something that it started holds on to its output");
        }
        let output = Output {
            status: exit_code(status),
            stdout: self.stdout.text(),
            stderr: self.stderr.text(),
            args: self.args,
            elapsed,
            peak_memory,
        };
        self.sandbox.assert_no_secret(&output.stderr, "stderr");
        if let Some(log) = self.log {
            self.sandbox.assert_no_secret_in_file(&log);
        }
        output
    }

    fn hung(&self, how: &str) -> ! {
        panic!(
            "kfp-credential {}: {how}\n--- stdout\n{}\n--- stderr\n{}",
            self.args.join(" "),
            self.stdout.text(),
            self.stderr.text()
        );
    }
}

/// Returns the peak of a living process's resident memory, in bytes (proc(5), `VmHWM`). That of
/// getrusage(2) would hold what the test itself had when it forked.
fn peak_memory_of(id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}

/// Returns the exit code, or the signal's number below zero.
fn exit_code(status: ExitStatus) -> i32 {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        if let Some(signal) = status.signal() {
            return -signal;
        }
    }
    status.code().unwrap_or(-1)
}

/// Gathers what comes out of a pipe, so that it can be shown although the pipe is still open.
struct Collected {
    bytes: Arc<Mutex<Vec<u8>>>,
    end: Receiver<()>,
}

impl Collected {
    fn from(mut pipe: impl Read + Send + 'static) -> Self {
        let bytes: Arc<Mutex<Vec<u8>>> = Arc::default();
        let (at_end, end) = channel();
        let gathered = Arc::clone(&bytes);
        thread::spawn(move || {
            let mut buffer = [0; 16 * 1024];
            while let Ok(count @ 1..) = pipe.read(&mut buffer) {
                lock(&gathered).extend_from_slice(&buffer[..count]);
            }
            at_end.send(()).ok();
        });
        Self { bytes, end }
    }

    /// Waits for the pipe's end.
    fn finished(&self, patience: Duration) -> bool {
        self.end.recv_timeout(patience).is_ok()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&lock(&self.bytes)).into_owned()
    }
}
