//! A small blocking HTTP/1.1 server for tests, with and without TLS.
//!
//! The real client library would hide what goes over the wire, so this one is written over
//! `std::net`: it records every request as it came, answers what a closure says, and can misbehave
//! on purpose ([`Response::hang`], [`Response::close`], [`Response::truncated`],
//! [`Response::endless`], [`Response::raw`]). [`forward`] turns it into a recorder in front of a
//! real server. It listens on loopback only, one thread for each connection.
#![allow(dead_code, unreachable_pub)]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use url::form_urlencoded;

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

    /// Renders status line and headers; a length is added where one is due and none was given.
    fn head(&self, length: Option<usize>) -> String {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        if let Some(length) = length
            && find_header(&self.headers, "content-length").is_none()
        {
            let _ = write!(head, "Content-Length: {length}\r\n");
        }
        head + "\r\n"
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        407 => "Proxy Authentication Required",
        411 => "Length Required",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Status",
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

fn accept_loop(listener: &TcpListener, shared: &Arc<Shared>) {
    for id in 0.. {
        let Ok((socket, _)) = listener.accept() else {
            continue;
        };
        if shared.stopping.load(Ordering::SeqCst) {
            return;
        }
        let Ok(handle) = socket.try_clone() else {
            continue;
        };
        lock(&shared.connections).insert(id, handle);
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            // A connection that breaks off is the client's business.
            serve(socket, &shared).ok();
            lock(&shared.connections).remove(&id);
        });
    }
}

/// Answers the requests of one connection, one after another.
fn serve(socket: TcpStream, shared: &Shared) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let connection = Connection::new(socket, shared.tls.as_ref())?;
    let mut stream = BufReader::new(connection);
    while let Some(received) = read_request(&mut stream)? {
        let generation = shared.generation.load(Ordering::SeqCst);
        let place = {
            let mut exchanges = lock(&shared.exchanges);
            exchanges.push(Exchange {
                request: received.request.clone(),
                status: None,
            });
            exchanges.len() - 1
        };
        let response = (shared.handler)(&received.request);
        if response.status != 0 && shared.generation.load(Ordering::SeqCst) == generation {
            lock(&shared.exchanges)[place].status = Some(response.status);
        }
        let head_only = received.request.method == "HEAD";
        let finished = send(stream.get_mut(), &response, head_only, shared)?;
        if finished || received.last {
            break;
        }
    }
    stream.get_mut().finish()
}

/// Sends one answer; tells whether the connection ends with it.
fn send(
    stream: &mut Connection,
    response: &Response,
    head_only: bool,
    shared: &Shared,
) -> io::Result<bool> {
    let body = if head_only {
        &[]
    } else {
        response.body.as_slice()
    };
    match response.delivery {
        Delivery::Whole => {
            let has_length = response.status != 204 && response.status != 304;
            let head = response.head(has_length.then_some(response.body.len()));
            stream.write_all(&[head.as_bytes(), body].concat())?;
            stream.flush()?;
            let asked = find_header(&response.headers, "connection");
            return Ok(asked.is_some_and(|value| value.eq_ignore_ascii_case("close")));
        }
        Delivery::Truncated { declared } => {
            let head = response.head(Some(declared));
            stream.write_all(&[head.as_bytes(), body].concat())?;
        }
        Delivery::Endless { pause } => {
            stream.write_all(response.head(None).as_bytes())?;
            while !shared.stopping.load(Ordering::SeqCst) {
                stream.write_all(body)?;
                stream.flush()?;
                thread::sleep(pause);
            }
        }
        Delivery::Raw => stream.write_all(body)?,
        Delivery::Hang => {
            let mut stopped = lock(&shared.stopped.0);
            while !*stopped {
                stopped = shared
                    .stopped
                    .1
                    .wait(stopped)
                    .unwrap_or_else(PoisonError::into_inner);
            }
        }
        Delivery::Close => {}
    }
    stream.flush()?;
    Ok(true)
}

/// Is a request and whether the client wants no more answers on this connection.
struct Received {
    request: Request,
    last: bool,
}

