//! The browser's way back: a listener on 127.0.0.1 that takes one redirect (RFC 8252 section 7.3).

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use url::Url;

use crate::error::{Error, Result, Slug};

/// Longer than any redirect's request head.
const LONGEST_HEAD: usize = 16 * 1024;
/// How long one connection may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(2);
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
        let mut saw_other_state = false;
        while !is_over() {
            if Instant::now() >= deadline {
                return Err(nobody_came(saw_other_state));
            }
            match self.listener.accept() {
                Ok((connection, _)) => match answer(connection, state) {
                    Heard::Response(response) => return Ok(Some(response)),
                    Heard::OtherState => saw_other_state = true,
                    Heard::Nothing => {}
                },
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(PAUSE),
                Err(_) => std::thread::sleep(PAUSE),
            }
        }
        Ok(None)
    }
}

enum Heard {
    Response(Response),
    OtherState,
    Nothing,
}

fn answer(mut connection: TcpStream, state: &str) -> Heard {
    let Some(target) = request_target(&mut connection) else {
        return Heard::Nothing;
    };
    let url = Url::parse("http://127.0.0.1").and_then(|base| base.join(&target));
    let heard = match url.ok().map(|url| response(&url)) {
        Some(Some((said, response))) if said == state => Heard::Response(response),
        Some(Some(_)) => Heard::OtherState,
        _ => Heard::Nothing,
    };
    match &heard {
        Heard::Response(Response::Code(_)) => say(&mut connection, "200 OK", DONE),
        Heard::Response(Response::Refused(_)) => say(&mut connection, "200 OK", REFUSED),
        Heard::OtherState | Heard::Nothing => say(
            &mut connection,
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

/// Reads `GET TARGET HTTP/1.1`; whatever is not that, too long or too slow is nothing.
fn request_target(connection: &mut TcpStream) -> Option<String> {
    connection.set_nonblocking(false).ok()?;
    connection.set_read_timeout(Some(PATIENCE)).ok()?;
    connection.set_write_timeout(Some(PATIENCE)).ok()?;
    let started = Instant::now();
    let mut head = Vec::new();
    let mut chunk = [0; 1024];
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        if head.len() > LONGEST_HEAD || started.elapsed() > PATIENCE {
            return None;
        }
        match connection.read(&mut chunk).ok()? {
            0 => return None,
            count => head.extend_from_slice(&chunk[..count]),
        }
    }
    let head = String::from_utf8(head).ok()?;
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

fn nobody_came(saw_other_state: bool) -> Error {
    if saw_other_state {
        return Error::new(
            Slug::StateMismatch,
            "the browser came back with another login's answer only",
        );
    }
    Error::new(Slug::Timeout, "the browser did not come back in time")
        .hint("log in again; where the browser runs on another machine, paste the address that it ends at: --no-browser")
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
}
