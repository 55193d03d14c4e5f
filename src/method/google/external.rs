//! Workload identity federation (<https://google.aip.dev/auth/4117>): a token of another identity provider, from a file,
//! a URL or a program, exchanged for one of Google's (RFC 8693).

mod executable;
mod subject_token;

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::reading::Reading;
use super::service_account::TokenAnswer;
use super::{Minted, Minting, answer};
use crate::error::{Error, Result, Slug};
use crate::secret::Secret;
use executable::{Executable, WrittenExecutable};
use subject_token::{Format, WrittenFormat};

/// The grant of RFC 8693 section 2.1.
const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// Credentials of another identity provider.
#[derive(Debug)]
pub(super) struct External {
    pub(super) file: PathBuf,
    pub(super) token_url: Url,
    pub(super) audience: String,
    pub(super) subject_token_type: String,
    /// The project that pays for a workforce pool's requests.
    pub(super) user_project: Option<String>,
    /// The service account that is impersonated with them, which programs are told.
    pub(super) impersonated: Option<String>,
    pub(super) source: Source,
}

/// Where the subject token comes from.
#[derive(Debug)]
pub(super) enum Source {
    File(PathBuf, Format),
    Url(Url, Vec<(String, Secret)>, Format),
    Executable(Executable),
}

/// A `credential_source` as written.
#[derive(Deserialize)]
pub(super) struct WrittenSource {
    file: Option<PathBuf>,
    url: Option<String>,
    headers: Option<std::collections::BTreeMap<String, Secret>>,
    format: Option<WrittenFormat>,
    executable: Option<WrittenExecutable>,
    environment_id: Option<String>,
    certificate: Option<serde::de::IgnoredAny>,
}

impl WrittenSource {
    /// Checks that it names one source of those that this program knows.
    pub(super) fn checked(self, reading: Reading<'_>) -> Result<Source> {
        if self.environment_id.is_some() {
            let error = reading.unsupported(
                "takes its subject token from AWS's own API, which this program does not support",
            );
            return Err(error.hint(
                "have another program sign the request and name it: credential_source.executable",
            ));
        }
        if self.certificate.is_some() {
            return Err(reading.unsupported(
                "takes a client certificate for its subject token, which this program does not do",
            ));
        }
        match (self.file, self.url, self.executable) {
            (Some(file), None, None) => {
                let format = Format::checked(self.format, reading)?;
                Ok(Source::File(file, format))
            }
            (None, Some(url), None) => {
                let headers = self.headers.unwrap_or_default();
                let url = reading.source_address(&url, headers.keys())?;
                let headers = headers.into_iter().collect();
                Ok(Source::Url(
                    url,
                    headers,
                    Format::checked(self.format, reading)?,
                ))
            }
            (None, None, Some(executable)) => executable.checked(reading).map(Source::Executable),
            _ => Err(reading
                .unsupported("has a credential_source that is not one of file, url or executable")),
        }
    }
}

impl External {
    /// Names the file for people.
    pub(super) fn place(&self) -> String {
        self.file.display().to_string()
    }

    /// Exchanges a new subject token for an access token.
    pub(super) fn access_token(&self, minting: Minting<'_>, scope: &str) -> Result<Minted> {
        let subject_token = match &self.source {
            Source::File(path, format) => subject_token::from_file(minting.api, path, format)?,
            Source::Url(url, headers, format) => {
                subject_token::from_url(minting.api, url, headers, format)?
            }
            Source::Executable(program) => program.subject_token(self, minting.run)?,
        };
        let options = self.user_project.as_ref().map(|project| {
            // Google wants the JSON encoded once more, as its own libraries send it.
            let options = json!({"userProject": project}).to_string();
            url::form_urlencoded::byte_serialize(options.as_bytes()).collect::<String>()
        });
        let mut fields = vec![
            ("grant_type", TOKEN_EXCHANGE),
            ("audience", self.audience.as_str()),
            ("scope", scope),
            ("requested_token_type", ACCESS_TOKEN),
            ("subject_token", subject_token.expose()),
            ("subject_token_type", self.subject_token_type.as_str()),
        ];
        fields.extend(
            options
                .as_ref()
                .map(|options| ("options", options.as_str())),
        );
        let answer = minting.api.post_form(&self.token_url, &[], &fields)?;
        let answer: TokenAnswer = answer::read(minting.api, &answer, &self.token_url)?;
        answer.minted(&self.token_url, None, (minting.run.now)())
    }
}

/// Makes the error for a subject token that is not to be had.
fn unavailable(what: impl Into<String>) -> Error {
    Error::new(Slug::GoogleSubjectTokenUnavailable, what)
}
