//! The browser's way back: a listener on 127.0.0.1 that takes one redirect (RFC 8252 section 7.3).
//!
//! Every user of the machine can connect there. On Linux the connections of others are closed unread; and connections
//! are served at once, so that none that is slow or silent keeps the browser waiting.

#[cfg(target_os = "linux")]
mod peers;

use std::collections::{HashMap, VecDeque};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use url::Url;

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
}

/// What an authorization response says (RFC 6749 sections 4.1.2 and 4.1.2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    /// The code to exchange.
    Code(crate::secret::Secret),
    /// The `error`, with its description.
    Refused(String),
}

impl Loopback {
    /// Listens on a free port, or on the given one.
    pub fn listen(port: Option<u16>) -> Result<Self> {
        let listen = || {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port.unwrap_or(0)))?;
            listener.set_nonblocking(true)?;
            let port = listener.local_addr()?.port();
            Ok(Self { listener, port })
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

    /// Gives the redirect URI.
    pub fn redirect_uri(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Waits for the redirect that carries `state`, until `deadline` or until `is_over` says so (`None`). Anything else
    /// gets 404, and the wait goes on.
    pub fn wait(
        &self,
        state: &str,
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
                match caller.listen(state) {
                    Heard::Response(response) => return Ok(Some(response)),
                    Heard::OtherState => seen.other_state = true,
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
    other_state: bool,
    /// Another user's connection.
    stranger: Option<u32>,
}

enum Heard {
    Response(Response),
    OtherState,
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
    fn listen(&mut self, state: &str) -> Heard {
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
            Some(target) => answer(&mut self.connection, &target, state),
            None => Heard::Nothing,
        }
    }

    fn is_whole(&self) -> bool {
        self.head.windows(4).any(|window| window == b"\r\n\r\n")
    }
}

fn answer(connection: &mut TcpStream, target: &str, state: &str) -> Heard {
    let url = Url::parse("http://127.0.0.1").and_then(|base| base.join(target));
    let heard = match url.ok().map(|url| response(&url)) {
        Some(Some((said, response))) if said == state => Heard::Response(response),
        Some(Some(_)) => Heard::OtherState,
        _ => Heard::Nothing,
    };
    match &heard {
        Heard::Response(Response::Code(_)) => say(connection, "200 OK", DONE),
        Heard::Response(Response::Refused(_)) => say(connection, "200 OK", REFUSED),
        Heard::OtherState | Heard::NotYet | Heard::Nothing => say(
            connection,
            "404 Not Found",
            "This is not the page that the login expects.",
        ),
    }
    heard
}

/// Reads an authorization response from the URL that it was redirected to: its `state` and what it says.
pub fn response(url: &Url) -> Option<(String, Response)> {
    let mut query: HashMap<String, String> = url.query_pairs().into_owned().collect();
    let state = query.remove("state").unwrap_or_default();
    if let Some(code) = query.remove("code") {
        return Some((state, Response::Code(code.into())));
    }
    let error = query.remove("error")?;
    let words = match query.remove("error_description") {
        Some(description) => format!("{error}: {description}"),
        None => error,
    };
    Some((state, Response::Refused(words)))
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
    if seen.other_state {
        return Error::new(
            Slug::StateMismatch,
            "the browser came back with another login's answer only",
        );
    }
    let error = Error::new(Slug::Timeout, "the browser did not come back in time");
    match seen.stranger {
        Some(uid) => error.hint(format!(
            "another user's program (uid {uid}) came, and was not heard: where that was your browser, log in again, and paste the address that it ends at: --no-browser"
        )),
        None => error.hint("log in again; where the browser runs on another machine, paste the address that it ends at: --no-browser"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redirect(query: &str) -> Option<(String, Response)> {
        response(&Url::parse(&format!("http://127.0.0.1:1/?{query}")).unwrap())
    }

    #[test]
    fn a_response_is_read() {
        assert_eq!(
            redirect("code=c%2F1&state=s&scope=x"),
            Some(("s".into(), Response::Code("c/1".to_owned().into())))
        );
        let refused = Response::Refused("access_denied: no".into());
        assert_eq!(
            redirect("error=access_denied&error_description=no&state=s"),
            Some(("s".into(), refused))
        );
        assert_eq!(redirect("state=s"), None);
    }

    #[test]
    fn anything_else_gets_404_and_the_wait_goes_on() {
        let loopback = Loopback::listen(None).unwrap();
        let address = loopback.redirect_uri().replace("http://", "");
        let browser = std::thread::spawn(move || {
            let ask = |target: &str| {
                let mut connection = TcpStream::connect(&address).unwrap();
                connection
                    .write_all(format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())
                    .unwrap();
                let mut text = String::new();
                connection.read_to_string(&mut text).unwrap();
                text.lines().next().unwrap().to_owned()
            };
            let garbage = TcpStream::connect(&address).unwrap();
            drop(garbage);
            [
                "/favicon.ico",
                "/?code=x&state=other",
                "/?code=right&state=mine",
            ]
            .map(ask)
        });
        let deadline = Instant::now() + Duration::from_secs(10);
        let heard = loopback.wait("mine", deadline, &|| false).unwrap();
        assert_eq!(heard, Some(Response::Code("right".to_owned().into())));
        assert_eq!(
            browser.join().unwrap(),
            [
                "HTTP/1.1 404 Not Found",
                "HTTP/1.1 404 Not Found",
                "HTTP/1.1 200 OK"
            ]
        );
    }

    #[test]
    fn another_logins_answer_alone_is_a_state_mismatch() {
        let loopback = Loopback::listen(None).unwrap();
        let mut browser = TcpStream::connect((Ipv4Addr::LOCALHOST, loopback.port)).unwrap();
        let request = b"GET /?code=x&state=other HTTP/1.1\r\nHost: x\r\n\r\n";
        browser.write_all(request).unwrap();
        let soon = Instant::now() + Duration::from_millis(500);
        let heard = loopback.wait("mine", soon, &|| false);
        assert_eq!(heard.unwrap_err().slug(), Slug::StateMismatch);
    }

    #[test]
    fn a_browser_that_never_comes_is_a_timeout_and_a_port_in_use_an_error() {
        let loopback = Loopback::listen(None).unwrap();
        let soon = Instant::now() + Duration::from_millis(50);
        assert_eq!(
            loopback.wait("s", soon, &|| false).unwrap_err().slug(),
            Slug::Timeout
        );
        let again = Loopback::listen(Some(loopback.port));
        assert_eq!(again.err().unwrap().slug(), Slug::LoopbackUnavailable);
    }

    /// Asks for the right page, and gives the first line of the answer and how long it took.
    fn browse(address: &str) -> (String, Duration) {
        let start = Instant::now();
        let mut connection = TcpStream::connect(address).unwrap();
        let request = b"GET /?code=right&state=mine HTTP/1.1\r\nHost: x\r\n\r\n";
        connection.write_all(request).unwrap();
        let mut text = String::new();
        connection.read_to_string(&mut text).unwrap();
        let first = text.lines().next().unwrap_or_default();
        (first.to_owned(), start.elapsed())
    }

    #[test]
    fn connections_that_are_silent_or_dribble_keep_no_browser_waiting() {
        let loopback = Loopback::listen(None).unwrap();
        let address = loopback.redirect_uri().replace("http://", "");
        let browser = std::thread::spawn(move || {
            let connect = |_| TcpStream::connect(&address).unwrap();
            let silent: Vec<_> = (0..30).map(connect).collect();
            let mut dribbling: Vec<_> = (0..30).map(connect).collect();
            for connection in &mut dribbling {
                connection.write_all(b"G").unwrap();
            }
            let asked = browse(&address);
            drop((silent, dribbling));
            asked
        });
        let deadline = Instant::now() + Duration::from_secs(30);
        let heard = loopback.wait("mine", deadline, &|| false).unwrap();
        assert_eq!(heard, Some(Response::Code("right".to_owned().into())));
        let (first, took) = browser.join().unwrap();
        assert_eq!(first, "HTTP/1.1 200 OK");
        assert!(took < Duration::from_secs(2), "{took:?}");
    }

    #[test]
    fn a_connection_that_dribbles_has_one_deadline_for_all_it_says() {
        let loopback = Loopback::listen(None).unwrap();
        let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, loopback.port)).unwrap();
        let dribbling = std::thread::spawn(move || {
            let start = Instant::now();
            // The second write after the other end was closed fails.
            while connection.write_all(b"a").is_ok() && start.elapsed() < PATIENCE * 5 {
                std::thread::sleep(Duration::from_millis(200));
            }
            start.elapsed()
        });
        let deadline = Instant::now() + PATIENCE * 6;
        let heard = loopback.wait("mine", deadline, &|| dribbling.is_finished());
        assert_eq!(heard.unwrap(), None);
        let took = dribbling.join().unwrap();
        assert!(PATIENCE <= took && took < PATIENCE * 3, "{took:?}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn another_users_connection_is_closed_unread() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let loopback = Loopback::listen(None).unwrap();
        let address = loopback.redirect_uri().replace("http://", "");
        let port = loopback.port;
        let browser = std::thread::spawn(move || {
            // Who closes at once has a socket that shows uid 0 from then on.
            let answers = ["; cat <&3", "; sleep 1", ""].map(|end| {
                let script = format!(
                    "exec 3<>/dev/tcp/127.0.0.1/{port}; printf 'GET /?error=x&state=mine HTTP/1.1\\r\\n\\r\\n' >&3{end}"
                );
                let mut stranger = std::process::Command::new("setpriv");
                stranger.args(["--reuid=65533", "--regid=65533", "--clear-groups"]);
                let output = stranger.args(["bash", "-c", &script]).output().unwrap();
                String::from_utf8(output.stdout).unwrap()
            });
            (answers, browse(&address).0)
        });
        let deadline = Instant::now() + Duration::from_secs(20);
        let heard = loopback.wait("mine", deadline, &|| false).unwrap();
        assert_eq!(heard, Some(Response::Code("right".to_owned().into())));
        let (answers, first) = browser.join().unwrap();
        assert_eq!(answers, ["", "", ""]);
        assert_eq!(first, "HTTP/1.1 200 OK");
    }
}
