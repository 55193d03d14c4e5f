//! The configuration file as it is written: YAML, unknown and duplicate keys refused, errors with line and column.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor, value::MapAccessDeserializer};
use serde_saphyr::Spanned;
use zeroize::Zeroizing;

use crate::error::{Error, Result, Slug};
use crate::read_file::{self, Kind, ONE_MIB};
use crate::secret::Secret;

/// The `apiVersion` of the configuration file.
pub const API_VERSION: &str = "kfp-credential/v1";
/// More than thousands of contexts take.
const LARGEST: u64 = 16 * ONE_MIB;
/// The `kind` of the configuration file.
pub const KIND: &str = "Config";

/// A parsed configuration file and where it came from.
#[derive(Debug)]
pub struct ConfigFile {
    /// The file's path, for messages and for what is relative to it.
    pub path: PathBuf,
    /// What it says.
    pub config: Config,
}

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Config {
    #[serde(rename = "apiVersion")]
    api_version: Spanned<String>,
    kind: Spanned<String>,
    /// The context that is used when nothing names one.
    #[serde(default)]
    pub current_context: Option<String>,
    /// The contexts, in the file's order.
    #[serde(default)]
    pub contexts: Option<Vec<ContextEntry>>,
}

/// One context as written.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the keys are documented in protocol/config.schema.json"
)]
pub struct ContextEntry {
    pub name: Spanned<String>,
    #[serde(default)]
    pub endpoint: Option<Spanned<String>>,
    #[serde(default)]
    pub namespace: Option<String>,
    #[serde(default)]
    pub store: Option<Spanned<String>>,
    #[serde(default)]
    pub session_lifetime: Option<Spanned<String>>,
    #[serde(default)]
    pub header: Option<Spanned<String>>,
    #[serde(default)]
    pub certificate_authority: Option<String>,
    #[serde(default)]
    pub certificate_authority_data: Option<Spanned<String>>,
    #[serde(default)]
    pub insecure_skip_tls_verify: Option<bool>,
    #[serde(default)]
    pub tls_server_name: Option<Spanned<String>>,
    #[serde(default)]
    pub proxy_url: Option<Spanned<String>>,
    #[serde(default)]
    pub allow_insecure_http: Option<bool>,
    #[serde(default)]
    pub headers: Option<BTreeMap<String, HeaderValue>>,
    #[serde(default)]
    pub servers: Option<Vec<Spanned<String>>>,
    #[serde(default)]
    pub dex: Option<DexBlock>,
    #[serde(default)]
    pub iap: Option<IapBlock>,
    #[serde(default)]
    pub gcp: Option<GcpBlock>,
    #[serde(default)]
    pub token_file: Option<TokenFileBlock>,
    #[serde(default)]
    pub none: Option<NoneBlock>,
}

/// The block of the method `dex`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the keys are documented in protocol/config.schema.json"
)]
pub struct DexBlock {
    #[serde(default)]
    pub username: Option<String>,
    #[serde(default)]
    pub password: Option<Source>,
    #[serde(default)]
    pub connector: Option<String>,
    #[serde(default)]
    pub login_origins: Option<Vec<Spanned<String>>>,
}

/// The block of the method `iap`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the keys are documented in protocol/config.schema.json"
)]
pub struct IapBlock {
    #[serde(default)]
    pub client_id: Option<String>,
    #[serde(default)]
    pub other_client_id: Option<String>,
    #[serde(default)]
    pub other_client_secret: Option<Source>,
    #[serde(default)]
    pub account: Option<String>,
    #[serde(default)]
    pub service_account: Option<ServiceAccountBlock>,
    #[serde(default)]
    pub token_uri: Option<Spanned<String>>,
}

/// The block of the method `gcp`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the keys are documented in protocol/config.schema.json"
)]
pub struct GcpBlock {
    #[serde(default)]
    pub service_account: Option<ServiceAccountBlock>,
    #[serde(default)]
    pub token_uri: Option<Spanned<String>>,
}

