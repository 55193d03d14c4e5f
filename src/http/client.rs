//! Builds the HTTP client, once and only when it is needed, with the context's trust, proxy and server name.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::io;
use std::mem::ManuallyDrop;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use reqwest::Proxy;
use reqwest::blocking::{Client, ClientBuilder};
#[cfg(not(fuzzing))]
use reqwest::blocking::{RequestBuilder, Response};
use reqwest::redirect::Policy;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, ServerName};
use url::{Host, Url};

use super::resolver::{Fixed, Honest, addresses};
use super::{chain, tls, variables};
use crate::config::Context;
use crate::config::context::{Connection, Deadlines};
use crate::deadline;
use crate::endpoint::{Endpoint, Origin, is_loopback};
use crate::error::{Error, Result, Slug};
use crate::limits;
use crate::read_file::{self, Kind, ONE_MIB};
use crate::sanitize::redacted_url;

/// The clients of one run: those for this machine, which no proxy ever sees, one for everywhere else, and one for an
/// endpoint whose certificate is to say another name.
pub(super) struct Clients<'a> {
    connection: Cow<'a, Connection>,
    deadlines: Deadlines,
    endpoint: Option<Endpoint>,
    // A client joins its runtime's thread when dropped, which a name server that hangs would hold up for ever.
    plain: OnceCell<ManuallyDrop<Client>>,
    direct: OnceCell<ManuallyDrop<Client>>,
    outside: OnceCell<ManuallyDrop<Client>>,
    renamed: OnceCell<ManuallyDrop<Client>>,
}

impl<'a> Clients<'a> {
    /// Remembers how to build them.
    pub(super) fn new(context: &'a Context, endpoint: &Endpoint) -> Self {
        Self::with(
            Cow::Borrowed(&context.connection),
            context.deadlines,
            Some(endpoint.clone()),
        )
    }

    /// Remembers how to build those for an identity provider's API: the context's authorities and proxy, and never
    /// without verifying, as what weakens the way to the endpoint is no leave to weaken this one.
    pub(super) fn for_api(context: &Context) -> Self {
        let connection = Connection {
            insecure_skip_tls_verify: false,
            tls_server_name: None,
            ..context.connection.clone()
        };
        Self::with(Cow::Owned(connection), context.deadlines, None)
    }

    fn with(
        connection: Cow<'a, Connection>,
        deadlines: Deadlines,
        endpoint: Option<Endpoint>,
    ) -> Self {
        Self {
            connection,
            deadlines,
            endpoint,
            plain: OnceCell::new(),
            direct: OnceCell::new(),
            outside: OnceCell::new(),
            renamed: OnceCell::new(),
        }
    }

    /// Gives the client for a URL, the address to hand to it, and the `Host` header where that differs.
    pub(super) fn for_url(&self, url: &Url) -> Result<(&Client, Url, Option<String>)> {
        if let Some(name) = &self.connection.tls_server_name
            && let Some(endpoint) = &self.endpoint
            && url.scheme() == "https"
            && endpoint.origin() == Origin::of(url)
        {
            return self.renamed(url, name);
        }
        let client = if is_loopback(url) || is_metadata_server(url) {
            self.direct(url)?
        } else {
            built(&self.outside, || self.build_outside())?
        };
        Ok((client, url.clone(), None))
    }

    /// Gives the client for a URL that no proxy is on the way to.
    pub(super) fn direct(&self, url: &Url) -> Result<&Client> {
        if url.scheme() == "http" {
            // A port-forward: without TLS there is no certificate to verify, and reading the system's authorities
            // would take longer than the login.
            let bare = || finished(self.bare().no_proxy().tls_certs_only([]));
            return built(&self.plain, bare);
        }
        built(&self.direct, || self.build(None, ClientBuilder::no_proxy))
    }

    /// Gives the client for the endpoint where its certificate is to say another name. The TLS library takes the name
    /// that it tells the server from the URL, so the URL gets it, every name resolves to the endpoint's own addresses,
    /// and the server still sees the endpoint in `Host`. An address is told to no server, and a URL that got it would
    /// lead there, so it is only what the certificate is held against.
    fn renamed(&self, url: &Url, name: &str) -> Result<(&Client, Url, Option<String>)> {
        if self.connection.proxy_url.is_some() && !is_loopback(url) {
            return Err(server_name_with("a proxy", name));
        }
        let wanted = ServerName::try_from(name.to_owned())
            .map_err(|_| server_name_with("that name", name))?;
        let mut address = url.clone();
        let mut host = None;
        if let ServerName::DnsName(_) = &wanted {
            address
                .set_host(Some(name))
                .map_err(|_| server_name_with("that name", name))?;
            host = Some(host_header(url));
        }
        let client = built(&self.renamed, || {
            let addresses = Arc::new(Fixed(self.addresses_of(url)?));
            // Through a proxy of the environment the name would be resolved elsewhere.
            self.build(Some(wanted), |builder| {
                builder.no_proxy().dns_resolver(addresses)
            })
        })?;
        Ok((client, address, host))
    }

    fn build_outside(&self) -> Result<Client> {
        let Some(url) = &self.connection.proxy_url else {
            return self.build(None, |builder| builder);
        };
        // The URL stays out of the message: it may hold the proxy's password.
        let proxy = Proxy::all(url.clone()).map_err(|_| {
            Error::new(
                Slug::ConfigInvalid,
                format!("the proxy {} cannot be used", redacted_url(url)),
            )
        })?;
        self.build(None, |builder| builder.proxy(proxy))
    }

