//! Servers that answer what an input says, one field for each request, and that take note of what reaches them.
//!
//! An answer is written as `STATUS`, lines of headers, an empty line and the body. Where the password has been sent,
//! `%PASSWORD%` in an answer stands for it, as servers repeat what they were told.

use std::cell::RefCell;
use std::rc::Rc;

use kfp_credential::config::Context;
use kfp_credential::environment::Environment;
use kfp_credential::error::Result;
use kfp_credential::get::{self, Wish};
use kfp_credential::http::fuzzing;
use kfp_credential::run::Run;
use kfp_credential::store::Entry;
use kfp_credential::trace::Trace;
use oauth2::HttpResponse;
use reqwest::blocking::Request;
use reqwest::header::{HeaderName, HeaderValue, SET_COOKIE};
use url::Url;

use crate::oracle;

/// More requests than any run may make, whatever it is answered.
const MOST_REQUESTS: usize = 120;

/// A request as it arrived.
pub(crate) struct Arrived {
    pub(crate) url: Url,
    pub(crate) method: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    /// Whether an answer before it has repeated the password, which may then be in anything.
    pub(crate) after_echo: bool,
    /// The `Set-Cookie` lines of its answer.
    pub(crate) cookies_set: Vec<String>,
    /// How much had been said on `-v` before it, in bytes.
    pub(crate) said_before: usize,
}

impl Arrived {
    fn of(request: &Request) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let headers = request.headers().iter();
        let body = request.body().and_then(|body| body.as_bytes());
        Self {
            url: request.url().clone(),
            method: request.method().to_string(),
            headers: headers
                .map(|(name, value)| (name.to_string(), text(value.as_bytes())))
                .collect(),
            body: text(body.unwrap_or_default()),
            after_echo: false,
            cookies_set: Vec::new(),
            said_before: 0,
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Tells whether a secret is anywhere in it, as it is or encoded.
    pub(crate) fn holds(&self, secret: &str) -> bool {
        let mut texts = vec![self.url.as_str(), &self.body];
        texts.extend(self.headers.iter().map(|(_, value)| value.as_str()));
        texts.into_iter().any(|text| {
            let mut spellings = oracle::spellings(text).into_iter();
            spellings.any(|text| text.contains(secret))
        })
    }
}

/// What a run among servers came to.
pub(crate) struct Played {
    pub(crate) outcome: Result<Entry>,
    /// The words of `-v`, and the error.
    pub(crate) words: String,
    pub(crate) arrived: Vec<Arrived>,
}

/// Plays `get --refresh -v` for a context, among servers that give these answers in turn.
pub(crate) fn play<'a>(
    context: &Context,
    environment: &Environment,
    password: &'static str,
    answers: impl Iterator<Item = &'a [u8]>,
) -> Played {
    let stderr = oracle::stderr();
    let trace = Trace::new(Some(stderr.clone()), None);
    let run = Run {
        environment,
        trace: &trace,
        now: chrono::Utc::now,
    };
    let arrived: Rc<RefCell<Vec<Arrived>>> = Rc::default();
    let answers: Vec<Vec<u8>> = answers.map(<[u8]>::to_vec).collect();
    let servers = {
        let (arrived, stderr) = (Rc::clone(&arrived), stderr.clone());
        let mut answers = answers.into_iter();
        let mut has_echoed = false;
        move |request: &Request| {
            let mut arrived = arrived.borrow_mut();
            assert!(arrived.len() < MOST_REQUESTS, "no end of requests");
            let mut new = Arrived::of(request);
            let is_known = arrived.iter().chain([&new]).any(|one| one.holds(password));
            let text = answers.next().unwrap_or_else(|| b"404".to_vec());
            let text = String::from_utf8_lossy(&text).into_owned();
            new.after_echo = has_echoed;
            new.said_before = stderr.borrow().len();
            has_echoed |= is_known && text.contains("%PASSWORD%");
            let said = if is_known { password } else { "unknown" };
            let answer = answer(&text.replace("%PASSWORD%", said));
            let cookies = answer.headers().get_all(SET_COOKIE).iter();
            let text = |line: &HeaderValue| String::from_utf8_lossy(line.as_bytes()).into_owned();
            new.cookies_set = cookies.map(text).collect();
            arrived.push(new);
            answer
        }
    };
    let wish = Wish {
        refresh: true,
        min_ttl: None,
        interactive: false,
        exec_form: false,
    };
    let outcome = fuzzing::among(Box::new(servers), || {
        let headers = get::extra_headers(run, context)?;
        get::credential(run, context, &headers, wish)
    });
    let mut words = String::from_utf8(stderr.take()).expect("words are text");
    if let Err(error) = &outcome {
        words.push_str(&oracle::report(error));
    }
    Played {
        outcome,
        words,
        arrived: arrived.take(),
    }
}

/// Reads an answer as it is written in an input; what no HTTP library would let through is left out.
fn answer(text: &str) -> HttpResponse {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.trim().parse().ok());
    let status = status.filter(|status| (200..=599).contains(status));
    let mut answer = HttpResponse::new(body.as_bytes().to_vec());
    *answer.status_mut() = status.unwrap_or(200_u16).try_into().expect("a status");
    for line in lines {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        let name = HeaderName::try_from(name.trim());
        let value = HeaderValue::from_bytes(value.trim().as_bytes());
        if let (Ok(name), Ok(value)) = (name, value) {
            answer.headers_mut().append(name, value);
        }
    }
    answer
}
