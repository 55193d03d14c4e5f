//! One validated context: all that a run needs to know before it contacts anybody.

use std::path::PathBuf;
use std::time::Duration;

use chrono::TimeDelta;

use crate::config::file::{HeaderValue, Source};
use crate::endpoint::{Endpoint, Origin};
use crate::secret::Secret;
use crate::shell;

/// A target and how to log in there, checked.
#[derive(Debug)]
pub struct Context {
    /// Its name in the configuration file; `None` for one made of options alone.
    pub name: Option<String>,
    /// Where the Kubeflow Pipelines API is; `None` only for the method `token-file`.
    pub endpoint: Option<Endpoint>,
    /// The Kubeflow namespace to hand on.
    pub namespace: Option<String>,
    /// How to log in.
    pub method: Method,
    /// Where credentials rest.
    pub store: StoreChoice,
    /// An upper bound for a session's life, and its life where nothing else tells.
    pub session_lifetime: Option<TimeDelta>,
    /// The header that carries a bearer token.
    pub bearer_header: BearerHeader,
    /// How connections are made.
    pub connection: Connection,
    /// Extra headers for the endpoint's origin.
    pub headers: Vec<ExtraHeader>,
    /// Further places, beside the endpoint, that may be handed this context's bearer token.
    pub servers: Vec<Origin>,
    /// Whether a new credential is tried at the endpoint before it is answered.
    pub verify: bool,
    /// How long things may take.
    pub deadlines: Deadlines,
    /// The variables of the kfp SDK that are set, and not for this endpoint.
    pub left_aside: Vec<&'static str>,
}

/// How to log in.
#[derive(Debug)]
pub enum Method {
    /// Nothing names one: the endpoint tells. What is known for a Dex login comes along.
    Detect(Dex),
    /// Dex's login form.
    Dex(Dex),
    /// Google Identity-Aware Proxy: an ID token.
    Iap(Iap),
    /// AI Platform Pipelines behind Google's inverse proxy: an access token.
    Gcp(Google),
    /// A bearer token that somebody else keeps fresh in a file.
    TokenFile(TokenFile),
    /// The endpoint asks for no credential.
    None,
}

/// What a login at Dex's form needs.
#[derive(Debug, Default)]
pub struct Dex {
    /// The user name or e-mail address to type in.
    pub username: Option<String>,
    /// Where the password comes from; `None` leaves what `login --save-password` stored.
    pub password: Option<Source>,
    /// The connector's id; `None` takes the only one, else `local`.
    pub connector: Option<String>,
    /// Further origins that may see the password.
    pub login_origins: Vec<Origin>,
}

/// What a login at Google Identity-Aware Proxy needs.
#[derive(Debug, Default)]
pub struct Iap {
    /// The OAuth client of IAP itself: the audience of its ID tokens.
    pub client_id: Option<String>,
    /// The desktop client that people log in with.
    pub other_client_id: Option<String>,
    /// Where that client's secret comes from; Google asks for it, and yet it protects nothing (RFC 8252 section 8.5).
    pub other_client_secret: Option<Source>,
    /// The account to log in with, an e-mail address.
    pub account: Option<String>,
    /// Credentials that need no person.
    pub google: Google,
}

/// Where Google credentials that need no person come from.
#[derive(Debug, Default)]
pub struct Google {
    /// The service account, where the context names one.
    pub service_account: Option<ServiceAccount>,
    /// A token address, beside Google's own, that a credential file may name.
    pub token_uri: Option<url::Url>,
    /// The credential file that counts, which is read once: what tells tokens apart is what makes them.
    pub file: Option<CredentialFile>,
    /// Names the credentials that count: tokens of others are not ours.
    pub identity: String,
}

/// A credential file as it was found.
#[derive(Debug)]
pub struct CredentialFile {
    /// Where it is, absolute.
    pub path: PathBuf,
    /// What it holds, or why it cannot be read.
    pub content: Result<Secret, String>,
}

