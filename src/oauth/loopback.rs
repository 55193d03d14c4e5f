//! The browser's way back: a listener on 127.0.0.1 that takes one redirect (RFC 8252 section 7.3).
//!
//! Every user of the machine can connect there. On Linux the connections of others are closed unread; and connections
//! are served at once, so that none that is slow or silent keeps the browser waiting.

#[cfg(target_os = "linux")]
mod peers;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use url::Url;

use super::response::{Awaited, NotOurs, Response};
use crate::error::{Error, Result, Slug};

/// Longer than any redirect's request head.
const LONGEST_HEAD: usize = 16 * 1024;
/// How long one connection may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(2);
/// More connections than a browser makes at once.
const MOST_AT_ONCE: usize = 64;
/// How often the listener looks up from waiting.
const PAUSE: Duration = Duration::from_millis(20);

const DONE: &str = "You are logged in. Close this page and go back to the terminal.";
const REFUSED: &str = "The login was refused. Close this page; the terminal says why.";

/// A listener for one login.
pub struct Loopback {
    listener: TcpListener,
    port: u16,
    redirect_uri: String,
}

impl Loopback {
    /// Listens on a free port, or on the given one.
    pub fn listen(port: Option<u16>) -> Result<Self> {
        let listen = || {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port.unwrap_or(0)))?;
            listener.set_nonblocking(true)?;
            let port = listener.local_addr()?.port();
            Ok(Self {
                listener,
                port,
                redirect_uri: format!("http://127.0.0.1:{port}"),
            })
        };
        listen().map_err(|error: std::io::Error| {
            let port = port.map(|port| format!(" {port}")).unwrap_or_default();
            Error::new(
                Slug::LoopbackUnavailable,
                format!("cannot listen on 127.0.0.1, port{port}"),
            )
            .because(error)
        })
    }

    /// Listens where a redirect URI leads: on its port, or where it names none, on the given one or a free one, which a
    /// provider is to let pass (RFC 8252 section 7.3). `None` where it does not lead to 127.0.0.1 by plain http.
    pub fn listen_for(redirect_uri: &str, port: Option<u16>) -> Option<Result<Self>> {
        let rest = redirect_uri.strip_prefix("http://")?;
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (host, named) = match authority.split_once(':') {
            Some((host, port)) => (host, Some(port.parse().ok()?)),
            None => (authority, None),
        };
        if !matches!(host, "127.0.0.1" | "localhost") {
            return None;
        }
        Some(Self::listen(named.or(port)).map(|mut loopback| {
            loopback.redirect_uri = match named {
                Some(_) => redirect_uri.to_owned(),
                None => format!("http://{host}:{}{path}", loopback.port),
            };
            loopback
        }))
    }

    /// Gives the redirect URI.
    pub fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// Waits for the redirect that is awaited, until `deadline` or until `is_over` says so (`None`). Anything else
    /// gets 404, and the wait goes on.
    pub fn wait(
        &self,
        awaited: Awaited<'_>,
        deadline: Instant,
        is_over: &dyn Fn() -> bool,
    ) -> Result<Option<Response>> {
        let mut seen = Seen::default();
        let mut callers = VecDeque::new();
        while !is_over() {
            if Instant::now() >= deadline {
                return Err(nobody_came(seen));
            }
            let came = self.let_in(&mut callers, &mut seen);
            let mut waiting = VecDeque::new();
            for mut caller in callers {
                match caller.listen(awaited) {
                    Heard::Response(response) => return Ok(Some(response)),
                    Heard::NotOurs(why) => seen.not_ours = Some(why),
                    Heard::NotYet => waiting.push_back(caller),
                    Heard::Nothing => {}
                }
            }
            callers = waiting;
            if !came {
                std::thread::sleep(PAUSE);
            }
        }
        Ok(None)
    }

    /// Takes the connections that wait, keeps those of this user, and tells whether there were any.
    fn let_in(&self, callers: &mut VecDeque<Caller>, seen: &mut Seen) -> bool {
        let mut came: Vec<(TcpStream, SocketAddr)> = Vec::new();
        while came.len() < MOST_AT_ONCE {
            match self.listener.accept() {
                Ok(connection) => came.push(connection),
                Err(_) => break,
            }
        }
        let any = !came.is_empty();
        for connection in self.without_strangers(came, seen) {
            if connection.set_nonblocking(true).is_ok() {
                callers.push_back(Caller::new(connection));
            }
        }
        while callers.len() > MOST_AT_ONCE {
            callers.pop_front();
        }
        any
    }

    #[cfg(target_os = "linux")]
    fn without_strangers(
        &self,
        came: Vec<(TcpStream, SocketAddr)>,
        seen: &mut Seen,
    ) -> Vec<TcpStream> {
        let (connections, addresses): (Vec<_>, Vec<_>) = came.into_iter().unzip();
        let owners = peers::owners(&addresses, self.port);
        let owned = connections.into_iter().zip(owners);
        owned
            .filter_map(|(connection, owner)| match owner {
                peers::Owner::Welcome => Some(connection),
                peers::Owner::Stranger(uid) => {
                    seen.stranger = Some(uid);
                    None
                }
                peers::Owner::Nobody => None,
            })
            .collect()
    }

    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::unused_self, reason = "only Linux has a table to look into")]
    fn without_strangers(
        &self,
        came: Vec<(TcpStream, SocketAddr)>,
        _seen: &mut Seen,
    ) -> Vec<TcpStream> {
        came.into_iter().map(|(connection, _)| connection).collect()
    }
}

