//! A small blocking HTTP/1.1 server for tests, with and without TLS.
//!
//! The real client library would hide what goes over the wire, so this one is written over
//! `std::net`: it records every request as it came, answers what a closure says, and can misbehave
//! on purpose ([`Response::hang`], [`Response::close`], [`Response::truncated`],
//! [`Response::endless`], [`Response::raw`]). [`forward`] turns it into a recorder in front of a
//! real server; [`get`] and [`post`] ask one. It listens on loopback only, one thread for each connection.

mod client;
mod connection;
mod forward;
mod tls;
mod wire;

use std::collections::HashMap;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustls::ServerConfig;
use url::form_urlencoded;

use connection::accept_loop;

pub use client::{get, post, send_json};
pub use forward::forward;
pub use tls::TestCa;

// ---------------------------------------------------------------- requests

/// Holds one request as it was received.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub method: String,
    /// Path and query as sent; the absolute form when the client takes us for its proxy.
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    /// Returns the path, without query (and without origin, if a proxy's client sent one).
    pub fn path(&self) -> &str {
        let local = match self.target.split_once("://") {
            Some((_, rest)) if !self.target.starts_with('/') => {
                rest.find('/').map_or("/", |slash| &rest[slash..])
            }
            _ => &self.target,
        };
        local.split('?').next().unwrap_or(local)
    }

    /// Returns the raw query, empty when there is none.
    pub fn query_string(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    /// Returns the first query parameter of this name, percent-decoded.
    pub fn query(&self, name: &str) -> Option<String> {
        decode(self.query_string().as_bytes(), name)
    }

    /// Returns the first field of this name of a form body, percent-decoded.
    pub fn form(&self, name: &str) -> Option<String> {
        decode(&self.body, name)
    }

    /// Returns the first header of this name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        find_header(&self.headers, name)
    }

    /// Returns the value of the first cookie of this name.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies()
            .into_iter()
            .find(|(cookie, _)| *cookie == name)
            .map(|(_, value)| value)
    }

    /// Returns every cookie sent, in the order sent.
    pub fn cookies(&self) -> Vec<(&str, &str)> {
        let sent = self
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("cookie"));
        sent.flat_map(|(_, line)| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .collect()
    }

    /// Returns the body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Tells whether this text occurs anywhere in the request: target, headers or body, also in
    /// its percent-encoded form.
    pub fn contains(&self, text: &str) -> bool {
        let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let body = self.text();
        let headers = self.headers.iter().map(|(_, value)| value.as_str());
        headers
            .chain([self.target.as_str(), body.as_str()])
            .any(|part| part.contains(text) || part.contains(&encoded))
    }
}

fn decode(encoded: &[u8], name: &str) -> Option<String> {
    form_urlencoded::parse(encoded)
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

fn find_header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

// --------------------------------------------------------------- responses

/// Describes what is answered, and how badly.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    delivery: Delivery,
}

#[derive(Clone, Debug)]
enum Delivery {
    Whole,
    Truncated { declared: usize },
    Endless { pause: Duration },
    Raw,
    Dripping { piece: usize, pause: Duration },
    RawEndless { again: usize, pause: Duration },
    Hang,
    Close,
}

impl Response {
    /// Starts an answer without headers and body.
    pub fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            delivery: Delivery::Whole,
        }
    }

    /// Answers a page of HTML.
    pub fn html(status: u16, page: impl Into<String>) -> Self {
        Self::new(status)
            .header("Content-Type", "text/html; charset=utf-8")
            .body(page.into())
    }

    /// Answers JSON text.
    pub fn json(status: u16, json: impl Into<String>) -> Self {
        Self::new(status)
            .header("Content-Type", "application/json")
            .body(json.into())
    }

    /// Answers plain text.
    pub fn text(status: u16, text: impl Into<String>) -> Self {
        Self::new(status)
            .header("Content-Type", "text/plain; charset=utf-8")
            .body(text.into())
    }

    /// Redirects, with a status of the caller's choice.
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::new(status).header("Location", location)
    }

    /// Adds a header; one name may be added several times (`Set-Cookie`).
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Never answers; the connection stays open until the server is dropped.
    pub fn hang() -> Self {
        Self {
            delivery: Delivery::Hang,
            ..Self::new(0)
        }
    }

    /// Closes the connection without an answer.
    pub fn close() -> Self {
        Self {
            delivery: Delivery::Close,
            ..Self::new(0)
        }
    }

    /// Sends these bytes in place of an answer (malformed heads and the like), then closes.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            delivery: Delivery::Raw,
            ..Self::new(0)
        }
        .body(bytes)
    }

    /// Sends these bytes in place of an answer, so many at a time with a pause between, then closes.
    pub fn dripping(bytes: impl Into<Vec<u8>>, piece: usize, pause: Duration) -> Self {
        Self {
            delivery: Delivery::Dripping { piece, pause },
            ..Self::raw(bytes)
        }
    }

    /// Sends these bytes in place of an answer, and the last so many of them over and over, with a
    /// pause between, until the client gives up.
    pub fn raw_endless(bytes: impl Into<Vec<u8>>, again: usize, pause: Duration) -> Self {
        Self {
            delivery: Delivery::RawEndless { again, pause },
            ..Self::raw(bytes)
        }
    }

    /// Renders what goes over the wire for an answer without faults, for [`Response::raw`].
    pub fn on_the_wire(&self) -> Vec<u8> {
        let head = self.head(Some(self.body.len()));
        [head.as_bytes(), self.body.as_slice()].concat()
    }

    /// Announces a body of this length, sends only what there is, then closes.
    #[must_use]
    pub fn truncated(mut self, declared: usize) -> Self {
        self.delivery = Delivery::Truncated { declared };
        self
    }

    /// Sends the body over and over, with a pause between, until the client gives up.
    #[must_use]
    pub fn endless(mut self, pause: Duration) -> Self {
        self.delivery = Delivery::Endless { pause };
        self
    }
}

