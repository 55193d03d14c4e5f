//! Google credentials that need no person, as the blocks `iap` and `gcp` name them, and which ones count: what the
//! context names, else application default credentials (<https://google.aip.dev/auth/4110>):
//! `GOOGLE_APPLICATION_CREDENTIALS`, gcloud's file, the metadata server.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_saphyr::Spanned;
use sha2::{Digest, Sha256};

use crate::config::check::Check;
use crate::environment::{Environment, GCE_METADATA_HOST, GOOGLE_APPLICATION_CREDENTIALS};
use crate::error::Result;
use crate::read_file::{self, Kind, ONE_MIB};
use crate::secret::Secret;

/// How a Google service account is reached.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
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

impl ServiceAccountBlock {
    /// Refuses values that are no lines.
    pub(super) fn check(block: Option<&Self>, check: &Check<'_>) -> Result<()> {
        let Some(block) = block else { return Ok(()) };
        let Self {
            key_file,
            impersonate,
            delegates,
            self_signed: _,
        } = block;
        check.text("service-account.key-file", key_file.as_deref())?;
        check.text("service-account.impersonate", impersonate.as_deref())?;
        let mut delegates = delegates.iter().flatten();
        delegates.try_for_each(|email| check.text("service-account.delegates", Some(email)))
    }
}

impl Google {
    /// Reads what a block says.
    pub(super) fn meant(
        block: Option<&ServiceAccountBlock>,
        token_uri: Option<&Spanned<String>>,
        check: &Check<'_>,
    ) -> Result<Self> {
        let service_account = block.map(|block| ServiceAccount {
            key_file: block.key_file.as_deref().map(|text| check.path(text)),
            impersonate: block.impersonate.clone(),
            delegates: block.delegates.clone().unwrap_or_default(),
            self_signed: block.self_signed.unwrap_or(false),
        });
        let token_uri = check.parsed(token_uri, "token-uri", |text| {
            url::Url::parse(text).map_err(|error| error.to_string())
        })?;
        Ok(Self {
            service_account,
            token_uri,
            ..Self::default()
        })
    }

    /// Finds which credentials count, reads their file, and names them: by what the file holds, as another account's
    /// file may lie at the same path.
    pub fn settle(&mut self, environment: &Environment) {
        self.file = credential_file(self, environment).map(|path| {
            let path = std::path::absolute(&path).unwrap_or(path);
            let content = content(&path);
            CredentialFile { path, content }
        });
        self.identity = identity(self, environment);
    }
}

/// Takes what a credential file holds; a pipe in its place has its time.
fn content(path: &Path) -> Result<Secret, String> {
    let bytes = read_file::read(path, Kind::FileOrPipe(read_file::PATIENCE), ONE_MIB)
        .map_err(|error| error.to_string())?;
    std::str::from_utf8(&bytes)
        .map(Secret::new)
        .map_err(|_| "it is not text".to_owned())
}

/// Names the credentials: part of what tells stored tokens apart.
fn identity(google: &Google, environment: &Environment) -> String {
    let own = match &google.file {
        Some(CredentialFile { path, content }) => {
            let digest = content.as_ref().map(|text| Sha256::digest(text.expose()));
            // Half of it tells any two files apart. A file that cannot be read gives no token to store.
            let digest = digest.map(|digest| format!("#sha256:{digest:.32x}"));
            format!("{}{}", path.display(), digest.unwrap_or_default())
        }
        None => match (environment.get(GCE_METADATA_HOST), machine()) {
            (None, None) => "metadata".to_owned(),
            (host, machine) => format!(
                "metadata@{}",
                [host.map(str::to_owned), machine]
                    .into_iter()
                    .flatten()
                    .collect::<Vec<_>>()
                    .join("/")
            ),
        },
    };
    let account = google.service_account.as_ref();
    let impersonated = account.and_then(|account| account.impersonate.as_deref());
    match impersonated {
        Some(email) => format!("{email} by {own}"),
        None => own,
    }
}

/// Names the machine or pod, whose service account the metadata server gives tokens of: a home folder may be that of
/// several, and a machine may have another account from its next start on.
fn machine() -> Option<String> {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/sys/kernel/{name}")).ok();
    let (host, start) = (read("hostname")?, read("random/boot_id"));
    Some(format!(
        "{}/{}",
        host.trim(),
        start.unwrap_or_default().trim()
    ))
}

/// The file that counts, whether or not it can be read; `None` leaves the metadata server.
fn credential_file(google: &Google, environment: &Environment) -> Option<PathBuf> {
    let account = google.service_account.as_ref();
    let of_context = account.and_then(|account| account.key_file.clone());
    let of_variable = || {
        environment
            .path(GOOGLE_APPLICATION_CREDENTIALS)
            .map(PathBuf::from)
    };
    let of_gcloud = || {
        let path = environment.gcloud_credentials_file()?;
        path.exists().then_some(path)
    };
    of_context.or_else(of_variable).or_else(of_gcloud)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn google(key_file: Option<&str>, impersonate: Option<&str>) -> Google {
        Google {
            service_account: Some(ServiceAccount {
                key_file: key_file.map(PathBuf::from),
                impersonate: impersonate.map(str::to_owned),
                ..ServiceAccount::default()
            }),
            ..Google::default()
        }
    }

    fn settled(
        key_file: Option<&str>,
        impersonate: Option<&str>,
        environment: &Environment,
    ) -> String {
        let mut google = google(key_file, impersonate);
        google.settle(environment);
        google.identity
    }

    #[test]
    fn the_context_counts_before_the_variable_and_that_before_gclouds_file() {
        let folder = tempfile::tempdir().unwrap();
        let gcloud = folder.path().join("application_default_credentials.json");
        let config = folder.path().to_str().unwrap();
        let environment: Environment = [("CLOUDSDK_CONFIG", config)].into_iter().collect();
        assert!(settled(None, None, &environment).starts_with("metadata"));
        std::fs::write(&gcloud, "{}").unwrap();
        assert_eq!(
            settled(None, None, &environment),
            // As `printf {} | sha256sum` begins.
            format!(
                "{}#sha256:44136fa355b3678a1146ad16f7e8649e",
                gcloud.display()
            )
        );

        let variables = [
            ("CLOUDSDK_CONFIG", config),
            (GOOGLE_APPLICATION_CREDENTIALS, "/v.json"),
        ];
        let environment: Environment = variables.into_iter().collect();
        assert_eq!(settled(None, None, &environment), "/v.json");
        assert_eq!(settled(Some("/c.json"), None, &environment), "/c.json");
        assert_eq!(settled(None, Some("a@x"), &environment), "a@x by /v.json");
    }

    #[test]
    fn a_relative_path_is_told_from_the_root() {
        let environment = Environment::default();
        let identity = settled(Some("no/such/key.json"), None, &environment);
        assert!(
            identity.starts_with('/') && identity.ends_with("/no/such/key.json"),
            "{identity}"
        );
    }
}
