//! The one HTTP client and the one redirect follower.
//!
//! Redirects are followed by hand, because each step matters: no step from https to http, no POST body sent twice,
//! every cookie's origin known, every deadline kept. The client is built with the first request, never for an answer
//! that comes from the store: building one reads the system's certificate roots.

pub mod api;
mod certificate;
mod client;
mod clock;
mod failure;
#[cfg(fuzzing)]
pub mod fuzzing;
mod jar;
mod page;
mod resolver;
mod secrets;
mod tls;
mod variables;

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use chrono::Utc;
use reqwest::StatusCode;
use reqwest::blocking::RequestBuilder;
use reqwest::header::{ACCEPT, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue};
use url::Url;

use crate::config::Context;
use crate::config::context::Deadlines;
use crate::credential::{Cookie, KnownEnd};
use crate::endpoint::{Endpoint, Origin};
use crate::error::{Error, Result, Slug};
use crate::sanitize::{redacted_url, sanitized};
use crate::secret::Secret;
use crate::trace::Trace;
use client::{Clients, sent};
pub use clock::ServerClock;
use failure::chain;
use jar::Jar;
pub use page::Page;
use secrets::{Secrets, is_worth_withholding};

/// More redirects than any login needs.
const MOST_REDIRECTS: usize = 20;
/// More than any login page holds.
const LARGEST_BODY: u64 = 1024 * 1024;

/// What a browser asks for.
pub const HTML: &str = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8";
/// What an API client asks for; exactly this makes oauth2-proxy answer 401 and not a page.
pub const JSON: &str = "application/json";

/// One walk over the servers of a context: client, cookies, deadlines.
pub struct Http<'a> {
    clients: Clients<'a>,
    endpoint: Endpoint,
    extra_headers: HeaderMap,
    deadlines: Deadlines,
    until: Cell<Instant>,
    hops: Cell<u32>,
    jar: RefCell<Jar>,
    clock: ServerClock,
    secrets: Secrets,
    trace: &'a Trace,
}

/// What is done with the URL that a redirect leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visit {
    /// It is asked.
    Go,
    /// It is not: whoever follows wants to know of it alone.
    Stop,
}

impl<'a> Http<'a> {
    /// Starts a walk; nothing is built or contacted yet.
    pub fn new(
        context: &'a Context,
        endpoint: &Endpoint,
        extra_headers: &[(String, Secret)],
        trace: &'a Trace,
    ) -> Result<Self> {
        let (extra_headers, secrets) = (header_map(extra_headers)?, Secrets::default());
        secrets.keep_headers(&extra_headers);
        Ok(Self {
            clients: Clients::new(context, endpoint),
            endpoint: endpoint.clone(),
            extra_headers,
            deadlines: context.deadlines,
            until: Cell::new(Instant::now() + context.deadlines.login),
            hops: Cell::new(0),
            jar: RefCell::default(),
            clock: ServerClock::default(),
            secrets,
            trace,
        })
    }

    /// Asks for a URL, with the walk's cookies; follows nothing.
    pub fn get(&self, url: &Url, accept: &'static str) -> Result<Page> {
        self.send("GET", url, |client, address| {
            client.get(address).header(ACCEPT, accept)
        })
    }

    /// Asks for a URL with given headers in place of the walk's cookies; follows nothing.
    pub fn get_with(
        &self,
        url: &Url,
        accept: &'static str,
        headers: &[(String, Secret)],
    ) -> Result<Page> {
        let headers = header_map(headers)?;
        self.send_with("GET", url, Some(headers), |client, address| {
            client.get(address).header(ACCEPT, accept)
        })
    }

