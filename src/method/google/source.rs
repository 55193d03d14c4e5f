//! Finds the credentials that count: what the context names, else application default credentials
//! (<https://google.aip.dev/auth/4110>): `GOOGLE_APPLICATION_CREDENTIALS`, gcloud's file, the metadata server.

use std::path::PathBuf;

use url::Url;

use super::address::Allowed;
use super::credentials::Credentials;
use super::file;
use super::impersonation::Target;
use super::metadata::MetadataServer;
use super::service_account::Key;
use super::{Google, Minting};
use crate::endpoint::Origin;
use crate::environment::{
    ACTIONS_ID_TOKEN_REQUEST_URL, Environment, GOOGLE_APPLICATION_CREDENTIALS,
};
use crate::error::{Error, Result, Slug};
use crate::run::Run;

/// Finds the credentials, with the service account on top that the context has them impersonate.
pub(super) fn find(minting: Minting<'_>) -> Result<Credentials> {
    let (google, run) = (minting.google, minting.run);
    let target = google.service_account.as_ref().map(Target::of_context);
    let target = target.transpose()?.flatten();
    let own = match credential_file(google, run.environment) {
        Some(path) => {
            run.trace
                .say(format_args!("using the credential file {}", path.display()));
            file::read(&path, &allowed(google, run.environment), run.trace)?
        }
        None => Credentials::Metadata(
            MetadataServer::find(minting).map_err(|error| with_places(error, run.environment))?,
        ),
    };
    Ok(match target {
        Some(target) => {
            run.trace
                .say(format_args!("impersonating {}", target.email()));
            Credentials::Impersonated(Box::new(own), target)
        }
        None => own,
    })
}

/// Finds the key that signs without any contact.
pub(super) fn key_file(google: &Google, run: Run<'_>) -> Result<Key> {
    let impersonates = google
        .service_account
        .as_ref()
        .is_some_and(|account| account.impersonate.is_some());
    if impersonates {
        return Err(Error::new(
            Slug::ConfigInvalid,
            "service-account.self-signed signs with the account's own key, and cannot impersonate another",
        )
        .hint("leave out either `self-signed` or `impersonate`"));
    }
    let Some(path) = credential_file(google, run.environment) else {
        let what =
            "service-account.self-signed needs a service account's key file, and there is none";
        let error = Error::new(Slug::GoogleCredentialsMissing, what);
        return Err(with_places(error, run.environment));
    };
    match file::read(&path, &allowed(google, run.environment), run.trace)? {
        Credentials::Key(key) => Ok(key),
        _ => Err(Error::new(
            Slug::GoogleCredentialsUnsupported,
            format!(
                "{} holds no service account's key, which service-account.self-signed needs",
                path.display()
            ),
        )
        .hint("name a key file with `service-account: {key-file: F}`, or leave out `self-signed`")),
    }
}

fn allowed(google: &Google, environment: &Environment) -> Allowed {
    let runner = environment.get(ACTIONS_ID_TOKEN_REQUEST_URL);
    let runner = runner.and_then(|text| Url::parse(text).ok());
    Allowed {
        own: google.token_uri.clone(),
        runner: runner.as_ref().map(Origin::of),
    }
}

/// Names the credentials without reading or asking anything: part of what tells stored tokens apart.
pub fn identity(google: &Google, environment: &Environment) -> String {
    let path = credential_file(google, environment);
    let own = path.map_or_else(|| "metadata".to_owned(), |path| path.display().to_string());
    let account = google.service_account.as_ref();
    let impersonated = account.and_then(|account| account.impersonate.as_deref());
    match impersonated {
        Some(email) => format!("{email} by {own}"),
        None => own,
    }
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

/// Adds what was looked for, and where.
fn with_places(error: Error, environment: &Environment) -> Error {
    if !matches!(
        error.slug(),
        Slug::GoogleCredentialsMissing | Slug::GoogleMetadataUntrusted
    ) {
        return error;
    }
    let file = environment.gcloud_credentials_file();
    let file = file.map_or_else(
        || "no home folder".to_owned(),
        |path| path.display().to_string(),
    );
    error
        .because("the context names no key file (service-account.key-file)")
        .because(format!("{GOOGLE_APPLICATION_CREDENTIALS} is not set"))
        .because(format!(
            "gcloud's application default credentials are not there: {file}"
        ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::context::ServiceAccount;

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

    #[test]
    fn the_context_counts_before_the_variable_and_that_before_gclouds_file() {
        let folder = tempfile::tempdir().unwrap();
        let gcloud = folder.path().join("application_default_credentials.json");
        let config = folder.path().to_str().unwrap();
        let environment: Environment = [("CLOUDSDK_CONFIG", config)].into_iter().collect();
        assert_eq!(identity(&google(None, None), &environment), "metadata");
        std::fs::write(&gcloud, "{}").unwrap();
        assert_eq!(
            identity(&google(None, None), &environment),
            gcloud.display().to_string()
        );

        let variables = [
            ("CLOUDSDK_CONFIG", config),
            (GOOGLE_APPLICATION_CREDENTIALS, "/v.json"),
        ];
        let environment: Environment = variables.into_iter().collect();
        assert_eq!(identity(&google(None, None), &environment), "/v.json");
        assert_eq!(
            identity(&google(Some("/c.json"), None), &environment),
            "/c.json"
        );
        assert_eq!(
            identity(&google(None, Some("a@x")), &environment),
            "a@x by /v.json"
        );
    }
}
