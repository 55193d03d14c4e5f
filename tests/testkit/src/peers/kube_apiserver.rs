//! A real Kubernetes API server with its etcd, which takes the ID tokens of an OpenID Connect issuer.
//!
//! It takes many minutes to build, so no everyday test may ask for it.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::Found;
use super::install::{self, GoPeer};
use super::ports::Port;
use super::process::{self, Process};
use super::tls;

/// Both servers are one program.
const PEER: GoPeer = GoPeer {
    name: "kube-apiserver-1.37.2",
    package: ".",
    go_mod: include_str!("kube_apiserver/go.mod"),
    go_sum: include_str!("kube_apiserver/go.sum"),
    main: Some(include_str!("kube_apiserver/main.go")),
    tags: None,
};

/// Is who makes the tokens, and for which client.
pub struct Issuer<'a> {
    pub url: &'a str,
    pub ca_pem: &'a str,
    pub client_id: &'a str,
}

/// Is a running API server. Users are called by the email address of their tokens.
pub struct KubeApiServer {
    process: Process,
    port: Port,
    ca: PathBuf,
    _etcd: Etcd,
    _folder: TempDir,
}

impl KubeApiServer {
    /// Starts both servers; they answer a while later.
    pub fn start(issuer: &Issuer<'_>) -> Found<Self> {
        let program = install::go_peer(&PEER)?;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let etcd = Etcd::start(&program);
        let port = Port::reserve();
        let files = tls::write(folder.path());
        let issuer_ca = folder.path().join("issuer-ca.pem");
        fs::write(&issuer_ca, issuer.ca_pem).expect("the issuer's CA");
        let key = files.key.display();

        let mut command = process::command(program);
        command.arg("kube-apiserver").args([
            format!("--etcd-servers={}", etcd.url()),
            "--bind-address=127.0.0.1".to_owned(),
            format!("--secure-port={}", port.number()),
            format!("--tls-cert-file={}", files.certificate.display()),
            format!("--tls-private-key-file={key}"),
            "--authorization-mode=RBAC".to_owned(),
            format!("--oidc-issuer-url={}", issuer.url),
            format!("--oidc-ca-file={}", issuer_ca.display()),
            format!("--oidc-client-id={}", issuer.client_id),
            "--oidc-username-claim=email".to_owned(),
            // It insists on these, although nobody has a service account here.
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            format!("--service-account-key-file={}", files.certificate.display()),
            format!("--service-account-signing-key-file={key}"),
            "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
            // No other machine finds it.
            "--endpoint-reconciler-type=none".to_owned(),
        ]);
        command.current_dir(folder.path());
        let log = folder.path().join("log");
        let process = Process::start("kube-apiserver", command, &log);
        Ok(Self {
            process,
            port,
            ca: files.ca,
            _etcd: etcd,
            _folder: folder,
        })
    }

    /// Waits until it says by this that it is ready; panics with its log where it does not.
    pub fn wait_until(&mut self, ready: impl FnMut() -> bool) {
        self.process.wait_until(ready);
    }

    pub fn origin(&self) -> String {
        format!("https://127.0.0.1:{}", self.port.number())
    }

    /// Returns the file of the authority that has signed its certificate.
    pub fn ca(&self) -> &PathBuf {
        &self.ca
    }
}

/// Is the API server's storage.
struct Etcd {
    _process: Process,
    port: Port,
    _peers: Port,
    _folder: TempDir,
}

impl Etcd {
    fn start(program: &PathBuf) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (port, peers) = (Port::reserve(), Port::reserve());
        let url = |port: &Port| format!("http://127.0.0.1:{}", port.number());
        let mut command = process::command(program);
        command
            .arg("etcd")
            .arg(folder.path().join("data"))
            .args([url(&port), url(&peers)])
            .current_dir(folder.path());
        Self {
            _process: Process::start("etcd", command, &folder.path().join("log")),
            port,
            _peers: peers,
            _folder: folder,
        }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port.number())
    }
}
