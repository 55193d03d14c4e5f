//! One validated context: all that a run needs to know before it contacts anybody.

use std::path::PathBuf;
use std::time::Duration;

use chrono::TimeDelta;

use crate::config::method::Method;
use crate::config::source::HeaderValue;
use crate::endpoint::{Endpoint, Origin};
use crate::read_file::PATIENCE;
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
    /// Gives how long a pipe in the place of a file may take.
    pub fn for_reading(&self) -> Duration {
        self.login.min(PATIENCE)
    }

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

impl StoreChoice {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Auto,
        Self::Keyring,
        Self::Runtime,
        Self::Keyutils,
        Self::File,
        Self::None,
    ];

    /// Reads a store's name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|store| store.name() == name)
    }

    /// Tells whether a place was named that must work for a person who logs in.
    pub fn is_named(self) -> bool {
        !matches!(self, Self::Auto | Self::None)
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
                options.extend(self.method.arguments());
            }
        }
        let given = options
            .into_iter()
            .filter_map(|(option, value, instead)| Some(shell::option(option, &value?, instead)));
        given.collect::<Vec<String>>().join(" ")
    }
}
