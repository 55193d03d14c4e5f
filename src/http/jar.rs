//! The cookies of one login walk, by RFC 6265, and which of them a client needs afterwards.
//!
//! `Expires` is a time of the server's clock. It becomes a life, as `Max-Age` is one, as soon as it is heard: else a
//! clock that is wrong here would end the cookie before its first use.

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use cookie_store::{CookieStore, RawCookie};
use reqwest::header::{HeaderMap, HeaderValue, SET_COOKIE};
use url::Url;

use crate::credential::{Cookie, ExpirySource, KnownEnd, LONGEST_LIFE, to_the_second};
use crate::http::ServerClock;
use crate::secret::Secret;

/// A cookie's identity (RFC 6265 section 5.3 step 11): domain, path, name.
type Identity = (String, String, String);

/// A cookie jar that remembers at which request each cookie was last set.
#[derive(Default)]
pub(super) struct Jar {
    store: CookieStore,
    settings: HashMap<Identity, Setting>,
    /// Every value that there was: a server may still repeat one that another has replaced.
    values: Vec<Secret>,
}

/// How a cookie was set last.
struct Setting {
    hop: u32,
    /// How many cookies there were when this one came first.
    order: usize,
    at: DateTime<Utc>,
    source: ExpirySource,
}

impl Jar {
    /// Takes the `Set-Cookie` headers of the answer to request number `hop`; what is malformed is left out, as RFC 6265
    /// section 5.2 asks.
    pub(super) fn store(
        &mut self,
        url: &Url,
        headers: &HeaderMap,
        hop: u32,
        now: DateTime<Utc>,
        clock: &ServerClock,
    ) {
        for header in headers.get_all(SET_COOKIE) {
            if let Ok(line) = std::str::from_utf8(header.as_bytes()) {
                self.set(url, line, hop, now, clock);
            }
        }
    }

    /// Takes a session's cookie along that was set before the first request.
    pub(super) fn bring(&mut self, url: &Url, cookie: &Cookie, now: DateTime<Utc>) {
        let now = to_the_second(now);
        let mut line = format!("{}={}", cookie.name, cookie.value.expose());
        line.push_str(&format!("; Path={}", cookie.path));
        if !cookie.host_only {
            line.push_str(&format!("; Domain={}", cookie.domain));
        }
        for (is_set, attribute) in [
            (cookie.secure, "; Secure"),
            (cookie.http_only, "; HttpOnly"),
        ] {
            line.push_str(if is_set { attribute } else { "" });
        }
        if let Some(end) = cookie.expires {
            line.push_str(&format!("; Max-Age={}", (end - now).num_seconds()));
        }
        self.set(url, &line, 0, now, &ServerClock::default());
    }

    fn set(&mut self, url: &Url, line: &str, hop: u32, now: DateTime<Utc>, clock: &ServerClock) {
        let Ok(mut raw) = RawCookie::parse(line.to_owned()) else {
            return;
        };
        // Whatever becomes of it: what a server means to be secret is not shown.
        if !self.values().any(|value| value == raw.value()) {
            self.values.push(Secret::new(raw.value()));
        }
        let mut source = ExpirySource::MaxAge;
        if raw.max_age().is_none()
            && let Some(expires) = raw.expires_datetime()
        {
            source = ExpirySource::Expires;
            let age = expires
                .unix_timestamp()
                .saturating_sub(clock.theirs(now).timestamp());
            let Ok(with_life) = RawCookie::parse(format!("{line}; Max-Age={age}")) else {
                return;
            };
            raw = with_life;
        }
        if let Some(label) = one_label(raw.domain()) {
            if !url
                .host_str()
                .is_some_and(|host| host.eq_ignore_ascii_case(&label))
            {
                return;
            }
            raw.unset_domain();
        }
        let Ok(cookie) = cookie_store::Cookie::try_from_raw_cookie(&raw, url) else {
            return;
        };
        let identity = identity(&cookie);
        if self.store.insert(cookie.into_owned(), url).is_ok() {
            let before = self.settings.get(&identity);
            let setting = Setting {
                hop,
                order: before.map_or(self.settings.len(), |before| before.order),
                at: now,
                source,
            };
            self.settings.insert(identity, setting);
        }
    }

