//! OpenLDAP with a handful of people, as an ordinary child process.

use std::fmt::Write as _;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::dex::Account;
use super::ports::Port;
use super::process::{self, Process};
use super::{Found, Missing, install};

pub const ADMIN_DN: &str = "cn=admin,dc=example,dc=org";
pub const ADMIN_PASSWORD: &str = "slapd-admin-secret-81";
pub const PEOPLE_DN: &str = "ou=people,dc=example,dc=org";
pub const GROUPS_DN: &str = "ou=groups,dc=example,dc=org";

/// Is in one group.
pub const USER: Account = Account {
    login: "ldapuser",
    password: "ldap-horse-staple-82",
    email: "ldapuser@example.com",
};

/// Is in [`CROWD_GROUPS`] groups, whose names make a session too large for one cookie.
pub const CROWD: Account = Account {
    login: "crowd",
    password: "ldap-crowd-staple-83",
    email: "crowd@example.com",
};
pub const CROWD_GROUPS: usize = 70;

/// Is a running directory.
pub struct Slapd {
    process: Process,
    port: Port,
    _folder: TempDir,
}

impl Slapd {
    pub fn start() -> Found<Self> {
        let slapd = install::program("slapd", "slapd")?;
        let slapadd = install::program("slapadd", "slapd")?;
        let schema = schema()?;
        let port = Port::reserve();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("db")).expect("the database's folder");
        fs::write(path("slapd.conf"), config(&schema, folder.path())).expect("slapd.conf");
        fs::write(path("people.ldif"), people()).expect("people.ldif");

        let mut load = process::command(slapadd);
        load.arg("-f").arg(path("slapd.conf"));
        load.arg("-l").arg(path("people.ldif"));
        let loaded = process::run("slapadd", load, &path("log"), Duration::from_secs(60));
        assert!(
            loaded.is_ok_and(|status| status.success()),
            "slapadd:\n{}",
            process::read_log(&path("log"))
        );

        let mut command = process::command(slapd);
        command.arg("-f").arg(path("slapd.conf"));
        // With -d, even 0, it stays in the foreground; 256 logs binds and searches.
        command.args(["-d", "256", "-h"]);
        command.arg(format!("ldap://127.0.0.1:{}", port.number()));
        let process = Process::start("slapd", command, &path("log"));
        let mut slapd = Self {
            process,
            port,
            _folder: folder,
        };
        let address = slapd.address();
        slapd
            .process
            .wait_until(|| std::net::TcpStream::connect(&address).is_ok());
        Ok(slapd)
    }

    /// Returns `127.0.0.1:port`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port.number())
    }

    pub fn log(&self) -> String {
        self.process.log()
    }
}

/// Finds the schemas that come with OpenLDAP.
fn schema() -> Found<PathBuf> {
    ["/etc/ldap/schema", "/etc/openldap/schema"]
        .map(PathBuf::from)
        .into_iter()
        .find(|folder| folder.join("inetorgperson.schema").is_file())
        .ok_or_else(|| Missing::new("OpenLDAP's schemas (Debian package slapd)"))
}

fn config(schema: &Path, folder: &Path) -> String {
    let (schema, folder) = (schema.display(), folder.display());
    format!(
        r#"include "{schema}/core.schema"
include "{schema}/cosine.schema"
include "{schema}/inetorgperson.schema"
moduleload back_mdb
pidfile "{folder}/pid"
argsfile "{folder}/args"
database mdb
maxsize 16777216
suffix "dc=example,dc=org"
rootdn "{ADMIN_DN}"
rootpw {ADMIN_PASSWORD}
directory "{folder}/db"
"#
    )
}

fn people() -> String {
    let mut ldif = String::from(
        "dn: dc=example,dc=org\nobjectClass: dcObject\nobjectClass: organization\n\
         o: Example\ndc: example\n\n\
         dn: ou=people,dc=example,dc=org\nobjectClass: organizationalUnit\nou: people\n\n\
         dn: ou=groups,dc=example,dc=org\nobjectClass: organizationalUnit\nou: groups\n\n",
    );
    for person in [USER, CROWD] {
        let Account {
            login,
            password,
            email,
        } = person;
        write!(
            ldif,
            "dn: uid={login},{PEOPLE_DN}\nobjectClass: inetOrgPerson\nuid: {login}\n\
             cn: {login}\nsn: {login}\nmail: {email}\nuserPassword: {password}\n\n"
        )
        .expect("a string takes everything");
    }
    for (group, member) in groups() {
        write!(
            ldif,
            "dn: cn={group},{GROUPS_DN}\nobjectClass: groupOfNames\ncn: {group}\n\
             member: uid={},{PEOPLE_DN}\n\n",
            member.login
        )
        .expect("a string takes everything");
    }
    ldif
}

fn groups() -> impl Iterator<Item = (String, Account)> {
    let crowd = (0..CROWD_GROUPS).map(|number| (group_name(number), CROWD));
    crowd.chain([("team-a".to_owned(), USER)])
}

/// Makes up a name that a session's compression cannot shorten.
fn group_name(number: usize) -> String {
    let mut hasher = DefaultHasher::new();
    let mut word = || {
        number.hash(&mut hasher);
        hasher.finish()
    };
    format!("group-{:016x}{:016x}", word(), word())
}
