//! `kubectl auth whoami` at a real Kubernetes API server that trusts a real Dex: who the binary's token makes one.
//!
//! Not part of `cargo test`, as the API server takes many minutes to build: `cargo test --test real_api_server`.
#![cfg(unix)]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use testkit::http::{Server, TestCa, forward};
use testkit::outside::surround;
use testkit::peers::dex::{self, Dex};
use testkit::peers::kube_apiserver::{Issuer, KubeApiServer};
use testkit::peers::kubectl::newest;
use testkit::peers::{Found, needs};
use testkit::sandbox::Sandbox;

#[test]
fn kubectl_is_who_the_token_of_dex_says() {
    let kubectl = needs!(newest());
    let dex = needs!(HttpsDex::start());
    let mut api = needs!(KubeApiServer::start(&Issuer {
        url: dex.dex.issuer(),
        ca_pem: dex.ca.pem(),
        client_id: dex::CLIENT_ID,
    }));
    let home = Sandbox::new();
    let token = home.secret(dex.dex.id_token(dex::CLIENT_ID, dex::USER));
    home.file("id-token", &token);
    home.config(&format!(
        "apiVersion: kfp-credential/v1\nkind: Config\ncontexts:\n\
         \x20 - name: dex\n    endpoint: https://kf.example.com/pipeline\n\
         \x20   token-file: {{path: ~/id-token}}\n    servers: [\"{}\"]\n",
        api.origin()
    ));
    let kubeconfig = kubeconfig(&home, &api);
    let run = |args: &[&str]| run(&home, &kubectl, &kubeconfig, args);
    // This needs the token too: Dex may have been asked for its keys later than the rest was ready.
    api.wait_until(|| run(&["get", "--raw", "/readyz"]).status.success());

    let whoami = run(&["auth", "whoami", "-o", "json"]);
    assert!(whoami.status.success(), "{}", said(&whoami.stderr));
    let whoami: Value = serde_json::from_slice(&whoami.stdout).expect("JSON");
    assert_eq!(whoami["status"]["userInfo"]["username"], dex::USER.email);

    let pods = run(&["get", "pods"]);
    assert!(!pods.status.success());
    let words = said(&pods.stderr);
    let forbidden = format!("User \"{}\" cannot list resource \"pods\"", dex::USER.email);
    assert!(words.contains(&forbidden), "{words}");

    home.file("id-token", signed_by_somebody_else(&token));
    let stranger = run(&["auth", "whoami"]);
    assert!(!stranger.status.success());
    let words = said(&stranger.stderr);
    assert!(words.contains("Unauthorized"), "{words}");
}

/// Changes a letter at the start of a JWT's signature.
fn signed_by_somebody_else(token: &str) -> String {
    let (claims, signature) = token.rsplit_once('.').expect("a JWT");
    let other = if signature.starts_with('A') { "B" } else { "A" };
    format!("{claims}.{other}{}", &signature[1..])
}

/// Is a Dex with TLS before it, as an API server wants its issuer.
struct HttpsDex {
    dex: Dex,
    ca: TestCa,
    _front: Server,
}

impl HttpsDex {
    fn start() -> Found<Self> {
        let ca = TestCa::generate();
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let dex = Dex::start(dex::Options {
            issuer: Some(format!("https://{address}/dex")),
            ..dex::Options::default()
        })?;
        let origin = dex.origin().to_owned();
        let tls = ca.server_config(&["127.0.0.1"]);
        let front = Server::start_on(listener, Some(tls), move |request| {
            forward(request, &origin)
        });
        Ok(Self {
            dex,
            ca,
            _front: front,
        })
    }
}

/// Writes what `kfp-credential config kubeconfig` prints, with the API server beside it.
fn kubeconfig(home: &Sandbox, api: &KubeApiServer) -> PathBuf {
    let users = home
        .run(&["config", "kubeconfig", "--context", "dex"])
        .assert_success()
        .stdout;
    let kubeconfig = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: k\n\
         clusters:\n- name: k\n  cluster:\n    server: {}\n    certificate-authority: {}\n\
         contexts:\n- name: k\n  context: {{cluster: k, user: dex}}\n{users}",
        api.origin(),
        api.ca().display()
    );
    home.file("kubeconfig", kubeconfig)
}

fn run(home: &Sandbox, kubectl: &Path, kubeconfig: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(kubectl);
    command.arg("--kubeconfig").arg(kubeconfig).args(args);
    surround(&mut command, home);
    command.output().expect("kubectl")
}

fn said(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
