//! The cookies of one login walk, by RFC 6265, and which of them a client needs afterwards.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use cookie_store::{CookieStore, RawCookie};
use reqwest::header::{HeaderMap, HeaderValue, SET_COOKIE};
use url::Url;

use crate::credential::{Cookie, ExpirySource, KnownEnd, LONGEST_LIFE, to_the_second};
use crate::secret::Secret;

/// A cookie's identity (RFC 6265 section 5.3 step 11): domain, path, name.
type Identity = (String, String, String);

/// A cookie jar that remembers at which request each cookie was last set.
#[derive(Default)]
pub(super) struct Jar {
    store: CookieStore,
    set_at: HashMap<Identity, (u32, DateTime<Utc>)>,
}

impl Jar {
    /// Takes the `Set-Cookie` headers of the answer to request number `hop`; what is malformed is left out, as RFC 6265
    /// section 5.2 asks.
    pub(super) fn store(&mut self, url: &Url, headers: &HeaderMap, hop: u32, now: DateTime<Utc>) {
        for header in headers.get_all(SET_COOKIE) {
            let Ok(text) = std::str::from_utf8(header.as_bytes()) else {
                continue;
            };
            let Ok(raw) = RawCookie::parse(text.to_owned()) else {
                continue;
            };
            let Ok(cookie) = cookie_store::Cookie::try_from_raw_cookie(&raw, url) else {
                continue;
            };
            let identity = identity(&cookie);
            if self.store.insert(cookie.into_owned(), url).is_ok() {
                self.set_at.insert(identity, (hop, now));
            }
        }
    }

    /// Gives the value of every cookie that there was, ended or not.
    pub(super) fn values(&self) -> impl Iterator<Item = &str> {
        self.store.iter_any().map(|cookie| cookie.value())
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
            let Some((hop, set_at)) = self.set_at.get(&identity(cookie)) else {
                continue;
            };
            if *hop < since {
                continue;
            }
            let end = end(cookie, *set_at);
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

    /// The cookies for a URL, longer paths first (RFC 6265 section 5.4 step 2).
    fn matching(&self, url: &Url) -> Vec<&cookie_store::Cookie<'static>> {
        let mut cookies = self.store.matches(url);
        cookies.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.as_ref().len()));
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

fn domain(cookie: &cookie_store::Cookie<'_>) -> String {
    cookie.domain.as_cow().unwrap_or_default().into_owned()
}

/// `Max-Age` goes before `Expires` (RFC 6265 section 4.1.2.2). An absurd end is cut before it is added to anything.
fn end(cookie: &cookie_store::Cookie<'_>, set_at: DateTime<Utc>) -> Option<KnownEnd> {
    let (life, source) = match (cookie.max_age(), cookie.expires_datetime()) {
        (Some(age), _) => (age.whole_seconds(), ExpirySource::MaxAge),
        (None, Some(at)) => (
            at.unix_timestamp().saturating_sub(set_at.timestamp()),
            ExpirySource::Expires,
        ),
        (None, None) => return None,
    };
    let life = TimeDelta::seconds(life.clamp(0, LONGEST_LIFE.num_seconds()));
    Some(KnownEnd {
        at: to_the_second(set_at) + life,
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jar(url: &str, lines: &[(u32, &str)]) -> Jar {
        let mut jar = Jar::default();
        for (hop, line) in lines {
            let mut headers = HeaderMap::new();
            headers.append(SET_COOKIE, HeaderValue::from_str(line).unwrap());
            jar.store(&Url::parse(url).unwrap(), &headers, *hop, Utc::now());
        }
        jar
    }

    fn names(jar: &Jar, url: &str, since: u32) -> Vec<String> {
        jar.session(&Url::parse(url).unwrap(), since)
            .0
            .into_iter()
            .map(|cookie| cookie.name)
            .collect()
    }

    #[test]
    fn the_logins_own_cookies_are_left_out() {
        let jar = jar(
            "https://kf.example.com/oauth2/callback",
            &[
                (1, "csrf=1; Path=/"),
                (2, "csrf=; Path=/; Max-Age=0"),
                (2, "s_0=a; Path=/"),
                (2, "s_1=b; Path=/"),
            ],
        );
        assert_eq!(
            names(&jar, "https://kf.example.com/pipeline", 2),
            ["s_0", "s_1"]
        );
    }

    #[test]
    fn a_cookie_set_again_at_the_callback_stays() {
        let jar = jar(
            "https://kf.example.com/",
            &[(1, "s=1; Path=/"), (5, "s=2; Path=/"), (1, "t=1; Path=/")],
        );
        assert_eq!(names(&jar, "https://kf.example.com/", 5), ["s"]);
    }

    #[test]
    fn cookies_for_elsewhere_are_left_out() {
        let jar = jar(
            "https://kf.example.com/dex/auth",
            &[
                (1, "dex=1; Path=/dex"),
                (1, "all=1; Domain=example.com; Path=/"),
                (1, "foreign=1; Domain=evil.com; Path=/"),
            ],
        );
        assert_eq!(names(&jar, "https://kf.example.com/pipeline", 1), ["all"]);
    }

    #[test]
    fn twenty_minutes_in_nanoseconds_survive() {
        let jar = jar(
            "https://kf.example.com/",
            &[(1, "authservice_session=x; Path=/; Max-Age=1200000000000")],
        );
        let (cookies, end) = jar.session(&Url::parse("https://kf.example.com/").unwrap(), 1);
        assert_eq!(cookies[0].expires, end.map(|end| end.at));
        let life = end.unwrap().at - Utc::now();
        assert!(life > TimeDelta::days(399) && life <= TimeDelta::days(400));
    }

    #[test]
    fn max_age_goes_before_expires_and_neither_is_no_end() {
        let end = |line: &str| {
            jar("https://h/", &[(1, line)])
                .session(&Url::parse("https://h/").unwrap(), 1)
                .1
                .map(|end| end.source)
        };
        assert_eq!(
            end("s=1; Max-Age=60; Expires=Wed, 21 Oct 2099 07:28:00 GMT"),
            Some(ExpirySource::MaxAge)
        );
        assert_eq!(
            end("s=1; Expires=Wed, 21 Oct 2099 07:28:00 GMT"),
            Some(ExpirySource::Expires)
        );
        assert_eq!(end("s=1"), None);
    }
}