    /// Gives what all clients share.
    fn bare(&self) -> ClientBuilder {
        // A second installation fails and changes nothing.
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        Client::builder()
            .user_agent(concat!("kfp-credential/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .referer(false)
            .dns_resolver(Arc::new(Honest))
            .connect_timeout(self.deadlines.connect)
            .timeout(self.deadlines.request)
    }

    fn build(
        &self,
        name: Option<ServerName<'static>>,
        on_the_way: impl FnOnce(ClientBuilder) -> ClientBuilder,
    ) -> Result<Client> {
        let builder = self.bare();
        let builder = if self.connection.insecure_skip_tls_verify {
            let tells_name = !matches!(name, Some(ServerName::IpAddress(_)));
            builder
                .tls_danger_accept_invalid_certs(true)
                .tls_sni(tells_name)
        } else {
            variables::check(&self.connection)?;
            let config = tls::config(authorities(&self.connection)?, name);
            builder.tls_backend_preconfigured(config.map_err(|error| no_tls(&error))?)
        };
        finished(on_the_way(builder))
    }

    /// Resolves a URL's host within the deadline of a connection: the system's resolver has none.
    fn addresses_of(&self, url: &Url) -> Result<Vec<SocketAddr>> {
        let host = host_without_brackets(url);
        match deadline::within(self.deadlines.connect, move || addresses(&host)) {
            Some(Ok(addresses)) => Ok(addresses),
            Some(Err(error)) => Err(limits::explained(&error).unwrap_or_else(|| {
                Error::new(
                    Slug::Unreachable,
                    format!("the host of {} has no address", redacted_url(url)),
                )
                .because(error)
            })),
            None => {
                limits::room_for_a_thread()?;
                let what = format!("the host of {} was not resolved in time", redacted_url(url));
                Err(Error::new(Slug::Timeout, what))
            }
        }
    }
}

/// Says why TLS could not be set up, before any server was asked: only that there is nobody to trust is left.
fn no_tls(error: &rustls::Error) -> Error {
    let why = if let rustls::Error::General(words) = error {
        words.clone()
    } else {
        error.to_string()
    };
    Error::new(
        Slug::TlsUntrusted,
        "no server's certificate can be verified: this machine has no certificate authorities",
    )
    .because(why)
    .hint("install them (Debian package ca-certificates), or give the server's with `--certificate-authority F`")
}

fn finished(builder: ClientBuilder) -> Result<Client> {
    builder.build().map_err(|error| {
        let layers = chain(&error);
        let shortage = layers
            .iter()
            .filter_map(|layer| layer.downcast_ref::<io::Error>())
            .find_map(limits::explained);
        shortage.unwrap_or_else(|| {
            Error::new(Slug::Internal, "the HTTP client could not be set up").because_of(&error)
        })
    })
}

#[cfg(not(fuzzing))]
fn built(
    cell: &OnceCell<ManuallyDrop<Client>>,
    build: impl FnOnce() -> Result<Client>,
) -> Result<&Client> {
    if cell.get().is_none() {
        limits::room_for_a_connection()?;
        cell.set(ManuallyDrop::new(build()?)).ok();
    }
    cell.get()
        .map(|client| &**client)
        .ok_or_else(|| Error::new(Slug::Internal, "no HTTP client"))
}

/// Sends a request and waits for the head of its answer.
#[cfg(not(fuzzing))]
pub(super) fn sent(request: RequestBuilder) -> reqwest::Result<Response> {
    request.send()
}

// Fuzz targets put servers of their own in the network's place.
#[cfg(fuzzing)]
use super::fuzzing::built;
#[cfg(fuzzing)]
pub(super) use super::fuzzing::sent;

/// Reads the context's authorities, from its file and from its text.
fn authorities(connection: &Connection) -> Result<Vec<CertificateDer<'static>>> {
    let mut authorities = Vec::new();
    if let Some(path) = &connection.certificate_authority {
        let pem = read_file::read(path, Kind::File, ONE_MIB).map_err(|error| {
            Error::new(
                Slug::ConfigUnreadable,
                format!(
                    "the certificate authority {} could not be read",
                    path.display()
                ),
            )
            .because(error)
        })?;
        authorities.extend(parse_authorities(&pem, path)?);
    }
    if let Some(pem) = &connection.certificate_authority_data {
        authorities.extend(parse_authorities(
            pem,
            Path::new("certificate-authority-data"),
        )?);
    }
    Ok(authorities)
}

fn parse_authorities(pem: &[u8], from: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let wrong = |what: &str| {
        Error::new(
            Slug::ConfigCertificateAuthority,
            format!("{} {what}", from.display()),
        )
    };
    let read: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(pem).collect();
    let certificates = read.map_err(|_| wrong("contains no readable PEM certificate"))?;
    if certificates.is_empty() {
        return Err(wrong("contains no PEM certificate"));
    }
    match certificates
        .iter()
        .position(|one| !tls::can_be_trusted(one))
    {
        None => Ok(certificates),
        Some(index) => Err(wrong(&format!(
            "contains something that is not an X.509 certificate (number {})",
            index + 1
        ))),
    }
}

/// A cloud's metadata server is on the machine's own link, where no proxy is (RFC 3927, RFC 4291).
fn is_metadata_server(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "metadata.google.internal" || name == "metadata",
        Some(Host::Ipv4(address)) => address.is_link_local(),
        Some(Host::Ipv6(address)) => address.is_unicast_link_local(),
        None => false,
    }
}

fn host_header(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn host_without_brackets(url: &Url) -> String {
    match url.host() {
        Some(Host::Ipv6(address)) => address.to_string(),
        _ => url.host_str().unwrap_or_default().to_owned(),
    }
}

fn server_name_with(what: &str, name: &str) -> Error {
    Error::new(
        Slug::ConfigInvalid,
        format!("tls-server-name {name:?} cannot be used with {what}"),
    )
    .hint("name the endpoint by the host in its certificate, or reach it without a proxy")
}
