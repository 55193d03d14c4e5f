//! The story of `get`: from a context to a credential that is good for a while.
//!
//! Load from the store; good beyond the leeway? answer. Else take the lock of this key and load again: whatever its
//! owner has just saved is answered. Else log in, prove, save, answer. A store that fails never changes the result.

use chrono::{DateTime, TimeDelta, Utc};

use crate::config::Context;
use crate::config::context::{Method, StoreChoice};
use crate::config::file::HeaderValue;
use crate::config::source;
use crate::credential::{Credential, Material};
use crate::error::{Error, Result, Slug};
use crate::grants::Grants;
use crate::guard;
use crate::method::{self, Means};
use crate::person::{Asking, Caller};
use crate::run::Run;
use crate::secret::Secret;
use crate::store::{Entry, Identity, Key, Lock, Store};

/// What the caller wishes of the credential.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// Whether to leave the stored one aside.
    pub refresh: bool,
    /// The least time that it must still live.
    pub least_life: Option<TimeDelta>,
    /// Whether a person at the terminal may be asked.
    pub interactive: bool,
}

/// Gives a credential for the context, stored or new.
pub fn credential(
    run: Run<'_>,
    context: &Context,
    extra_headers: &[(String, Secret)],
    wish: Wish,
) -> Result<Entry> {
    let key = session_key(context);
    if let Method::TokenFile(file) = &context.method {
        run.trace.say(format_args!(
            "reading the token file {}",
            file.path.display()
        ));
        let fresh = method::log_in(context, &Means::of_nobody(run, extra_headers))?;
        return Ok(fresh.into_entry(&key));
    }
    let store = Store::new(context.store, run.environment, run.trace, wish.interactive);
    let stored = store.load(&key);
    if let Some(entry) = stored.as_ref().filter(|_| !wish.refresh)
        && is_good(&entry.credential, wish.least_life, (run.now)())
    {
        run.trace
            .say(format_args!("answered from the store: {}", key.text()));
        return Ok(entry.clone());
    }

    guard::interrupts();
    let _lock = Lock::acquire(run.environment, &key, context.deadlines.lock, run.trace)?;
    let newest = store.load(&key);
    let saved_meanwhile = newest.as_ref().filter(|_| newest != stored);
    if let Some(entry) = saved_meanwhile.filter(|entry| entry.credential.is_live((run.now)())) {
        run.trace
            .say("answered with what another process has just saved");
        return Ok(entry.clone());
    }
    let renewing = Renewing {
        run,
        context,
        extra_headers,
        wish,
        store: &store,
        key: &key,
    };
    match (renewing.renewed(), newest) {
        (Ok(entry), _) => Ok(entry),
        (Err(error), Some(entry)) if !wish.refresh && entry.credential.is_live((run.now)()) => {
            let why = error.one_line();
            run.trace.say(format_args!(
                "renewing failed, the stored one still lives: {why}"
            ));
            Ok(entry)
        }
        (Err(error), _) => Err(error),
    }
}

/// Getting a new credential, under the lock.
struct Renewing<'a> {
    run: Run<'a>,
    context: &'a Context,
    extra_headers: &'a [(String, Secret)],
    wish: Wish,
    store: &'a Store<'a>,
    key: &'a Key,
}

impl Renewing<'_> {
    fn renewed(&self) -> Result<Entry> {
        let asking = if self.wish.interactive {
            Asking::WhatIsMissing
        } else {
            Asking::Never
        };
        let caller = self.context.method.dex().map(|dex| {
            let key = password_key(self.context);
            Caller::new(self.run, self.context, dex, self.store, key, asking, None)
        });
        let grants = Grants::of(self.run, self.context, self.store);
        let means = Means {
            run: self.run,
            extra_headers: self.extra_headers,
            person: caller
                .as_ref()
                .map(|caller| caller as &dyn method::dex::Person),
            grants: Some(&grants),
        };
        let entry = method::log_in(self.context, &means)?.into_entry(self.key);
        self.save(&entry);
        Ok(entry)
    }

    fn save(&self, entry: &Entry) {
        if let Err(error) = self.store.save(self.key, entry) {
            let why = error.one_line();
            self.run
                .trace
                .say(format_args!("the credential was not stored: {why}"));
        }
    }
}

