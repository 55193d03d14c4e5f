//! What the fuzz targets in `tests/fuzz` need of this module; compiled with `--cfg fuzzing` alone.
//!
//! Servers are a function there, from request to answer: no socket, no thread, the same again in every run.

use std::cell::{OnceCell, RefCell};
use std::mem::ManuallyDrop;
use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use oauth2::HttpResponse;
use reqwest::blocking::{Client, Request, RequestBuilder, Response};
use reqwest::header::HeaderMap;
use url::Url;

use super::ServerClock;
use super::jar::Jar;
use crate::credential::{Cookie, KnownEnd};
use crate::error::Result;

/// Every server that there is.
pub type Servers = Box<dyn FnMut(&Request) -> HttpResponse>;

thread_local! {
    static SERVERS: RefCell<Option<Servers>> = RefCell::default();
}

/// Builds requests, and never sends one.
static CLIENT: LazyLock<Client> = LazyLock::new(|| {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let builder = Client::builder().no_proxy().tls_certs_only([]);
    builder.build().expect("a client without certificates")
});

/// Runs something among servers.
pub fn among<T>(servers: Servers, work: impl FnOnce() -> T) -> T {
    SERVERS.set(Some(servers));
    let outcome = work();
    SERVERS.take();
    outcome
}

/// Stands in for the sending of a request.
pub(super) fn sent(request: RequestBuilder) -> reqwest::Result<Response> {
    let request = request.build()?;
    Ok(SERVERS.with_borrow_mut(|servers| {
        let servers = servers.as_mut().expect("servers");
        Response::from(servers(&request))
    }))
}

/// Stands in for the building of a client, which reads the system's certificates and starts threads.
pub(super) fn built(
    _: &OnceCell<ManuallyDrop<Client>>,
    _: impl FnOnce() -> Result<Client>,
) -> Result<&'static Client> {
    Ok(&CLIENT)
}

/// A walk's cookies.
#[derive(Default)]
pub struct Cookies(Jar);

impl Cookies {
    /// Takes the headers of the answer to request number `hop`.
    pub fn take(
        &mut self,
        url: &Url,
        headers: &HeaderMap,
        hop: u32,
        now: DateTime<Utc>,
        clock: &ServerClock,
    ) {
        self.0.store(url, headers, hop, now, clock);
    }

    /// Takes a stored cookie along.
    pub fn bring(&mut self, url: &Url, cookie: &Cookie, now: DateTime<Utc>) {
        self.0.bring(url, cookie, now);
    }

    /// Gives the `Cookie` header for a request.
    pub fn header(&self, url: &Url) -> Option<Vec<u8>> {
        Some(self.0.header(url)?.as_bytes().to_vec())
    }

    /// Gives the session for a URL.
    pub fn session(&self, url: &Url, since: u32) -> (Vec<Cookie>, Option<KnownEnd>) {
        self.0.session(url, since)
    }
}

/// Gives the clock of a server that answered with these headers.
pub fn clock(headers: &HeaderMap, asked: DateTime<Utc>, heard: DateTime<Utc>) -> ServerClock {
    let clock = ServerClock::default();
    clock.hear(headers, asked, heard);
    clock
}
