//! Builds the HTTP client, once and only when it is needed, with the context's trust, proxy and server name.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::mem::ManuallyDrop;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;

use reqwest::blocking::{Client, ClientBuilder};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Proxy};
use url::{Host, Url};

use crate::config::Context;
use crate::config::context::{Connection, Deadlines};
use crate::deadline;
use crate::endpoint::{Endpoint, Origin, is_loopback};
use crate::error::{Error, Result, Slug};
use crate::http::shown;

/// The clients of one run: those for this machine, which no proxy ever sees, and one for everywhere else.
pub(super) struct Clients<'a> {
    connection: Cow<'a, Connection>,
    deadlines: Deadlines,
    endpoint: Option<Endpoint>,
    // A client joins its runtime's thread when dropped, which a name server that hangs would hold up for ever.
    plain: OnceCell<ManuallyDrop<Client>>,
    direct: OnceCell<ManuallyDrop<Client>>,
    outside: OnceCell<ManuallyDrop<Client>>,
}

impl<'a> Clients<'a> {
    /// Remembers how to build them.
    pub(super) fn new(context: &'a Context, endpoint: &Endpoint) -> Self {
        Self {
            connection: Cow::Borrowed(&context.connection),
            deadlines: context.deadlines,
            endpoint: Some(endpoint.clone()),
            plain: OnceCell::new(),
            direct: OnceCell::new(),
            outside: OnceCell::new(),
        }
    }

    /// Remembers how to build those for an identity provider's API: the context's authorities and proxy, and never
    /// without verifying, as what weakens the way to the endpoint is no leave to weaken this one.
    pub(super) fn for_api(context: &Context) -> Self {
        let connection = Connection {
            insecure_skip_tls_verify: false,
            tls_server_name: None,
            ..context.connection.clone()
        };
        Self {
            connection: Cow::Owned(connection),
            deadlines: context.deadlines,
            endpoint: None,
            plain: OnceCell::new(),
            direct: OnceCell::new(),
            outside: OnceCell::new(),
        }
    }

    /// Gives the client for a URL, the address to hand to it, and the `Host` header where that differs.
    pub(super) fn for_url(&self, url: &Url) -> Result<(&Client, Url, Option<String>)> {
        let client = if is_loopback(url) || is_metadata_server(url) {
            self.direct(url)?
        } else {
            built(&self.outside, || self.build_outside())?
        };
        match &self.connection.tls_server_name {
            // The TLS library takes the name to verify from the URL, so the URL gets it, the name resolves to the
            // endpoint's own address, and the server still sees the endpoint in `Host`.
            Some(name) if url.scheme() == "https" && self.is_endpoint(url) => {
                let mut address = url.clone();
                address
                    .set_host(Some(name))
                    .map_err(|_| server_name_with("that name", name))?;
                Ok((client, address, Some(host_header(url))))
            }
            _ => Ok((client, url.clone(), None)),
        }
    }

    /// Gives the client for a URL that no proxy is on the way to.
    pub(super) fn direct(&self, url: &Url) -> Result<&Client> {
        if url.scheme() == "http" {
            // A port-forward: without TLS there is no certificate to verify, and reading the system's authorities
            // would take longer than the login.
            let bare = || finished(self.bare().no_proxy().tls_certs_only([]));
            return built(&self.plain, bare);
        }
        built(&self.direct, || self.build(ClientBuilder::no_proxy))
    }

    fn is_endpoint(&self, url: &Url) -> bool {
        self.endpoint
            .as_ref()
            .is_some_and(|endpoint| endpoint.origin() == Origin::of(url))
    }

    fn build_outside(&self) -> Result<Client> {
        let Some(url) = &self.connection.proxy_url else {
            return self.build(|builder| builder);
        };
        if self.connection.tls_server_name.is_some() {
            return Err(server_name_with(
                "a proxy",
                self.connection
                    .tls_server_name
                    .as_deref()
                    .unwrap_or_default(),
            ));
        }
        // The URL stays out of the message: it may hold the proxy's password.
        let proxy = Proxy::all(url.clone()).map_err(|_| {
            Error::new(
                Slug::ConfigInvalid,
                format!("the proxy {} cannot be used", shown(url)),
            )
        })?;
        self.build(|builder| builder.proxy(proxy))
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
            .connect_timeout(self.deadlines.connect)
            .timeout(self.deadlines.request)
    }

    fn build(&self, proxied: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Result<Client> {
        let mut builder = self
            .bare()
            .tls_danger_accept_invalid_certs(self.connection.insecure_skip_tls_verify);
        if !self.connection.insecure_skip_tls_verify {
            builder = builder.tls_certs_merge(authorities(&self.connection)?);
        }
        if let Some(name) = &self.connection.tls_server_name {
            // Through a proxy of the environment the name would be resolved elsewhere.
            builder = builder
                .no_proxy()
                .resolve_to_addrs(name, &self.endpoint_addresses()?);
        }
        finished(proxied(builder))
    }

    /// Resolves the endpoint's host within the deadline of a connection: the system's resolver has none.
    fn endpoint_addresses(&self) -> Result<Vec<SocketAddr>> {
        let Some(endpoint) = &self.endpoint else {
            return Ok(Vec::new());
        };
        let host = host_without_brackets(endpoint.url());
        let addresses = deadline::within(self.deadlines.connect, move || {
            (host.as_str(), 0).to_socket_addrs().map(Iterator::collect)
        });
        match addresses {
            Some(Ok(addresses)) => Ok(addresses),
            Some(Err(error)) => Err(Error::new(
                Slug::Unreachable,
                format!("the host of {endpoint} has no address"),
            )
            .because(error)),
            None => Err(Error::new(
                Slug::Timeout,
                format!("the host of {endpoint} was not resolved in time"),
            )),
        }
    }
}

fn finished(builder: ClientBuilder) -> Result<Client> {
    builder.build().map_err(|error| {
        Error::new(Slug::TlsUntrusted, "the HTTP client could not be set up")
            .because_of(&error)
            .hint("install the system's certificate authorities (Debian package ca-certificates), or give --certificate-authority F")
    })
}

fn built(
    cell: &OnceCell<ManuallyDrop<Client>>,
    build: impl FnOnce() -> Result<Client>,
) -> Result<&Client> {
    if cell.get().is_none() {
        cell.set(ManuallyDrop::new(build()?)).ok();
    }
    cell.get()
        .map(|client| &**client)
        .ok_or_else(|| Error::new(Slug::Internal, "no HTTP client"))
}

/// Reads the context's authorities, from its file and from its text.
fn authorities(connection: &Connection) -> Result<Vec<Certificate>> {
    let mut authorities = Vec::new();
    if let Some(path) = &connection.certificate_authority {
        let pem = std::fs::read(path).map_err(|error| {
            Error::new(
                Slug::ConfigUnreadable,
                format!("cannot read the certificate authority {}", path.display()),
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

fn parse_authorities(pem: &[u8], from: &Path) -> Result<Vec<Certificate>> {
    match Certificate::from_pem_bundle(pem) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(Error::new(
            Slug::ConfigCertificateAuthority,
            format!("{} holds no PEM certificate", from.display()),
        )),
        Err(error) => Err(Error::new(
            Slug::ConfigCertificateAuthority,
            format!("{} holds no PEM certificate", from.display()),
        )
        .because_of(&error)),
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
