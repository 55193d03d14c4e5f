//! Where sessions and passwords rest between two runs.
//!
//! A store saves logins and never decides an outcome: on [`Store::load`] every trouble is a miss with a word on `-v`.
//! The choice `auto` keeps a session in the keyring or, where there is none that answers, in the login session's
//! memory; nothing secret goes to a disk unless `file` was chosen. Passwords rest in the keyring only.

mod edited;
mod entry;
mod files;
#[cfg(fuzzing)]
pub mod fuzzing;
mod key;
mod keyring;
#[cfg(target_os = "linux")]
mod keyutils;
mod lock;
#[cfg(target_os = "linux")]
mod name_owner;
#[cfg(not(target_os = "linux"))]
mod native;
mod note;
#[cfg(any(windows, target_os = "linux"))]
mod parted;
mod places;
pub mod private_file;
#[cfg(target_os = "linux")]
mod seal;
#[cfg(target_os = "linux")]
mod secret_service;
#[cfg(target_os = "linux")]
mod session_bus;
#[cfg(test)]
mod tests;
mod whereabouts;

use std::rc::Rc;

use chrono::Utc;

use crate::config::context::StoreChoice;
use crate::environment::Environment;
use crate::error::{Error, Result, Slug};
use crate::secret::Secret;
use crate::trace::Trace;

pub use edited::EditedFile;
pub use entry::{Entry, InPlaceOf, StoredGrant, StoredPassword};
pub use key::{Identity, Key, Trusted, Weakened};
pub use lock::Lock;
pub use note::Notes;
pub use whereabouts::{Place, Whereabouts};

