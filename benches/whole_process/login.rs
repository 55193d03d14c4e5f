//! A cold login at real servers (oauth2-proxy with its sign-in page, Dex, a directory): beside Python's `requests`
//! (`login.py`) and curl (`login.sh`), which make the same requests. A directory, as Dex takes 50 ms and more of
//! everybody's time to check a password of its own.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::home::Home;
use super::race::{Contender, Cost, Group};
use super::targets::{Bound, Targets};
use super::{Result, need};
use testkit::peers::front_door::RealDoor;
use testkit::peers::{python, slapd};

const GET: &str = "get, no store";
const PYTHON: &str = "Python, requests";
const CURL: &str = "curl, twice";

pub(crate) fn login(
    home: &Home,
    door: &RealDoor,
    rounds: usize,
    targets: &mut Targets,
) -> Result<()> {
    let python = need(python::requests())?;
    let benches = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches");
    let user: [OsString; 3] = [
        door.endpoint().into(),
        slapd::USER.login.into(),
        home.password().into(),
    ];
    let command = |start: [PathBuf; 2]| start.map(OsString::from).into_iter().chain(user.clone());
    let python = command([python, benches.join("login.py")]);
    let curl = command(["/bin/sh".into(), benches.join("login.sh")]);
    let jar = home.path("jar").into();
    let group = vec![
        home.get(GET, "none"),
        Contender::new(PYTHON, python, home.environment()),
        Contender::new(CURL, curl.chain([jar]), home.environment()),
    ];
    let mut traffic = Vec::new();
    for contender in &group {
        let before = Traffic::at(door);
        contender.run()?;
        let made = Traffic::at(door).since(&before);
        traffic.push(format!("  {}: {made}", contender.name));
    }
    let group = Group::race("A cold login, LDAP", group, rounds)?;
    println!("{}", traffic.join("\n"));
    group.aim(GET, PYTHON, Cost::Wall, Bound::AtMost(0.35), targets);
    group.aim(GET, CURL, Cost::Processor, Bound::AtMost(0.6), targets);
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
