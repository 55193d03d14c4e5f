//! `oidc-provider` (npm): a certified OAuth 2.0 and OpenID Connect server, for one desktop client.
//!
//! PKCE is required, codes are good once, and refresh tokens are rotated. It is served on plain
//! http, with an issuer of the test's choice in front of it: `google::Options::oauth_server` leads
//! Google's authorization and token endpoints to it.

use std::fs::{self, File};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::install::{self, cache};
use super::ports::Port;
use super::process::{self, Process};
use super::{Found, Missing};

const SERVER: &str = include_str!("oidc_provider/server.mjs");
const PACKAGE: &str = include_str!("oidc_provider/package.json");
const PACKAGE_LOCK: &str = include_str!("oidc_provider/package-lock.json");
const VERSION: &str = "9.13.3";

/// Describes the server, its one client and the person at the browser.
pub struct Options {
    pub issuer: &'static str,
    pub client_id: &'static str,
    pub client_secret: &'static str,
    /// The port of a loopback redirect is never looked at, the path is.
    pub redirect_uris: Vec<&'static str>,
    /// The RSA key that signs ID tokens, PKCS #8 PEM.
    pub key: &'static str,
    /// The person's email address, where `login_hint` names no other.
    pub account: &'static str,
    /// Wants a click on "Allow" (`#allow`) in place of consent at once.
    pub consent_page: bool,
    pub rotation: bool,
}

/// Is a running server.
pub struct OidcProvider {
    process: Process,
    origin: String,
    issuer: String,
    _port: Port,
    _folder: TempDir,
}

impl OidcProvider {
    /// Starts a server and waits until it listens.
    pub fn start(options: &Options) -> Found<Self> {
        let node = install::program("node", "nodejs")?;
        let script = installed()?.join("server.mjs");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let port = Port::reserve();
        let settings = serde_json::json!({
            "port": port.number(),
            "issuer": options.issuer,
            "clientId": options.client_id,
            "clientSecret": options.client_secret,
            "redirectUris": options.redirect_uris,
            "key": options.key,
            "account": options.account,
            "consentPage": options.consent_page,
            "rotation": options.rotation,
        });
        let file = folder.path().join("settings.json");
        fs::write(&file, settings.to_string()).expect("the server's settings");
        let mut command = process::command(node);
        command.arg(script).arg(file);
        let log = folder.path().join("log");
        let mut process = Process::start("oidc-provider", command, &log);
        let address = ("127.0.0.1", port.number());
        process.wait_until(|| TcpStream::connect(address).is_ok());
        Ok(Self {
            process,
            origin: format!("http://127.0.0.1:{}", port.number()),
            issuer: options.issuer.to_owned(),
            _port: port,
            _folder: folder,
        })
    }

    /// Returns where it really is.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Returns what it says that it is.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    pub fn log(&self) -> String {
        self.process.log()
    }
}

/// Returns the folder with the server and its packages; the first call installs them.
fn installed() -> Found<PathBuf> {
    let npm = install::program("npm", "npm")?;
    let folder = cache().join(format!("oidc-provider-{VERSION}"));
    fs::create_dir_all(&folder).expect("a folder of the cache");
    let lock = File::create(folder.join("lock")).expect("a lock file");
    lock.lock().expect("the lock of an installation");
    let whole = folder.join("whole");
    if fs::read_to_string(&whole).is_ok_and(|made_of| made_of == PACKAGE_LOCK) {
        write(&folder, "server.mjs", SERVER);
        return Ok(folder);
    }
    write(&folder, "package.json", PACKAGE);
    write(&folder, "package-lock.json", PACKAGE_LOCK);
    let mut command = process::command(npm);
    command
        .current_dir(&folder)
        .args(["ci", "--omit=dev", "--ignore-scripts"])
        .args(["--no-audit", "--no-fund"]);
    let log = folder.join("log");
    let ended = process::run("npm ci", command, &log, Duration::from_secs(600));
    if !ended.as_ref().is_ok_and(std::process::ExitStatus::success) {
        let log = process::read_log(&log);
        return Err(Missing::new(format!(
            "npm ci of oidc-provider: {ended:?}\n{log}"
        )));
    }
    write(&folder, "server.mjs", SERVER);
    write(&folder, "whole", PACKAGE_LOCK);
    Ok(folder)
}

/// Writes a file at once, as others may be reading it; only where it differs.
fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    if fs::read_to_string(&path).is_ok_and(|there| there == text) {
        return;
    }
    let fresh = folder.join(format!("{name}.new"));
    fs::write(&fresh, text).expect("a file of the cache");
    fs::rename(fresh, path).expect("a file of the cache");
}