/// What came that was not the answer.
#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    /// Why an answer was not the one that is awaited.
    not_ours: Option<NotOurs>,
    /// Another user's connection.
    stranger: Option<u32>,
}

enum Heard {
    Response(Response),
    NotOurs(NotOurs),
    NotYet,
    Nothing,
}

/// A connection, and what it has said so far.
struct Caller {
    connection: TcpStream,
    until: Instant,
    head: Vec<u8>,
}

impl Caller {
    fn new(connection: TcpStream) -> Self {
        Self {
            connection,
            until: Instant::now() + PATIENCE,
            head: Vec::new(),
        }
    }

    /// Reads what has come, and answers a whole request.
    fn listen(&mut self, awaited: Awaited<'_>) -> Heard {
        let mut chunk = [0; 1024];
        while !self.is_whole() {
            if self.head.len() > LONGEST_HEAD || Instant::now() >= self.until {
                return Heard::Nothing;
            }
            match self.connection.read(&mut chunk) {
                Ok(0) => return Heard::Nothing,
                Ok(count) => self.head.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Heard::NotYet,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Heard::Nothing,
            }
        }
        match request_target(&self.head) {
            Some(target) => answer(&mut self.connection, &target, awaited),
            None => Heard::Nothing,
        }
    }

    fn is_whole(&self) -> bool {
        self.head.windows(4).any(|window| window == b"\r\n\r\n")
    }
}

fn answer(connection: &mut TcpStream, target: &str, awaited: Awaited<'_>) -> Heard {
    let url = Url::parse("http://127.0.0.1").and_then(|base| base.join(target));
    let heard = match url.ok().map(|url| Response::of_redirect(&url, awaited)) {
        Some(Some(Ok(response))) => Heard::Response(response),
        Some(Some(Err(why))) => Heard::NotOurs(why),
        _ => Heard::Nothing,
    };
    match &heard {
        Heard::Response(Response::Code(_)) => say(connection, "200 OK", DONE),
        Heard::Response(Response::Refused(_)) => say(connection, "200 OK", REFUSED),
        Heard::NotOurs(_) | Heard::NotYet | Heard::Nothing => say(
            connection,
            "404 Not Found",
            "This is not the page that the login expects.",
        ),
    }
    heard
}

/// Reads `GET TARGET HTTP/1.1`; whatever is not that is nothing.
fn request_target(head: &[u8]) -> Option<String> {
    let head = std::str::from_utf8(head).ok()?;
    let mut words = head.lines().next()?.split(' ');
    (words.next() == Some("GET")).then(|| words.next().map(str::to_owned))?
}

fn say(connection: &mut TcpStream, status: &str, words: &str) {
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>kfp-credential</title>\
         <body style=\"font-family: sans-serif; margin: 3em\"><p>{words}</p></body></html>"
    );
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nConnection: close\r\n\r\n",
        page.len()
    );
    // The browser may be gone already.
    connection
        .write_all(head.as_bytes())
        .and_then(|()| connection.write_all(page.as_bytes()))
        .ok();
}

fn nobody_came(seen: Seen) -> Error {
    match seen.not_ours {
        Some(NotOurs::State) => {
            let what = "the browser came back with another login's answer only";
            return Error::new(Slug::StateMismatch, what);
        }
        Some(NotOurs::Issuer) => {
            let what = "the browser came back with the answer of another provider";
            return Error::new(Slug::IssuerMismatch, what);
        }
        None => {}
    }
    let error = Error::new(Slug::Timeout, "the browser did not come back in time");
    match seen.stranger {
        Some(uid) => error.hint(format!(
            "another user's program (uid {uid}) connected, and was ignored: where that was your browser, log in again, and paste the address that it ends at: --no-browser"
        )),
        None => error.hint("log in again; where the browser runs on another machine, paste the address that it ends at: --no-browser"),
    }
}
