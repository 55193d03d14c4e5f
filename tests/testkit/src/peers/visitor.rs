//! Somebody who comes to a front door with the real binary, and a look at what the answer opens.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::dex::Account;
use super::front_door::RealDoor;
use crate::sandbox::{Output, Run, Sandbox};

/// Is somebody with an account and a home, whose password lies in `KFP_CREDENTIAL_PASSWORD`.
pub struct Visitor<'a> {
    pub home: Sandbox,
    door: &'a RealDoor,
    account: Account,
}

impl<'a> Visitor<'a> {
    pub fn new(door: &'a RealDoor, account: Account) -> Self {
        let home = Sandbox::new();
        let password = home.secret(account.password);
        home.env("KFP_CREDENTIAL_PASSWORD", &password);
        Self::at_home(home, door, account)
    }

    /// Makes one of a home as it is, with or without a password.
    pub fn at_home(home: Sandbox, door: &'a RealDoor, account: Account) -> Self {
        Self {
            home,
            door,
            account,
        }
    }

    /// Asks for a credential for the door's endpoint.
    #[must_use = "a run that nobody looks at tests nothing"]
    pub fn get(&self, more: &[&str]) -> Output {
        self.command(more).run()
    }

    /// Asks for a credential and returns the document.
    #[track_caller]
    pub fn document(&self, more: &[&str]) -> Value {
        self.get(more).assert_success().json()
    }

    /// Prepares `get` for the door's endpoint.
    pub fn command(&self, more: &[&str]) -> Run<'_> {
        self.command_at(&self.door.endpoint(), more)
    }

    /// Prepares `get` for another endpoint.
    pub fn command_at(&self, endpoint: &str, more: &[&str]) -> Run<'_> {
        let own = [
            "get",
            "--endpoint",
            endpoint,
            "--username",
            self.account.login,
        ];
        self.home.command(&[&own, more].concat())
    }

    /// Asserts that a document's headers open the API at its endpoint, in this account's name.
    #[track_caller]
    pub fn assert_opens(&self, document: &Value) {
        let endpoint = document["status"]["kfp"]["endpoint"].as_str();
        let url = experiments(endpoint.expect("an endpoint"));
        let answer = ask_with_headers(&url, &header_lines(document));
        let logs = self.door.logs();
        assert!(answer.contains("taxi fares"), "{url}: {answer}\n{logs}");
        assert_eq!(self.last_user(), self.account.email, "{url}");
    }

    /// Tells in whose name the application was asked last.
    pub fn last_user(&self) -> String {
        let last = self.door.upstream().requests().pop();
        let last = last.expect("a request behind the door");
        let names = ["x-forwarded-email", "oidc_claim_email"];
        let user = names.iter().find_map(|name| last.header(name));
        user.unwrap_or_default().to_owned()
    }
}

/// Returns an address of KFP's API that answers JSON behind the door only.
pub fn experiments(endpoint: &str) -> String {
    format!("{endpoint}/apis/v2beta1/experiments?namespace=team-a")
}

/// Writes a document's headers as `-o headers` does.
pub fn header_lines(document: &Value) -> String {
    let headers = document["status"]["headers"].as_object();
    let lines = headers.expect("headers").iter().map(|(name, values)| {
        let value = values[0].as_str().expect("a header's value");
        format!("{name}: {value}\r\n")
    });
    lines.collect()
}

/// Gives the names of a document's cookies.
pub fn cookie_names(document: &Value) -> Vec<String> {
    let cookies = document["status"]["cookies"].as_array();
    let names = cookies.expect("cookies").iter().map(|one| &one["name"]);
    names
        .map(|name| name.as_str().expect("a name").to_owned())
        .collect()
}

/// Asks for an address with these header lines and returns the body of the 200.
#[track_caller]
pub fn ask_with_headers(url: &str, lines: &str) -> String {
    curl(&["--insecure", "-H", "@-", url], lines)
}

/// Runs curl with something on its stdin; an answer that is no 200 fails the test.
#[track_caller]
pub fn curl(arguments: &[&str], stdin: &str) -> String {
    let mut command = Command::new("curl");
    command.args(["-sS", "-g", "--max-time", "30", "-w", "\n%{http_code}"]);
    feed(command.args(arguments), stdin)
        .strip_suffix("\n200")
        .unwrap_or_else(|| panic!("{arguments:?} was not answered 200"))
        .to_owned()
}

/// Runs a command with something on its stdin and returns its stdout.
#[track_caller]
pub fn feed(command: &mut Command, stdin: &str) -> String {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a program that runs");
    let mut pipe = child.stdin.take().expect("a pipe");
    pipe.write_all(stdin.as_bytes()).expect("its stdin");
    drop(pipe);
    let output = child.wait_with_output().expect("its end");
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
