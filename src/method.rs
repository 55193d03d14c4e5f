//! The ways to log in: siblings that know nothing of each other, chosen by the context.

pub mod bearer;
pub mod check;
pub mod dex;
pub mod gcp;
pub mod google;
pub mod iap;
mod identity;
pub mod none;
pub mod proof;
pub mod sign_out;
pub mod token_file;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use url::Url;

use crate::config::Context;
use crate::config::method::{Dex, Method, TokenFile};
use crate::credential::{Cookie, Credential, Grant, Material};
use crate::endpoint::{Endpoint, is_private_way};
use crate::error::{Error, Result, Slug};
use crate::http::Http;
use crate::run::Run;
use crate::sanitize::redacted_url;
use crate::secret::Secret;
use crate::store::{Entry, Key, Store};
use dex::{Outcome, Person, Session};
use proof::Proof;

/// A new credential, what made it, and what it is good for.
#[derive(Debug)]
pub struct Fresh {
    /// The credential.
    pub credential: Credential,
    /// The method that made it: the one that was found, where none was named.
    pub method: &'static str,
    /// The base URL that it is good for.
    pub endpoint: Endpoint,
    /// Why the endpoint was not seen to accept it, if so.
    pub unproven: Option<String>,
    /// How far the server's clock is ahead of ours, where it told.
    pub clock_ahead: Option<TimeDelta>,
}

/// What a login may use.
pub struct Means<'a> {
    /// The environment, the clock and the trace.
    pub run: Run<'a>,
    /// Extra headers for the endpoint.
    pub extra_headers: &'a [(String, Secret)],
    /// Who is asked at a form.
    pub person: Option<&'a dyn Person>,
    /// Where refresh tokens rest.
    pub store: &'a Store<'a>,
    /// The refresh token that a login has just given, kept or not.
    pub given: Option<&'a Grant>,
    /// Tells the person who logs in, beside what `-v` says.
    pub tell: &'a dyn Fn(&str),
    /// How long the login may take.
    pub limit: Duration,
}

impl Fresh {
    /// Makes the store's entry of it.
    pub fn entry(&self, key: &Key) -> Entry {
        let proven = self.unproven.is_none();
        let endpoint = self.endpoint.to_string();
        let credential = self.credential.clone();
        let mut entry = Entry::new(key, self.method, endpoint, proven, credential);
        entry.clock_ahead = self.clock_ahead.map(|ahead| ahead.num_seconds());
        entry
    }
}

/// Logs in by the context's method and proves the result at the endpoint.
pub fn log_in(context: &Context, means: &Means<'_>) -> Result<Fresh> {
    let Means {
        run,
        extra_headers,
        person,
        ..
    } = *means;
    let now = run.now;
    let endpoint = endpoint(context)?;
    let over_http = |log_in: &dyn Fn(&Http<'_>) -> Result<Fresh>| {
        log_in_over_http(context, endpoint, means, log_in)
    };
    match &context.method {
        Method::TokenFile(file) => {
            let read = || read_token_file(context, file, endpoint, now());
            if !context.verify {
                return read().map(token_file::proof::left_out);
            }
            over_http(&|http| token_file::proof::proven(http, context, file, read()?))
        }
        Method::Iap(iap) => over_http(&|http| iap::log_in(http, context, iap, endpoint, means)),
        Method::Gcp(google) => over_http(&|http| gcp::log_in(http, context, google, endpoint, run)),
        Method::Detect(dex) | Method::Dex(dex) => {
            let person = person.ok_or_else(nobody)?;
            over_http(&|http| through_dex(http, context, dex, endpoint, person, extra_headers, now))
        }
        Method::None => {
            over_http(&|http| open_endpoint(http, context, endpoint, extra_headers, now()))
        }
    }
}

fn nobody() -> Error {
    Error::new(
        Slug::PasswordRequired,
        "a login form may have to be filled in, and nothing says by whom",
    )
}

