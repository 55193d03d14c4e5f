//! A CONNECT proxy that leads the hosts it knows to servers of the test, and nobody anywhere else.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::http::{Request, Response, Server, TestCa};

/// Is one request that came for a host.
#[derive(Clone, Debug)]
pub struct Seen {
    pub host: String,
    pub request: Request,
}

impl Seen {
    /// Shows where it went, without the query: `POST oauth2.googleapis.com/token`.
    pub fn line(&self) -> String {
        format!(
            "{} {}{}",
            self.request.method,
            self.host,
            self.request.path()
        )
    }
}

/// Runs until it is dropped, and remembers every request.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    asking: Asking,
    acceptor: Option<thread::JoinHandle<()>>,
    servers: Vec<Server>,
}

struct Shared {
    ports: BTreeMap<String, u16>,
    seen: Arc<Mutex<Vec<Seen>>>,
    connects: Mutex<Vec<String>>,
    refused: Mutex<Vec<String>>,
    stopping: AtomicBool,
}

type Handler = dyn Fn(&str, &Request) -> Response + Send + Sync;

/// Asks the hosts of a proxy without proxy and TLS; what it asks is remembered as well.
#[derive(Clone)]
pub struct Asking {
    hosts: Vec<String>,
    seen: Arc<Mutex<Vec<Seen>>>,
    handler: Arc<Handler>,
}

impl Asking {
    /// Returns the answer, where the host is one of them.
    pub fn ask(&self, host: &str, request: &Request) -> Option<Response> {
        self.hosts.iter().any(|known| known == host).then(|| {
            lock(&self.seen).push(Seen {
                host: host.to_owned(),
                request: request.clone(),
            });
            (self.handler)(host, request)
        })
    }
}

impl Proxy {
    /// Serves these hosts under certificates of this CA; the handler answers for all of them.
    pub fn start(
        ca: &TestCa,
        hosts: &[&str],
        handler: impl Fn(&str, &Request) -> Response + Send + Sync + 'static,
    ) -> Self {
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let handler: Arc<Handler> = Arc::new(handler);
        let asking = Asking {
            hosts: hosts.iter().map(|&host| host.to_owned()).collect(),
            seen: Arc::clone(&seen),
            handler,
        };
        let serve = |host: &str| {
            let (asking, name) = (asking.clone(), host.to_owned());
            let server = Server::start_tls(ca, &[host], move |request| {
                asking.ask(&name, request).expect("a host of this proxy")
            });
            (host.to_owned(), server)
        };
        let servers: Vec<(String, Server)> = hosts.iter().map(|host| serve(host)).collect();
        let shared = Arc::new(Shared {
            ports: servers
                .iter()
                .map(|(host, server)| (host.clone(), server.port()))
                .collect(),
            seen,
            connects: Mutex::default(),
            refused: Mutex::default(),
            stopping: AtomicBool::new(false),
        });
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port on loopback");
        let address = listener.local_addr().expect("an address");
        let acceptor = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || accept_loop(&listener, &shared))
        };
        Self {
            address,
            shared,
            asking,
            acceptor: Some(acceptor),
            servers: servers.into_iter().map(|(_, server)| server).collect(),
        }
    }

    /// Returns the value of `HTTPS_PROXY`.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns a way to its hosts for what lives in this process.
    pub fn asking(&self) -> Asking {
        self.asking.clone()
    }

    /// Returns a copy of every request to a known host, in the order of arrival.
    pub fn requests(&self) -> Vec<Seen> {
        lock(&self.shared.seen).clone()
    }

    /// Returns every `host:port` that somebody wanted a tunnel to.
    pub fn connects(&self) -> Vec<String> {
        lock(&self.shared.connects).clone()
    }

    /// Returns what was refused: tunnels to other hosts or ports, and whatever is no CONNECT.
    pub fn refused(&self) -> Vec<String> {
        lock(&self.shared.refused).clone()
    }

    /// Forgets what it has seen so far.
    pub fn clear(&self) {
        lock(&self.shared.seen).clear();
        lock(&self.shared.connects).clear();
        lock(&self.shared.refused).clear();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address)); // wakes accept()
        if let Some(acceptor) = self.acceptor.take() {
            drop(acceptor.join());
        }
        self.servers.clear(); // ends the tunnels
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn accept_loop(listener: &TcpListener, shared: &Arc<Shared>) {
    loop {
        let accepted = listener.accept();
        if shared.stopping.load(Ordering::SeqCst) {
            return;
        }
        if let Ok((client, _)) = accepted {
            let shared = Arc::clone(shared);
            // A connection that breaks off is the client's business.
            thread::spawn(move || serve(client, &shared).ok());
        }
    }
}

fn serve(client: TcpStream, shared: &Shared) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut reader = BufReader::new(client.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        line.clear();
    }
    let port = match first.split(' ').collect::<Vec<_>>()[..] {
        ["CONNECT", target, _] => {
            lock(&shared.connects).push(target.to_owned());
            let host = target.strip_suffix(":443").unwrap_or_default();
            shared.ports.get(host)
        }
        _ => None,
    };
    let Some(&port) = port else {
        return refuse(client, first.trim_end(), shared);
    };
    let server = TcpStream::connect(("127.0.0.1", port))?;
    server.set_nodelay(true)?;
    (&client).write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    let back = (server.try_clone()?, client);
    thread::spawn(move || splice(back.0, &back.1));
    splice(reader, &server);
    Ok(())
}

fn refuse(mut client: TcpStream, what: &str, shared: &Shared) -> io::Result<()> {
    let what = what.trim_end_matches(" HTTP/1.1").trim_end_matches(":443");
    lock(&shared.refused).push(what.to_owned());
    let body = "the proxy of the tests knows no such host\n";
    write!(
        client,
        "HTTP/1.1 403 Forbidden\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    client.shutdown(Shutdown::Write)
}

/// Copies one direction of a tunnel to its end, and passes the end on.
fn splice(mut from: impl io::Read, mut to: &TcpStream) {
    io::copy(&mut from, &mut to).ok();
    to.shutdown(Shutdown::Write).ok();
}
