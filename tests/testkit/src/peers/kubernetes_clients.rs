//! Kubernetes clients in the languages that people use, each behind a program of a few lines with one command line for
//! all: an argument is `KUBECONFIG=STEP,STEP…`, and a line of JSON answers it, an array with what became of each request.
//!
//! The steps: `get` lists the pods of `default`, `pause:SECONDS` waits, `parallel:N` makes N lists at once. What becomes
//! of a list: `{"status": 200, "pods": 1}`, `{"status": 403}` or `{"error": "why"}`. A client lives for one argument.

use std::ffi::OsString;
use std::process::Command;

use super::Found;
use super::install::{self, FolderPeer, GoPeer};

/// Is a client library.
pub struct Client {
    /// As protocol/README.md calls it.
    pub name: &'static str,
    program: fn() -> Found<Vec<OsString>>,
}

impl Client {
    /// Prepares a run of its program. It has three minutes.
    pub fn command(&self) -> Found<Command> {
        let mut command = Command::new("timeout");
        command.arg("180").args((self.program)()?);
        Ok(command)
    }
}

pub const CLIENTS: [Client; 7] = [
    Client {
        name: "client-go 0.37.2",
        program: client_go,
    },
    Client {
        name: "Python `kubernetes` 37.0.2",
        program: python_37,
    },
    Client {
        name: "Python `kubernetes` 30.1.0",
        program: python_30,
    },
    Client {
        name: "`@kubernetes/client-node` 1.4.0",
        program: node,
    },
    Client {
        name: "Rust `kube` 5.0.0",
        program: kube,
    },
    Client {
        name: "`io.kubernetes:client-java` 24.0.0",
        program: || java("OfficialClient"),
    },
    Client {
        name: "`io.fabric8:kubernetes-client` 7.4.0",
        program: || java("Fabric8Client"),
    },
];

fn client_go() -> Found<Vec<OsString>> {
    const PEER: GoPeer = GoPeer {
        name: "client-go-0.37.2",
        package: ".",
        go_mod: include_str!("kubernetes_clients/go/go.mod"),
        go_sum: include_str!("kubernetes_clients/go/go.sum"),
        main: Some(include_str!("kubernetes_clients/go/client.go")),
        tags: None,
    };
    Ok(vec![install::go_peer(&PEER)?.into()])
}

fn python_37() -> Found<Vec<OsString>> {
    let requirements = include_str!("kubernetes_clients/python/requirements-37.txt");
    python("kubernetes-37.0.2", requirements)
}

/// Is the newest that kfp 2 takes.
fn python_30() -> Found<Vec<OsString>> {
    let requirements = include_str!("kubernetes_clients/python/requirements-30.txt");
    python("kubernetes-30.1.0", requirements)
}

fn python(name: &str, requirements: &str) -> Found<Vec<OsString>> {
    let python = install::python_venv(name, requirements)?;
    let script = include_str!("kubernetes_clients/python/client.py");
    Ok(vec![python.into(), "-c".into(), script.into()])
}

fn node() -> Found<Vec<OsString>> {
    const PEER: FolderPeer = FolderPeer {
        name: "kubernetes-client-node-1.4.0",
        files: &[
            (
                "package.json",
                include_str!("kubernetes_clients/node/package.json"),
            ),
            (
                "package-lock.json",
                include_str!("kubernetes_clients/node/package-lock.json"),
            ),
            (
                "client.mjs",
                include_str!("kubernetes_clients/node/client.mjs"),
            ),
        ],
    };
    let node = install::program("node", "nodejs")?;
    let folder = install::folder_peer(&PEER, install::npm)?;
    Ok(vec![node.into(), folder.join("client.mjs").into()])
}

fn kube() -> Found<Vec<OsString>> {
    const PEER: FolderPeer = FolderPeer {
        name: "kube-5.0.0",
        files: &[
            (
                "Cargo.toml",
                include_str!("kubernetes_clients/kube/Cargo.toml"),
            ),
            (
                "Cargo.lock",
                include_str!("kubernetes_clients/kube/Cargo.lock"),
            ),
            (
                "src/main.rs",
                include_str!("kubernetes_clients/kube/main.rs"),
            ),
        ],
    };
    const PROGRAM: &str = "kubernetes-client";
    let folder = install::folder_peer(&PEER, |folder, log| install::cargo(folder, log, PROGRAM))?;
    Ok(vec![folder.join(PROGRAM).into()])
}

/// Both Java clients are one Maven project.
fn java(class: &str) -> Found<Vec<OsString>> {
    const PEER: FolderPeer = FolderPeer {
        name: "kubernetes-clients-java",
        files: &[
            ("pom.xml", include_str!("kubernetes_clients/java/pom.xml")),
            (
                "Scenes.java",
                include_str!("kubernetes_clients/java/Scenes.java"),
            ),
            (
                "OfficialClient.java",
                include_str!("kubernetes_clients/java/OfficialClient.java"),
            ),
            (
                "Fabric8Client.java",
                include_str!("kubernetes_clients/java/Fabric8Client.java"),
            ),
        ],
    };
    let java = install::program("java", "openjdk-17-jdk-headless")?;
    let folder = install::folder_peer(&PEER, |folder, log| {
        let goals = ["compiler:compile", "dependency:copy-dependencies"];
        install::maven(folder, log, &goals)
    })?;
    let target = folder.join("target");
    let class_path = format!("{0}/classes:{0}/dependency/*", target.display());
    // What matters to a program of seconds is that it starts soon.
    let options = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp"];
    let mut program = vec![java.into()];
    program.extend(options.map(OsString::from));
    program.extend([class_path, class.to_owned()].map(OsString::from));
    Ok(program)
}