    /// Sends a form (application/x-www-form-urlencoded); follows nothing.
    pub fn post(&self, url: &Url, fields: &[(String, Secret)]) -> Result<Page> {
        let fields: Vec<(&str, &str)> = fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.expose()))
            .collect();
        let page = self.send("POST", url, |client, address| {
            client.post(address).header(ACCEPT, HTML).form(&fields)
        })?;
        if matches!(
            page.status,
            StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT
        ) {
            return Err(Error::new(
                Slug::RedirectRefused,
                format!(
                    "{} answered a form with {}, which asks to send it again elsewhere",
                    redacted_url(url),
                    page.status
                ),
            ));
        }
        Ok(page)
    }

    /// Posts nothing but given headers, in place of the walk's cookies; follows nothing.
    pub fn post_with(&self, url: &Url, headers: &[(String, Secret)]) -> Result<Page> {
        let headers = header_map(headers)?;
        self.send_with("POST", url, Some(headers), |client, address| {
            client.post(address).header(ACCEPT, JSON)
        })
    }

    /// Follows redirects from `page` until an answer is none; `visit` sees each URL and the number of its request
    /// before it is asked, and may refuse it, or stop at the redirect that leads there.
    pub fn follow(
        &self,
        mut page: Page,
        visit: &mut dyn FnMut(&Url, u32) -> Result<Visit>,
    ) -> Result<Page> {
        for _ in 0..MOST_REDIRECTS {
            let Some(target) = page.redirect()? else {
                return Ok(page);
            };
            if page.url.scheme() == "https" && target.scheme() != "https" {
                return Err(Error::new(
                    Slug::RedirectRefused,
                    format!("{} redirects from https to {}", redacted_url(&page.url), redacted_url(&target)),
                )
                .hint("the server behind TLS should know its public https address: set its redirect URL or its X-Forwarded-Proto handling"));
            }
            match visit(&target, self.hops.get() + 1)? {
                Visit::Stop => return Ok(page),
                Visit::Go => {}
            }
            page.discard();
            page = self.get(&target, HTML)?;
        }
        Err(Error::new(
            Slug::RedirectRefused,
            format!(
                "redirect loop: more than {MOST_REDIRECTS} redirects, the last to {}",
                redacted_url(&page.url)
            ),
        )
        .hint("`-v` shows each step"))
    }

    /// Gives the cookies for `url` that were set by request number `since` or later, with their earliest end.
    pub fn session_cookies(&self, url: &Url, since: u32) -> (Vec<Cookie>, Option<KnownEnd>) {
        self.jar.borrow().session(url, since)
    }

    /// Brings a stored session's cookies along, as if the endpoint had set them before the first request.
    pub fn bring_cookies(&self, cookies: &[Cookie]) {
        let mut jar = self.jar.borrow_mut();
        for cookie in cookies {
            jar.bring(self.endpoint.url(), cookie, Utc::now());
        }
    }

    /// Gives the endpoint's clock.
    pub fn clock(&self) -> &ServerClock {
        &self.clock
    }

    /// Gives what is left of the login's time.
    pub fn time_left(&self) -> Duration {
        self.until.get().saturating_duration_since(Instant::now())
    }

    /// Leaves no more than so much time: the rest is used up already.
    #[must_use]
    pub fn ending_within(self, limit: Duration) -> Self {
        self.until.set(self.until.get().min(Instant::now() + limit));
        self
    }

    /// Gives the login so much more time: what a person has taken is not counted.
    pub fn wait_longer(&self, time: Duration) {
        self.until.set(self.until.get() + time);
    }

    /// Remembers a secret that is about to be sent, so that no server's echo of it is shown.
    pub fn keep_secret(&self, secret: &Secret) {
        self.secrets.keep(secret);
    }

    /// Quotes a server: cut, visible, and without what repeats something that was sent.
    pub fn quoted(&self, words: &str) -> String {
        sanitized(&self.without_secrets(words))
    }

    /// Takes out of an error what repeats a secret that was sent, such as the path of a redirect.
    pub fn censored(&self, error: Error) -> Error {
        error.with_each_text(|text| self.without_secrets(&text))
    }

    /// Says a word on `-v`.
    pub fn say(&self, words: impl std::fmt::Display) {
        if self.trace.is_on() {
            self.trace.say(self.without_secrets(&words.to_string()));
        }
    }

    fn without_secrets(&self, words: &str) -> String {
        let jar = self.jar.borrow();
        let cookies = jar.values().filter(|value| is_worth_withholding(value));
        self.secrets.cut_from(words, &cookies.collect::<Vec<_>>())
    }

    fn send(
        &self,
        method: &str,
        url: &Url,
        request: impl Fn(&reqwest::blocking::Client, Url) -> RequestBuilder,
    ) -> Result<Page> {
        self.send_with(method, url, None, request)
    }

    fn send_with(
        &self,
        method: &str,
        url: &Url,
        own_headers: Option<HeaderMap>,
        request: impl Fn(&reqwest::blocking::Client, Url) -> RequestBuilder,
    ) -> Result<Page> {
        let left = self.time_left();
        if left.is_zero() {
            let limit = humantime::format_duration(self.deadlines.login);
            return Err(Error::new(
                Slug::Timeout,
                format!(
                    "the login took longer than {limit}, before {}",
                    redacted_url(url)
                ),
            ));
        }
        let hop = self.hops.get() + 1;
        self.hops.set(hop);

        let (client, mut address, host) = self.clients.for_url(url)?;
        // What a server writes before a host would be sent as if it were a password of ours.
        address.set_username("").ok();
        address.set_password(None).ok();
        let mut request = request(client, address).timeout(left.min(self.deadlines.request));
        if let Some(host) = host {
            request = request.header(HOST, host);
        }
        if Origin::of(url) == self.endpoint.origin() {
            request = request.headers(self.extra_headers.clone());
        }
        request = match own_headers {
            Some(headers) => request.headers(headers),
            None => match self.jar.borrow().header(url) {
                Some(cookies) => request.header(COOKIE, cookies),
                None => request,
            },
        };
        let asked = Utc::now();
        let answer =
            sent(request).map_err(|error| failure::explained(error, url, left, self.deadlines))?;
        let heard = Utc::now();

        let page = Page {
            url: url.clone(),
            hop,
            status: answer.status(),
            headers: answer.headers().clone(),
            unread: Some(answer),
            text: String::new(),
        };
        // Another server of the walk, such as an identity provider's, has a clock of its own.
        let clock = ServerClock::default();
        clock.hear(&page.headers, asked, heard);
        self.jar
            .borrow_mut()
            .store(url, &page.headers, hop, heard, &clock);
        // Not before its cookies are known: its own redirect may repeat them.
        self.say(format_args!(
            "{method} {}: {}",
            redacted_url(url),
            page.summary()
        ));
        if self.endpoint.origin().is_or_upgrades_to(&Origin::of(url)) {
            self.clock.hear(&page.headers, asked, heard);
        }
        if page.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
            return Err(failure::proxy_wants_password(url));
        }
        Ok(page)
    }
}

fn header_map(headers: &[(String, Secret)]) -> Result<HeaderMap> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let header = HeaderName::try_from(name.as_str())
            .ok()
            .zip(HeaderValue::from_str(value.expose()).ok());
        let Some((name, mut value)) = header else {
            return Err(Error::new(
                Slug::ConfigInvalid,
                format!("the header {name:?} has a value that cannot be sent"),
            )
            .hint("correct the context's headers: a value is one line of visible characters"));
        };
        value.set_sensitive(true);
        map.append(name, value);
    }
    Ok(map)
}

/// Gives a limit in words, to the second, or below that to the millisecond.
fn in_words(limit: Duration) -> String {
    let limit = if limit >= Duration::from_secs(1) {
        Duration::from_secs(limit.as_secs())
    } else {
        Duration::from_millis(limit.subsec_millis().into())
    };
    humantime::format_duration(limit).to_string()
}