/// Reads one request; `None` when the client has closed.
fn read_request(stream: &mut BufReader<Connection>) -> io::Result<Option<Received>> {
    let Some(line) = read_line(stream)? else {
        return Ok(None);
    };
    let mut words = line.split(' ');
    let (Some(method), Some(target), Some(version)) = (words.next(), words.next(), words.next())
    else {
        return Err(io::Error::other("not a request line"));
    };
    let mut request = Request {
        method: method.to_owned(),
        target: target.to_owned(),
        headers: read_headers(stream)?,
        body: Vec::new(),
    };
    if request.header("transfer-encoding").is_some() {
        return Err(io::Error::other("chunked requests are not supported"));
    }
    if request.header("expect").is_some() {
        stream
            .get_mut()
            .write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let length = request
        .header("content-length")
        .and_then(|value| value.parse().ok())
        .unwrap_or(0);
    request.body = vec![0; length];
    stream.read_exact(&mut request.body)?;
    let connection = request.header("connection").unwrap_or_default();
    let last = version == "HTTP/1.0" || connection.eq_ignore_ascii_case("close");
    Ok(Some(Received { request, last }))
}

/// Reads a line without its end; `None` at the end of the stream.
fn read_line(stream: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    if stream.read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    Ok(Some(
        String::from_utf8_lossy(&line)
            .trim_end_matches(['\r', '\n'])
            .to_owned(),
    ))
}

fn read_headers(stream: &mut impl BufRead) -> io::Result<Vec<(String, String)>> {
    let mut headers = Vec::new();
    while let Some(line) = read_line(stream)? {
        if line.is_empty() {
            return Ok(headers);
        }
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| io::Error::other("not a header"))?;
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}

/// Is a socket with or without TLS.
enum Connection {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Connection {
    fn new(socket: TcpStream, tls: Option<&Arc<ServerConfig>>) -> io::Result<Self> {
        let Some(config) = tls else {
            return Ok(Self::Plain(socket));
        };
        let session = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
        Ok(Self::Tls(Box::new(StreamOwned::new(session, socket))))
    }

    /// Ends the connection in order.
    fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.shutdown(Shutdown::Write),
            Self::Tls(stream) => {
                stream.conn.send_close_notify();
                stream.flush()?;
                stream.sock.shutdown(Shutdown::Write)
            }
        }
    }
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

// --------------------------------------------------------------------- TLS

/// Is a certificate authority that nobody trusts unless told to.
pub struct TestCa {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl TestCa {
    /// Makes a new one.
    pub fn generate() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params
            .distinguished_name
            .push(DnType::CommonName, "kfp-credential test CA");
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a CA certificate");
        Self {
            pem: certificate.pem(),
            issuer: Issuer::new(params, key),
        }
    }

    /// Returns the CA's certificate.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Signs a certificate for these DNS names and IP addresses and makes a server's
    /// configuration of it.
    pub fn server_config(&self, names: &[&str]) -> Arc<ServerConfig> {
        self.sign(&certificate_for(names))
    }

    /// Does the same with a certificate that ended long ago.
    pub fn expired_server_config(&self, names: &[&str]) -> Arc<ServerConfig> {
        let mut params = certificate_for(names);
        params.not_before = rcgen::date_time_ymd(2019, 1, 1);
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> Arc<ServerConfig> {
        let key = KeyPair::generate().expect("a key");
        let leaf = params
            .signed_by(&key, &self.issuer)
            .expect("a signed certificate");
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a PKCS #8 key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring knows the default versions")
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key)
            .expect("a certificate that fits its key");
        Arc::new(config)
    }
}

fn certificate_for(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("names of a certificate");
    params
        .distinguished_name
        .push(DnType::CommonName, "kfp-credential test server");
    params.use_authority_key_identifier_extension = true;
    params
}

// -------------------------------------------------------------- forwarding

/// Passes a request on to another origin (`http://127.0.0.1:5556`) and returns its answer.
///
/// Everything stays as it is, `Host` too, but for the headers that belong to one connection. An
/// origin that cannot be reached, or whose answer breaks off, becomes a 502 with the reason.
pub fn forward(request: &Request, to_origin: &str) -> Response {
    try_forward(request, to_origin)
        .unwrap_or_else(|error| Response::text(502, format!("{to_origin}: {error}\n")))
}

fn try_forward(request: &Request, to_origin: &str) -> io::Result<Response> {
    let address = to_origin
        .strip_prefix("http://")
        .unwrap_or(to_origin)
        .trim_end_matches('/');
    let mut socket = TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
    let mut head = format!("{} {} HTTP/1.1\r\n", request.method, request.target);
    for (name, value) in request
        .headers
        .iter()
        .filter(|(name, _)| !is_hop_by_hop(name))
    {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    head.push_str("Connection: close\r\n\r\n");
    socket.write_all(&[head.as_bytes(), &request.body].concat())?;

    let mut stream = BufReader::new(socket);
    let status = read_status(&mut stream)?;
    let headers = read_headers(&mut stream)?;
    let body = if request.method == "HEAD" || status == 204 || status == 304 {
        Vec::new()
    } else {
        read_body(&mut stream, &headers)?
    };
    let mut response = Response::new(status).body(body);
    response.headers = headers;
    response.headers.retain(|(name, _)| !is_hop_by_hop(name));
    Ok(response)
}

fn is_hop_by_hop(name: &str) -> bool {
    const NAMES: [&str; 6] = [
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "transfer-encoding",
        "upgrade",
    ];
    NAMES.iter().any(|hop| name.eq_ignore_ascii_case(hop))
}

fn read_status(stream: &mut impl BufRead) -> io::Result<u16> {
    let line = read_line(stream)?.ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = line.split(' ').nth(1).and_then(|word| word.parse().ok());
    status.ok_or_else(|| io::Error::other(format!("not a status line: {line}")))
}

fn read_body(stream: &mut impl BufRead, headers: &[(String, String)]) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    let encoding = find_header(headers, "transfer-encoding").unwrap_or_default();
    if encoding.eq_ignore_ascii_case("chunked") {
        while read_chunk(stream, &mut body)? {}
        read_headers(stream)?; // trailers, most often none
    } else if let Some(length) = find_header(headers, "content-length") {
        body.resize(length.parse().map_err(io::Error::other)?, 0);
        stream.read_exact(&mut body)?;
    } else {
        stream.read_to_end(&mut body)?;
    }
    Ok(body)
}

/// Appends one chunk; tells whether more follow.
fn read_chunk(stream: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<bool> {
    let line = read_line(stream)?.ok_or(io::ErrorKind::UnexpectedEof)?;
    let digits = line.split(';').next().unwrap_or_default().trim();
    let size = usize::from_str_radix(digits, 16).map_err(io::Error::other)?;
    if size == 0 {
        return Ok(false);
    }
    let start = body.len();
    body.resize(start + size, 0);
    stream.read_exact(&mut body[start..])?;
    read_line(stream)?;
    Ok(true)
}
