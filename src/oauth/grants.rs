//! Refresh tokens in the store, so that a person logs in once.
//!
//! A provider may replace a refresh token at each use, and takes a second use of the dead one for a theft: whoever uses
//! one holds the lock, loads it under the lock, and keeps the new one before anything else can fail.

use std::time::Duration;

use crate::credential::Grant;
use crate::error::Result;
use crate::run::Run;
use crate::store::{GrantIdentity, Key, Lock, Place, Store, StoredGrant};

/// The place of one refresh token in the store: the endpoint is no part of it, as several may live on one login.
pub struct Grants<'a> {
    run: Run<'a>,
    store: &'a Store<'a>,
    key: Key,
    patience: Duration,
}

impl<'a> Grants<'a> {
    /// Names the place; `patience` is for the lock.
    pub fn of(
        run: Run<'a>,
        store: &'a Store<'a>,
        identity: &GrantIdentity<'_>,
        patience: Duration,
    ) -> Self {
        Self {
            run,
            store,
            key: Key::of_grant(identity),
            patience,
        }
    }

    /// Gives the key that it rests under.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Gives what rests there.
    pub fn load(&self) -> Option<StoredGrant> {
        self.store.load_grant(&self.key)
    }

    /// Keeps a grant there, and tells where that is; `shared` says that others live on a copy.
    pub fn keep(&self, grant: &Grant, shared: bool) -> Result<Place> {
        let stored = StoredGrant::new(&self.key, grant.clone(), shared);
        self.store.save_grant(&self.key, &stored)
    }

    /// Keeps the grant of a person who has just logged in, `whose` login it is, and tells where that is. Gives it back
    /// where it cannot be kept and no place was named that must work.
    pub fn keep_for_person(
        &self,
        grant: &Grant,
        whose: &str,
        is_named: bool,
        tell: &dyn Fn(&str),
    ) -> Result<Option<Grant>> {
        // A renewal that is under way would keep its own over this one.
        let _alone = self.lock()?;
        match self.keep(grant, false) {
            Ok(place) => {
                tell(&format!("The login{whose} is stored in the {place}."));
                Ok(None)
            }
            Err(error) if is_named => Err(error),
            Err(error) => {
                let why = error.one_line();
                tell(&format!(
                    "The login is not stored, and expires with its token: {why}. Choose `--store file` to keep it."
                ));
                Ok(Some(grant.clone()))
            }
        }
    }

    /// Takes note that others live on a copy: a logout here is not to end theirs.
    pub fn mark_shared(&self) -> Result<()> {
        match self.load() {
            Some(mut stored) if !stored.shared => {
                stored.shared = true;
                self.store.save_grant(&self.key, &stored).map(drop)
            }
            _ => Ok(()),
        }
    }

    /// Waits until nobody else uses it.
    pub fn lock(&self) -> Result<Option<Lock>> {
        Lock::acquire(
            self.run.environment,
            &self.key,
            self.patience,
            self.run.trace,
        )
    }

    /// Forgets it; tells whether there was one.
    pub fn forget(&self) -> Result<bool> {
        self.store.forget(&self.key)
    }
}
