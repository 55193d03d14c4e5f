//! Who asks: the context's OAuth client, with what it shows.

use crate::config::Context;
use crate::config::method::{ClientAssertion, Oidc};
use crate::config::source;
use crate::error::{Error, Result, Slug};
use crate::jwt::signing::{SigningKey, Unusable};
use crate::method::oidc::provider::Found;
use crate::oauth::assertion::Assertion;
use crate::oauth::{Authentication, Client};
use crate::read_file::{self, Kind, ONE_MIB};
use crate::run::Run;
use crate::secret::Secret;

/// Gives the client's ID.
pub(super) fn id<'a>(oidc: &'a Oidc, context: &Context) -> Result<&'a str> {
    oidc.client_id.as_deref().ok_or_else(|| no_client(context))
}

/// What the client shows, read from where it comes.
pub(super) enum Shown {
    Nothing,
    Secret(Secret),
    Jwt(Secret),
    Key(Box<SigningKey>),
}

/// Reads what the client shows, before anybody is contacted.
pub(super) fn shown(oidc: &Oidc, context: &Context, run: Run<'_>) -> Result<Shown> {
    let read = |from: &source::Source, what: &str| {
        let limit = context.deadlines.for_reading();
        let secret = source::read_within(limit, from, what, run.environment, run.trace)?;
        secret.ok_or_else(|| {
            let what = format!("{what} of {} names the keyring", context.display_name());
            Error::new(Slug::ConfigInvalid, what).hint("the keyring holds passwords only: use {env: NAME}, {file: PATH} or {command: [PROGRAM]}")
        })
    };
    match (&oidc.client_secret, &oidc.client_assertion) {
        (Some(from), _) => read(from, "the client's secret").map(Shown::Secret),
        (None, Some(ClientAssertion::From(from))) => {
            read(from, "the client's assertion").map(Shown::Jwt)
        }
        (None, Some(ClientAssertion::Key { file, id })) => {
            key(file, id.clone()).map(Box::new).map(Shown::Key)
        }
        (None, None) => Ok(Shown::Nothing),
    }
}

/// Gives the client as the provider wants to see it.
pub(super) fn at(found: &Found, id: &str, shown: Shown) -> Client {
    let authentication = match shown {
        Shown::Nothing => Authentication::Public,
        Shown::Secret(secret) if wants_it_in_the_form(found) => Authentication::SecretPost(secret),
        Shown::Secret(secret) => Authentication::SecretBasic(secret),
        Shown::Jwt(token) => Authentication::Assertion(Assertion::Signed(token)),
        Shown::Key(key) => Authentication::Assertion(Assertion::Key {
            key,
            audience: found.metadata.token_endpoint.clone(),
        }),
    };
    Client {
        id: id.to_owned(),
        authentication,
    }
}

/// A provider that does not say how it wants to see the secret wants it in the header (OpenID Connect Discovery 1.0
/// section 3).
fn wants_it_in_the_form(found: &Found) -> bool {
    let offered = found
        .metadata
        .token_endpoint_auth_methods_supported
        .as_ref();
    let offers = |name: &str| offered.is_some_and(|all| all.iter().any(|one| one == name));
    offers("client_secret_post") && !offers("client_secret_basic")
}

fn key(file: &std::path::Path, id: Option<String>) -> Result<SigningKey> {
    let unavailable = |why: String| {
        let what = format!("the client's key is not available: {}", file.display());
        Error::new(Slug::ConfigSecretUnavailable, what).because(why)
    };
    let pem = read_file::read_text(file, Kind::File, ONE_MIB);
    let pem = pem.map_err(|error| unavailable(error.to_string()))?;
    SigningKey::new(&Secret::new(&**pem), id).map_err(|why| match why {
        Unusable::NoKey => {
            unavailable("it is not a private key in PEM of PKCS #8 (BEGIN PRIVATE KEY)".to_owned())
                .hint("`openssl pkcs8 -topk8 -nocrypt -in KEY -out NEW` makes one of any other")
        }
        Unusable::OtherKind => unavailable(
            "it is neither an RSA key of 2048 bits or more nor an EC key of the curve P-256"
                .to_owned(),
        ),
    })
}

fn no_client(context: &Context) -> Error {
    let what = format!(
        "{} does not say as which OAuth client to log in",
        context.display_name()
    );
    Error::new(Slug::ConfigMissing, what)
        .hint("give its ID: --client-id ID, or `oidc: {client-id: ID}` in the context")
        .hint("an administrator of Kubeflow adds one to Dex's configuration: `staticClients: [{id: kfp-credential, name: Kubeflow Pipelines clients, public: true}]`")
}