/// Logs in at the endpoint, if the way there is safe, and tells of its clock.
fn log_in_over_http(
    context: &Context,
    endpoint: &Endpoint,
    means: &Means<'_>,
    log_in: &dyn Fn(&Http<'_>) -> Result<Fresh>,
) -> Result<Fresh> {
    // Before anybody is contacted: a session, and headers that may be secret, would travel this way.
    let in_cluster = endpoint.is_in_cluster(means.run.environment);
    let has_headers = !means.extra_headers.is_empty() && !in_cluster;
    if context.method.carries_secrets(in_cluster) || has_headers {
        safe_way(endpoint.url(), context)?;
    }
    let http = Http::new(context, endpoint, means.extra_headers, means.run.trace)?
        .ending_within(means.limit);
    let fresh = log_in(&http);
    let clock_ahead = http.clock().ahead();
    if let Some(ahead) = clock_ahead.filter(|ahead| !ahead.is_zero()) {
        let (seconds, side) = (ahead.num_seconds().abs(), side(ahead));
        http.say(format_args!(
            "the server's clock is {seconds} s {side} this machine's; ends are told by this machine's"
        ));
    }
    match fresh {
        Ok(fresh) => Ok(Fresh {
            clock_ahead,
            ..fresh
        }),
        Err(error) => Err(http.censored(error)),
    }
}

/// Gives where a context leads.
pub fn endpoint(context: &Context) -> Result<&Endpoint> {
    context.endpoint.as_ref().ok_or_else(|| {
        let what = format!("{} has no endpoint", context.display_name());
        Error::new(Slug::ConfigMissing, what)
    })
}

/// Reads the token of a file, and contacts nobody.
pub fn read_token_file(
    context: &Context,
    file: &TokenFile,
    endpoint: &Endpoint,
    now: DateTime<Utc>,
) -> Result<Fresh> {
    Ok(Fresh {
        credential: token_file::read(
            file,
            context.session_lifetime,
            context.deadlines.for_reading(),
            now,
        )?,
        method: "token-file",
        endpoint: endpoint.clone(),
        unproven: None,
        clock_ahead: None,
    })
}

/// Names the side on which a clock is that differs by so much.
pub fn side(ahead: TimeDelta) -> &'static str {
    if ahead < TimeDelta::zero() {
        "behind"
    } else {
        "ahead of"
    }
}

fn through_dex(
    http: &Http<'_>,
    context: &Context,
    dex: &Dex,
    endpoint: &Endpoint,
    person: &dyn Person,
    extra_headers: &[(String, Secret)],
    now: fn() -> DateTime<Utc>,
) -> Result<Fresh> {
    match dex::log_in(http, context, dex, endpoint, person)? {
        Outcome::Session(session) => prove_session(http, context, session, now()),
        Outcome::Unsecured => {
            http.say(format_args!("{endpoint} asks for no login"));
            open_endpoint(http, context, endpoint, extra_headers, now())
        }
    }
}

fn prove_session(
    http: &Http<'_>,
    context: &Context,
    mut session: Session,
    now: DateTime<Utc>,
) -> Result<Fresh> {
    let headers = [("Cookie".to_owned(), Cookie::header_value(&session.cookies))];
    let (endpoint, unproven) = if context.verify {
        match proof::prove(http, &session.endpoint, &headers)? {
            Proof::Proven(base, _) => (base, None),
            Proof::NotFound => (
                session.endpoint,
                Some("the endpoint has no health path of Kubeflow Pipelines".into()),
            ),
            Proof::Unproven(error) => (session.endpoint, Some(error.one_line())),
        }
    } else {
        (
            session.endpoint,
            Some("not verified, as was asked".to_owned()),
        )
    };
    if let Some(why) = &unproven {
        http.say(format_args!("the session is unproven: {why}"));
    }
    // A relying party may have set them anew at the proof, and ended the old ones with that.
    let (cookies, end) = http.session_cookies(endpoint.url(), session.since);
    if !cookies.is_empty() {
        (session.cookies, session.end) = (cookies, end);
    }
    let material = Material::Cookies(session.cookies);
    let credential = Credential::new(
        material,
        Some(session.username),
        now,
        session.end,
        context.session_lifetime,
    );
    if !credential.is_live(now) {
        return Err(Error::new(
            Slug::LoginNotAccepted,
            format!("{endpoint} gave a session that has already ended"),
        )
        .hint("check this machine's clock"));
    }
    Ok(Fresh {
        credential,
        method: "dex",
        endpoint,
        unproven,
        clock_ahead: None,
    })
}

fn open_endpoint(
    http: &Http<'_>,
    context: &Context,
    endpoint: &Endpoint,
    extra_headers: &[(String, Secret)],
    now: DateTime<Utc>,
) -> Result<Fresh> {
    let (endpoint, unproven) = none::check(http, context, endpoint, extra_headers)?;
    let credential = Credential::new(Material::None, None, now, None, context.session_lifetime);
    Ok(Fresh {
        credential,
        method: "none",
        endpoint,
        unproven,
        clock_ahead: None,
    })
}

/// Checks that nobody on the way can read what is sent to a URL, or that the context allows it.
fn safe_way(url: &Url, context: &Context) -> Result<()> {
    if is_private_way(url) || context.connection.allow_insecure_http {
        return Ok(());
    }
    Err(Error::new(
        Slug::ConfigInsecureHttp,
        format!(
            "{} is plain http to another machine: the password and the session could be read on the way",
            redacted_url(url)
        ),
    ))
}