/// How a Google service account is reached.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the keys are documented in protocol/config.schema.json"
)]
pub struct ServiceAccountBlock {
    #[serde(default)]
    pub key_file: Option<String>,
    #[serde(default)]
    pub impersonate: Option<String>,
    #[serde(default)]
    pub delegates: Option<Vec<String>>,
    #[serde(default)]
    pub self_signed: Option<bool>,
}

/// The block of the method `token-file`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the keys are documented in protocol/config.schema.json"
)]
pub struct TokenFileBlock {
    #[serde(default)]
    pub path: Option<String>,
    #[serde(default)]
    pub audience: Option<String>,
}

/// The empty block of the method `none`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoneBlock {}

/// Where a secret comes from; the file itself holds none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// An environment variable.
    Env(String),
    /// A file; relative to the configuration file's folder.
    File(String),
    /// A program and its arguments, run without a shell.
    Command(Vec<String>),
    /// The OS keyring, where `login --save-password` put it.
    Keyring,
}

/// An extra header's value: a source, or the text itself where it is no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderValue {
    /// The value as written.
    Literal(Secret),
    /// Where the value comes from.
    From(Source),
}

/// Reads and checks the configuration file; `None` when it does not exist.
pub fn read(path: &Path) -> Result<Option<ConfigFile>> {
    let Some(text) = read_text(path)? else {
        return Ok(None);
    };
    let config = parse(path, &text)?;
    let path = path.to_path_buf();
    Ok(Some(ConfigFile { path, config }))
}

/// Reads the file's text; `None` when it does not exist.
pub fn read_text(path: &Path) -> Result<Option<Zeroizing<String>>> {
    match read_file::read_text(path, Kind::File, LARGEST) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let what = format!("cannot read the configuration file {}", path.display());
            Err(Error::new(Slug::ConfigUnreadable, what).because(error))
        }
    }
}

/// Parses the file's text; an empty file is an empty configuration.
pub fn parse(path: &Path, text: &str) -> Result<Config> {
    if is_blank(text) {
        return Ok(Config::empty());
    }
    // The library's excerpt of the source would show a secret that somebody wrote into the wrong place.
    let options = serde_saphyr::options! { with_snippet: false };
    let config: Config = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let place = error.location().map(|at| (at.line(), at.column()));
        invalid(path, place, &plain_message(&error))
    })?;
    for (value, wanted, key) in [
        (&config.api_version, API_VERSION, "apiVersion"),
        (&config.kind, KIND, "kind"),
    ] {
        if value.value != wanted {
            return Err(invalid_at(
                path,
                value,
                &format!("{key} is {:?}, this version reads {wanted:?}", value.value),
            ));
        }
    }
    let mut seen = HashSet::new();
    for context in config.contexts() {
        let name = context.name.value.as_str();
        if name.is_empty() {
            return Err(invalid_at(path, &context.name, "a context's name is empty"));
        }
        if !seen.insert(name) {
            return Err(invalid_at(
                path,
                &context.name,
                &format!("the context {name:?} is there twice"),
            ));
        }
    }
    Ok(config)
}

impl Config {
    fn empty() -> Self {
        let here = |text: &str| {
            Spanned::new(
                text.to_owned(),
                serde_saphyr::Location::UNKNOWN,
                serde_saphyr::Location::UNKNOWN,
            )
        };
        Self {
            api_version: here(API_VERSION),
            kind: here(KIND),
            current_context: None,
            contexts: None,
        }
    }

    /// Gives the contexts in the file's order.
    pub fn contexts(&self) -> &[ContextEntry] {
        self.contexts.as_deref().unwrap_or_default()
    }
}

impl ConfigFile {
    /// Finds a context by its name.
    pub fn context(&self, name: &str) -> Option<&ContextEntry> {
        self.config
            .contexts()
            .iter()
            .find(|context| context.name.value == name)
    }
}

