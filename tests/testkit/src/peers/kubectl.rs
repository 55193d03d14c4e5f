//! kubectl, and a server that kubectl takes for its API server and that notes who asks.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::Found;
use super::install::{self, GoPeer};
use crate::http::{Request, Response, Server, TestCa};

const NEWEST: GoPeer = GoPeer {
    name: "kubectl-0.37.2",
    package: ".",
    go_mod: include_str!("kubectl/go.mod"),
    go_sum: include_str!("kubectl/go.sum"),
    main: Some(include_str!("kubectl/main.go")),
    tags: None,
};

/// Is the oldest one whose exec plugins speak `client.authentication.k8s.io/v1` as we do.
const MINOR: u32 = 24;

/// Returns the kubectl on `PATH` when it is new enough, else builds one.
pub fn kubectl() -> Found<PathBuf> {
    match install::on_path("kubectl") {
        Some(program) if minor_version(&program).is_some_and(|minor| minor >= MINOR) => Ok(program),
        _ => newest(),
    }
}

/// Returns the kubectl of Kubernetes 1.37, whatever the system has.
pub fn newest() -> Found<PathBuf> {
    install::go_peer(&NEWEST)
}

fn minor_version(program: &PathBuf) -> Option<u32> {
    let mut command = Command::new(program);
    command.args(["version", "--client", "-o", "json"]);
    let answer: Value = serde_json::from_slice(&command.output().ok()?.stdout).ok()?;
    // "gitVersion" rather than "minor", which builds from modules leave empty.
    let version = answer["clientVersion"]["gitVersion"].as_str()?;
    let mut numbers = version.strip_prefix("v1.")?.split('.');
    numbers.next()?.parse().ok()
}

/// Is a TLS server that answers `/version` as an API server does.
pub struct ApiServer {
    server: Server,
    ca: TestCa,
}

impl ApiServer {
    /// Starts one for everybody: what matters is what is asked.
    pub fn start() -> Self {
        let ca = TestCa::generate();
        let server = Server::start_tls(&ca, &["localhost", "127.0.0.1"], answer);
        Self { server, ca }
    }

    pub fn origin(&self) -> String {
        self.server.origin()
    }

    /// Returns the certificate authority, for `certificate-authority` in a kubeconfig.
    pub fn ca_pem(&self) -> &str {
        self.ca.pem()
    }

    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Returns the Authorization header of every request so far, `None` where there was none.
    pub fn authorizations(&self) -> Vec<Option<String>> {
        let requests = self.server.requests().into_iter();
        requests
            .map(|request| request.header("authorization").map(str::to_owned))
            .collect()
    }
}

fn answer(request: &Request) -> Response {
    match request.path() {
        "/version" => Response::json(
            200,
            r#"{"major":"1","minor":"33","gitVersion":"v1.33.1","platform":"linux/amd64"}"#,
        ),
        _ => Response::json(
            404,
            r#"{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}"#,
        ),
    }
}
