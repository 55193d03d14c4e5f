//! The kinds of credentials, and what each can mint.

use super::external::External;
use super::impersonation::Target;
use super::metadata::MetadataServer;
use super::service_account::Key;
use super::user::User;
use super::{CLOUD_PLATFORM, Minted, Minting};
use crate::error::{Error, Result, Slug};

/// Credentials of one kind.
#[derive(Debug)]
pub(super) enum Credentials {
    /// A service account's key.
    Key(Key),
    /// A person's, as gcloud keeps them.
    User(User),
    /// Those of another identity provider (workload identity federation).
    External(External),
    /// The machine's own service account.
    Metadata(MetadataServer),
    /// A service account that other credentials impersonate.
    Impersonated(Box<Credentials>, Target),
}

impl Credentials {
    /// Mints an ID token for an audience.
    pub(super) fn id_token(&self, minting: Minting<'_>, audience: &str) -> Result<Minted> {
        let minted = match self {
            Self::Key(key) => key.id_token(minting, audience),
            Self::Metadata(server) => server.id_token(minting, audience),
            Self::Impersonated(source, target) => {
                let source = source.access_token(minting, CLOUD_PLATFORM)?;
                target.id_token(minting, &source, audience)
            }
            Self::User(user) => Err(cannot(&format!(
                "a person's credentials ({})",
                user.place()
            ))),
            Self::External(external) => {
                let what = format!("workload identity federation alone ({})", external.place());
                Err(cannot(&what))
            }
        };
        minted?.sendable("Google")
    }

    /// Mints an access token of a scope.
    pub(super) fn access_token(&self, minting: Minting<'_>, scope: &str) -> Result<Minted> {
        let minted = match self {
            Self::Key(key) => key.access_token(minting, scope),
            Self::User(user) => user.access_token(minting),
            Self::External(external) => external.access_token(minting, scope),
            Self::Metadata(server) => server.access_token(minting, scope),
            Self::Impersonated(source, target) => {
                let source = source.access_token(minting, CLOUD_PLATFORM)?;
                target.access_token(minting, &source, scope)
            }
        };
        minted?.sendable("Google")
    }
}

/// Google mints an ID token for a chosen audience to service accounts only.
fn cannot(what: &str) -> Error {
    Error::new(
        Slug::GoogleCredentialsUnsupported,
        format!("{what} cannot mint an ID token for IAP"),
    )
    .hint("have them impersonate a service account that IAP lets in: `iap: {service-account: {impersonate: NAME@PROJECT.iam.gserviceaccount.com}}` in the context; they need roles/iam.serviceAccountTokenCreator on it")
    .hint("as a person, run `kfp-credential login` with a desktop client (other-client-id, other-client-secret)")
}
