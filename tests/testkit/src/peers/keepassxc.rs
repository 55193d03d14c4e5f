//! KeePassXC as the Secret Service, with an open database and without a screen.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use super::process::{self, Process};
use super::session_bus::{SECRETS, SessionBus};
use super::{Found, install};
use crate::sandbox::Sandbox;

const PASSWORD: &str = "database-secret-31";
const GROUP: &str = "ASNFZ4mrze8BI0VniavN7w==";
/// The same in the form that the setting wants.
const EXPOSED: &str = "{01234567-89ab-cdef-0123-456789abcdef}";

/// Is a bus with KeePassXC on it. Both end with it.
pub struct KeePassXc {
    _program: Process,
    bus: SessionBus,
}

impl KeePassXc {
    pub fn start() -> Found<Self> {
        let program = install::program("keepassxc", "keepassxc")?;
        let cli = install::program("keepassxc-cli", "keepassxc")?;
        let bus = SessionBus::start(&[], &[])?;
        let folder = bus.folder().to_owned();
        let database = make_database(&cli, &folder);
        let settings = folder.join("keepassxc.ini");
        let text = "[General]\nUpdateCheckMessageShown=true\n[GUI]\nCheckForUpdates=false\n\
                    [FdoSecrets]\nEnabled=true\nShowNotification=false\nConfirmAccessItem=false\n\
                    ConfirmDeleteItem=false\nNoConfirmDeleteItem=true\n";
        fs::write(&settings, text).expect("its settings");
        let mut command = process::command(program);
        command.arg("--config").arg(&settings);
        command.arg("--localconfig").arg(folder.join("local.ini"));
        command.arg("--pw-stdin").arg(database);
        command.envs(bus.environment());
        command.env("QT_QPA_PLATFORM", "offscreen");
        command.stdin(Stdio::piped());
        let mut process = Process::start("keepassxc", command, &folder.join("keepassxc.log"));
        process.feed(format!("{PASSWORD}\n").as_bytes());
        // The name comes before the database is open.
        process.wait_until(|| bus.has(SECRETS) && is_open(&bus));
        Ok(Self {
            _program: process,
            bus,
        })
    }

    /// Leads every later run of a home here.
    pub fn serve(&self, home: &Sandbox) {
        self.bus.serve(home);
    }
}

fn is_open(bus: &SessionBus) -> bool {
    let asked = bus
        .send(SECRETS, "/org/freedesktop/secrets/aliases/default")
        .arg("org.freedesktop.DBus.Properties.Get")
        .args(["string:org.freedesktop.Secret.Collection", "string:Locked"])
        .output()
        .expect("dbus-send");
    String::from_utf8_lossy(&asked.stdout).contains("boolean false")
}

/// Makes a database whose root group is open to clients of the Secret Service.
fn make_database(cli: &Path, folder: &Path) -> std::path::PathBuf {
    let xml = format!(
        r#"<?xml version="1.0" encoding="utf-8" standalone="yes"?>
<KeePassFile>
 <Meta><Generator>tests</Generator><DatabaseName>tests</DatabaseName><CustomData>
  <Item><Key>FDO_SECRETS_EXPOSED_GROUP</Key><Value>{EXPOSED}</Value></Item>
 </CustomData></Meta>
 <Root><Group><UUID>{GROUP}</UUID><Name>tests</Name></Group></Root>
</KeePassFile>
"#
    );
    let (source, database) = (folder.join("db.xml"), folder.join("db.kdbx"));
    fs::write(&source, xml).expect("the database's source");
    let mut command = process::command(cli);
    command.args(["import", "--set-password", "--decryption-time", "100"]);
    command.args([&source, &database]).env("HOME", folder);
    command.env("QT_QPA_PLATFORM", "offscreen");
    command.stdin(Stdio::piped());
    let log = folder.join("import.log");
    let mut import = Process::start("keepassxc-cli", command, &log);
    import.feed(format!("{PASSWORD}\n{PASSWORD}\n").as_bytes());
    import.ends_within(Duration::from_secs(60));
    assert!(database.exists(), "{}", import.log());
    database
}
