//! A private session bus with a real gnome-keyring on it, without a screen.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::process::{self, Process};
use super::{Found, install};
use crate::support::sandbox::Sandbox;

/// Is the password of the login collection.
const PASSWORD: &[u8] = b"keyring-secret-85";
const SERVICE: &str = "org.freedesktop.secrets";

/// Is what a client finds on the bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// A Secret Service whose default collection is open.
    Unlocked,
    /// One whose default collection is locked; nobody can answer a prompt.
    Locked,
    /// A bus without a Secret Service, and with none to start.
    Absent,
    /// A Secret Service that never answers.
    Hung,
}

/// Is a bus with a keyring. Both end with it.
pub struct Keyring {
    daemon: Option<Process>,
    bus: Process,
    folder: TempDir,
}

impl Keyring {
    pub fn start(state: State) -> Found<Self> {
        let dbus = install::program("dbus-daemon", "dbus")?;
        install::program("dbus-send", "dbus")?;
        let gnome = install::program("gnome-keyring-daemon", "gnome-keyring")?;
        // Unix sockets want a short path.
        let folder = tempfile::Builder::new().prefix("kr").tempdir();
        let folder = folder.expect("a temporary folder");
        for name in ["home", "run", "data"] {
            let path = folder.path().join(name);
            fs::create_dir(&path).expect("a folder");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).expect("mode 0700");
        }

        let mut keyring = Self {
            daemon: None,
            bus: start_bus(&dbus, folder.path()),
            folder,
        };
        let socket = keyring.folder.path().join("bus");
        keyring.bus.wait_until(|| socket.exists());
        if state == State::Absent {
            return Ok(keyring);
        }
        keyring.start_daemon(&gnome);
        match state {
            State::Locked => keyring.lock(),
            State::Hung => keyring.hang(),
            State::Unlocked | State::Absent => {}
        }
        Ok(keyring)
    }

    /// Returns the environment that leads a child process here, and to no other keyring.
    pub fn environment(&self) -> Vec<(&'static str, OsString)> {
        environment(self.folder.path())
    }

    /// Leads every later run of a home here.
    pub fn serve(&self, home: &Sandbox) {
        let bus = format!("unix:path={}/bus", self.folder.path().display());
        home.env("DBUS_SESSION_BUS_ADDRESS", &bus);
    }

    /// Prepares a command in that environment.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.envs(self.environment());
        command
    }

    /// Locks every collection.
    pub fn lock(&self) {
        let collections = "array:objpath:/org/freedesktop/secrets/collection/login";
        let sent = self
            .send(SERVICE, "/org/freedesktop/secrets")
            .args(["org.freedesktop.Secret.Service.Lock", collections])
            .output()
            .expect("dbus-send");
        assert!(sent.status.success(), "Lock: {sent:?}");
    }

    /// Stops the daemon without ending it: it keeps its name and answers nothing.
    pub fn hang(&self) {
        self.daemon.as_ref().expect("a daemon").signal("STOP");
    }

    /// Lets a hung daemon go on.
    pub fn wake(&self) {
        self.daemon.as_ref().expect("a daemon").signal("CONT");
    }

    /// Ends the daemon: the bus is there, the service is gone.
    pub fn stop_daemon(&mut self) {
        self.daemon = None;
    }

    /// Returns the folder of all that this keyring writes.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn log(&self) -> String {
        self.bus.log() + &self.daemon.as_ref().map_or_else(String::new, Process::log)
    }

    fn start_daemon(&mut self, program: &Path) {
        let mut command = process::command(program);
        // The daemonising form races with the first client.
        command.args(["--foreground", "--unlock", "--components=secrets"]);
        command.envs(self.environment()).stdin(Stdio::piped());
        let log = self.folder.path().join("keyring.log");
        let mut daemon = Process::start("gnome-keyring-daemon", command, &log);
        daemon.feed(PASSWORD);
        daemon.wait_until(|| self.has_service());
        self.daemon = Some(daemon);
    }

    fn has_service(&self) -> bool {
        let asked = self
            .send("org.freedesktop.DBus", "/org/freedesktop/DBus")
            .arg("org.freedesktop.DBus.NameHasOwner")
            .arg(format!("string:{SERVICE}"))
            .output()
            .expect("dbus-send");
        String::from_utf8_lossy(&asked.stdout).contains("boolean true")
    }

    fn send(&self, destination: &str, object: &str) -> Command {
        let mut command = self.command("dbus-send");
        command.args(["--session", "--print-reply", "--reply-timeout=5000"]);
        command.arg(format!("--dest={destination}")).arg(object);
        command
    }
}

fn environment(folder: &Path) -> Vec<(&'static str, OsString)> {
    let mut address = OsString::from("unix:path=");
    address.push(folder.join("bus"));
    vec![
        ("DBUS_SESSION_BUS_ADDRESS", address),
        ("HOME", folder.join("home").into()),
        ("XDG_RUNTIME_DIR", folder.join("run").into()),
        ("XDG_DATA_HOME", folder.join("data").into()),
    ]
}

/// Starts a bus that starts no services of its own accord, unlike the system's configuration.
fn start_bus(program: &Path, folder: &Path) -> Process {
    let config = format!(
        r#"<busconfig>
  <type>session</type>
  <listen>unix:path={}/bus</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#,
        folder.display()
    );
    let file = folder.join("bus.conf");
    fs::write(&file, config).expect("the bus's configuration");
    let mut command = process::command(program);
    command.arg("--nofork").arg("--nopidfile");
    command.arg(format!("--config-file={}", file.display()));
    command.envs(environment(folder));
    Process::start("dbus-daemon", command, &folder.join("bus.log"))
}
