//! Real Dex: built from its Go module, with memory storage and a configuration of the test's own.

mod connector;

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::Found;
use super::install::{self, GoPeer};
use super::ports::Port;
use super::process::{self, Process};
use crate::http::{Request, forward};

pub use connector::Connector;

const PEER: GoPeer = GoPeer {
    name: "dex-2.45.1",
    package: "github.com/dexidp/dex/cmd/dex",
    go_mod: include_str!("dex/go.mod"),
    go_sum: include_str!("dex/go.sum"),
    main: None,
    tags: None,
};

/// Is somebody who can log in.
#[derive(Clone, Copy, Debug)]
pub struct Account {
    pub login: &'static str,
    pub password: &'static str,
    pub email: &'static str,
}

/// Is the usual static password.
pub const USER: Account = Account {
    login: "user@example.com",
    password: "dex-horse-staple-77",
    email: "user@example.com",
};

/// Is a static password with every character that a form, a shell or a header could spoil.
pub const ODD: Account = Account {
    login: "odd+user@example.com",
    password: "s p&a=c%e+é\"'<>;",
    email: "odd+user@example.com",
};

/// Is the client in whose name a front door asks.
pub const CLIENT_ID: &str = "kubeflow-oauth2-proxy";
pub const CLIENT_SECRET: &str = "kubeflow-client-secret-79";

/// Is a client whose ID tokens look like those of a pod's projected volume.
pub const PIPELINES_AUDIENCE: &str = "pipelines.kubeflow.org";

/// Is one more client of Dex's configuration.
#[derive(Clone, Debug, Default)]
pub struct Client {
    pub id: &'static str,
    /// Goes with a confidential client; without one the client is public.
    pub secret: Option<&'static str>,
    /// Where Dex may send the browser with a code. A public client without any gets each loopback
    /// address, the out-of-band page and the device flow.
    pub redirect_uris: Vec<String>,
}

/// Says what becomes of refresh tokens; the default is Dex's own.
#[derive(Clone, Copy, Debug, Default)]
pub struct RefreshTokens {
    /// The same token is good again and again.
    pub disable_rotation: bool,
    /// How long the one before the newest is still taken, such as `3s`.
    pub reuse_interval: Option<&'static str>,
}

/// Describes a Dex.
pub struct Options {
    /// The issuer as browsers see it; its path is where Dex answers. By default Dex's own origin.
    pub issuer: Option<String>,
    /// The path of the default issuer.
    pub path: &'static str,
    /// Static passwords ([`USER`], [`ODD`]) and with them the connector `local`.
    pub static_passwords: bool,
    /// Further connectors.
    pub connectors: Vec<Connector>,
    /// Ask the user to approve the client.
    pub approval: bool,
    /// How long a login form may wait, such as `2s`.
    pub auth_requests: Option<&'static str>,
    /// How long an ID token lives.
    pub id_tokens: &'static str,
    /// Where Dex may send the browser with a code of [`CLIENT_ID`].
    pub redirect_uris: Vec<String>,
    /// Clients beside [`CLIENT_ID`] and [`PIPELINES_AUDIENCE`].
    pub clients: Vec<Client>,
    /// The connector that the password grant asks; none: Dex does not offer that grant.
    pub password_connector: Option<&'static str>,
    pub refresh_tokens: RefreshTokens,
    /// How long a person has for a device's code, such as `5s`.
    pub device_requests: Option<&'static str>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            issuer: None,
            path: "/dex",
            static_passwords: true,
            connectors: Vec::new(),
            approval: false,
            auth_requests: None,
            id_tokens: "24h",
            redirect_uris: vec!["/oauth2/callback".into()],
            clients: Vec::new(),
            password_connector: Some("local"),
            refresh_tokens: RefreshTokens::default(),
            device_requests: None,
        }
    }
}

/// Is a running Dex.
pub struct Dex {
    process: Process,
    origin: String,
    issuer: String,
    _folder: TempDir,
    _port: Port,
}

impl Dex {
    pub fn start(options: Options) -> Found<Self> {
        let program = install::go_peer(&PEER)?;
        let port = Port::reserve();
        let origin = format!("http://127.0.0.1:{}", port.number());
        let issuer = options
            .issuer
            .clone()
            .unwrap_or_else(|| format!("{origin}{}", options.path));
        let folder = tempfile::tempdir().expect("a temporary folder");
        // JSON is YAML.
        let file = folder.path().join("config.yaml");
        let config = config(options, &issuer, &port);
        fs::write(&file, format!("{config:#}")).expect("Dex's configuration");

        let mut command = process::command(program);
        command.arg("serve").arg(file).current_dir(folder.path());
        let process = Process::start("dex", command, &folder.path().join("log"));
        let mut dex = Self {
            process,
            origin,
            issuer,
            _folder: folder,
            _port: port,
        };
        let (origin, keys) = (dex.origin.clone(), dex.path() + "/keys");
        dex.process.wait_until(|| get(&origin, &keys) == 200);
        Ok(dex)
    }

