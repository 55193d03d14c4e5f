//! The options that commands share, and the environment variables that can be set instead.
//!
//! Each option `--some-name` is also the variable `KFP_CREDENTIAL_SOME_NAME`; the option wins. None takes a secret's
//! value: argv is readable by every process of the machine.

use std::path::PathBuf;

use clap::Args;

use crate::environment::{self, Environment};
use crate::error::{Error, Result, Slug};

/// Options of every command.
#[derive(Debug, Clone, Default, Args)]
pub struct CommonOptions {
    /// Configuration file [default: ~/.config/kfp-credential/config.yaml]
    #[arg(long, value_name = "FILE", global = true, display_order = 900)]
    pub config: Option<PathBuf>,
    /// Context to use, by its name in the configuration file [default: its current-context]
    // A client adds its own after those of the exec configuration (protocol/README.md): the last one counts.
    #[arg(
        long,
        value_name = "NAME",
        global = true,
        display_order = 901,
        overrides_with = "context"
    )]
    pub context: Option<String>,
    /// Log to stderr what is done and why; never secrets
    #[arg(short, long, global = true, display_order = 902)]
    pub verbose: bool,
}

/// Options that stand in for keys of a context.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Context options")]
pub struct TargetOptions {
    /// Base URL of the Kubeflow Pipelines API, often ending in /pipeline
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
    /// How to log in: dex, iap, gcp, token-file, oidc or none [default: detected from the other options and the endpoint]
    #[arg(long, value_name = "METHOD")]
    pub method: Option<String>,
    /// Kubeflow namespace (profile), passed to the client
    #[arg(long, value_name = "NAMESPACE")]
    pub namespace: Option<String>,
    /// User name or e-mail address: for a login with a password, or the Google account for iap
    #[arg(long, value_name = "USER")]
    pub username: Option<String>,
    /// File that holds the password of that user
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// Id of the Dex connector to log in with [default: the only one, else local]
    #[arg(long, value_name = "ID")]
    pub connector: Option<String>,
    /// File that holds a bearer token, such as a projected service account token
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Audience that the token must have
    #[arg(long, value_name = "AUDIENCE")]
    pub audience: Option<String>,
    /// OpenID Connect provider that tokens come from, by its issuer URL
    #[arg(long, value_name = "URL")]
    pub issuer: Option<String>,
    /// How oidc asks for tokens: authorization-code, device-code, password, form, client-credentials or token-exchange
    #[arg(long, value_name = "GRANT")]
    pub grant: Option<String>,
    /// OAuth client ID: of Google Identity-Aware Proxy itself for iap, of this program at the provider for oidc
    #[arg(long, value_name = "ID")]
    pub client_id: Option<String>,
    /// File that holds the secret of the client for oidc
    #[arg(long, value_name = "FILE")]
    pub client_secret_file: Option<PathBuf>,
    /// OAuth client ID of the desktop client that people log in to IAP with
    #[arg(long, value_name = "ID")]
    pub other_client_id: Option<String>,
    /// File that holds the secret of that desktop client
    #[arg(long, value_name = "FILE")]
    pub other_client_secret_file: Option<PathBuf>,
    /// PEM file of authorities to trust in addition to the system's, for the identity provider too
    #[arg(long, value_name = "FILE")]
    pub certificate_authority: Option<PathBuf>,
    /// Do not verify the servers' TLS certificates
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        hide_possible_values = true)]
    pub insecure_skip_tls_verify: Option<bool>,
    /// Allow sending a password or session over plain http to another machine
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        hide_possible_values = true)]
    pub allow_insecure_http: Option<bool>,
    /// Proxy for every connection but those to this machine [default: HTTPS_PROXY, HTTP_PROXY, NO_PROXY]
    #[arg(long, value_name = "URL")]
    pub proxy_url: Option<String>,
    /// Where credentials are stored: auto, keyring, runtime, keyutils, file or none [default: auto]
    #[arg(long, value_name = "STORE")]
    pub store: Option<String>,
}

/// Options of the commands that may contact a server.
#[derive(Debug, Clone, Default, Args)]
pub struct ContactOptions {
    /// Do not test a new credential at the endpoint before returning it
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        hide_possible_values = true)]
    pub no_verify: Option<bool>,
    /// Time for a whole login; the other time limits follow in proportion [default: 90s]
    #[arg(long, value_name = "DURATION")]
    pub timeout: Option<String>,
}

impl CommonOptions {
    /// Fills what the command line leaves open from the environment.
    #[must_use]
    pub fn with_environment(mut self, environment: &Environment) -> Self {
        self.config = self
            .config
            .or_else(|| environment.path(environment::CONFIG).map(PathBuf::from));
        self.context = self
            .context
            .or_else(|| environment.get(environment::CONTEXT).map(str::to_owned));
        self
    }
}

impl TargetOptions {
    /// Fills what the command line leaves open from the environment.
    pub fn with_environment(mut self, environment: &Environment) -> Result<Self> {
        let text = |option: Option<String>, name: &str| {
            option.or_else(|| environment.option(name).map(str::to_owned))
        };
        let path = |option: Option<PathBuf>, name: &str| {
            option.or_else(|| environment.option(name).map(PathBuf::from))
        };
        self.endpoint = text(self.endpoint, "endpoint");
        self.method = text(self.method, "method");
        self.namespace = text(self.namespace, "namespace");
        self.username = text(self.username, "username");
        self.password_file = path(self.password_file, "password-file");
        self.connector = text(self.connector, "connector");
        self.token_file = path(self.token_file, "token-file");
        self.audience = text(self.audience, "audience");
        self.client_id = text(self.client_id, "client-id");
        self.issuer = text(self.issuer, "issuer");
        self.grant = text(self.grant, "grant");
        self.client_secret_file = path(self.client_secret_file, "client-secret-file");
        self.other_client_id = text(self.other_client_id, "other-client-id");
        self.other_client_secret_file =
            path(self.other_client_secret_file, "other-client-secret-file");
        self.certificate_authority = path(self.certificate_authority, "certificate-authority");
        self.insecure_skip_tls_verify = flag(
            self.insecure_skip_tls_verify,
            environment,
            "insecure-skip-tls-verify",
        )?;
        self.allow_insecure_http =
            flag(self.allow_insecure_http, environment, "allow-insecure-http")?;
        self.proxy_url = text(self.proxy_url, "proxy-url");
        self.store = text(self.store, "store");
        Ok(self)
    }
}

impl ContactOptions {
    /// Fills what the command line leaves open from the environment.
    pub fn with_environment(mut self, environment: &Environment) -> Result<Self> {
        self.no_verify = flag(self.no_verify, environment, "no-verify")?;
        self.timeout = self
            .timeout
            .or_else(|| environment.option("timeout").map(str::to_owned));
        Ok(self)
    }
}

fn flag(option: Option<bool>, environment: &Environment, name: &str) -> Result<Option<bool>> {
    match (option, environment.option(name)) {
        (Some(value), _) => Ok(Some(value)),
        (None, None) => Ok(None),
        (None, Some("1" | "true" | "yes")) => Ok(Some(true)),
        (None, Some("0" | "false" | "no")) => Ok(Some(false)),
        (None, Some(other)) => Err(Error::new(
            Slug::Usage,
            format!(
                "the variable {} is {other:?}, not true or false",
                environment::option_variable(name)
            ),
        )
        .hint(format!(
            "unset it, or set it to true or false, as for the option --{name}"
        ))),
    }
}
