//! A real gnome-keyring on a private session bus: without a screen, or with one and gcr's prompter on it.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

use super::process::{self, Process};
use super::screen::Screen;
use super::session_bus::{Activatable, SECRETS, SessionBus};
use super::{Found, Missing, install};
use crate::sandbox::Sandbox;

/// Is the password of the login collection.
pub const PASSWORD: &str = "keyring-secret-85";

/// Is what a client finds on the bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// A Secret Service whose default collection is open.
    Unlocked,
    /// One whose default collection is locked; nobody can answer a prompt.
    Locked,
    /// One without any collection yet.
    Fresh,
    /// One that is started by the first call, and is then open.
    OnDemand,
    /// A bus without a Secret Service, and with none to start.
    Absent,
    /// A Secret Service that never answers.
    Hung,
}

/// Is a bus with a keyring. Both end with it.
pub struct Keyring {
    daemon: Option<Process>,
    bus: SessionBus,
    screen: Option<Screen>,
}

impl Keyring {
    pub fn start(state: State) -> Found<Self> {
        let gnome = install::program("gnome-keyring-daemon", "gnome-keyring")?;
        let on_demand = Activatable {
            name: SECRETS,
            command: format!(
                "/bin/sh -c 'printf %s {PASSWORD} | exec \"$0\" --foreground --unlock --components=secrets' {}",
                gnome.display()
            ),
        };
        let services = [on_demand];
        let services = if state == State::OnDemand {
            &services[..]
        } else {
            &[]
        };
        let mut keyring = Self {
            daemon: None,
            bus: SessionBus::start(services, &[])?,
            screen: None,
        };
        match state {
            State::Absent | State::OnDemand => {}
            State::Fresh => keyring.start_daemon(&gnome, false),
            State::Unlocked => keyring.start_daemon(&gnome, true),
            State::Locked => {
                keyring.start_daemon(&gnome, true);
                keyring.lock();
            }
            State::Hung => {
                keyring.start_daemon(&gnome, true);
                keyring.hang();
            }
        }
        Ok(keyring)
    }

    /// Starts an open one of another user, on a bus of theirs that lets everybody in; needs root.
    pub fn start_as(owner: u32) -> Found<Self> {
        let gnome = install::program("gnome-keyring-daemon", "gnome-keyring")?;
        let bus = SessionBus::start_as(owner)?;
        Ok(Self::on(bus, &gnome, Some(owner)))
    }

    /// Starts an open one of another user, on a bus of ours that lets everybody in; needs root.
    pub fn start_on_our_bus_as(owner: u32) -> Found<Self> {
        let gnome = install::program("gnome-keyring-daemon", "gnome-keyring")?;
        install::program("setpriv", "util-linux")?;
        if !rustix::process::geteuid().is_root() {
            return Err(Missing::new("root, to run as another user"));
        }
        let bus = SessionBus::start(&[], &[])?;
        bus.let_others_in(owner);
        Ok(Self::on(bus, &gnome, Some(owner)))
    }

    fn on(bus: SessionBus, program: &Path, owner: Option<u32>) -> Self {
        let mut keyring = Self {
            daemon: None,
            bus,
            screen: None,
        };
        keyring.start_daemon_as(owner, program, true);
        keyring
    }

    /// Starts one that is locked and asks for its password on a screen.
    pub fn locked_with_a_screen() -> Found<Self> {
        let gnome = install::program("gnome-keyring-daemon", "gnome-keyring")?;
        let prompter = Path::new("/usr/libexec/gcr-prompter");
        if !prompter.exists() {
            return Err(Missing::new("gcr-prompter (Debian package gcr)"));
        }
        let screen = Screen::start()?;
        let prompter = Activatable {
            name: "org.gnome.keyring.SystemPrompter",
            command: prompter.display().to_string(),
        };
        let mut keyring = Self {
            daemon: None,
            bus: SessionBus::start(&[prompter], &screen.environment())?,
            screen: Some(screen),
        };
        keyring.start_daemon(&gnome, true);
        keyring.lock();
        Ok(keyring)
    }

    /// Returns the screen on which it asks.
    pub fn screen(&self) -> &Screen {
        self.screen.as_ref().expect("a keyring with a screen")
    }

    /// Returns the environment that leads a child process here, and to no other keyring.
    pub fn environment(&self) -> Vec<(&'static str, OsString)> {
        self.bus.environment()
    }

    /// Leads every later run of a home here.
    pub fn serve(&self, home: &Sandbox) {
        self.bus.serve(home);
    }

    /// Prepares a command in that environment.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.envs(self.environment());
        command
    }

    /// Returns its bus.
    pub fn bus(&self) -> &SessionBus {
        &self.bus
    }

    /// Tells whether anything of ours is in it.
    pub fn holds_something_of_ours(&self) -> bool {
        let found = self
            .bus
            .send(SECRETS, "/org/freedesktop/secrets")
            .arg("org.freedesktop.Secret.Service.SearchItems")
            .arg("dict:string:string:service,kfp-credential")
            .output()
            .expect("dbus-send");
        assert!(found.status.success(), "SearchItems: {found:?}");
        String::from_utf8_lossy(&found.stdout).contains("object path")
    }

    /// Locks every collection.
    pub fn lock(&self) {
        let collections = "array:objpath:/org/freedesktop/secrets/collection/login";
        let sent = self
            .bus
            .send(SECRETS, "/org/freedesktop/secrets")
            .args(["org.freedesktop.Secret.Service.Lock", collections])
            .output()
            .expect("dbus-send");
        assert!(sent.status.success(), "Lock: {sent:?}");
    }

    /// Returns the daemon's process.
    pub fn daemon_id(&self) -> u32 {
        self.daemon.as_ref().expect("a daemon").id()
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

    /// Starts it again, open, with what it has kept.
    pub fn restart_daemon(&mut self) {
        self.stop_daemon();
        let gnome = install::program("gnome-keyring-daemon", "gnome-keyring");
        self.start_daemon(&gnome.expect("it was there before"), true);
    }

    /// Returns the folder of all that this keyring writes.
    pub fn folder(&self) -> &Path {
        self.bus.folder()
    }

    pub fn log(&self) -> String {
        self.bus.log() + &self.daemon.as_ref().map_or_else(String::new, Process::log)
    }

    fn start_daemon(&mut self, program: &Path, unlock: bool) {
        self.start_daemon_as(None, program, unlock);
    }

    fn start_daemon_as(&mut self, owner: Option<u32>, program: &Path, unlock: bool) {
        let mut command = match owner {
            Some(owner) => process::as_user(program, owner),
            None => process::command(program),
        };
        // The daemonising form races with the first client.
        command.args(["--foreground", "--components=secrets"]);
        command.envs(self.environment());
        if unlock {
            command.arg("--unlock").stdin(Stdio::piped());
        }
        let log = self.folder().join("keyring.log");
        let mut daemon = Process::start("gnome-keyring-daemon", command, &log);
        if unlock {
            daemon.feed(PASSWORD.as_bytes());
        }
        daemon.wait_until(|| self.bus.has(SECRETS));
        self.daemon = Some(daemon);
    }
}
