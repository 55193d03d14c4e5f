//! The story of `get`: from a context to a credential that is good for a while.
//!
//! Load from the store; good beyond the leeway, and not in doubt? answer. Else take the lock of this key and load again:
//! whatever its owner has just saved is answered. Else renew: log in, unless that was just refused, prove, save, answer.
//! A store that fails never changes the result, and a credential that still lives is answered where renewing fails.

mod keys;
mod refusal;
mod rerun;

use std::cell::Cell;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

use crate::config::Context;
use crate::config::source;
use crate::config::source::HeaderValue;
use crate::credential::{Credential, Material};
use crate::error::{Error, Result, Slug};
use crate::guard;
use crate::method::check::{Verdict, check};
use crate::method::{self, Given, Login, Person};
use crate::person::{Asking, Caller};
use crate::run::Run;
use crate::secret::Secret;
use crate::store::{Entry, Key, Lock, Store};
pub use keys::{password_key, session_key, session_keys};
use refusal::Refusal;
use rerun::Reruns;

/// What the caller wishes of the credential.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// Whether to leave the stored one aside.
    pub refresh: bool,
    /// The least time that it must still live.
    pub min_ttl: Option<TimeDelta>,
    /// Whether a person at the terminal may be asked.
    pub interactive: bool,
    /// Whether the caller is a Kubernetes client, which cannot say that the last answer was refused.
    pub exec_form: bool,
}

/// Gives a credential for the context, stored or new.
pub fn credential(
    run: Run<'_>,
    context: &Context,
    extra_headers: &[(String, Secret)],
    wish: Wish,
) -> Result<Entry> {
    let key = session_key(context);
    if let Some(read) = method::of(&context.method).read_anew(context, run) {
        return Ok(read?.entry(&key));
    }
    let store = Store::new(context.store, run.environment, run.trace, wish.interactive);
    let getting = Getting {
        run,
        context,
        extra_headers,
        wish,
        store: &store,
        key: &key,
        checked_for: Cell::default(),
    };
    if !wish.exec_form {
        return getting.entry(false);
    }
    let reruns = Reruns::of(run, &key);
    let entry = getting.entry(reruns.puts_in_doubt())?;
    reruns.answering();
    Ok(entry)
}

/// One `get` for what is logged in to.
struct Getting<'a> {
    run: Run<'a>,
    context: &'a Context,
    extra_headers: &'a [(String, Secret)],
    wish: Wish,
    store: &'a Store<'a>,
    key: &'a Key,
    /// What asking about stored credentials has taken.
    checked_for: Cell<Duration>,
}