    /// Returns where Dex itself listens.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Returns the issuer's path, `/dex` most often.
    pub fn path(&self) -> String {
        let after_scheme = self.issuer.find("://").map_or(0, |at| at + 3);
        let rest = &self.issuer[after_scheme..];
        rest.find('/').map_or("", |slash| &rest[slash..]).to_owned()
    }

    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Counts the logins that Dex took for successful.
    pub fn logins(&self) -> usize {
        self.log().matches("login successful").count()
    }

    /// Fetches an ID token for a client by the password grant (static passwords only). With
    /// [`PIPELINES_AUDIENCE`] it is what a pod's projected token looks like.
    pub fn id_token(&self, client_id: &str, account: Account) -> String {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "password")
            .append_pair("scope", "openid email profile groups")
            .append_pair("client_id", client_id)
            .append_pair("client_secret", CLIENT_SECRET)
            .append_pair("username", account.login)
            .append_pair("password", account.password)
            .finish();
        let request = Request {
            method: "POST".into(),
            target: self.path() + "/token",
            headers: vec![
                ("Host".into(), "dex".into()),
                (
                    "Content-Type".into(),
                    "application/x-www-form-urlencoded".into(),
                ),
                ("Content-Length".into(), form.len().to_string()),
            ],
            body: form.into_bytes(),
        };
        let response = forward(&request, &self.origin);
        let answer: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        let token = answer["id_token"].as_str();
        token
            .unwrap_or_else(|| panic!("Dex gave no token: {answer}"))
            .to_owned()
    }
}

/// Asks an origin for a path and returns the status; 502 stands for no answer.
pub fn get(origin: &str, path: &str) -> u16 {
    let request = Request {
        method: "GET".into(),
        target: path.into(),
        headers: vec![("Host".into(), "127.0.0.1".into())],
        body: Vec::new(),
    };
    forward(&request, origin).status
}

fn config(options: Options, issuer: &str, port: &Port) -> Value {
    let mut connectors: Vec<Value> = options.connectors.into_iter().map(|it| it.0).collect();
    for connector in &mut connectors {
        if let Some(uri) = connector["config"].get_mut("redirectURI") {
            *uri = format!("{issuer}/callback").into();
        }
    }
    let mut clients = vec![
        json!({
            "id": CLIENT_ID, "name": "Kubeflow", "secret": CLIENT_SECRET,
            "redirectURIs": options.redirect_uris,
        }),
        json!({
            "id": PIPELINES_AUDIENCE, "name": "A pod's token", "secret": CLIENT_SECRET,
            "redirectURIs": ["/never-used"],
        }),
    ];
    clients.extend(options.clients.iter().map(Client::entry));
    let mut config = json!({
        "issuer": issuer,
        "storage": {"type": "memory"},
        "web": {"http": format!("127.0.0.1:{}", port.number())},
        "logger": {"level": "debug", "format": "text"},
        "oauth2": {"skipApprovalScreen": !options.approval, "responseTypes": ["code"]},
        "expiry": {
            "idTokens": options.id_tokens,
            "refreshTokens": refresh_tokens(options.refresh_tokens),
        },
        "staticClients": clients,
        "connectors": connectors,
        "enablePasswordDB": options.static_passwords,
    });
    if let Some(life) = options.auth_requests {
        config["expiry"]["authRequests"] = life.into();
    }
    if let Some(life) = options.device_requests {
        config["expiry"]["deviceRequests"] = life.into();
    }
    // What is not there would be offered in vain.
    let is_local = |id: &&str| *id != "local" || options.static_passwords;
    if let Some(id) = options.password_connector.filter(is_local) {
        config["oauth2"]["passwordConnector"] = id.into();
    }
    if options.static_passwords {
        config["staticPasswords"] = json!([
            static_password(USER, USER_HASH, "77"),
            static_password(ODD, ODD_HASH, "78"),
        ]);
    }
    config
}

impl Client {
    fn entry(&self) -> Value {
        let mut entry = json!({"id": self.id, "name": self.id, "redirectURIs": self.redirect_uris});
        match self.secret {
            Some(secret) => entry["secret"] = secret.into(),
            None => entry["public"] = true.into(),
        }
        entry
    }
}

fn refresh_tokens(choice: RefreshTokens) -> Value {
    let mut tokens = json!({"disableRotation": choice.disable_rotation});
    if let Some(interval) = choice.reuse_interval {
        tokens["reuseInterval"] = interval.into();
    }
    tokens
}

/// Is the bcrypt (cost 10) of [`USER`]'s password.
const USER_HASH: &str = "$2b$10$7k6LRBW65uV9223eVfeInuYuK37V8Vy0ZGiPaUuz0BsKdZaQ8AlZK";
/// Is the bcrypt (cost 10) of [`ODD`]'s password.
const ODD_HASH: &str = "$2b$10$uMF777AdKGldJYJ9FR3SIeCBfRTfy76VBPUo/zyOg93QVD2heyah6";

fn static_password(account: Account, hash: &str, id: &str) -> Value {
    json!({"email": account.email, "username": account.login, "userID": id, "hash": hash})
}