// ------------------------------------------------------------------ server

/// Runs until it is dropped, and remembers every request.
pub struct Server {
    scheme: &'static str,
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<thread::JoinHandle<()>>,
}

struct Shared {
    handler: Box<dyn Fn(&Request) -> Response + Send + Sync>,
    tls: Option<Arc<ServerConfig>>,
    exchanges: Mutex<Vec<Exchange>>,
    /// Counts `clear()` calls, so that a late answer is not noted at a newer request.
    generation: AtomicU64,
    connections: Mutex<HashMap<u64, TcpStream>>,
    stopping: AtomicBool,
    stopped: (Mutex<bool>, Condvar),
}

struct Exchange {
    request: Request,
    at: Instant,
    status: Option<u16>,
}

impl Server {
    /// Serves plain HTTP on a free port of 127.0.0.1.
    pub fn start(handler: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Self {
        Self::start_on(listen("127.0.0.1"), None, handler)
    }

    /// Serves plain HTTP on a free port of `[::1]`; fails where the machine has no IPv6.
    pub fn start_v6(
        handler: impl Fn(&Request) -> Response + Send + Sync + 'static,
    ) -> io::Result<Self> {
        TcpListener::bind("[::1]:0").map(|listener| Self::start_on(listener, None, handler))
    }

    /// Serves HTTPS on a free port of 127.0.0.1, with a certificate of this CA for these DNS names
    /// and IP addresses.
    pub fn start_tls(
        ca: &TestCa,
        names: &[&str],
        handler: impl Fn(&Request) -> Response + Send + Sync + 'static,
    ) -> Self {
        Self::start_on(listen("127.0.0.1"), Some(ca.server_config(names)), handler)
    }

    /// Serves on a listener that the caller has bound.
    pub fn start_on(
        listener: TcpListener,
        tls: Option<Arc<ServerConfig>>,
        handler: impl Fn(&Request) -> Response + Send + Sync + 'static,
    ) -> Self {
        let address = listener
            .local_addr()
            .expect("a bound listener has an address");
        let scheme = if tls.is_some() { "https" } else { "http" };
        let shared = Arc::new(Shared {
            handler: Box::new(handler),
            tls,
            exchanges: Mutex::default(),
            generation: AtomicU64::new(0),
            connections: Mutex::default(),
            stopping: AtomicBool::new(false),
            stopped: (Mutex::new(false), Condvar::new()),
        });
        let acceptor = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || accept_loop(&listener, &shared))
        };
        Self {
            scheme,
            address,
            shared,
            acceptor: Some(acceptor),
        }
    }

    /// Returns the origin, such as `http://127.0.0.1:41234`.
    pub fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Returns the origin under another name of loopback, such as `localhost`.
    pub fn origin_as(&self, host: &str) -> String {
        format!("{}://{host}:{}", self.scheme, self.port())
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Returns a copy of every request since the start or the last [`Server::clear`].
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.shared.exchanges)
            .iter()
            .map(|exchange| exchange.request.clone())
            .collect()
    }

    /// Returns how long after one another the requests of a kind came, in the order of arrival: one
    /// less than there were.
    pub fn gaps(&self, is_one: impl Fn(&Request) -> bool) -> Vec<Duration> {
        let exchanges = lock(&self.shared.exchanges);
        let ours = exchanges
            .iter()
            .filter(|exchange| is_one(&exchange.request));
        let times: Vec<Instant> = ours.map(|exchange| exchange.at).collect();
        times.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }

    /// Returns every exchange as `METHOD /path STATUS`, without queries; an unanswered one has
    /// `-` for its status.
    pub fn hops(&self) -> Vec<String> {
        let line = |exchange: &Exchange| {
            let status = exchange
                .status
                .map_or_else(|| "-".to_owned(), |code| code.to_string());
            format!(
                "{} {} {status}",
                exchange.request.method,
                exchange.request.path()
            )
        };
        lock(&self.shared.exchanges).iter().map(line).collect()
    }

    /// Forgets the requests so far.
    pub fn clear(&self) {
        let mut exchanges = lock(&self.shared.exchanges);
        self.shared.generation.fetch_add(1, Ordering::SeqCst);
        exchanges.clear();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        *lock(&self.shared.stopped.0) = true;
        self.shared.stopped.1.notify_all();
        for connection in lock(&self.shared.connections).values() {
            connection.shutdown(Shutdown::Both).ok();
        }
        drop(TcpStream::connect(self.address)); // wakes accept()
        if let Some(acceptor) = self.acceptor.take() {
            drop(acceptor.join());
        }
    }
}

fn listen(host: &str) -> TcpListener {
    TcpListener::bind((host, 0)).expect("a free port on loopback")
}

/// Locks even after a handler has panicked: its message is enough to fail the test.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