    /// Gives the value of every cookie that there was, ended or replaced or not.
    pub(super) fn values(&self) -> impl Iterator<Item = &str> {
        self.values.iter().map(Secret::expose)
    }

    /// Gives the `Cookie` header for a request to `url`, `None` where there is nothing to send.
    pub(super) fn header(&self, url: &Url) -> Option<HeaderValue> {
        let pairs: Vec<String> = self
            .matching(url)
            .iter()
            .map(|cookie| format!("{}={}", cookie.name(), cookie.value()))
            .collect();
        let mut value = HeaderValue::from_str(&pairs.join("; "))
            .ok()
            .filter(|_| !pairs.is_empty())?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Gives the cookies that a client must send to `url`, and the earliest end among them: those set by the answer to
    /// request number `since` or later. What was set before is the login's own (state, CSRF).
    pub(super) fn session(&self, url: &Url, since: u32) -> (Vec<Cookie>, Option<KnownEnd>) {
        let mut cookies = Vec::new();
        let mut earliest: Option<KnownEnd> = None;
        for cookie in self.matching(url) {
            let Some(setting) = self.settings.get(&identity(cookie)) else {
                continue;
            };
            if setting.hop < since {
                continue;
            }
            let end = end(cookie, setting);
            cookies.push(Cookie {
                name: cookie.name().to_owned(),
                value: Secret::new(cookie.value()),
                domain: domain(cookie),
                host_only: matches!(cookie.domain, cookie_store::CookieDomain::HostOnly(_)),
                path: cookie.path.as_ref().to_owned(),
                secure: cookie.secure().unwrap_or(false),
                http_only: cookie.http_only().unwrap_or(false),
                expires: end.map(|end| end.at),
            });
            earliest = earliest.into_iter().chain(end).min_by_key(|end| end.at);
        }
        (cookies, earliest)
    }

    /// The cookies for a URL, longer paths first, and of equal ones those that came first (RFC 6265 section 5.4 step 2).
    fn matching(&self, url: &Url) -> Vec<&cookie_store::Cookie<'static>> {
        let mut cookies = self.store.matches(url);
        cookies.sort_by_cached_key(|cookie| {
            let setting = self.settings.get(&identity(cookie));
            (
                Reverse(cookie.path.as_ref().len()),
                setting.map(|setting| setting.order),
            )
        });
        cookies
    }
}

fn identity(cookie: &cookie_store::Cookie<'_>) -> Identity {
    (
        domain(cookie),
        cookie.path.as_ref().to_owned(),
        cookie.name().to_owned(),
    )
}

/// Gives a `Domain` of one label, such as `com`: a public suffix that is known without a list of them. A cookie for all
/// hosts below one is none, and one of the host of that name is that host's alone (RFC 6265 section 5.3 step 5).
fn one_label(domain: Option<&str>) -> Option<String> {
    let label = domain?.trim_matches('.');
    (!label.is_empty() && !label.contains('.')).then(|| label.to_owned())
}

fn domain(cookie: &cookie_store::Cookie<'_>) -> String {
    cookie.domain.as_cow().unwrap_or_default().into_owned()
}

/// `Max-Age` goes before `Expires` (RFC 6265 section 4.1.2.2). An absurd end is cut before it is added to anything.
fn end(cookie: &cookie_store::Cookie<'_>, setting: &Setting) -> Option<KnownEnd> {
    let life = cookie.max_age()?.whole_seconds();
    let life = TimeDelta::seconds(life.clamp(0, LONGEST_LIFE.num_seconds()));
    Some(KnownEnd {
        at: to_the_second(setting.at) + life,
        source: setting.source,
    })
}