use files::Folder;
use keyring::{Keyring, Trouble};
#[cfg(target_os = "linux")]
use keyutils::open as open_kernel;
#[cfg(not(target_os = "linux"))]
use native::connect;
#[cfg(not(target_os = "linux"))]
use places::open_kernel;
use places::{Backing, OpenKernel, Plan, unavailable};
#[cfg(target_os = "linux")]
use secret_service::connect;

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
        match Plan::of(self.choice) {
            Plan::Nowhere | Plan::KeyringOrMemory => return Ok(()),
            Plan::At(_) => {}
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
    /// The one trouble that is no miss is a keyring which holds the session and would ask a person for it: whoever went
    /// on would log in, and not be able to store that either, on every call.
    pub fn load(&self, key: &Key) -> Result<Option<Entry>> {
        let found = match Plan::of(self.choice) {
            Plan::Nowhere => None,
            Plan::At(place) => self.heard(self.read_from(place, key)),
            Plan::KeyringOrMemory => self.load_from_memory_or_keyring(key),
        };
        if found.is_none() && self.keyring.would_ask() {
            let what = "the session cannot be read from the keyring";
            return Err(unavailable(what, &Trouble::WouldAsk).hint(
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
        let plan = Plan::of(self.choice);
        for backing in Backing::all().filter(|one| plan.uses(*one)) {
            if backing == Backing::Keyring && self.keyring.is_absent() {
                continue;
            }
            if let Err(error) = self.remove_from(backing, key) {
                let why = error.one_line();
                self.trace.say(format_args!(
                    "the session before it could not be forgotten, so the next call may answer it: {why}"
                ));
            }
        }
    }

    fn write(&self, key: &Key, json: &Secret) -> Result<Place> {
        match Plan::of(self.choice) {
            Plan::Nowhere => Ok(Place::Nowhere),
            Plan::At(place) => self.write_to(place, key, json),
            Plan::KeyringOrMemory => Ok(self.save_where_possible(key, json)),
        }
    }

    /// Forgets a session wherever it may rest; tells whether there was one.
    pub fn forget(&self, key: &Key) -> Result<bool> {
        let plan = Plan::of(self.choice);
        let looked_at = Backing::all().filter(|one| one.is_at_hand() || plan.uses(*one));
        let removed = looked_at.map(|one| self.remove_from(one, key));
        Ok(all_done(removed)?.contains(&true))
    }

    /// Forgets every session and password of ours, whatever was chosen; tells how many there were.
    ///
    /// `known` are the keys to try where a keyring cannot be searched.
    pub fn forget_all(&self, known: &[Key]) -> Result<usize> {
        let known: Vec<String> = known.iter().map(|key| key.text().to_owned()).collect();
        let emptied = Backing::all().map(|one| self.empty(one, &known));
        Ok(all_done(emptied)?.into_iter().sum())
    }

    /// Gives what renews logins, where it rests under a key.
    pub fn load_grant(&self, key: &Key) -> Option<StoredGrant> {
        let place = Plan::of(self.choice).place_of_grants();
        let found = place.and_then(|place| self.heard(self.read_from(place, key)));
        found.or_else(|| self.rescued_grant(key))
    }

    /// Gives what [`Self::save_grant_of_sdk`] has put on the disk.
    fn rescued_grant(&self, key: &Key) -> Option<StoredGrant> {
        let on_disk: Option<StoredGrant> = self.heard(self.read_from(Backing::Disk, key));
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
                let removed = self.remove_from(Backing::Disk, key);
                self.heard(removed.map(Some).map_err(|error| error.one_line()));
                Ok(place)
            }
            Err(error) => {
                self.trace.say(error.one_line());
                self.write_to(Backing::Disk, key, &entry::to_json(grant))
            }
        }
    }

    /// Keeps what renews logins: in the keyring, or in the kernel or a file where that was chosen, and nowhere else.
    pub fn save_grant(&self, key: &Key, grant: &StoredGrant) -> Result<Place> {
        let place = Plan::of(self.choice).place_of_grants();
        let place = place.ok_or_else(|| self.keeps_no_grants())?;
        let json = entry::to_json(grant);
        if place != Backing::Keyring {
            return self.write_to(place, key, &json);
        }
        let written = self.keyring.write(key.text(), &json);
        written.map(|()| Place::Keyring).map_err(|trouble| {
            let what = "the login's refresh token cannot be stored: it rests in the keyring, or in a file where that is chosen";
            unavailable(what, &trouble).hint("choose `--store file` (context key `store: file`), or unlock the keyring")
        })
    }

    /// Tells, before anybody logs in, whether this is a store that keeps what renews logins.
    pub fn may_keep_grants(&self) -> Result<()> {
        let place = Plan::of(self.choice).place_of_grants();
        place.map(drop).ok_or_else(|| self.keeps_no_grants())
    }

    fn keeps_no_grants(&self) -> Error {
        let name = self.choice.name();
        let what = format!("the store {name} does not keep refresh tokens");
        Error::new(Slug::StoreUnavailable, what).hint("choose `--store keyring` or `--store file`")
    }

    /// Gives the password that rests under a key.
    pub fn load_password(&self, key: &Key) -> Option<StoredPassword> {
        self.heard(self.read_from(Backing::Keyring, key))
    }

    /// Keeps a password, in the keyring or not at all.
    pub fn save_password(&self, key: &Key, password: &StoredPassword) -> Result<()> {
        self.write_password(key, &entry::to_json(password))
    }

    fn write_password(&self, key: &Key, json: &Secret) -> Result<()> {
        self.keyring.write(key.text(), json).map_err(|trouble| {
            unavailable(
                "the password cannot be stored: it rests in the keyring or nowhere",
                &trouble,
            )
            .hint(
                "keep it in a file that only you can read (`password: {file: F}` under `dex:`), \
                 or give it in KFP_CREDENTIAL_PASSWORD",
            )
        })
    }

    /// Forgets a password; tells whether there was one.
    pub fn forget_password(&self, key: &Key) -> Result<bool> {
        self.remove_from(Backing::Keyring, key)
    }

    /// A copy in memory is newer than one in the keyring, as whoever saves to the keyring removes it. So it is taken
    /// at once while it lives: where it is needed, the keyring may well be one that makes us wait.
    fn load_from_memory_or_keyring(&self, key: &Key) -> Option<Entry> {
        let in_memory: Option<Entry> = match Folder::in_memory(self.environment) {
            Ok(_) => self.heard(self.read_from(Backing::Memory, key)),
            Err(_) => None,
        };
        if in_memory
            .as_ref()
            .is_some_and(|entry| entry.credential.is_live(Utc::now()))
        {
            return in_memory;
        }
        let in_keyring: Option<Entry> = self.heard(self.read_from(Backing::Keyring, key));
        newer(in_memory, in_keyring)
    }

    fn save_where_possible(&self, key: &Key, json: &Secret) -> Place {
        let no_keyring = match self.keyring.write(key.text(), json) {
            Ok(()) => {
                self.remove_from(Backing::Memory, key)
                    .map_err(|error| self.trace.say(error))
                    .ok();
                return Place::Keyring;
            }
            Err(trouble) => trouble,
        };
        match self.write_to_folder(Folder::in_memory, key, json) {
            Ok(path) => {
                self.trace.say(format_args!(
                    "{no_keyring}; the session rests in the runtime folder"
                ));
                Place::Runtime(path)
            }
            Err(no_memory) => {
                self.trace.say(format_args!(
                    "the session is stored nowhere, so the next call logs in again: {no_keyring}; {no_memory}. \
                     To run without a keyring, as from cron, add two lines to the context: `store: file`, \
                     and below `dex:` `password: {{file: /path/to/password}}`"
                ));
                Place::Nowhere
            }
        }
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

fn newer(one: Option<Entry>, other: Option<Entry>) -> Option<Entry> {
    one.into_iter()
        .chain(other)
        .max_by_key(|entry| entry.credential.issued_at)
}