/// How a service account is reached.
#[derive(Debug, Default)]
pub struct ServiceAccount {
    /// Its key file; `None` leaves the default credentials.
    pub key_file: Option<PathBuf>,
    /// The account to impersonate, an e-mail address.
    pub impersonate: Option<String>,
    /// The chain of accounts between.
    pub delegates: Vec<String>,
    /// Whether a JWT signed with the key itself is the credential: no network at all.
    pub self_signed: bool,
}

/// Where a bearer token is read.
#[derive(Debug, Default)]
pub struct TokenFile {
    /// The file.
    pub path: PathBuf,
    /// The audience that a JWT in it must be meant for.
    pub audience: Option<String>,
}

/// Where credentials rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreChoice {
    /// The keyring; where there is none, the runtime folder.
    Auto,
    /// The OS keyring.
    Keyring,
    /// A file in `$XDG_RUNTIME_DIR`, which lives in memory and ends with the login session.
    Runtime,
    /// The keyring of Linux's kernel, until the machine starts anew.
    Keyutils,
    /// A file on disk, 0600.
    File,
    /// Nowhere.
    None,
}

/// The header that carries a bearer token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BearerHeader {
    /// `Authorization` (RFC 6750 section 2.1).
    #[default]
    Authorization,
    /// `Proxy-Authorization`, which leaves `Authorization` to the application behind (Google IAP).
    ProxyAuthorization,
}

/// How connections are made.
#[derive(Debug, Clone, Default)]
pub struct Connection {
    /// A PEM file of authorities, added to the system's.
    pub certificate_authority: Option<PathBuf>,
    /// PEM text of authorities, decoded from `certificate-authority-data`, added to the system's.
    pub certificate_authority_data: Option<Vec<u8>>,
    /// Whether certificates go unverified.
    pub insecure_skip_tls_verify: bool,
    /// The name that the endpoint's certificate is verified against, in place of its host.
    pub tls_server_name: Option<String>,
    /// The proxy for every connection that is not to this machine.
    pub proxy_url: Option<url::Url>,
    /// Whether secrets may travel over plain http to another machine.
    pub allow_insecure_http: bool,
    /// The file that `SSL_CERT_FILE` puts in the place of the system's authorities.
    pub system_authority: Option<PathBuf>,
    /// The folders that `SSL_CERT_DIR` puts there.
    pub system_authority_folders: Vec<PathBuf>,
}

/// An extra header for the endpoint's origin.
#[derive(Debug)]
pub struct ExtraHeader {
    /// The header's name as written.
    pub name: String,
    /// Its value, or where that comes from.
    pub value: HeaderValue,
}

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// Making one connection.
    pub connect: Duration,
    /// One request with its answer.
    pub request: Duration,
    /// A whole login.
    pub login: Duration,
    /// Waiting for another process that is logging in.
    pub lock: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            request: Duration::from_secs(30),
            login: Duration::from_secs(90),
            lock: Duration::from_secs(100),
        }
    }
}

impl Deadlines {
    /// Scales every limit so that a whole login takes at most `login`.
    pub fn scaled_to(login: Duration) -> Self {
        let usual = Self::default();
        let factor = login.as_secs_f64() / usual.login.as_secs_f64();
        let scale = |limit: Duration| limit.mul_f64(factor);
        Self {
            connect: scale(usual.connect),
            request: scale(usual.request),
            login,
            lock: scale(usual.lock),
        }
    }
}

