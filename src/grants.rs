//! Where refresh tokens come from and go to: the store, else the kfp SDK's own file, so that a machine where the SDK was
//! logged in needs no login.

use std::cell::RefCell;
use std::time::Duration;

use crate::config::Context;
use crate::config::method::Iap;
use crate::credential::Grant;
use crate::error::{Error, Result};
use crate::run::Run;
use crate::sdk::SdkCredentials;
use crate::secret::Secret;
use crate::store::{EditedFile, InPlaceOf, Key, Lock, Place, Store, StoredGrant};

/// How long the SDK's file may be held by others: what is to be written is the only copy of what renews a login.
const PATIENCE: Duration = Duration::from_secs(20);

/// The refresh tokens of one context.
pub struct Grants<'a> {
    run: Run<'a>,
    /// The context.
    pub context: &'a Context,
    store: &'a Store<'a>,
    given: Option<Grant>,
    trouble: RefCell<Option<String>>,
}

/// What became of a new refresh token in the SDK's file.
enum InFile {
    /// The file has it in place of the dead one.
    Written,
    /// The dead one was not in the file.
    NotOurs,
    /// The file still has the dead one, or one that was dead before.
    Refused(Secret, Error),
}

impl<'a> Grants<'a> {
    /// Gives the refresh tokens that rest for a context; no login has just given one.
    pub fn of(run: Run<'a>, context: &'a Context, store: &'a Store<'a>) -> Self {
        Self {
            run,
            context,
            store,
            given: None,
            trouble: RefCell::default(),
        }
    }

    /// Takes what a login has just given, kept or not.
    #[must_use]
    pub fn with(mut self, given: Option<Grant>) -> Self {
        self.given = given;
        self
    }

    /// Tells, for a person, what became of a refresh token that could not rest where it should.
    pub fn trouble(&self) -> Option<String> {
        self.trouble.borrow().clone()
    }

    /// Gives what renews the logins at an IAP client, `None` when nobody has logged in.
    pub fn find(&self, iap: &Iap) -> Result<Option<Grant>> {
        if iap.client_id.is_none() {
            return Ok(None);
        }
        if let Some(grant) = &self.given {
            return Ok(Some(grant.clone()));
        }
        let stored = self.stored(iap);
        if let Some(stored) = stored.as_ref().filter(|stored| !is_of_sdk(stored)) {
            return Ok(Some(stored.grant.clone()));
        }
        let Some(in_file) = self.in_sdk_file(iap)? else {
            return Ok(None);
        };
        let newer = stored.filter(|stored| is_in_place_of(stored, &in_file.refresh_token));
        Ok(Some(newer.map_or(in_file, |stored| stored.grant)))
    }

    /// Gives the login of the SDK's file.
    fn in_sdk_file(&self, iap: &Iap) -> Result<Option<Grant>> {
        // It knows no accounts: it serves a context that asks for none.
        let path = self
            .run
            .environment
            .kfp_credentials_file()
            .filter(|_| iap.account.is_none());
        let (Some(path), Some(client_id)) = (path, &iap.client_id) else {
            return Ok(None);
        };
        let grant = SdkCredentials::read(&path)?.and_then(|file| file.grant(client_id));
        if grant.is_some() {
            self.run
                .trace
                .say(format_args!("taking the login of {}", path.display()));
        }
        Ok(grant)
    }

    /// Gives what the store keeps, and leaves the SDK's file aside.
    pub fn stored(&self, iap: &Iap) -> Option<StoredGrant> {
        self.store.load_grant(&key(iap, iap.client_id.as_deref()?))
    }

    /// Tells, for a person, that the SDK's file holds a refresh token that Google has replaced, and why.
    pub fn behind(&self, iap: &Iap) -> Option<String> {
        let stored = self.stored(iap)?;
        let path = self.run.environment.kfp_credentials_file()?;
        let file = SdkCredentials::read(&path).ok()??;
        let in_file = file.grant(iap.client_id.as_deref()?)?;
        is_in_place_of(&stored, &in_file.refresh_token).then(|| {
            let why = stored.in_place_of.map(|of| of.why).unwrap_or_default();
            format!(
                "the kfp SDK's {} holds a refresh token that Google has replaced, and could not take the new one: {why}",
                path.display()
            )
        })
    }

    /// Takes note that others live on a copy of what the store keeps: a logout here is not to end theirs.
    pub fn mark_shared(&self, iap: &Iap) -> Result<()> {
        match (self.stored(iap), &iap.client_id) {
            (Some(mut stored), Some(client_id)) if !stored.shared => {
                stored.shared = true;
                let key = key(iap, client_id);
                self.store.save_grant(&key, &stored).map(drop)
            }
            _ => Ok(()),
        }
    }

    /// Keeps what renews the logins at an IAP client, and tells where; `shared` says that others live on a copy.
    pub fn keep(&self, iap: &Iap, grant: &Grant, shared: bool) -> Result<Option<Place>> {
        let Some(client_id) = &iap.client_id else {
            return Ok(None);
        };
        let key = key(iap, client_id);
        let stored = StoredGrant::new(&key, grant.clone(), shared);
        self.store.save_grant(&key, &stored).map(Some)
    }

