//! Real oauth2-proxy as an origin of its own: Dex below it, the application behind it.

use std::fmt::Write as _;
use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::dex::{CLIENT_ID, CLIENT_SECRET, Dex, PIPELINES_AUDIENCE, get};
use super::install::{self, GoPeer};
use super::ports::Port;
use super::process::{self, Process};
use super::{Found, Missing, tls};

const PEER: GoPeer = GoPeer {
    name: "oauth2-proxy-7.15.3",
    package: "github.com/oauth2-proxy/oauth2-proxy/v7",
    go_mod: include_str!("oauth2-proxy/go.mod"),
    go_sum: include_str!("oauth2-proxy/go.sum"),
    main: None,
    tags: None,
};

/// Is the name that Kubeflow's manifests give to the session.
pub const COOKIE: &str = "oauth2_proxy_kubeflow";

/// Describes an oauth2-proxy; the defaults are those of Kubeflow's manifests.
pub struct Options {
    /// Show a sign-in page before the redirect to Dex (Kubeflow 1.9 and later).
    pub sign_in_page: bool,
    /// Everything lives below this path (`/kf`), cookies too.
    pub prefix: &'static str,
    /// TLS on the origin, with absolute redirects and a `__Secure-` cookie, as deployKF has it.
    pub tls: bool,
    /// Listen on `[::1]`.
    pub ipv6: bool,
    /// The session's life, such as `24h`.
    pub cookie_expire: &'static str,
    /// After which age a session is refreshed; needs `offline_access`.
    pub cookie_refresh: Option<&'static str>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            sign_in_page: true,
            prefix: "",
            tls: false,
            ipv6: false,
            cookie_expire: "24h",
            cookie_refresh: None,
        }
    }
}

impl Options {
    /// Returns the origin of a front door with these options at this port.
    pub fn origin(&self, port: &Port) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{}", self.address(port))
    }

    /// Returns where Dex is to send the browser.
    pub fn redirect_uri(&self, port: &Port) -> String {
        // Kubeflow registers the path alone.
        let origin = if self.tls {
            self.origin(port)
        } else {
            String::new()
        };
        format!("{origin}{}/oauth2/callback", self.prefix)
    }

    fn address(&self, port: &Port) -> String {
        let host = if self.ipv6 { "[::1]" } else { "127.0.0.1" };
        format!("{host}:{}", port.number())
    }
}

/// Is a running oauth2-proxy.
pub struct OAuth2Proxy {
    process: Process,
    origin: String,
    config: Value,
    tls: Option<tls::Files>,
    folder: TempDir,
    _port: Port,
}

impl OAuth2Proxy {
    /// Starts one at this port: `<prefix>/dex/` goes unguarded to `dex_origin` (Dex itself or a recorder before
    /// it), everything else needs a session and goes to `upstream`.
    pub fn start(
        options: &Options,
        port: Port,
        dex: &Dex,
        dex_origin: &str,
        upstream: &str,
    ) -> Found<Self> {
        let mut config = config(options, dex, &options.redirect_uri(&port));
        config["upstreams"] = json!([
            format!("{dex_origin}{}/", dex.path()),
            format!("{upstream}/"),
        ]);
        Self::start_with(options, port, config)
    }

    /// Starts one that a gateway asks who may pass: it has its own pages, and nothing behind it.
    pub fn start_for_gateway(options: &Options, dex: &Dex) -> Found<Self> {
        let port = Port::reserve();
        let mut config = config(options, dex, &options.redirect_uri(&port));
        config["upstreams"] = json!(["static://200"]);
        config["set_authorization_header"] = true.into();
        config["set_xauthrequest"] = true.into();
        Self::start_with(options, port, config)
    }

    fn start_with(options: &Options, port: Port, mut config: Value) -> Found<Self> {
        if options.ipv6 && std::net::TcpListener::bind("[::1]:0").is_err() {
            return Err(Missing::new("IPv6 on loopback"));
        }
        let program = install::go_peer(&PEER)?;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let tls = options.tls.then(|| tls::write(folder.path()));
        let address = options.address(&port);
        if let Some(files) = &tls {
            config["https_address"] = address.into();
            config["http_address"] = "".into();
            config["tls_cert_file"] = files.certificate.to_string_lossy().into();
            config["tls_key_file"] = files.key.to_string_lossy().into();
        } else {
            config["http_address"] = address.into();
        }
        let process = spawn(&program, &config, &folder);
        let mut proxy = Self {
            process,
            origin: options.origin(&port),
            config,
            tls,
            folder,
            _port: port,
        };
        proxy.wait();
        Ok(proxy)
    }

