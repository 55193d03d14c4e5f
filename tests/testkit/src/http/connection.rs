//! One connection of the server, with or without TLS: requests are read, noted and answered one
//! after another, each answer as well or as badly as its [`Delivery`] says.

use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::Instant;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::wire::{read_headers, read_line};
use super::{Delivery, Exchange, Request, Response, Shared, find_header, lock};

pub(super) fn accept_loop(listener: &TcpListener, shared: &Arc<Shared>) {
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
                at: Instant::now(),
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
        Delivery::Dripping { piece, pause } => {
            for part in response.body.chunks(piece) {
                stream.write_all(part)?;
                stream.flush()?;
                thread::sleep(pause);
            }
        }
        Delivery::RawEndless { again, pause } => {
            stream.write_all(&response.body)?;
            let tail = &response.body[response.body.len() - again..];
            while !shared.stopping.load(Ordering::SeqCst) {
                stream.write_all(tail)?;
                stream.flush()?;
                thread::sleep(pause);
            }
        }
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
