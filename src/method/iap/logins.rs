//! Where the refresh tokens of people at IAP come from and go to: the store, else the kfp SDK's own file.

use super::sdk_file::{InFile, SdkFile};
use crate::config::Context;
use crate::config::method::Iap;
use crate::credential::Grant;
use crate::error::Result;
use crate::oauth::grants::Grants;
use crate::run::Run;
use crate::secret::Secret;
use crate::store::{GrantIdentity, InPlaceOf, Key, Lock, Place, Store, StoredGrant};

/// The login of a person at one IAP client.
pub struct Logins<'a> {
    run: Run<'a>,
    context: &'a Context,
    store: &'a Store<'a>,
    grants: Grants<'a>,
    /// IAP's own client.
    client_id: &'a str,
    /// The account that the context names.
    account: Option<&'a str>,
}

impl<'a> Logins<'a> {
    /// Gives what rests for a context; `None` where that is not for IAP, or does not name its client.
    pub fn of(run: Run<'a>, context: &'a Context, store: &'a Store<'a>) -> Option<Self> {
        let iap = context.method.iap()?;
        let client_id = iap.client_id.as_deref()?;
        let patience = context.deadlines.lock;
        Some(Self {
            run,
            context,
            store,
            grants: Grants::of(run, store, &identity(iap, client_id), patience),
            client_id,
            account: iap.account.as_deref(),
        })
    }

    /// Gives IAP's own client.
    pub fn client_id(&self) -> &'a str {
        self.client_id
    }

    /// Gives the place of the login in the store, and leaves the SDK's file aside.
    pub fn in_store(&self) -> &Grants<'a> {
        &self.grants
    }

    /// Waits until nobody else uses the refresh token, whatever the endpoint.
    pub fn lock(&self) -> Result<Option<Lock>> {
        self.grants.lock()
    }

    /// Gives what renews the login, `None` when nobody has logged in.
    pub fn find(&self) -> Result<Option<Grant>> {
        let stored = self.grants.load();
        if let Some(stored) = stored.as_ref().filter(|stored| !is_of_sdk(stored)) {
            return Ok(Some(stored.grant.clone()));
        }
        let Some(in_file) = self.in_sdk_file()? else {
            return Ok(None);
        };
        let newer = stored.filter(|stored| is_in_place_of(stored, &in_file.refresh_token));
        Ok(Some(newer.map_or(in_file, |stored| stored.grant)))
    }

    fn in_sdk_file(&self) -> Result<Option<Grant>> {
        let Some(file) = self.sdk_file() else {
            return Ok(None);
        };
        let grant = file.grant()?;
        if grant.is_some() {
            let path = file.path.display();
            self.run
                .trace
                .say(format_args!("using the login of {path}"));
        }
        Ok(grant)
    }

    /// The file knows no accounts: it serves a context that asks for none.
    fn sdk_file(&self) -> Option<SdkFile<'a>> {
        let path = self.run.environment.kfp_credentials_file();
        Some(SdkFile {
            run: self.run,
            path: path.filter(|_| self.account.is_none())?,
            client_id: self.client_id,
        })
    }

    /// Tells, for a person, that the SDK's file holds a refresh token that Google has replaced, and why.
    pub fn behind(&self) -> Option<String> {
        let stored = self.grants.load()?;
        let file = self.sdk_file()?;
        let in_file = file.grant().ok()??;
        is_in_place_of(&stored, &in_file.refresh_token).then(|| {
            let why = stored.in_place_of.map(|of| of.why).unwrap_or_default();
            format!(
                "the kfp SDK's {} holds a refresh token that Google has replaced, and could not take the new one: {why}",
                file.path.display()
            )
        })
    }

    /// Keeps a refresh token in place of one that is dead from now on: where that rested, the store, the SDK's file or
    /// both, or in the store where a login has `just_given` the dead one. What the file cannot take is kept in the store.
    /// Gives what a person is to know of it.
    #[must_use]
    pub fn replace(&self, dead: &Grant, just_given: bool, grant: &Grant) -> Option<String> {
        let (key, stored) = (self.grants.key(), self.grants.load());
        let is_ours = just_given || stored.as_ref().is_some_and(|one| !is_of_sdk(one));
        let shared = stored.as_ref().is_some_and(|stored| stored.shared);
        let kept = match self.replace_in_file(dead, stored.as_ref(), grant) {
            InFile::Written if !is_ours => match stored {
                Some(_) => self.grants.forget().map(|_| None),
                None => Ok(None),
            },
            // The SDK has logged in anew meanwhile: that counts.
            InFile::NotOurs if !is_ours => Ok(None),
            InFile::Written | InFile::NotOurs => self.grants.keep(grant, shared).map(|_| None),
            InFile::Refused(held, error) => {
                let why = error.one_line();
                // Who logs out here is not to end the SDK's login.
                let mut new = StoredGrant::new(key, grant.clone(), true);
                new.in_place_of = Some(InPlaceOf::new(&held, !is_ours, why.as_str()));
                let place = if is_ours {
                    self.store.save_grant(key, &new)
                } else {
                    self.store.save_grant_of_sdk(key, &new)
                };
                place.map(|place| Some((place, why)))
            }
        };
        told(kept)
    }

    fn replace_in_file(&self, dead: &Grant, stored: Option<&StoredGrant>, new: &Grant) -> InFile {
        let is_dead = |found: &Grant| {
            found == dead
                || stored.is_some_and(|stored| is_in_place_of(stored, &found.refresh_token))
        };
        match self.sdk_file() {
            Some(file) => file.replace(&is_dead, new, self.context.deadlines.lock),
            None => InFile::NotOurs,
        }
    }
}

/// Says what became of a new refresh token, where it does not rest in its place.
fn told(kept: Result<Option<(Place, String)>>) -> Option<String> {
    match kept {
        Ok(None) => None,
        Ok(Some((place, why))) => Some(format!(
            "Google has replaced the refresh token, and the kfp SDK's file could not take the new one: {why}. The new refresh token is stored in the {place}."
        )),
        Err(error) => Some(format!(
            "Google has replaced the refresh token, and the new one could not be stored, so the login ends with this session: {}",
            error.one_line()
        )),
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
    Some(Key::of_grant(&identity(iap, iap.client_id.as_deref()?)))
}

/// The client is IAP's own and not that which was given the token: the SDK's file has it so. No issuer is named, as
/// what rests in stores names none.
fn identity<'a>(iap: &'a Iap, client_id: &'a str) -> GrantIdentity<'a> {
    GrantIdentity {
        client_id,
        user: iap.account.as_deref(),
        ..GrantIdentity::default()
    }
}
