//! Where refresh tokens come from and go to: the store, else the kfp SDK's own file, so that a machine where the SDK was
//! logged in needs no login.

use crate::config::Context;
use crate::config::context::{Iap, Method};
use crate::credential::Grant;
use crate::error::Result;
use crate::run::Run;
use crate::sdk::SdkCredentials;
use crate::store::{EditedFile, Key, Lock, Place, Store, StoredGrant};

/// The refresh tokens of one context.
pub struct Grants<'a> {
    /// What the run may use.
    pub run: Run<'a>,
    /// The context.
    pub context: &'a Context,
    /// Its store.
    pub store: &'a Store<'a>,
    /// What a login has just given, kept or not.
    pub given: Option<Grant>,
}

impl<'a> Grants<'a> {
    /// Gives the refresh tokens that rest for a context; no login has just given one.
    pub fn of(run: Run<'a>, context: &'a Context, store: &'a Store<'a>) -> Self {
        Self {
            run,
            context,
            store,
            given: None,
        }
    }

    /// Gives what renews the logins at an IAP client, `None` when nobody has logged in.
    pub fn find(&self, iap: &Iap) -> Result<Option<Grant>> {
        let Some(client_id) = &iap.client_id else {
            return Ok(None);
        };
        if let Some(grant) = &self.given {
            return Ok(Some(grant.clone()));
        }
        if let Some(stored) = self.stored(iap) {
            return Ok(Some(stored.grant));
        }
        // The SDK's file knows no accounts: it serves a context that asks for none.
        let path = self
            .run
            .environment
            .kfp_credentials_file()
            .filter(|_| iap.account.is_none());
        let Some(path) = path else { return Ok(None) };
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

    /// Takes note that others live on a copy of what the store keeps: a logout here is not to end theirs.
    pub fn mark_shared(&self, iap: &Iap) -> Result<()> {
        match (self.stored(iap), &iap.client_id) {
            (Some(mut stored), Some(client_id)) => {
                stored.shared = true;
                let key = key(iap, client_id);
                self.store.save_grant(&key, &stored).map(drop)
            }
            _ => Ok(()),
        }
    }

    /// Keeps what renews the logins at an IAP client, and tells where.
    pub fn keep(&self, iap: &Iap, grant: &Grant, principal: Option<&str>) -> Result<Option<Place>> {
        let Some(client_id) = &iap.client_id else {
            return Ok(None);
        };
        let key = key(iap, client_id);
        let stored = StoredGrant::new(&key, grant.clone(), principal.map(str::to_owned));
        self.store.save_grant(&key, &stored).map(Some)
    }

    /// Keeps a refresh token in place of one that is dead from now on: in the store, and in the SDK's file where that
    /// holds the dead one.
    pub fn replace(&self, iap: &Iap, dead: &Grant, grant: &Grant) -> Result<()> {
        let in_file = self.replace_in_file(iap, dead, grant);
        let in_store = self.keep(iap, grant, None);
        match (in_file, in_store) {
            (Ok(true), _) | (Ok(false), Ok(_)) => Ok(()),
            (Err(error), _) | (_, Err(error)) => Err(error),
        }
    }

    fn replace_in_file(&self, iap: &Iap, dead: &Grant, grant: &Grant) -> Result<bool> {
        let path = self.run.environment.kfp_credentials_file();
        let (Some(path), Some(client_id)) = (path, &iap.client_id) else {
            return Ok(false);
        };
        let run = self.run;
        let patience = self.context.deadlines.lock;
        let edited = EditedFile::hold(run.environment, &path, patience, run.trace)?;
        match SdkCredentials::read(&path) {
            Ok(Some(mut file)) if file.grant(client_id).as_ref() == Some(dead) => {
                file.insert(client_id, grant);
                file.write(&edited).map(|()| true)
            }
            // A file that is no such file held no token of ours.
            _ => Ok(false),
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

/// Names what the store may keep of a context's refresh tokens.
pub fn key_of(context: &Context) -> Option<Key> {
    match &context.method {
        Method::Iap(iap) => Some(key(iap, iap.client_id.as_deref()?)),
        _ => None,
    }
}

fn key(iap: &Iap, client_id: &str) -> Key {
    Key::of_grant(client_id, iap.account.as_deref())
}
