//! A credential file that is being read: its addresses are judged, and its errors name it.

use std::path::Path;

use url::Url;

use super::address::{self, Allowed};
use crate::error::{Error, Result, Slug};

/// The key of the address that gives tokens of a service account.
pub(super) const IMPERSONATION: &str = "service_account_impersonation_url";
/// The token address of files that name none.
const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";

/// A file that is being read: for errors, and for the addresses that are allowed.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
    pub(super) path: &'a Path,
    pub(super) allowed: &'a Allowed,
}

impl Reading<'_> {
    /// Takes a key's value, which must be there and not empty.
    pub(super) fn required<T>(self, key: &str, value: Option<T>) -> Result<T> {
        value.ok_or_else(|| self.invalid(&format!("has no {key:?}")))
    }

    pub(super) fn token_uri(self, text: Option<&str>) -> Result<Url> {
        let judged = self.allowed.token_uri(text.unwrap_or(TOKEN_URI));
        judged.map_err(|why| self.receives("token_uri", &why))
    }

    pub(super) fn token_url(self, text: &str) -> Result<Url> {
        let judged = self.allowed.token_url(text);
        judged.map_err(|why| self.receives("token_url", &why))
    }

    pub(super) fn impersonation(self, text: &str) -> Result<Url> {
        let judged = self.allowed.impersonation(text);
        judged.map_err(|why| self.receives(IMPERSONATION, &why))
    }

    /// Makes the error for an address that would receive secrets.
    fn receives(self, key: &str, why: &str) -> Error {
        self.refused(key, why).hint(
            "use a file from Google; if you trust that address with what the file holds, name it in the context: `token-uri: ADDRESS` below `iap:` or `gcp:`",
        )
    }

    /// Judges an address that gives subject tokens, and the headers that it is asked with.
    pub(super) fn source_address<'h>(
        self,
        text: &str,
        mut headers: impl Iterator<Item = &'h String>,
    ) -> Result<Url> {
        let judged = self.allowed.subject_token(text);
        let url = judged.map_err(|why| self.refused("credential_source.url", &why).hint(
            "have another program write the subject token to a file, and name that file (credential_source.file); on GitHub Actions, give the job `permissions: {id-token: write}`, and its runner's own address is allowed",
        ))?;
        match headers.find(|header| address::is_for_metadata(&url, header)) {
            Some(header) => Err(self.refused(
                "credential_source.headers",
                &format!("{header:?} would have Google's metadata server give a token of this machine"),
            )
            .hint("to use the machine's own service account, leave the credential file out: unset GOOGLE_APPLICATION_CREDENTIALS")),
            None => Ok(url),
        }
    }

    /// Makes the error for a file of the wrong form; `what` goes after its name.
    pub(super) fn invalid(self, what: &str) -> Error {
        let what = format!("the credential file {} {what}", self.path.display());
        Error::new(Slug::GoogleCredentialsInvalid, what)
    }

    /// Makes the error for a file of a kind that this program cannot use.
    pub(super) fn unsupported(self, what: &str) -> Error {
        let what = format!("the credential file {} {what}", self.path.display());
        Error::new(Slug::GoogleCredentialsUnsupported, what)
    }

    pub(super) fn broken(self, what: &str) -> Error {
        let what = format!(
            "the credential file {} is broken: {what}",
            self.path.display()
        );
        Error::new(Slug::GoogleCredentialsInvalid, what)
    }

    fn refused(self, key: &str, why: &str) -> Error {
        let what = format!(
            "the credential file {} sends secrets to an address that is not Google's: its {key} {why}",
            self.path.display()
        );
        Error::new(Slug::GoogleCredentialsAddressRefused, what)
    }
}