/// Tells whether a stored credential is good beyond its leeway: min(6 min, a fifth of its life), as some clients run us
/// on every request in the last 5 minutes. A session shorter than half an hour is used to its end: logging in at a form
/// is not renewed early for that.
fn is_good(credential: &Credential, least_life: Option<TimeDelta>, now: DateTime<Utc>) -> bool {
    let is_short_session = matches!(credential.material, Material::Cookies(_))
        && credential.lifetime() <= TimeDelta::minutes(30);
    let leeway = if is_short_session {
        TimeDelta::zero()
    } else {
        (credential.lifetime() / 5).min(TimeDelta::minutes(6))
    };
    let needed = leeway.max(least_life.unwrap_or(TimeDelta::zero()));
    credential.is_live(now) && now + needed < credential.expires_at
}

/// Names what the store keeps for this context.
pub fn session_key(context: &Context) -> Key {
    Key::of_session(&identity(context, &endpoint_text(context)))
}

/// Names the password that the store may keep for this context.
pub fn password_key(context: &Context) -> Key {
    Key::of_password(&identity(context, &endpoint_text(context)))
}

fn endpoint_text(context: &Context) -> String {
    context
        .endpoint
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default()
}

fn identity<'a>(context: &'a Context, endpoint: &'a str) -> Identity<'a> {
    let dex = context.method.dex();
    let (google, client_id) = match &context.method {
        Method::Iap(iap) => {
            let person = iap
                .account
                .as_deref()
                .filter(|_| iap.google.service_account.is_none());
            let is_person = iap.other_client_id.is_some() && iap.google.service_account.is_none();
            let machine = Some(iap.google.identity.as_str()).filter(|_| !is_person);
            (person.or(machine), iap.client_id.as_deref())
        }
        Method::Gcp(google) => (Some(google.identity.as_str()), None),
        _ => (None, None),
    };
    Identity {
        endpoint,
        method: context.method.name(),
        user: dex.and_then(|dex| dex.username.as_deref()).or(google),
        connector: dex.and_then(|dex| dex.connector.as_deref()),
        audience: None,
        client_id,
    }
}

/// Reads the context's extra headers from where they come.
pub fn extra_headers(run: Run<'_>, context: &Context) -> Result<Vec<(String, Secret)>> {
    let mut headers = Vec::new();
    for header in &context.headers {
        let what = format!("the header {}", header.name);
        let value = match &header.value {
            HeaderValue::Literal(value) => Some(value.clone()),
            HeaderValue::From(source) => source::read(source, &what, run.environment, run.trace)?,
        };
        let value = value.ok_or_else(|| {
            Error::new(Slug::ConfigInvalid, format!("{what} of {} names the keyring", context.display_name()))
                .hint("the keyring holds passwords only: use {env: NAME}, {file: PATH} or {command: [PROGRAM]}")
        })?;
        headers.push((header.name.clone(), value));
    }
    Ok(headers)
}

/// Tells whether a store was named that must work for a person who logs in.
pub fn store_was_named(context: &Context) -> bool {
    !matches!(context.store, StoreChoice::Auto | StoreChoice::None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::{ExpirySource, KnownEnd};

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn good_until(material: &Material, life: i64, least_life: Option<i64>) -> i64 {
        let end = KnownEnd {
            at: at(life),
            source: ExpirySource::Jwt,
        };
        let credential = Credential::new(material.clone(), None, at(0), Some(end), None);
        let least_life = least_life.map(TimeDelta::seconds);
        (0..=life)
            .find(|seconds| !is_good(&credential, least_life, at(*seconds)))
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
}
