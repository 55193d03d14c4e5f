//! Requests to an identity provider's API: one at a time, no cookies, no redirects, and verified wherever they go beyond
//! the origin of the endpoint.

use std::cell::Cell;
use std::io::Read;
use std::time::{Duration, Instant};

use chrono::Utc;
use reqwest::Method;
use reqwest::blocking::Client;
use reqwest::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::client::{Clients, sent};
use super::secrets::Secrets;
use super::{LARGEST_BODY, ServerClock, failure, header_map};
use crate::config::Context;
use crate::config::context::Deadlines;
use crate::endpoint::{Endpoint, Origin};
use crate::error::{Error, Result, Slug};
use crate::sanitize::redacted_url;
use crate::secret::Secret;
use crate::trace::Trace;

/// The media type of a form.
const FORM: &str = "application/x-www-form-urlencoded";

/// A client for identity providers' APIs; nothing is built or contacted before the first request.
pub struct Api<'a> {
    clients: Clients<'a>,
    /// Those for the origin of the endpoint, where that counts.
    of_endpoint: Option<(Origin, Clients<'a>)>,
    deadlines: Deadlines,
    until: Cell<Instant>,
    clock: ServerClock,
    secrets: Secrets,
    trace: &'a Trace,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body: it may hold secrets.
    pub body: Secret,
}

impl<'a> Api<'a> {
    /// Prepares requests with the context's authorities, proxy and time limits.
    pub fn new(context: &'a Context, trace: &'a Trace) -> Self {
        Self {
            clients: Clients::for_api(context),
            of_endpoint: None,
            deadlines: context.deadlines,
            until: Cell::new(Instant::now() + context.deadlines.login),
            clock: ServerClock::default(),
            secrets: Secrets::default(),
            trace,
        }
    }

    /// Lets what the context says of the way to its endpoint count for requests to that origin.
    #[must_use]
    pub fn with_endpoint(mut self, context: &'a Context, endpoint: &Endpoint) -> Self {
        self.of_endpoint = Some((endpoint.origin(), Clients::new(context, endpoint)));
        self
    }

    /// Leaves no more than so much time: the rest is used up already.
    #[must_use]
    pub fn ending_within(self, limit: Duration) -> Self {
        self.until.set(self.until.get().min(Instant::now() + limit));
        self
    }

    /// Says a word on `-v`.
    pub fn say(&self, words: impl std::fmt::Display) {
        self.trace.say(words);
    }

    /// Quotes a server: cut, visible, and without what repeats something that was sent, to whichever server.
    pub fn quoted(&self, words: &str) -> String {
        self.secrets.quoted(words)
    }

    /// Gives the login so much more time: what a person has taken is not counted.
    pub fn wait_longer(&self, time: Duration) {
        self.until.set(self.until.get() + time);
    }

    /// Gives what is left of the login's time.
    pub fn time_left(&self) -> Duration {
        self.until.get().saturating_duration_since(Instant::now())
    }

    /// Gives the clock of the provider that answered last.
    pub fn clock(&self) -> &ServerClock {
        &self.clock
    }

    /// Asks for a URL.
    pub fn get(&self, url: &Url, headers: &[(String, Secret)]) -> Result<Answer> {
        self.send(
            Method::GET,
            url,
            header_map(headers)?,
            Vec::new(),
            self.deadlines.request,
        )
    }

    /// Asks for a URL past every proxy and waits no longer than `limit`: for metadata servers, which are near or not
    /// there at all.
    pub fn get_direct(
        &self,
        url: &Url,
        headers: &[(String, Secret)],
        limit: Duration,
    ) -> Result<Answer> {
        let (client, headers) = (self.clients.direct(url)?, header_map(headers)?);
        let to = To {
            client,
            url,
            address: url.clone(),
            host: None,
        };
        self.send_with(to, Method::GET, headers, Vec::new(), limit)
    }

    /// Sends a form (application/x-www-form-urlencoded).
    pub fn post_form(
        &self,
        url: &Url,
        headers: &[(String, Secret)],
        fields: &[(&str, &str)],
    ) -> Result<Answer> {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        let body = body.extend_pairs(fields).finish();
        let mut headers = header_map(headers)?;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(FORM));
        self.send(
            Method::POST,
            url,
            headers,
            body.into_bytes(),
            self.deadlines.request,
        )
    }

    /// Sends JSON.
    pub fn post_json(
        &self,
        url: &Url,
        headers: &[(String, Secret)],
        body: &serde_json::Value,
    ) -> Result<Answer> {
        let mut headers = header_map(headers)?;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.send(
            Method::POST,
            url,
            headers,
            body.to_string().into_bytes(),
            self.deadlines.request,
        )
    }

    /// Sends any request; a redirect is an answer like every other.
    pub fn send(
        &self,
        method: Method,
        url: &Url,
        headers: HeaderMap,
        body: Vec<u8>,
        limit: Duration,
    ) -> Result<Answer> {
        let of_endpoint = self.of_endpoint.as_ref();
        let own = of_endpoint.filter(|(origin, _)| *origin == Origin::of(url));
        let clients = own.map_or(&self.clients, |(_, clients)| clients);
        let (client, address, host) = clients.for_url(url)?;
        let to = To {
            client,
            url,
            address,
            host,
        };
        self.send_with(to, method, headers, body, limit)
    }

    fn send_with(
        &self,
        to: To<'_>,
        method: Method,
        mut headers: HeaderMap,
        body: Vec<u8>,
        limit: Duration,
    ) -> Result<Answer> {
        let url = to.url;
        let left = self.time_left().min(limit);
        if left.is_zero() {
            let what = format!("the login took too long, before {}", redacted_url(url));
            return Err(Error::new(Slug::Timeout, what));
        }
        headers
            .entry(HeaderName::from_static("accept"))
            .or_insert(HeaderValue::from_static("application/json"));
        self.secrets.keep_headers(&headers);
        let is_form = headers.get(CONTENT_TYPE).is_some_and(|kind| kind == FORM);
        if is_form {
            self.secrets.keep_form(&body);
        }
        let name = method.to_string();
        let asked = Utc::now();
        if let Some(host) = &to.host {
            headers.insert(HOST, HeaderValue::from_str(host).map_err(|_| no_host(url))?);
        }
        let request = to
            .client
            .request(method, to.address)
            .headers(headers)
            .body(body)
            .timeout(left);
        let mut answer =
            sent(request).map_err(|error| failure::explained(error, url, left, self.deadlines))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        self.clock.hear(&headers, asked, Utc::now());
        self.trace
            .say(format_args!("{name} {}: {status}", redacted_url(url)));
        if status.as_u16() == 407 {
            return Err(failure::proxy_wants_password(url));
        }
        let mut bytes = Vec::new();
        answer
            .by_ref()
            .take(LARGEST_BODY)
            .read_to_end(&mut bytes)
            .map_err(|error| failure::cut_off(&error, url))?;
        let body = Secret::new(String::from_utf8_lossy(&bytes));
        Ok(Answer {
            status: status.as_u16(),
            headers,
            body,
        })
    }
}

/// Where a request goes, and by which client.
struct To<'a> {
    client: &'a Client,
    url: &'a Url,
    /// The address that the client is given.
    address: Url,
    /// `Host`, where that is not the address's.
    host: Option<String>,
}

fn no_host(url: &Url) -> Error {
    let what = format!("the host of {} fits into no header", redacted_url(url));
    Error::new(Slug::ConfigInvalid, what)
}

impl Answer {
    /// Reads the body as a JSON object.
    pub fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_str(self.body.expose())
            .ok()
            .filter(serde_json::Value::is_object)
    }
}
