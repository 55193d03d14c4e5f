//! A private D-Bus session bus, with a home of its own and with no services but those that are named.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::process::{self, Process};
use super::{Found, Missing, install};
use crate::sandbox::Sandbox;

/// The name of every Secret Service.
pub const SECRETS: &str = "org.freedesktop.secrets";

/// Is a service that the bus starts when somebody calls it. It must end by itself when its bus does.
pub struct Activatable {
    pub name: &'static str,
    pub command: String,
}

/// Is a bus; it ends with its owner.
pub struct SessionBus {
    bus: Process,
    folder: TempDir,
    owner: Option<u32>,
}

impl SessionBus {
    /// Starts one whose services find these variables too.
    pub fn start(services: &[Activatable], variables: &[(&str, String)]) -> Found<Self> {
        Self::start_of(None, services, variables)
    }

    /// Starts one of another user, where root runs this.
    pub fn start_as(owner: u32) -> Found<Self> {
        install::program("setpriv", "util-linux")?;
        if !rustix::process::geteuid().is_root() {
            return Err(Missing::new("root, to run as another user"));
        }
        Self::start_of(Some(owner), &[], &[])
    }

    fn start_of(
        owner: Option<u32>,
        services: &[Activatable],
        variables: &[(&str, String)],
    ) -> Found<Self> {
        let dbus = install::program("dbus-daemon", "dbus")?;
        install::program("dbus-send", "dbus")?;
        // Unix sockets want a short path.
        let folder = tempfile::Builder::new().prefix("kr").tempdir();
        let folder = folder.expect("a temporary folder");
        for name in ["home", "run", "data", "services"] {
            let path = folder.path().join(name);
            fs::create_dir(&path).expect("a folder");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).expect("mode 0700");
        }
        for Activatable { name, command } in services {
            let text = format!("[D-BUS Service]\nName={name}\nExec={command}\n");
            let file = folder.path().join(format!("services/{name}.service"));
            fs::write(file, text).expect("a service's file");
        }
        let mut bus = start(&dbus, folder.path(), owner, variables);
        let socket = folder.path().join("bus");
        bus.wait_until(|| socket.exists());
        Ok(Self { bus, folder, owner })
    }

    /// Lets another user's processes reach it and write where it does.
    pub fn let_others_in(&self, other: u32) {
        give_away(self.folder.path(), other);
    }

    /// Returns its address.
    pub fn address(&self) -> String {
        format!("unix:path={}/bus", self.folder.path().display())
    }

    /// Returns the address of its abstract socket.
    pub fn abstract_address(&self) -> String {
        format!("unix:abstract={}/abstract", self.folder.path().display())
    }

    /// Returns the environment that leads a child process here, and to no other bus.
    pub fn environment(&self) -> Vec<(&'static str, OsString)> {
        environment(self.folder.path())
    }

    /// Leads every later run of a home here.
    pub fn serve(&self, home: &Sandbox) {
        home.env("DBUS_SESSION_BUS_ADDRESS", &self.address());
    }

    /// Returns the folder of all that is written here.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Tells whether somebody owns a name.
    pub fn has(&self, name: &str) -> bool {
        let asked = self
            .send("org.freedesktop.DBus", "/org/freedesktop/DBus")
            .arg("org.freedesktop.DBus.NameHasOwner")
            .arg(format!("string:{name}"))
            .output()
            .expect("dbus-send");
        String::from_utf8_lossy(&asked.stdout).contains("boolean true")
    }

    /// Prepares a message to somebody's object.
    pub fn send(&self, destination: &str, object: &str) -> Command {
        let mut command = match self.owner {
            Some(owner) => process::as_user("dbus-send", owner),
            None => Command::new("dbus-send"),
        };
        command.envs(self.environment());
        command.args(["--session", "--print-reply", "--reply-timeout=5000"]);
        command.arg(format!("--dest={destination}")).arg(object);
        command
    }

    pub fn log(&self) -> String {
        self.bus.log()
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

fn start(
    program: &Path,
    folder: &Path,
    owner: Option<u32>,
    variables: &[(&str, String)],
) -> Process {
    let config = format!(
        r#"<busconfig>
  <type>session</type>
  <listen>unix:path={folder}/bus</listen>
  <listen>unix:abstract={folder}/abstract</listen>
  <servicedir>{folder}/services</servicedir>
  <policy context="default">
    <allow user="*"/>
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#,
        folder = folder.display()
    );
    let file = folder.join("bus.conf");
    fs::write(&file, config).expect("the bus's configuration");
    let mut command = match owner {
        Some(owner) => {
            give_away(folder, owner);
            process::as_user(program, owner)
        }
        None => process::command(program),
    };
    command.arg("--nofork").arg("--nopidfile");
    command.arg(format!("--config-file={}", file.display()));
    command.envs(environment(folder));
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    Process::start("dbus-daemon", command, &folder.join("bus.log"))
}

/// Makes a folder another user's.
pub fn give_away(folder: &Path, owner: u32) {
    let mut command = Command::new("chown");
    let done = command.args(["-R", &owner.to_string()]).arg(folder);
    assert!(done.status().expect("chown").success());
}
