//! `Set-Cookie` lines of two servers: what is sent where, until when, and whether a stored session comes back as it was.
//!
//! A field for each answer; its first character is the server's: `1` for another host of the same domain, `2` for a
//! stranger, else the endpoint's own.

use chrono::{DateTime, TimeDelta, Utc};
use kfp_credential::credential::{Credential, LONGEST_LIFE, Material};
use kfp_credential::http::ServerClock;
use kfp_credential::http::fuzzing::Cookies;
use reqwest::header::{HeaderMap, HeaderValue, SET_COOKIE};
use url::Url;

use crate::input::Fields;

const HOSTS: [&str; 3] = [
    "https://kf.example.com/dex/auth/login",
    "https://login.example.com/",
    "https://evil.test/pipeline",
];

pub(crate) fn run(bytes: &[u8]) {
    let url = |text: &str| Url::parse(text).expect("a URL");
    let endpoint = url("https://kf.example.com/pipeline");
    let now = DateTime::from_timestamp(Utc::now().timestamp(), 0).expect("now");
    let mut cookies = Cookies::default();
    let mut hops = 0;
    for answer in Fields::of(bytes).rest() {
        hops += 1;
        let (server, lines) = match answer {
            [b'1', lines @ ..] => (1, lines),
            [b'2', lines @ ..] => (2, lines),
            lines => (0, lines),
        };
        let mut headers = HeaderMap::new();
        for line in lines.split(|byte| *byte == b'\n') {
            if let Ok(value) = HeaderValue::from_bytes(line) {
                headers.append(SET_COOKIE, value);
            }
        }
        cookies.take(
            &url(HOSTS[server]),
            &headers,
            hops,
            now,
            &ServerClock::default(),
        );
    }

    // Nobody but their own hosts gets them.
    let plain = cookies.header(&url("http://kf.example.com/pipeline"));
    let secure = cookies.header(&endpoint);
    assert!(plain.map(|line| line.len()) <= secure.as_ref().map(Vec::len));
    assert_eq!(cookies.header(&url("https://other.test/")), None);

    let (session, end) = cookies.session(&endpoint, 0);
    let sent: Vec<String> = session
        .iter()
        .map(|cookie| format!("{}={}", cookie.name, cookie.value.expose()))
        .collect();
    match secure {
        Some(line) => assert_eq!(line, sent.join("; ").into_bytes()),
        // One that no header can carry keeps all of them back.
        None => assert!(sent.is_empty() || HeaderValue::from_str(&sent.join("; ")).is_err()),
    }
    for cookie in &session {
        let is_own = cookie.domain == "kf.example.com";
        assert!(
            is_own
                || !cookie.host_only && "kf.example.com".ends_with(&format!(".{}", cookie.domain))
        );
        let lives = |end: DateTime<Utc>| end >= now && end <= now + LONGEST_LIFE;
        assert!(cookie.expires.is_none_or(lives), "{:?}", cookie.expires);
    }
    assert_eq!(
        end.map(|end| end.at),
        session.iter().filter_map(|cookie| cookie.expires).min()
    );
    let credential = Credential::new(Material::Cookies(session.clone()), None, now, end, None);
    assert!(credential.expires_at - now <= LONGEST_LIFE);

    for since in 1..=hops {
        let (later, _) = cookies.session(&endpoint, since);
        assert!(later.iter().all(|cookie| session.contains(cookie)));
    }

    // A session that is stored and brought along is the same one.
    let is_over =
        |end: Option<DateTime<Utc>>| end.is_some_and(|end| end <= now + TimeDelta::seconds(2));
    if session.iter().any(|cookie| is_over(cookie.expires)) {
        return;
    }
    let mut again = Cookies::default();
    for cookie in &session {
        again.bring(&endpoint, cookie, now);
    }
    assert_eq!(again.session(&endpoint, 0).0, session);
}
