//! Which provider it is, and where it is reached.
//!
//! Kubeflow's Dex calls itself by a name inside the cluster and is reached through the gateway, so its addresses are
//! moved to where its metadata was read, and never to any other origin. What is secret goes to the provider's own origin
//! or to those that the context names.

use url::Url;

use crate::config::Context;
use crate::config::method::Oidc;
use crate::endpoint::{Endpoint, Origin, is_secure_transport};
use crate::environment::Environment;
use crate::error::{Error, Result, Slug};
use crate::http::api::Api;
use crate::method::endpoint;
use crate::method::login::require_secure_transport;
use crate::oauth::Provider;
use crate::oauth::discovery::Metadata;
use crate::sanitize::{redacted_url, sanitized};

/// Where stock Kubeflow has its Dex.
const DEX: &str = "/dex";

/// A provider that was found.
#[derive(Debug)]
pub(super) struct Found {
    /// Its name for people, and its addresses as they are reached.
    pub(super) provider: Provider,
    /// What it says of itself.
    pub(super) metadata: Metadata,
    /// Where its keys are.
    pub(super) keys: Option<Url>,
}

/// Gives where the context's provider is reached.
pub(super) fn base(oidc: &Oidc, endpoint: &Endpoint) -> Result<Endpoint> {
    if let Some(base) = &oidc.base_url {
        return Ok(base.clone());
    }
    let at_endpoint = |path: &str| {
        let mut url = endpoint.url().clone();
        url.set_path(path);
        Endpoint::parse(url.as_str()).map_err(|what| Error::new(Slug::Internal, what))
    };
    let Some(issuer) = &oidc.issuer else {
        return at_endpoint(DEX);
    };
    let issuer = Endpoint::parse(issuer).map_err(|what| Error::new(Slug::ConfigInvalid, what))?;
    if is_cluster_name(issuer.url()) && !is_cluster_name(endpoint.url()) {
        return at_endpoint(issuer.url().path());
    }
    Ok(issuer)
}

/// Reads the provider's metadata, and checks that it is the one that is meant.
pub(super) fn find(
    api: &Api<'_>,
    oidc: &Oidc,
    context: &Context,
    environment: &Environment,
) -> Result<Found> {
    let endpoint = endpoint(context)?;
    let base = base(oidc, endpoint)?;
    if !base.is_in_cluster(environment) {
        require_secure_transport(base.url(), context)?;
    }
    let metadata = Metadata::read(api, &base)?;
    check_issuer(oidc, &metadata, &base, endpoint)?;
    let addresses = Addresses {
        issuer: metadata.issuer.trim_end_matches('/'),
        base: &base,
        oidc,
    };
    let page = |address: &Option<String>| address.as_deref().map(|text| addresses.page(text));
    let own = |address: &Option<String>| address.as_deref().map(|text| addresses.own(text));
    let provider = Provider {
        name: name(&base),
        authorization_endpoint: page(&metadata.authorization_endpoint).transpose()?,
        token_endpoint: addresses.own(&metadata.token_endpoint)?,
        device_authorization_endpoint: own(&metadata.device_authorization_endpoint).transpose()?,
        revocation_endpoint: own(&metadata.revocation_endpoint).transpose()?,
    };
    let keys = page(&metadata.jwks_uri).transpose()?;
    Ok(Found {
        provider,
        metadata,
        keys,
    })
}

/// A name that only the cluster's own resolver knows.
fn is_cluster_name(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let labels: Vec<&str> = host.trim_end_matches('.').split('.').collect();
    matches!(
        labels.as_slice(),
        [_, .., "svc"] | [_, .., "svc", "cluster", "local"]
    )
}

/// The provider's name for people: its host and path.
fn name(base: &Endpoint) -> String {
    let text = base.to_string();
    text.split_once("://")
        .map_or(text.as_str(), |(_scheme, rest)| rest)
        .to_owned()
}

/// A provider must call itself as the context does, else as it was asked for (OpenID Connect Discovery 1.0 section 4.3);
/// at the endpoint's own origin it may have a name inside the cluster, with the same path.
fn check_issuer(
    oidc: &Oidc,
    metadata: &Metadata,
    base: &Endpoint,
    endpoint: &Endpoint,
) -> Result<()> {
    let said = &metadata.issuer;
    let is_inside = || {
        let inside = Endpoint::parse(said).ok();
        let inside = inside.filter(|inside| is_cluster_name(inside.url()));
        inside.is_some_and(|inside| inside.url().path() == base.url().path())
            && base.origin() == endpoint.origin()
    };
    let is_meant = if let Some(wanted) = &oidc.issuer {
        wanted == said
    } else {
        said.trim_end_matches('/') == base.to_string() || is_inside()
    };
    if is_meant {
        return Ok(());
    }
    let (wanted, where_from) = match &oidc.issuer {
        Some(wanted) => (wanted.clone(), "the context says"),
        None => (base.to_string(), "it was asked for by"),
    };
    let said = sanitized(said);
    let what = format!("the provider at {base} calls itself {said:?}, and {where_from} {wanted:?}");
    Err(Error::new(Slug::IssuerMismatch, what).hint(format!(
        "where {said:?} is the provider that is meant, write exactly that into the context: `oidc: {{issuer: {said:?}, base-url: {base}}}`"
    )))
}

/// The addresses that a provider names.
struct Addresses<'a> {
    /// The issuer, without a slash at its end.
    issuer: &'a str,
    base: &'a Endpoint,
    oidc: &'a Oidc,
}

impl Addresses<'_> {
    /// Gives the address of a page for people: nothing secret is sent there from here.
    fn page(&self, text: &str) -> Result<Url> {
        let url = self.moved(text)?;
        if is_secure_transport(&url) || Origin::of(&url) == self.base.origin() {
            return Ok(url);
        }
        let what = format!(
            "the provider at {} would have people log in over plain http, at {}",
            self.base,
            redacted_url(&url)
        );
        Err(Error::new(Slug::OauthOriginRefused, what)
            .hint("have the provider's own address corrected: its discovery document names https"))
    }

    /// Gives an address that secrets are sent to.
    fn own(&self, text: &str) -> Result<Url> {
        let url = self.moved(text)?;
        let origin = Origin::of(&url);
        if origin == self.base.origin() {
            return Ok(url);
        }
        if self.oidc.login_origins.contains(&origin) && is_secure_transport(&url) {
            return Ok(url);
        }
        let (base, place) = (self.base, redacted_url(&url));
        let what =
            format!("the provider at {base} would have secrets sent to another origin, {place}");
        Err(Error::new(Slug::OauthOriginRefused, what).hint(format!(
            "where {origin} is the provider's too, write it into the context: `oidc: {{login-origins: [{origin}]}}`"
        )))
    }

    fn moved(&self, text: &str) -> Result<Url> {
        moved(text, self.issuer, self.base).ok_or_else(|| {
            let (base, text) = (self.base, sanitized(text));
            let what = format!("the provider at {base} names an address that is none: {text:?}");
            Error::new(Slug::DiscoveryFailed, what)
        })
    }
}

/// Moves an address that lies below the issuer to below the place where its metadata was read; others stay.
pub(super) fn moved(text: &str, issuer: &str, base: &Endpoint) -> Option<Url> {
    let below = text
        .strip_prefix(issuer)
        .filter(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
    let text = match below {
        Some(rest) => format!("{base}{rest}"),
        None => text.to_owned(),
    };
    let url = Url::parse(&text).ok()?;
    matches!(url.scheme(), "http" | "https").then_some(url)
}
