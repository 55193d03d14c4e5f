//! Finds the credentials that count, which the configuration has settled.

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
    let own = match &google.file {
        Some(file) => {
            run.trace.say(format_args!(
                "using the credential file {}",
                file.path.display()
            ));
            file::read(file, &allowed(google, run.environment), run.trace)?
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
    let Some(file) = &google.file else {
        let what =
            "service-account.self-signed needs a service account's key file, and there is none";
        let error = Error::new(Slug::GoogleCredentialsMissing, what);
        return Err(with_places(error, run.environment));
    };
    match file::read(file, &allowed(google, run.environment), run.trace)? {
        Credentials::Key(key) => Ok(key),
        Credentials::User(_)
        | Credentials::External(_)
        | Credentials::Metadata(_)
        | Credentials::Impersonated(..) => Err(Error::new(
            Slug::GoogleCredentialsUnsupported,
            format!(
                "{} holds no service account's key, which service-account.self-signed needs",
                file.path.display()
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
