//! The scripted server: it answers the exchanges of a vector, in their order, and nothing else.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::Utc;
use url::form_urlencoded;

use super::format::{Answer, Asked, Exchange, Fault, Reply, Values};
use super::pattern::{Expected, Placeholders};
use crate::http::{Request, Response};

/// How long a run may take to come to its last exchange.
const PATIENCE: Duration = Duration::from_secs(30);

/// Is what a server still has to answer, and what went wrong.
#[derive(Clone)]
pub struct Script(Arc<Shared>);

struct Shared {
    placeholders: Placeholders,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    expected: VecDeque<Exchange>,
    faults: Vec<String>,
    /// Nobody may ask any more.
    is_closed: bool,
    asked_when_closed: Vec<String>,
}

impl Script {
    pub fn new(placeholders: Placeholders) -> Self {
        Self(Arc::new(Shared {
            placeholders,
            state: Mutex::default(),
            changed: Condvar::new(),
        }))
    }

    pub fn placeholders(&self) -> &Placeholders {
        &self.0.placeholders
    }

    /// Puts further exchanges at the end.
    pub fn expect(&self, exchanges: Vec<Exchange>) {
        self.state().expected.extend(exchanges);
    }

    /// Answers a request; `host` is the host that led here through the proxy.
    pub fn answer(&self, host: Option<&str>, request: &Request) -> Response {
        let mut state = self.state();
        let shown = format!("{} {}", request.method, request.target);
        if state.is_closed {
            state.asked_when_closed.push(shown);
            return Response::close();
        }
        let Some(next) = state.expected.front() else {
            state.faults.push(format!("nobody expected {shown}"));
            return Response::text(500, "the vector expects no such request");
        };
        let differences = self.differences(&next.request, host, request);
        if !differences.is_empty() {
            let fault = format!("{shown}: {}", differences.join("; "));
            state.faults.push(fault);
            return Response::text(500, "the vector expects another request");
        }
        let reply = self.response(&next.reply);
        state.expected.pop_front();
        self.0.changed.notify_all();
        reply
    }

    /// Waits until every exchange has begun.
    pub fn wait(&self) {
        let start = Instant::now();
        let mut state = self.state();
        while !state.expected.is_empty() && start.elapsed() < PATIENCE {
            let waited = self
                .0
                .changed
                .wait_timeout(state, Duration::from_millis(50));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Asserts that everything was asked that was expected, and nothing else.
    pub fn assert_played(&self, shown: &str) {
        let state = self.state();
        assert!(state.faults.is_empty(), "{:#?}\n{shown}", state.faults);
        let left: Vec<&Asked> = state.expected.iter().map(|left| &left.request).collect();
        assert!(left.is_empty(), "never asked: {left:#?}\n{shown}");
    }

    /// Closes every later connection without an answer.
    pub fn close(&self) {
        self.state().is_closed = true;
    }

    pub fn asked_when_closed(&self) -> Vec<String> {
        self.state().asked_when_closed.clone()
    }

    fn differences(&self, wanted: &Asked, host: Option<&str>, request: &Request) -> Vec<String> {
        let expected = Expected {
            placeholders: &self.0.placeholders,
            end: Utc::now().timestamp(),
        };
        let mut differences = Vec::new();
        if wanted.host.as_deref() != host {
            differences.push(format!("wanted the host {:?}, not {host:?}", wanted.host));
        }
        let line = format!("{} {}", wanted.method, wanted.path);
        if !expected.fits(&line, &format!("{} {}", request.method, request.target)) {
            differences.push(format!("wanted {line}"));
        }
        for (name, value) in &wanted.headers {
            let found = request.header(name);
            let fits = match (value, found) {
                (Some(value), Some(found)) => expected.fits(value, found),
                (None, None) => true,
                _ => false,
            };
            if !fits {
                differences.push(format!("wanted {name}: {value:?}, found {found:?}"));
            }
        }
        if let Some(form) = &wanted.form {
            let found: BTreeMap<String, String> =
                form_urlencoded::parse(&request.body).into_owned().collect();
            let fits = form.keys().eq(found.keys())
                && form
                    .iter()
                    .all(|(name, value)| expected.fits(value, &found[name]));
            if !fits {
                differences.push(format!("wanted the form {form:?}, found {found:?}"));
            }
        }
        differences
    }

    fn response(&self, reply: &Reply) -> Response {
        let Answer {
            status,
            headers,
            json,
            html,
            text,
        } = match reply {
            Reply::Fault(Fault::Hang) => return Response::hang(),
            Reply::Fault(Fault::Close) => return Response::close(),
            Reply::Answer(answer) => answer,
        };
        let fill = |text: &String| self.0.placeholders.fill(text);
        let mut response = match (json, html, text) {
            (Some(json), ..) => {
                let json = self.0.placeholders.fill_value(json);
                Response::json(*status, json.to_string())
            }
            (None, Some(html), _) => Response::html(*status, fill(html)),
            (None, None, Some(text)) => Response::text(*status, fill(text)),
            (None, None, None) => Response::new(*status),
        };
        for (name, values) in headers {
            let values = match values {
                Values::One(value) => std::slice::from_ref(value),
                Values::Several(values) => values,
            };
            for value in values {
                response = response.header(name, &fill(value));
            }
        }
        response
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A test that has failed already tells why.
        let state = self.0.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }
}