/// Makes the error for a value of the file, with its line and column.
pub fn invalid_at<T>(path: &Path, value: &Spanned<T>, what: &str) -> Error {
    invalid(
        path,
        Some((value.referenced.line(), value.referenced.column())),
        what,
    )
}

fn invalid(path: &Path, place: Option<(u64, u64)>, what: &str) -> Error {
    let place = place
        .map(|(line, column)| format!(":{line}:{column}"))
        .unwrap_or_default();
    Error::new(
        Slug::ConfigInvalid,
        format!("{}{place}: {what}", path.display()),
    )
}

/// Gives the parser's message without its location, which goes before the path as `file:line:column`.
fn plain_message(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    let cut = text.rfind(" at line ").unwrap_or(text.len());
    // What follows is for the library's own users.
    let text = text[..cut].split(", set DuplicateKeyPolicy").next();
    let plain = match text.unwrap_or_default() {
        text if text.starts_with("multiple YAML documents") => {
            "a second document begins here: this file is one"
        }
        text if text.ends_with(", expected one of ") => {
            return text.replace(", expected one of ", ": nothing can stand here");
        }
        "expected mapping start" => "keys with values (`key: value`) are expected here",
        "expected sequence start" => "a list is expected here",
        "expected string scalar" => "a text is expected here",
        "invalid boolean" => "true or false is expected here",
        other => other,
    };
    plain.to_owned()
}

fn is_blank(text: &str) -> bool {
    text.trim_start_matches('\u{feff}')
        .lines()
        .all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_any(SourceVisitor {
            literal_allowed: false,
        })? {
            HeaderValue::From(source) => Ok(source),
            HeaderValue::Literal(_) => Err(serde::de::Error::custom(NOT_HERE)),
        }
    }
}

impl<'de> Deserialize<'de> for HeaderValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SourceVisitor {
            literal_allowed: true,
        })
    }
}

const NOT_HERE: &str = "a secret cannot be written into this file: name its source, one of {env: NAME}, {file: PATH}, \
                        {command: [PROGRAM, ARGUMENT]}, {keyring: true}";

/// Reads a source without ever repeating a scalar that stands in its place: it may be the secret itself.
struct SourceVisitor {
    literal_allowed: bool,
}

impl<'de> Visitor<'de> for SourceVisitor {
    type Value = HeaderValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "one of {env: NAME}, {file: PATH}, {command: [PROGRAM, ARGUMENT]}, {keyring: true}",
        )
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<HeaderValue, A::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields)]
        struct Written {
            env: Option<String>,
            file: Option<String>,
            command: Option<Vec<String>>,
            keyring: Option<bool>,
        }
        let source = match Written::deserialize(MapAccessDeserializer::new(map))? {
            Written {
                env: Some(name),
                file: None,
                command: None,
                keyring: None,
            } => Source::Env(name),
            Written {
                env: None,
                file: Some(path),
                command: None,
                keyring: None,
            } => Source::File(path),
            Written {
                env: None,
                file: None,
                command: Some(command),
                keyring: None,
            } if !command.is_empty() => Source::Command(command),
            Written {
                env: None,
                file: None,
                command: None,
                keyring: Some(true),
            } => Source::Keyring,
            _ => {
                return Err(serde::de::Error::custom(
                    "a source is exactly one of {env: NAME}, {file: PATH}, {command: [PROGRAM, ARGUMENT]}, {keyring: true}",
                ));
            }
        };
        Ok(HeaderValue::From(source))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<HeaderValue, E> {
        if self.literal_allowed {
            Ok(HeaderValue::Literal(Secret::new(value)))
        } else {
            Err(E::custom(NOT_HERE))
        }
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<HeaderValue, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<HeaderValue, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<HeaderValue, E> {
        Err(E::custom(if self.literal_allowed {
            "a header's value that looks like a number must be quoted"
        } else {
            NOT_HERE
        }))
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<HeaderValue, E> {
        self.visit_str(if value { "true" } else { "false" })
    }
}