    pub fn origin(&self) -> &str {
        &self.origin
    }

    pub fn tls(&self) -> Option<&tls::Files> {
        self.tls.as_ref()
    }

    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Makes every session worthless: starts again, at the same address, with another secret.
    pub fn forget_sessions(&mut self) {
        let secret: String = self.config["cookie_secret"]
            .as_str()
            .unwrap_or_default()
            .into();
        let (first, rest) = secret.split_at(1);
        self.config["cookie_secret"] = format!("{rest}{first}").into();
        self.process.kill();
        let program = install::go_peer(&PEER).expect("it ran before");
        self.process = spawn(&program, &self.config, &self.folder);
        self.wait();
    }

    fn wait(&mut self) {
        let address = self.origin.clone();
        if self.tls.is_none() {
            return self.process.wait_until(|| get(&address, "/ping") == 200);
        }
        let address = address.trim_start_matches("https://").to_owned();
        self.process
            .wait_until(|| std::net::TcpStream::connect(&address).is_ok());
    }
}

fn spawn(program: &std::path::Path, config: &Value, folder: &TempDir) -> Process {
    let file = folder.path().join("oauth2-proxy.toml");
    fs::write(&file, toml(config)).expect("oauth2-proxy's configuration");
    let mut command = process::command(program);
    command.arg("--config").arg(file).current_dir(folder.path());
    // Its options can come from the environment too.
    for name in std::env::vars_os().map(|(name, _)| name) {
        if name.to_string_lossy().starts_with("OAUTH2_PROXY_") {
            command.env_remove(name);
        }
    }
    Process::start("oauth2-proxy", command, &folder.path().join("log"))
}

fn config(options: &Options, dex: &Dex, redirect_uri: &str) -> Value {
    let prefix = options.prefix;
    let internal = format!("{}{}", dex.origin(), dex.path());
    let mut config = json!({
        "provider": "oidc",
        "oidc_issuer_url": dex.issuer(),
        "skip_oidc_discovery": true,
        "login_url": format!("{}/auth", dex.path()),
        "redeem_url": format!("{internal}/token"),
        "oidc_jwks_url": format!("{internal}/keys"),
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "scope": "profile email groups openid",
        "prompt": "none",
        "code_challenge_method": "S256",
        "redirect_url": redirect_uri,
        "relative_redirect_url": !options.tls,
        "proxy_prefix": format!("{prefix}/oauth2"),
        "skip_auth_routes": [format!("^{}/", dex.path())],
        "api_routes": [
            format!("{prefix}/api/"), format!("{prefix}/apis/"), format!("^{prefix}/ml_metadata"),
        ],
        "skip_provider_button": !options.sign_in_page,
        "skip_jwt_bearer_tokens": true,
        "oidc_extra_audiences": [PIPELINES_AUDIENCE],
        "email_domains": ["*"],
        "insecure_oidc_allow_unverified_email": true,
        "pass_authorization_header": true,
        "pass_user_headers": true,
        "cookie_name": COOKIE,
        "cookie_secret": "cookie-secret-of-32-bytes-length",
        "cookie_expire": options.cookie_expire,
        "cookie_secure": false,
        "cookie_path": if prefix.is_empty() { "/" } else { prefix },
    });
    if options.tls {
        config["cookie_name"] = format!("__Secure-{COOKIE}").into();
        config["cookie_secure"] = true.into();
    }
    if let Some(age) = options.cookie_refresh {
        config["cookie_refresh"] = age.into();
        config["scope"] = "profile email groups openid offline_access".into();
    }
    config
}

/// Writes a flat table; what JSON has for strings, numbers and arrays is TOML too.
fn toml(config: &Value) -> String {
    let table = config.as_object().expect("a table");
    table.iter().fold(String::new(), |mut text, (key, value)| {
        writeln!(text, "{key} = {value}").expect("a string takes everything");
        text
    })
}
