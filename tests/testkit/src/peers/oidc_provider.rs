//! `oidc-provider` (npm): a certified OAuth 2.0 and OpenID Connect server.
//!
//! Codes are good once, the callback has `iss` (RFC 9207), and there are discovery, the device flow
//! (RFC 8628), client credentials, revocation (RFC 7009) and logout (`end_session_endpoint`). PKCE,
//! rotation, what a client proves itself with, resources (RFC 8707) and the pages are options.
//!
//! It is served on plain http. Its issuer may be one of the test's choice in front of it:
//! `google::Options::oauth_server` leads Google's authorization and token endpoints to it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::install::{self, cache};
use super::ports::Port;
use super::process::{self, Process};
use super::{Found, Missing};
use crate::google::jwt;
use crate::oauth::DEVICE_CODE;

const SERVER: &str = include_str!("oidc_provider/server.mjs");
const PACKAGE: &str = include_str!("oidc_provider/package.json");
const PACKAGE_LOCK: &str = include_str!("oidc_provider/package-lock.json");
const VERSION: &str = "9.13.3";

/// Describes the server, its clients and the person at the browser.
pub struct Options {
    /// What it says that it is; by default its own origin.
    pub issuer: Option<String>,
    pub clients: Vec<Client>,
    /// The RSA key that signs ID tokens, PKCS #8 PEM.
    pub key: &'static str,
    /// The person's email address, where `login_hint` names no other.
    pub account: &'static str,
    pub pages: Pages,
    pub rotation: bool,
    /// Every client must send a challenge (S256).
    pub pkce: bool,
    /// There is a refresh token only where the scope `offline_access` is asked for, with
    /// `prompt=consent`. Else there is one always.
    pub offline_access: bool,
    /// Resource indicators and their scopes: access tokens for these are JWTs with that audience.
    pub resources: Vec<(&'static str, &'static str)>,
    /// How many seconds a device must wait between two polls; each early one makes it five more.
    /// By default it tells none, and takes every poll.
    pub interval: Option<u32>,
    /// How many seconds an ID token lives.
    pub id_token_life: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            issuer: None,
            clients: Vec::new(),
            key: jwt::GOOGLE.pem,
            account: "ada@example.com",
            pages: Pages::None,
            rotation: true,
            pkce: true,
            offline_access: false,
            resources: Vec::new(),
            interval: None,
            id_token_life: 3600,
        }
    }
}

/// Says what a person sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pages {
    /// Nothing: the person is logged in and consents.
    None,
    /// A button, `#allow`.
    Allow,
    /// The package's own pages: a form that takes any `login` and `password`, then a button.
    Own,
}

/// Is one client of the server, for every grant.
#[derive(Clone, Debug)]
pub struct Client {
    pub id: &'static str,
    pub proof: Proof,
    pub redirect_uris: Vec<String>,
    /// The port of a loopback redirect counts too. Else only the path does.
    pub exact_redirects: bool,
    /// Where the browser may go after a logout.
    pub after_logout: Vec<String>,
}

/// Is what a client proves itself with at the token endpoint. A secret is taken in both ways, however
/// it was registered.
#[derive(Clone, Debug)]
pub enum Proof {
    /// Nothing: the client is public.
    None,
    /// A secret in the `Authorization` header (`client_secret_basic`).
    Basic(&'static str),
    /// A secret in the form (`client_secret_post`).
    Form(&'static str),
    /// A JWT of the client's own (`private_key_jwt`), which this public key verifies.
    Key(Value),
}

impl Client {
    /// Is a program on somebody's machine, sent to any port of a loopback address.
    pub fn native(id: &'static str, proof: Proof, redirect_uris: &[&str]) -> Self {
        Self {
            id,
            proof,
            redirect_uris: redirect_uris.iter().map(|&uri| uri.to_owned()).collect(),
            exact_redirects: false,
            after_logout: Vec::new(),
        }
    }

    fn metadata(&self) -> Value {
        let is_public = matches!(self.proof, Proof::None);
        let mut grants = vec!["refresh_token", DEVICE_CODE];
        if !self.redirect_uris.is_empty() {
            grants.push("authorization_code");
        }
        if !is_public {
            grants.push("client_credentials");
        }
        let mut metadata = json!({
            "client_id": self.id,
            "application_type": if self.exact_redirects { "web" } else { "native" },
            "redirect_uris": self.redirect_uris,
            "post_logout_redirect_uris": self.after_logout,
            "grant_types": grants,
        });
        if self.redirect_uris.is_empty() {
            metadata["response_types"] = json!([]);
        }
        let method = match &self.proof {
            Proof::None => "none",
            Proof::Basic(secret) => {
                metadata["client_secret"] = (*secret).into();
                "client_secret_basic"
            }
            Proof::Form(secret) => {
                metadata["client_secret"] = (*secret).into();
                "client_secret_post"
            }
            Proof::Key(key) => {
                metadata["jwks"] = json!({"keys": [key]});
                "private_key_jwt"
            }
        };
        metadata["token_endpoint_auth_method"] = method.into();
        metadata
    }
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
        let script = installed()?.join(script());
        let folder = tempfile::tempdir().expect("a temporary folder");
        let port = Port::reserve();
        let origin = format!("http://127.0.0.1:{}", port.number());
        let issuer = options.issuer.clone().unwrap_or_else(|| origin.clone());
        let clients = options.clients.iter().map(Client::metadata);
        let resources = options.resources.iter();
        let resources = resources.map(|(indicator, scopes)| (*indicator, *scopes));
        let settings = json!({
            "port": port.number(),
            "issuer": issuer,
            "clients": clients.collect::<Vec<_>>(),
            "key": options.key,
            "account": options.account,
            "pages": match options.pages {
                Pages::None => "none",
                Pages::Allow => "allow",
                Pages::Own => "own",
            },
            "rotation": options.rotation,
            "pkce": options.pkce,
            "offlineAccess": options.offline_access,
            "resources": resources.collect::<BTreeMap<_, _>>(),
            "interval": options.interval,
            "idTokenLife": options.id_token_life,
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
            origin,
            issuer,
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
        write(&folder, &script(), SERVER);
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
    write(&folder, &script(), SERVER);
    write(&folder, "whole", PACKAGE_LOCK);
    Ok(folder)
}

/// Names the script by its text: another checkout may have another one.
fn script() -> String {
    format!("server-{}.mjs", install::key(&[SERVER]))
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