    /// Keeps a refresh token in place of one that is dead from now on: where that rested, the store, the SDK's file or
    /// both. What the file cannot take is kept in the store, and said.
    pub fn replace(&self, iap: &Iap, dead: &Grant, grant: &Grant) {
        let Some(client_id) = &iap.client_id else {
            return;
        };
        let (key, stored) = (key(iap, client_id), self.stored(iap));
        let is_ours = self.given.is_some() || stored.as_ref().is_some_and(|one| !is_of_sdk(one));
        let shared = stored.as_ref().is_some_and(|stored| stored.shared);
        let mut new = StoredGrant::new(&key, grant.clone(), shared);
        let kept = match self.replace_in_file(iap, client_id, dead, stored.as_ref(), grant) {
            InFile::Written if !is_ours => match stored {
                Some(_) => self.store.forget(&key).map(|_| None),
                None => Ok(None),
            },
            InFile::Written => self.store.save_grant(&key, &new).map(|_| None),
            InFile::NotOurs if is_ours => self.store.save_grant(&key, &new).map(|_| None),
            // The SDK has logged in anew meanwhile: that counts.
            InFile::NotOurs => Ok(None),
            InFile::Refused(held, error) => {
                let why = error.one_line();
                new.in_place_of = Some(InPlaceOf::new(&held, !is_ours, why.as_str()));
                // Who logs out here is not to end the SDK's login.
                new.shared = true;
                let place = if is_ours {
                    self.store.save_grant(&key, &new)
                } else {
                    self.store.save_grant_of_sdk(&key, &new)
                };
                place.map(|place| Some((place, why)))
            }
        };
        let trouble = match kept {
            Ok(None) => return,
            Ok(Some((place, why))) => format!(
                "Google has replaced the refresh token, and the kfp SDK's file could not take the new one: {why}. The new refresh token rests in the {place}."
            ),
            Err(error) => format!(
                "Google has replaced the refresh token, and the new one could not be kept, so the login ends with this session: {}",
                error.one_line()
            ),
        };
        self.run.trace.say(&trouble);
        *self.trouble.borrow_mut() = Some(trouble);
    }

    fn replace_in_file(
        &self,
        iap: &Iap,
        client_id: &str,
        dead: &Grant,
        stored: Option<&StoredGrant>,
        grant: &Grant,
    ) -> InFile {
        let path = self.run.environment.kfp_credentials_file();
        let Some(path) = path.filter(|_| iap.account.is_none()) else {
            return InFile::NotOurs;
        };
        let is_ours = |found: &Grant| {
            found == dead
                || stored.is_some_and(|stored| is_in_place_of(stored, &found.refresh_token))
        };
        let found = |file: &SdkCredentials| file.grant(client_id).filter(is_ours);
        // A file that is no such file holds no token of ours.
        let Ok(Some(before)) = SdkCredentials::read(&path) else {
            return InFile::NotOurs;
        };
        let Some(held) = found(&before) else {
            return InFile::NotOurs;
        };
        let (environment, trace) = (self.run.environment, self.run.trace);
        let patience = self.context.deadlines.lock.min(PATIENCE);
        let outcome = EditedFile::hold(environment, &path, patience, trace).and_then(|edited| {
            let Some(mut file) = SdkCredentials::read(&path)?.filter(|file| found(file).is_some())
            else {
                return Ok(false);
            };
            file.insert(client_id, grant);
            file.write(&edited).map(|()| true)
        });
        match outcome {
            Ok(true) => InFile::Written,
            Ok(false) => InFile::NotOurs,
            Err(error) => InFile::Refused(held.refresh_token, error),
        }
    }

    /// Waits until nobody else uses the refresh token, whatever the endpoint: Google may replace it, and takes a second
    /// use of the dead one for a theft.
    pub fn lock(&self, iap: &Iap) -> Result<Option<Lock>> {
        let Some(client_id) = &iap.client_id else {
            return Ok(None);
        };
        let (key, patience) = (key(iap, client_id), self.context.deadlines.lock);
        Lock::acquire(self.run.environment, &key, patience, self.run.trace)
    }

    /// Forgets it.
    pub fn forget(&self, iap: &Iap) -> Result<bool> {
        match &iap.client_id {
            Some(client_id) => self.store.forget(&key(iap, client_id)),
            None => Ok(false),
        }
    }
}

fn is_of_sdk(stored: &StoredGrant) -> bool {
    stored.in_place_of.as_ref().is_some_and(|of| of.is_of_sdk)
}

fn is_in_place_of(stored: &StoredGrant, token: &Secret) -> bool {
    stored.in_place_of.as_ref().is_some_and(|of| of.is(token))
}

/// Names what the store may keep of a context's refresh tokens.
pub fn key_of(context: &Context) -> Option<Key> {
    let iap = context.method.iap()?;
    Some(key(iap, iap.client_id.as_deref()?))
}

fn key(iap: &Iap, client_id: &str) -> Key {
    Key::of_grant(client_id, iap.account.as_deref())
}
