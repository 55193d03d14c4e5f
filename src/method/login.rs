//! What every method answers for, what a login depends on, and what it gives.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use url::Url;

use crate::config::Context;
use crate::credential::{Credential, Grant};
use crate::endpoint::{Endpoint, is_secure_transport};
use crate::error::{Error, Result, Slug};
use crate::http::Http;
use crate::oauth::Tokens;
use crate::oauth::authorization_code::Reaching;
use crate::run::Run;
use crate::sanitize::redacted_url;
use crate::secret::Secret;
use crate::store::{Entry, Identity, Key, Store, StoredGrant};

/// One way to log in. What a method leaves out gets the strict answer.
pub trait LoginMethod {
    /// Gives its own part of what tells stored sessions apart.
    fn identity(&self) -> Identity<'_>;

    /// Tells whether the way to the endpoint must be secure before anybody is contacted: a secret is sure to travel it.
    fn requires_secure_transport(&self, _in_cluster: bool) -> bool {
        true
    }

    /// Tells whether what it gives rests in the store.
    fn is_stored(&self) -> bool {
        true
    }

    /// Gives what somebody else keeps fresh: it is read anew each time, and nobody is contacted.
    fn read_anew(&self, _context: &Context, _run: Run<'_>) -> Option<Result<NewCredential>> {
        None
    }

    /// Lets a person log in at the identity provider, where the method has one; gives what [`Self::log_in`] goes on with.
    fn person_logs_in(&self, _login: &Login<'_>, _reaching: Reaching<'_>) -> Result<Given> {
        Ok(Given::default())
    }

    /// Names the refresh token that the store may keep for it.
    fn grant_key(&self, _context: &Context) -> Option<Key> {
        None
    }

    /// Ends the login of such a refresh token at the provider; says what has become of it.
    fn end_login(&self, _: Run<'_>, _: &Context, _: &StoredGrant) -> Option<String> {
        None
    }

    /// Logs in and proves the result at the endpoint.
    fn log_in(&self, login: &Login<'_>) -> Result<NewCredential>;
}

/// Who is asked for the user name and password, once a form for them is reached.
pub trait Person {
    /// Gives the user name or e-mail address.
    fn username(&self) -> Result<String>;
    /// Gives that user's password; what asks no person has so long to find it.
    fn password(&self, username: &str, limit: Duration) -> Result<Secret>;
    /// Tells how long a person has been waited for so far.
    fn waited(&self) -> Duration;
}

/// What a person's login at the provider has just given.
#[derive(Debug, Default)]
pub struct Given {
    /// What renews it, where that could not be kept.
    pub grant: Option<Grant>,
    /// The tokens, where they are the credential, and the `nonce` that an ID token among them must hold.
    pub tokens: Option<(Tokens, Option<String>)>,
}

/// What a login depends on.
pub struct Login<'a> {
    /// The environment, the clock and the trace.
    pub run: Run<'a>,
    /// The context.
    pub context: &'a Context,
    /// Where it leads.
    pub endpoint: &'a Endpoint,
    /// Extra headers for the endpoint.
    pub extra_headers: &'a [(String, Secret)],
    /// Who is asked at a form.
    pub person: Option<&'a dyn Person>,
    /// Where refresh tokens rest.
    pub store: &'a Store<'a>,
    /// What a person's login has just given.
    pub given: &'a Given,
    /// Whether a login that is stored will do, and need not be made anew.
    pub may_renew: bool,
    /// Tells the person who logs in, beside what `-v` says.
    pub tell: &'a dyn Fn(&str),
    /// How long the login may take.
    pub limit: Duration,
}

/// A new credential, what made it, and what it is good for.
#[derive(Debug)]
pub struct NewCredential {
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

impl NewCredential {
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

impl Login<'_> {
    /// Gives the time.
    pub fn now(&self) -> DateTime<Utc> {
        (self.run.now)()
    }

    /// Logs in at the endpoint, if the way there is secure, and tells of its clock.
    pub(super) fn over_http(
        &self,
        method: &dyn LoginMethod,
        log_in: impl Fn(&Http<'_>) -> Result<NewCredential>,
    ) -> Result<NewCredential> {
        // Before anybody is contacted: a session, and headers that may be secret, would travel this way.
        let in_cluster = self.endpoint.is_in_cluster(self.run.environment);
        let has_headers = !self.extra_headers.is_empty() && !in_cluster;
        if method.requires_secure_transport(in_cluster) || has_headers {
            require_secure_transport(self.endpoint.url(), self.context)?;
        }
        let http = Http::new(
            self.context,
            self.endpoint,
            self.extra_headers,
            self.run.trace,
        )?
        .ending_within(self.limit);
        let new = log_in(&http);
        let clock_ahead = http.clock().ahead();
        if let Some(ahead) = clock_ahead.filter(|ahead| !ahead.is_zero()) {
            let (seconds, side) = (ahead.num_seconds().abs(), side(ahead));
            http.say(format_args!(
                "the server's clock is {seconds} s {side} this machine's; expiry times are by this machine's"
            ));
        }
        match new {
            Ok(new) => Ok(NewCredential { clock_ahead, ..new }),
            Err(error) => Err(http.censored(error)),
        }
    }
}

/// Names the side on which a clock is that differs by so much.
pub fn side(ahead: TimeDelta) -> &'static str {
    if ahead < TimeDelta::zero() {
        "behind"
    } else {
        "ahead of"
    }
}

/// Checks that nobody on the way can read what is sent to a URL, or that the context allows it.
pub(super) fn require_secure_transport(url: &Url, context: &Context) -> Result<()> {
    if is_secure_transport(url) || context.connection.allow_insecure_http {
        return Ok(());
    }
    Err(Error::new(
        Slug::ConfigInsecureHttp,
        format!(
            "{} is plain http to another machine: the password and the session could be read in transit",
            redacted_url(url)
        ),
    ))
}
