//! The configuration file as it is written: YAML, unknown and duplicate keys refused, errors with line and column.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_saphyr::Spanned;
use zeroize::Zeroizing;

use crate::config::check::{invalid, invalid_at};
use crate::config::method::dex::DexBlock;
use crate::config::method::gcp::GcpBlock;
use crate::config::method::iap::IapBlock;
use crate::config::method::none::NoneBlock;
use crate::config::method::oidc::OidcBlock;
use crate::config::method::token_file::TokenFileBlock;
use crate::config::source::HeaderValue;
use crate::error::{Error, Result, Slug};
use crate::read_file::{self, Kind, ONE_MIB};

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
    pub oidc: Option<OidcBlock>,
    #[serde(default)]
    pub none: Option<NoneBlock>,
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
            let what = format!(
                "the configuration file {} could not be read",
                path.display()
            );
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
                &format!(
                    "{key} is {:?}, this version supports {wanted:?}",
                    value.value
                ),
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
                &format!("the context {name:?} is defined twice"),
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
            return text.replace(", expected one of ", ": no value is allowed here");
        }
        "expected mapping start" => "keys with values (`key: value`) are expected here",
        "expected sequence start" => "a list is expected here",
        "expected string scalar" => "a string is expected here",
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
