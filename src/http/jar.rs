//! The cookies of one login walk, by RFC 6265, and which of them a client needs afterwards.
//!
//! `Expires` is a time of the server's clock. It becomes a life, as `Max-Age` is one, as soon as it is heard: else a
//! clock that is wrong here would end the cookie before its first use.

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
        if !self.values().any(|value| value == cookie.value()) {
            self.values.push(Secret::new(cookie.value()));
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn jar(url: &str, lines: &[(u32, &str)]) -> Jar {
        let mut jar = Jar::default();
        for (hop, line) in lines {
            let mut headers = HeaderMap::new();
            headers.append(SET_COOKIE, HeaderValue::from_str(line).unwrap());
            let clock = ServerClock::default();
            jar.store(
                &Url::parse(url).unwrap(),
                &headers,
                *hop,
                Utc::now(),
                &clock,
            );
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

    /// Two domains may have a cookie of one name: which one counts is told by their order.
    #[test]
    fn cookies_of_one_name_keep_their_order_when_they_are_brought_along() {
        let url = "https://kf.example.com/pipeline";
        let jar = jar(
            url,
            &[
                (1, "a=first; Path=/"),
                (2, "a=second; Domain=example.com; Path=/"),
                (3, "a=long; Domain=example.com; Path=/pipeline"),
                (4, "a=again; Path=/"),
            ],
        );
        let url = Url::parse(url).unwrap();
        let session = jar.session(&url, 0).0;
        let values: Vec<&str> = session.iter().map(|cookie| cookie.value.expose()).collect();
        assert_eq!(values, ["long", "again", "second"]);
        let mut again = Jar::default();
        for cookie in &session {
            again.bring(&url, cookie, Utc::now());
        }
        assert_eq!(again.session(&url, 0).0, session);
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
    fn a_value_that_was_replaced_is_still_known() {
        let jar = jar(
            "https://kf.example.com/",
            &[
                (1, "s=old; Path=/"),
                (2, "s=new; Path=/"),
                (3, "s=; Max-Age=0; Path=/"),
            ],
        );
        for value in ["old", "new"] {
            assert!(jar.values().any(|known| known == value), "{value}");
        }
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
    fn no_cookie_is_for_all_hosts_of_a_top_level_domain() {
        let evil = jar(
            "https://evil.test/",
            &[
                (1, "a=1; Domain=.test; Path=/"),
                (1, "b=2; Domain=TEST; Path=/"),
            ],
        );
        assert!(names(&evil, "https://evil.test/", 1).is_empty());
        let local = jar("http://localhost/", &[(1, "c=3; Domain=localhost; Path=/")]);
        assert_eq!(names(&local, "http://localhost/", 1), ["c"]);
        assert!(names(&local, "http://kf.localhost/", 1).is_empty());
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

    #[test]
    fn expires_is_counted_by_the_servers_clock() {
        let url = Url::parse("https://h/").unwrap();
        let now = to_the_second(Utc::now());
        for ahead in [-86_400, -3600, 0, 3600, 86_400] {
            let clock = ServerClock::of(TimeDelta::seconds(ahead));
            let theirs = clock.theirs(now) + TimeDelta::minutes(10);
            let line = format!(
                "s=1; Expires={}",
                theirs.format("%a, %d %b %Y %H:%M:%S GMT")
            );
            let mut jar = Jar::default();
            jar.set(&url, &line, 1, now, &clock);
            let (cookies, end) = jar.session(&url, 1);
            let end = end.map(|end| (end.at, end.source));
            let wanted = now + TimeDelta::minutes(10);
            assert_eq!(end, Some((wanted, ExpirySource::Expires)), "{ahead}");
            assert_eq!(cookies[0].expires, Some(wanted));
        }
    }

    #[test]
    fn no_end_of_a_cookie_overflows_or_lies_beyond_400_days() {
        let url = Url::parse("https://h/").unwrap();
        let now = to_the_second(Utc::now());
        let ages = [i64::MIN, -1, 0, 1, 34_560_000, i64::MAX].map(|age| format!("Max-Age={age}"));
        let dates = ["Thu, 01 Jan 1601 00:00:00", "Fri, 31 Dec 9999 23:59:59"];
        let dates = dates.map(|date| format!("Expires={date} GMT"));
        let absurd = [
            "Max-Age=99999999999999999999",
            "Max-Age=-99999999999999999999",
        ];
        let absurd = absurd.map(str::to_owned);
        for attribute in ages.into_iter().chain(dates).chain(absurd) {
            for ahead in [i64::MIN / 1000 + 1, -3600, 0, 3600, i64::MAX / 1000] {
                let clock = ServerClock::of(TimeDelta::seconds(ahead));
                let mut jar = Jar::default();
                jar.set(&url, &format!("s=1; {attribute}"), 1, now, &clock);
                let end = jar.session(&url, 1).1.map(|end| end.at);
                let is_sound = |end| end >= now && end <= now + LONGEST_LIFE;
                assert!(end.is_none_or(is_sound), "{attribute} {ahead}: {end:?}");
            }
        }
    }

    #[test]
    fn a_session_that_is_brought_along_is_what_it_was() {
        let url = Url::parse("https://kf.example.com/pipeline").unwrap();
        let lines = [
            "a=1; Path=/; Max-Age=600; HttpOnly; Secure",
            "b=2; Path=/pipeline; Domain=example.com",
            "c=; Path=/",
            "d=\"q=r\"; Path=/; Max-Age=9",
        ];
        let lines = lines.map(|line| (1, line));
        let (cookies, end) = jar("https://kf.example.com/x", &lines).session(&url, 0);
        assert_eq!(cookies.len(), 4);
        let mut again = Jar::default();
        for cookie in &cookies {
            again.bring(&url, cookie, Utc::now());
        }
        let (brought, same_end) = again.session(&url, 0);
        assert_eq!(brought, cookies);
        assert_eq!(same_end.map(|end| end.at), end.map(|end| end.at));
        assert!(again.session(&url, 1).0.is_empty());
    }
}