impl Method {
    /// Names the method as the configuration file does; `auto` while the endpoint has not told.
    pub fn name(&self) -> &'static str {
        match self {
            Method::Detect(_) => "auto",
            Method::Dex(_) => "dex",
            Method::Iap(_) => "iap",
            Method::Gcp(_) => "gcp",
            Method::TokenFile(_) => "token-file",
            Method::None => "none",
        }
    }

    /// Gives where Google credentials that need no person come from.
    pub fn google(&self) -> Option<&Google> {
        match self {
            Method::Iap(iap) => Some(&iap.google),
            Method::Gcp(google) => Some(google),
            Method::Detect(_) | Method::Dex(_) | Method::TokenFile(_) | Method::None => None,
        }
    }

    /// Gives what a login at Dex's form may use.
    pub fn dex(&self) -> Option<&Dex> {
        match self {
            Method::Detect(dex) | Method::Dex(dex) => Some(dex),
            Method::Iap(_) | Method::Gcp(_) | Method::TokenFile(_) | Method::None => None,
        }
    }

    /// Gives what refresh tokens are kept by: no other method has any.
    pub fn iap(&self) -> Option<&Iap> {
        match self {
            Method::Iap(iap) => Some(iap),
            Method::Detect(_)
            | Method::Dex(_)
            | Method::Gcp(_)
            | Method::TokenFile(_)
            | Method::None => None,
        }
    }

    /// Tells whether what it gives is kept in the store.
    pub fn rests_in_store(&self) -> bool {
        match self {
            Method::Detect(_) | Method::Dex(_) | Method::Iap(_) | Method::Gcp(_) | Method::None => {
                true
            }
            // Somebody else keeps it fresh.
            Method::TokenFile(_) => false,
        }
    }

    /// Tells whether a login is sure to send a secret to the endpoint, or to be given one there; inside a cluster a pod's
    /// token is at home.
    pub fn carries_secrets(&self, in_cluster: bool) -> bool {
        match self {
            Method::Dex(_) | Method::Iap(_) | Method::Gcp(_) => true,
            Method::TokenFile(_) => !in_cluster,
            // Dex's rules ask the same as soon as the endpoint has turned out to be behind one.
            Method::Detect(_) | Method::None => false,
        }
    }
}

impl StoreChoice {
    /// Reads a store's name.
    pub fn parse(name: &str) -> Option<Self> {
        [
            Self::Auto,
            Self::Keyring,
            Self::Runtime,
            Self::Keyutils,
            Self::File,
            Self::None,
        ]
        .into_iter()
        .find(|store| store.name() == name)
    }

    /// Names the store as the configuration file does.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Keyring => "keyring",
            Self::Runtime => "runtime",
            Self::Keyutils => "keyutils",
            Self::File => "file",
            Self::None => "none",
        }
    }
}

impl BearerHeader {
    /// Reads the value of the key `header`.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "authorization" => Some(Self::Authorization),
            "proxy-authorization" => Some(Self::ProxyAuthorization),
            _ => None,
        }
    }

    /// Gives the header's name as it goes onto the wire.
    pub fn wire_name(self) -> &'static str {
        match self {
            Self::Authorization => "Authorization",
            Self::ProxyAuthorization => "Proxy-Authorization",
        }
    }
}

impl Context {
    /// Names the context for people: its name, else its endpoint, else the token file.
    pub fn display_name(&self) -> String {
        match (&self.name, &self.endpoint, &self.method) {
            (Some(name), _, _) => format!("context {name:?}"),
            (None, Some(endpoint), _) => endpoint.to_string(),
            (None, None, Method::TokenFile(file)) => format!("token file {}", file.path.display()),
            (None, None, _) => "no endpoint".to_owned(),
        }
    }

    /// Gives the command-line options that name this context again, for hints.
    pub fn as_arguments(&self) -> String {
        let mut options = Vec::new();
        match (&self.name, &self.endpoint) {
            (Some(name), _) => options.push(("--context", Some(name.clone()), "NAME")),
            (None, endpoint) => {
                let endpoint = endpoint.as_ref().map(ToString::to_string);
                options.push(("--endpoint", endpoint, "URL"));
                if let Some(iap) = self.method.iap() {
                    options.extend([
                        ("--client-id", iap.client_id.clone(), "ID"),
                        ("--other-client-id", iap.other_client_id.clone(), "ID"),
                        ("--username", iap.account.clone(), "USER"),
                    ]);
                } else {
                    let username = self.method.dex().and_then(|dex| dex.username.clone());
                    options.push(("--username", username, "USER"));
                }
            }
        }
        let given = options
            .into_iter()
            .filter_map(|(option, value, instead)| Some(shell::option(option, &value?, instead)));
        given.collect::<Vec<String>>().join(" ")
    }
}
