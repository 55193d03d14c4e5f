//! Where sessions and passwords rest between two runs.
//!
//! A store saves logins and never decides an outcome: on [`Store::load`] every error is a miss with a word on `-v`.
//! The choice `auto` keeps a session in the keyring or, where there is none that answers, in the login session's
//! memory; nothing secret goes to a disk unless `file` was chosen. Passwords rest in the keyring only.

mod access;
mod backend;
mod edited;
mod entry;
#[cfg(any(fuzzing, test))]
pub mod fuzzing;
mod key;
mod lock;
mod note;
mod policy;
pub mod private_file;
mod status;
#[cfg(test)]
mod tests;

use std::rc::Rc;

use chrono::Utc;

use crate::config::context::StoreChoice;
use crate::environment::Environment;
use crate::error::{Error, Result, Slug};
use crate::secret::Secret;
use crate::trace::Trace;

pub use edited::EditedFile;
pub use entry::{Entry, InPlaceOf, StoredGrant, StoredPassword};
pub use key::{GrantIdentity, Identity, Key, Trusted, Weakened};
pub use lock::Lock;
pub use note::Notes;
pub use status::{Place, StoreStatus};

#[cfg(not(target_os = "linux"))]
use access::open_kernel;
use access::{OpenKernel, unavailable};
use backend::BackendError;
use backend::keyring::Keyring;
#[cfg(target_os = "linux")]
use backend::keyutils::open as open_kernel;
#[cfg(not(target_os = "linux"))]
use backend::native::connect;
#[cfg(target_os = "linux")]
use backend::secret_service::connect;
use policy::{BackendKind, PASSWORDS, Policy};

/// The place that was chosen for sessions. Making one touches nothing.
pub struct Store<'a> {
    choice: StoreChoice,
    environment: &'a Environment,
    trace: &'a Trace,
    keyring: Rc<Keyring>,
    kernel: OpenKernel,
}

impl<'a> Store<'a> {
    /// Makes a store; `may_prompt` allows the keyring to ask a person for its password.
    pub fn new(
        choice: StoreChoice,
        environment: &'a Environment,
        trace: &'a Trace,
        may_prompt: bool,
    ) -> Self {
        let keyring = Keyring::new(may_prompt, connect(environment, may_prompt));
        Self {
            choice,
            environment,
            trace,
            keyring: Rc::new(keyring),
            kernel: open_kernel,
        }
    }

    /// Makes the store of another context, which shares the keyring and what is known of it.
    #[must_use]
    pub fn for_choice(&self, choice: StoreChoice) -> Self {
        Self {
            choice,
            environment: self.environment,
            trace: self.trace,
            keyring: Rc::clone(&self.keyring),
            kernel: self.kernel,
        }
    }

    /// Tells, before anybody logs in, whether the place that was named can keep something: by keeping something, as a
    /// keyring may have to be unlocked for that.
    pub fn check_usable(&self) -> Result<()> {
        if !self.policy().is_named {
            return Ok(());
        }
        let key = Key::of_trial();
        self.write(&key, &Secret::new("{}"))?;
        self.forget(&key).map(drop)
    }

    /// Tells the same of passwords.
    pub fn check_keeps_passwords(&self) -> Result<()> {
        let key = Key::of_trial();
        self.write_password(&key, &Secret::new("{}"))?;
        self.forget_password(&key).map(drop)
    }

    /// Gives the session that rests under a key.
    ///
    /// The one failure that is no miss is a keyring which holds the session and would ask a person for it: whoever went
    /// on would log in, and not be able to store that either, on every call.
    pub fn load(&self, key: &Key) -> Result<Option<Entry>> {
        let found = self.newest(key);
        if found.is_none() && self.keyring.would_ask() {
            let what = "the session cannot be read from the keyring";
            return Err(unavailable(what, &BackendError::WouldAsk).hint(
                "run `kfp-credential login` in a terminal, and allow the access for good when asked",
            ));
        }
        Ok(found)
    }