impl Getting<'_> {
    /// Answers from the store or renews; one that is `in_doubt` is checked first.
    fn entry(&self, in_doubt: bool) -> Result<Entry> {
        let stored = self.store.load(self.key)?;
        let good = stored
            .as_ref()
            .filter(|entry| !self.wish.refresh && self.is_good(entry));
        let is_dead = match good {
            None => false,
            Some(entry) if in_doubt => match self.checked(entry) {
                Some(entry) => return Ok(entry),
                None => true,
            },
            Some(entry) => {
                self.say(format_args!("answered from the store: {}", self.key.text()));
                return Ok(entry.clone());
            }
        };
        self.renewed_alone(stored.as_ref(), self.wish.refresh || is_dead)
    }

    /// Renews it under the lock; what was stored is `distrusted` where the caller or the endpoint refuses it.
    fn renewed_alone(&self, stored: Option<&Entry>, distrusted: bool) -> Result<Entry> {
        guard::interrupts();
        let old = stored.filter(|entry| !distrusted && self.is_live(entry));
        // Whoever holds the lock renews it for all: the old one does meanwhile, unless more was asked for.
        let patience = if old.is_some() && self.wish.min_ttl.is_none() {
            Duration::ZERO
        } else {
            self.context.deadlines.lock
        };
        let locked = Lock::acquire(self.run.environment, self.key, patience, self.run.trace);
        let _lock = match (locked, old) {
            (Ok(lock), _) => lock,
            (Err(error), Some(old)) => return Ok(self.old_one(old, &error)),
            (Err(error), None) => return Err(error),
        };
        let newest = self.store.load(self.key)?;
        let saved_meanwhile = newest.as_ref().filter(|newest| Some(*newest) != stored);
        if let Some(entry) = saved_meanwhile.filter(|entry| self.is_live(entry)) {
            self.say("answered with what another process has just saved");
            return Ok(entry.clone());
        }

        let mut old = newest.filter(|entry| !distrusted && self.is_live(entry));
        if let Some(session) = &old
            && matches!(session.credential.material, Material::Cookies(_))
        {
            // The endpoint may give a session that ends soon a new end without any login.
            match self.check(session) {
                Ok(Verdict::Rotated(anew)) => {
                    let anew = self.save_rotated(session, *anew);
                    if self.is_good(&anew) {
                        return Ok(anew);
                    }
                    old = Some(anew);
                }
                Ok(Verdict::Accepted | Verdict::Unknown(_)) => {}
                Err(error) if self.is_live(session) => return Ok(self.old_one(session, &error)),
                // It is refused, or has ended while nobody answered.
                Ok(Verdict::Refused) | Err(_) => old = None,
            }
        }
        match (self.logged_in(), old) {
            (Err(error), Some(old)) if self.is_live(&old) => Ok(self.old_one(&old, &error)),
            (outcome, _) => outcome,
        }
    }

    /// Logs in by the method, unless that was refused a moment ago.
    fn logged_in(&self) -> Result<Entry> {
        let asking = if self.wish.interactive {
            Asking::WhatIsMissing
        } else {
            Asking::Never
        };
        let caller = self.context.method.account().map(|account| {
            let key = password_key(self.context);
            Caller::new(
                self.run,
                self.context,
                account,
                self.store,
                key,
                asking,
                None,
            )
        });
        let refusal = Refusal::of(self.run, self.key);
        if self.wish.refresh || self.wish.interactive {
            refusal.forget();
        } else if let Some(error) = refusal.standing(|| caller.as_ref()?.account()) {
            return Err(error.further_hint("`get --refresh` and `login` try at once"));
        }
        let login = Login {
            run: self.run,
            context: self.context,
            endpoint: method::endpoint(self.context)?,
            extra_headers: self.extra_headers,
            person: caller.as_ref().map(|caller| caller as &dyn Person),
            store: self.store,
            given: &Given::default(),
            may_renew: true,
            tell: &|_| (),
            limit: self.time_left(),
        };
        match method::of(&self.context.method).log_in(&login) {
            Ok(new) => {
                let entry = new.entry(self.key);
                self.save(&entry);
                refusal.forget();
                Ok(entry)
            }
            Err(error) => {
                let used = caller.as_ref().and_then(Caller::used);
                if let Some((username, password)) = used.filter(|_| error.is_refusal()) {
                    refusal.remember(&error, &username, &password);
                }
                Err(error)
            }
        }
    }

    /// Asks the endpoint about a credential in doubt, and gives what is good; `None` where it is refused. One that
    /// cannot be checked is answered.
    fn checked(&self, entry: &Entry) -> Option<Entry> {
        let (outcome, is_refused) = match self.check(entry) {
            Ok(Verdict::Rotated(anew)) => return Some(self.save_rotated(entry, *anew)),
            Ok(Verdict::Accepted) => ("it is still accepted".to_owned(), false),
            Ok(Verdict::Refused) => ("it is no longer accepted".to_owned(), true),
            Ok(Verdict::Unknown(why)) => (why, false),
            Err(error) => (error.one_line(), false),
        };
        self.say(format_args!(
            "the same client asks again, so the credential was checked: {outcome}"
        ));
        (!is_refused).then(|| entry.clone())
    }

    fn check(&self, entry: &Entry) -> Result<Verdict> {
        let (start, limit) = (Instant::now(), self.time_left());
        let verdict = check(self.run, self.context, self.extra_headers, entry, limit);
        self.checked_for
            .set(self.checked_for.get() + start.elapsed());
        verdict
    }

    /// Gives what checks have left of a login's time: whoever waits for the answer waits for both.
    fn time_left(&self) -> Duration {
        let whole = self.context.deadlines.login;
        whole.saturating_sub(self.checked_for.get())
    }

    /// Keeps at once what the endpoint has set: the session before it may be dead.
    fn save_rotated(&self, session: &Entry, credential: Credential) -> Entry {
        let mut entry = session.clone();
        entry.credential = credential;
        self.save(&entry);
        entry
    }

    fn old_one(&self, old: &Entry, error: &Error) -> Entry {
        let why = error.one_line();
        self.say(format_args!(
            "renewing failed, the stored one is still valid: {why}"
        ));
        old.clone()
    }

    fn save(&self, entry: &Entry) {
        if let Err(error) = self.store.save(self.key, entry) {
            let why = error.one_line();
            self.say(format_args!("the credential was not stored: {why}"));
        }
    }

    fn is_good(&self, entry: &Entry) -> bool {
        is_good(&entry.credential, self.wish.min_ttl, (self.run.now)())
    }

    fn is_live(&self, entry: &Entry) -> bool {
        entry.credential.is_live((self.run.now)())
    }

    fn say(&self, words: impl std::fmt::Display) {
        self.run.trace.say(words);
    }
}