    /// Keeps a session in place of the one before, and tells where. Where it cannot be kept, the one before is forgotten
    /// all the same: nobody who has replaced it is to be answered with it.
    pub fn save(&self, key: &Key, entry: &Entry) -> Result<Place> {
        let saved = self.write(key, &entry::to_json(entry));
        if !saved.as_ref().is_ok_and(|place| *place != Place::Nowhere) {
            self.forget_the_one_before(key);
        }
        saved
    }

    fn forget_the_one_before(&self, key: &Key) {
        for kind in self.policy().sessions {
            if *kind == BackendKind::Keyring && self.keyring.is_absent() {
                continue;
            }
            if let Err(error) = self.remove_from(*kind, key) {
                let why = error.one_line();
                self.trace.say(format_args!(
                    "the previous session could not be removed, so the next call may answer with it: {why}"
                ));
            }
        }
    }

    fn write(&self, key: &Key, json: &Secret) -> Result<Place> {
        let policy = self.policy();
        match policy.sessions {
            [] => Ok(Place::Nowhere),
            [named] if policy.is_named => self.write_to(*named, key, json),
            places => Ok(self.write_where_possible(places, key, json)),
        }
    }

    /// Forgets a session wherever it may rest; tells whether there was one.
    pub fn forget(&self, key: &Key) -> Result<bool> {
        let own = self.policy().sessions;
        let looked_at = BackendKind::all().filter(|one| one.is_at_hand() || own.contains(one));
        let removed = looked_at.map(|one| self.remove_from(one, key));
        Ok(all_done(removed)?.contains(&true))
    }

    /// Forgets every session and password of ours, whatever was chosen; tells how many there were.
    ///
    /// `known` are the keys to try where a keyring cannot be searched.
    pub fn forget_all(&self, known: &[Key]) -> Result<usize> {
        let known: Vec<String> = known.iter().map(|key| key.text().to_owned()).collect();
        let emptied = BackendKind::all().map(|one| self.empty(one, &known));
        Ok(all_done(emptied)?.into_iter().sum())
    }

    /// Gives what renews logins, where it rests under a key.
    pub fn load_grant(&self, key: &Key) -> Option<StoredGrant> {
        let place = self.policy().grants;
        let found = place.and_then(|place| self.or_miss(self.read_from(place, key)));
        found.or_else(|| self.rescued_grant(key))
    }

    /// Gives what [`Self::save_grant_of_sdk`] has put on the disk.
    fn rescued_grant(&self, key: &Key) -> Option<StoredGrant> {
        let on_disk: Option<StoredGrant> = self.or_miss(self.read_from(BackendKind::Disk, key));
        on_disk.filter(|stored| {
            let in_place_of = stored.in_place_of.as_ref();
            in_place_of.is_some_and(|of| of.is_of_sdk)
        })
    }

    /// Keeps what renews a login of the kfp SDK, whose file cannot take it: as [`Self::save_grant`] does, or else in a
    /// file of ours, as that login rested on the disk all along.
    pub fn save_grant_of_sdk(&self, key: &Key, grant: &StoredGrant) -> Result<Place> {
        match self.save_grant(key, grant) {
            Ok(Place::File(path)) => Ok(Place::File(path)),
            Ok(place) => {
                let removed = self.remove_from(BackendKind::Disk, key);
                self.or_miss(removed.map(Some).map_err(|error| error.one_line()));
                Ok(place)
            }
            Err(error) => {
                self.trace.say(error.one_line());
                self.write_to(BackendKind::Disk, key, &entry::to_json(grant))
            }
        }
    }

    /// Keeps what renews logins: in the keyring, or in the kernel or a file where that was chosen, and nowhere else.
    pub fn save_grant(&self, key: &Key, grant: &StoredGrant) -> Result<Place> {
        let place = self.policy().grants;
        let place = place.ok_or_else(|| self.keeps_no_grants())?;
        let json = entry::to_json(grant);
        if place != BackendKind::Keyring {
            return self.write_to(place, key, &json);
        }
        self.try_to_write(place, key, &json).map_err(|error| {
            let what = "the login's refresh token cannot be stored: that needs the keyring, or a file where that is chosen";
            unavailable(what, &error).hint("choose `--store file` (context key `store: file`), or unlock the keyring")
        })
    }