/// Forgets that the last login for a key was refused.
pub fn forget_refusal(run: Run<'_>, key: &Key) {
    Refusal::of(run, key).forget();
}

/// Tells whether a stored credential is good beyond its leeway: min(6 min, a fifth of its life), as some clients run us
/// on every request in the last 5 minutes. A session shorter than half an hour is used to its end: logging in at a form
/// is not renewed early for that.
fn is_good(credential: &Credential, min_ttl: Option<TimeDelta>, now: DateTime<Utc>) -> bool {
    let is_short_session = matches!(credential.material, Material::Cookies(_))
        && credential.lifetime() <= TimeDelta::minutes(30);
    let leeway = if is_short_session {
        TimeDelta::zero()
    } else {
        (credential.lifetime() / 5).min(TimeDelta::minutes(6))
    };
    let needed = leeway.max(min_ttl.unwrap_or(TimeDelta::zero()));
    credential.is_live(now) && credential.expires_at - now > needed
}

/// Reads the context's extra headers from where they come.
pub fn extra_headers(run: Run<'_>, context: &Context) -> Result<Vec<(String, Secret)>> {
    let mut headers = Vec::new();
    for header in &context.headers {
        let what = format!("the header {}", header.name);
        let value = match &header.value {
            HeaderValue::Literal(value) => Some(value.clone()),
            HeaderValue::From(source) => {
                let limit = context.deadlines.login;
                source::read_within(limit, source, &what, run.environment, run.trace)?
            }
        };
        let value = value.ok_or_else(|| {
            Error::new(Slug::ConfigInvalid, format!("{what} of {} names the keyring", context.display_name()))
                .hint("the keyring holds passwords only: use {env: NAME}, {file: PATH} or {command: [PROGRAM]}")
        })?;
        // An API server was seen to crash on an identity that is empty.
        if value.expose().trim().is_empty() {
            let why = format!("{what} of {} is empty", context.display_name());
            return Err(Error::new(Slug::ConfigInvalid, why)
                .hint("correct the file, variable or command that its value comes from"));
        }
        headers.push((header.name.clone(), value));
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::{ExpirySource, KnownEnd};

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn good_until(material: &Material, life: i64, min_ttl: Option<i64>) -> i64 {
        let end = KnownEnd {
            at: at(life),
            source: ExpirySource::Jwt,
        };
        let credential = Credential::new(material.clone(), None, at(0), Some(end), None);
        let min_ttl = min_ttl.map(TimeDelta::seconds);
        (0..=life)
            .find(|seconds| !is_good(&credential, min_ttl, at(*seconds)))
            .unwrap()
    }

    #[test]
    fn the_leeway_is_six_minutes_or_a_fifth() {
        let bearer = Material::Bearer(Secret::new("t"));
        assert_eq!(good_until(&bearer, 3600, None), 3600 - 360);
        assert_eq!(good_until(&bearer, 600, None), 600 - 120);
    }

    #[test]
    fn a_short_session_is_used_to_its_end() {
        let cookies = Material::Cookies(Vec::new());
        assert_eq!(good_until(&cookies, 1800, None), 1800);
        assert_eq!(good_until(&cookies, 1801, None), 1801 - 360);
        assert_eq!(good_until(&cookies, 5, None), 5);
    }

    #[test]
    fn the_least_life_asks_for_more() {
        let cookies = Material::Cookies(Vec::new());
        assert_eq!(good_until(&cookies, 3600, Some(1200)), 2400);
        assert_eq!(good_until(&cookies, 600, Some(60)), 540);
        assert_eq!(good_until(&cookies, 600, Some(6000)), 0);
    }

    #[test]
    fn what_is_good_was_good_before_and_no_time_overflows() {
        let (first, last) = (DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC);
        let times = [first, at(-1), at(0), at(1), at(3240), at(3600), last];
        let lives = [TimeDelta::MIN, TimeDelta::zero(), TimeDelta::MAX];
        for (issued, end) in times
            .iter()
            .flat_map(|one| times.map(|other| (*one, other)))
        {
            let end = KnownEnd {
                at: end,
                source: ExpirySource::Jwt,
            };
            let credential = Credential::new(Material::None, None, issued, Some(end), None);
            for life in lives.into_iter().map(Some).chain([None]) {
                let good = times.map(|now| is_good(&credential, life, now));
                assert!(good.is_sorted_by(|one, next| one >= next), "{credential:?}");
            }
        }
    }
}