    /// Tells, before anybody logs in, whether this is a store that keeps what renews logins.
    pub fn may_keep_grants(&self) -> Result<()> {
        let place = self.policy().grants;
        place.map(drop).ok_or_else(|| self.keeps_no_grants())
    }

    fn keeps_no_grants(&self) -> Error {
        let name = self.choice.name();
        let what = format!("the store {name} does not keep refresh tokens");
        Error::new(Slug::StoreUnavailable, what).hint("choose `--store keyring` or `--store file`")
    }

    /// Gives the password that rests under a key.
    pub fn load_password(&self, key: &Key) -> Option<StoredPassword> {
        self.or_miss(self.read_from(PASSWORDS, key))
    }

    /// Keeps a password, in the keyring or not at all.
    pub fn save_password(&self, key: &Key, password: &StoredPassword) -> Result<()> {
        self.write_password(key, &entry::to_json(password))
    }

    fn write_password(&self, key: &Key, json: &Secret) -> Result<()> {
        let written = self.try_to_write(PASSWORDS, key, json);
        written.map(drop).map_err(|error| {
            unavailable(
                "the password cannot be stored: that needs the keyring",
                &error,
            )
            .hint(
                "keep it in a file that only you can read (`password: {file: F}` under `dex:`), \
                 or give it in KFP_CREDENTIAL_PASSWORD",
            )
        })
    }

    /// Forgets a password; tells whether there was one.
    pub fn forget_password(&self, key: &Key) -> Result<bool> {
        self.remove_from(PASSWORDS, key)
    }

    /// A copy in a later place is newer, as whoever saves to an earlier one removes it. So it is taken at once while it
    /// lives: where it is needed, the keyring may well be one that makes us wait.
    fn newest(&self, key: &Key) -> Option<Entry> {
        let policy = self.policy();
        let mut dead = Vec::new();
        for kind in policy.sessions.iter().rev() {
            if !policy.is_named && !self.can_be_there(*kind) {
                continue;
            }
            let found = self.or_miss(self.session_from(*kind, key));
            match found {
                Some(entry) if entry.credential.is_live(Utc::now()) => return Some(entry),
                found => dead.extend(found),
            }
        }
        dead.into_iter()
            .max_by_key(|entry| entry.credential.issued_at)
    }

    /// Keeps something in the first of the places that takes it, and nowhere else.
    fn write_where_possible(&self, places: &[BackendKind], key: &Key, json: &Secret) -> Place {
        let mut errors: Vec<String> = Vec::new();
        for (number, kind) in places.iter().enumerate() {
            match self.try_to_write(*kind, key, json) {
                Ok(place) => {
                    if !errors.is_empty() {
                        let why = errors.join("; ");
                        self.trace
                            .say(format_args!("{why}; the session is stored in the {place}"));
                    }
                    for later in &places[number + 1..] {
                        let removed = self.remove_from(*later, key);
                        removed.map_err(|error| self.trace.say(error)).ok();
                    }
                    return place;
                }
                Err(error) => errors.push(error.to_string()),
            }
        }
        self.trace.say(format_args!(
            "the session is not stored, so the next call logs in again: {}. \
             To run without a keyring, as from cron, add two lines to the context: `store: file`, \
             and below `dex:` `password: {{file: /path/to/password}}`",
            errors.join("; ")
        ));
        Place::Nowhere
    }

    fn policy(&self) -> Policy {
        Policy::of(self.choice)
    }
}

/// Gives what came of all tries, each of which is made; of those that failed, what failed is told together.
pub fn all_done<T>(tries: impl Iterator<Item = Result<T>>) -> Result<Vec<T>> {
    let mut done = Vec::new();
    let mut failed: Option<Error> = None;
    for outcome in tries {
        match (outcome, failed.take()) {
            (Ok(one), before) => {
                done.push(one);
                failed = before;
            }
            (Err(error), None) => failed = Some(error),
            (Err(error), Some(before)) if before.one_line().contains(&error.one_line()) => {
                failed = Some(before);
            }
            (Err(error), Some(before)) => {
                failed = Some(before.because(format_args!("and also: {}", error.one_line())));
            }
        }
    }
    failed.map_or(Ok(done), Err)
}
