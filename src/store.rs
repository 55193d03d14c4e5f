//! Where sessions and passwords rest between two runs.
//!
//! A store saves logins and never decides an outcome: on [`Store::load`] every trouble is a miss with a word on `-v`.
//! The choice `auto` keeps a session in the keyring or, where there is none that answers, in the login session's
//! memory; nothing secret goes to a disk unless `file` was chosen. Passwords rest in the keyring only.

mod entry;
mod files;
mod key;
mod keyring;
#[cfg(target_os = "linux")]
mod keyutils;
mod lock;
mod native;
mod note;
#[cfg(any(windows, target_os = "linux"))]
mod parted;
pub mod private_file;
#[cfg(target_os = "linux")]
mod secret_service;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;
use std::rc::Rc;

use chrono::Utc;
use serde::de::DeserializeOwned;

use crate::config::context::StoreChoice;
use crate::environment::Environment;
use crate::error::{Error, Result, Slug};
use crate::secret::Secret;
use crate::trace::Trace;

pub use entry::{Entry, StoredGrant, StoredPassword};
pub use key::{Identity, Key};
pub use lock::Lock;
pub use note::Notes;

use files::Folder;
use keyring::{Backend, Keyring, Trouble};
#[cfg(target_os = "linux")]
use keyutils::open as open_kernel;
#[cfg(not(target_os = "linux"))]
use native::connect;
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

/// Where an entry rests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In the operating system's keyring.
    Keyring,
    /// In this file of the login session's memory.
    Runtime(PathBuf),
    /// In the kernel's memory.
    Kernel,
    /// In this file on the disk.
    File(PathBuf),
    /// Nowhere: the next run logs in again.
    Nowhere,
}

/// What `status` tells of a key.
#[derive(Debug)]
pub struct Whereabouts {
    /// What rests there.
    pub entry: Option<Entry>,
    /// Where it rests, or would rest.
    pub place: Place,
    /// What is wrong with the place that was tried before this one, or with this one.
    pub trouble: Option<String>,
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
        if matches!(self.choice, StoreChoice::Auto | StoreChoice::None) {
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
    /// The one trouble that is no miss is a keyring which holds the session and would ask a person for it: whoever went
    /// on would log in, and not be able to store that either, on every call.
    pub fn load(&self, key: &Key) -> Result<Option<Entry>> {
        let found = match self.choice {
            StoreChoice::Auto => self.load_from_memory_or_keyring(key),
            StoreChoice::Keyring => self.heard(self.in_keyring(key)),
            StoreChoice::Runtime => self.heard(self.in_folder(Folder::in_memory, key)),
            StoreChoice::Keyutils => self.heard(self.in_kernel(key)),
            StoreChoice::File => self.heard(self.in_folder(Folder::on_disk, key)),
            StoreChoice::None => None,
        };
        if found.is_none() && self.keyring.would_ask() {
            let what = "the session cannot be read from the keyring";
            return Err(unavailable(what, &Trouble::WouldAsk).hint(
                "run `kfp-credential login` in a terminal, and allow the access for good when asked",
            ));
        }
        Ok(found)
    }

    /// Keeps a session in place of the one before, and tells where.
    pub fn save(&self, key: &Key, entry: &Entry) -> Result<Place> {
        self.write(key, &entry::to_json(entry))
    }

    fn write(&self, key: &Key, json: &Secret) -> Result<Place> {
        match self.choice {
            StoreChoice::Auto => Ok(self.save_where_possible(key, json)),
            StoreChoice::Keyring => match self.keyring.write(key.text(), json) {
                Ok(()) => Ok(Place::Keyring),
                Err(trouble) => Err(unavailable(
                    "the session cannot be stored in the keyring",
                    &trouble,
                )),
            },
            StoreChoice::Runtime => self
                .write_to(Folder::in_memory, key, json)
                .map(Place::Runtime)
                .map_err(no_folder),
            StoreChoice::Keyutils => self.write_to_kernel(key, json),
            StoreChoice::File => self
                .write_to(Folder::on_disk, key, json)
                .map(Place::File)
                .map_err(no_folder),
            StoreChoice::None => Ok(Place::Nowhere),
        }
    }

    /// Forgets a session wherever it may rest; tells whether there was one.
    pub fn forget(&self, key: &Key) -> Result<bool> {
        let on_disk = self.remove_from(Folder::on_disk, key);
        let in_memory = self.remove_from(Folder::in_memory, key);
        let in_keyring = if matches!(self.choice, StoreChoice::Auto | StoreChoice::Keyring) {
            self.delete_from_keyring(key)
        } else {
            Ok(false)
        };
        let in_kernel = if self.choice == StoreChoice::Keyutils {
            self.delete_from_kernel(key)
        } else {
            Ok(false)
        };
        Ok([on_disk?, in_memory?, in_keyring?, in_kernel?].contains(&true))
    }

    /// Forgets every session and password of ours, whatever was chosen; tells how many there were.
    ///
    /// `known` are the keys to try where a keyring cannot be searched.
    pub fn forget_all(&self, known: &[Key]) -> Result<usize> {
        let empty = |folder: Result<Folder, String>| match folder {
            Ok(folder) => folder.remove_all().map_err(no_folder),
            Err(_) => Ok(0),
        };
        let on_disk = empty(Folder::on_disk(self.environment));
        let in_memory = empty(Folder::in_memory(self.environment));
        let known: Vec<String> = known.iter().map(|key| key.text().to_owned()).collect();
        let emptied = |outcome| match outcome {
            Err(Trouble::Absent(_)) => Ok(0),
            outcome => {
                outcome.map_err(|trouble| unavailable("the keyring cannot be emptied", &trouble))
            }
        };
        let in_kernel = self
            .kernel()
            .and_then(|mut kernel| kernel.delete_all(&known));
        let in_keyring = self.keyring.delete_all(known);
        Ok(on_disk? + in_memory? + emptied(in_keyring)? + emptied(in_kernel)?)
    }

    /// Gives what renews logins, where it rests under a key.
    pub fn load_grant(&self, key: &Key) -> Option<StoredGrant> {
        match self.choice {
            StoreChoice::Auto | StoreChoice::Keyring => self.heard(self.in_keyring(key)),
            StoreChoice::Keyutils => self.heard(self.in_kernel(key)),
            StoreChoice::File => self.heard(self.in_folder(Folder::on_disk, key)),
            StoreChoice::Runtime | StoreChoice::None => None,
        }
    }

    /// Keeps what renews logins: in the keyring, or in the kernel or a file where that was chosen, and nowhere else.
    pub fn save_grant(&self, key: &Key, grant: &StoredGrant) -> Result<Place> {
        let json = entry::to_json(grant);
        match self.choice {
            StoreChoice::Auto | StoreChoice::Keyring => {
                match self.keyring.write(key.text(), &json) {
                    Ok(()) => Ok(Place::Keyring),
                    Err(trouble) => {
                        let what = "the login's refresh token cannot be stored: it rests in the keyring, or in a file where that is chosen";
                        Err(unavailable(what, &trouble).hint("choose `--store file` (context key `store: file`), or unlock the keyring"))
                    }
                }
            }
            StoreChoice::Keyutils => self.write_to_kernel(key, &json),
            StoreChoice::File => self
                .write_to(Folder::on_disk, key, &json)
                .map(Place::File)
                .map_err(no_folder),
            StoreChoice::Runtime | StoreChoice::None => Err(self.keeps_no_grants()),
        }
    }

    /// Tells, before anybody logs in, whether this is a store that keeps what renews logins.
    pub fn may_keep_grants(&self) -> Result<()> {
        match self.choice {
            StoreChoice::Auto
            | StoreChoice::Keyring
            | StoreChoice::Keyutils
            | StoreChoice::File => Ok(()),
            StoreChoice::Runtime | StoreChoice::None => Err(self.keeps_no_grants()),
        }
    }

    fn keeps_no_grants(&self) -> Error {
        let name = self.choice.name();
        let what = format!("the store {name} does not keep refresh tokens");
        Error::new(Slug::StoreUnavailable, what).hint("choose `--store keyring` or `--store file`")
    }

    /// Gives the password that rests under a key.
    pub fn load_password(&self, key: &Key) -> Option<StoredPassword> {
        self.heard(self.in_keyring(key))
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
        self.delete_from_keyring(key)
    }

    /// Tells where the session of a key rests or would rest, and what stands in the way of a better place.
    pub fn whereabouts(&self, key: &Key) -> Whereabouts {
        match self.choice {
            StoreChoice::Auto => self.whereabouts_of_auto(key),
            StoreChoice::Keyring => self.whereabouts_in_keyring(key),
            StoreChoice::Runtime => self.whereabouts_in(Folder::in_memory, Place::Runtime, key),
            StoreChoice::Keyutils => {
                let usable = self.kernel().map(drop);
                let usable = usable.map_err(|trouble| trouble.to_string());
                whereabouts(Place::Kernel, self.in_kernel(key), usable)
            }
            StoreChoice::File => self.whereabouts_in(Folder::on_disk, Place::File, key),
            StoreChoice::None => whereabouts(Place::Nowhere, Ok(None), Ok(())),
        }
    }

    /// A copy in memory is newer than one in the keyring, as whoever saves to the keyring removes it. So it is taken
    /// at once while it lives: where it is needed, the keyring may well be one that makes us wait.
    fn load_from_memory_or_keyring(&self, key: &Key) -> Option<Entry> {
        let in_memory: Option<Entry> = match Folder::in_memory(self.environment) {
            Ok(_) => self.heard(self.in_folder(Folder::in_memory, key)),
            Err(_) => None,
        };
        if in_memory
            .as_ref()
            .is_some_and(|entry| entry.credential.is_live(Utc::now()))
        {
            return in_memory;
        }
        let in_keyring: Option<Entry> = self.heard(self.in_keyring(key));
        newer(in_memory, in_keyring)
    }

    fn save_where_possible(&self, key: &Key, json: &Secret) -> Place {
        let no_keyring = match self.keyring.write(key.text(), json) {
            Ok(()) => {
                self.remove_from(Folder::in_memory, key)
                    .map_err(|error| self.trace.say(error))
                    .ok();
                return Place::Keyring;
            }
            Err(trouble) => trouble,
        };
        match self.write_to(Folder::in_memory, key, json) {
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

    /// Looks into both places, as a person asks and may wait.
    fn whereabouts_of_auto(&self, key: &Key) -> Whereabouts {
        let usable = self.keyring.check(key.text());
        let in_memory = self.whereabouts_in(Folder::in_memory, Place::Runtime, key);
        match usable {
            usable if in_memory.entry.is_some() => Whereabouts {
                trouble: usable.err().map(|trouble| trouble.to_string()),
                ..in_memory
            },
            // A locked one may well hold the session.
            Ok(()) | Err(Trouble::Locked) => self.whereabouts_in_keyring(key),
            Err(no_keyring) => {
                let no_memory = in_memory
                    .trouble
                    .map(|why| format!("; {why}"))
                    .unwrap_or_default();
                Whereabouts {
                    trouble: Some(format!("{no_keyring}{no_memory}")),
                    ..in_memory
                }
            }
        }
    }

    fn whereabouts_in_keyring(&self, key: &Key) -> Whereabouts {
        let found = self.in_keyring(key);
        let usable = self
            .keyring
            .check(key.text())
            .map_err(|trouble| trouble.to_string());
        whereabouts(Place::Keyring, found, usable)
    }

    fn whereabouts_in(
        &self,
        folder: OpenFolder,
        place: fn(PathBuf) -> Place,
        key: &Key,
    ) -> Whereabouts {
        match folder(self.environment) {
            Ok(opened) => whereabouts(
                place(opened.path_of(key)),
                self.in_folder(folder, key),
                Ok(()),
            ),
            Err(why) => whereabouts(Place::Nowhere, Ok(None), Err(why)),
        }
    }

    fn in_keyring<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>, String> {
        parse_item(key, self.keyring.read(key.text()))
    }

    fn in_kernel<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>, String> {
        let found = self.kernel().and_then(|mut kernel| kernel.read(key.text()));
        parse_item(key, found)
    }

    fn in_folder<T: DeserializeOwned>(
        &self,
        folder: OpenFolder,
        key: &Key,
    ) -> Result<Option<T>, String> {
        let folder = folder(self.environment)?;
        match folder.read(key)? {
            Some(json) => parse(key, &folder.path_of(key).display().to_string(), &json).map(Some),
            None => Ok(None),
        }
    }

    /// Makes a miss of a trouble, with a word.
    fn heard<T>(&self, found: Result<Option<T>, String>) -> Option<T> {
        found.unwrap_or_else(|trouble| {
            self.trace
                .say(format_args!("nothing is read from the store: {trouble}"));
            None
        })
    }

    fn write_to(&self, folder: OpenFolder, key: &Key, json: &Secret) -> Result<PathBuf, String> {
        folder(self.environment)?.write(key, json)
    }

    fn write_to_kernel(&self, key: &Key, json: &Secret) -> Result<Place> {
        self.kernel()
            .and_then(|mut kernel| kernel.write(key.text(), json))
            .map(|()| Place::Kernel)
            .map_err(|trouble| {
                unavailable("nothing can be stored in the kernel's keyring", &trouble)
            })
    }

    fn delete_from_kernel(&self, key: &Key) -> Result<bool> {
        let removed = self
            .kernel()
            .and_then(|mut kernel| kernel.delete(key.text()));
        self.removed(removed)
    }

    fn kernel(&self) -> Result<Box<dyn Backend>, Trouble> {
        (self.kernel)(self.environment)
    }

    /// Removes the file of a key where its folder can be there at all.
    fn remove_from(&self, folder: OpenFolder, key: &Key) -> Result<bool> {
        folder(self.environment).map_or(Ok(false), |folder| folder.remove(key).map_err(no_folder))
    }

    fn delete_from_keyring(&self, key: &Key) -> Result<bool> {
        self.removed(self.keyring.delete(key.text()))
    }

    /// What is in no keyring at all need not be removed from it.
    fn removed(&self, outcome: Result<bool, Trouble>) -> Result<bool> {
        match outcome {
            Err(trouble @ Trouble::Absent(_)) => {
                self.trace.say(format_args!(
                    "nothing is removed from the keyring: {trouble}"
                ));
                Ok(false)
            }
            outcome => outcome
                .map_err(|trouble| unavailable("the keyring's entry cannot be removed", &trouble)),
        }
    }
}

type OpenFolder = fn(&Environment) -> Result<Folder, String>;

/// Opens the kernel's keyring; tests put a double in its place.
type OpenKernel = fn(&Environment) -> Result<Box<dyn Backend>, Trouble>;

#[cfg(not(target_os = "linux"))]
fn open_kernel(_environment: &Environment) -> Result<Box<dyn Backend>, Trouble> {
    Err(Trouble::Absent("only Linux's kernel has one".to_owned()))
}

impl Place {
    /// Names the place for people.
    pub fn name(&self) -> &'static str {
        match self {
            Place::Keyring => "keyring",
            Place::Runtime(_) => "runtime folder",
            Place::Kernel => "kernel's keyring",
            Place::File(_) => "file",
            Place::Nowhere => "none",
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn parse_item<T: DeserializeOwned>(
    key: &Key,
    found: Result<Option<Secret>, Trouble>,
) -> Result<Option<T>, String> {
    match found {
        Ok(Some(json)) => parse(key, "the keyring", json.expose().as_bytes()).map(Some),
        Ok(None) => Ok(None),
        Err(trouble) => Err(trouble.to_string()),
    }
}

fn parse<T: DeserializeOwned>(key: &Key, place: &str, json: &[u8]) -> Result<T, String> {
    entry::from_json(key, json).map_err(|why| format!("the entry in {place} is discarded: {why}"))
}

fn newer(one: Option<Entry>, other: Option<Entry>) -> Option<Entry> {
    one.into_iter()
        .chain(other)
        .max_by_key(|entry| entry.credential.issued_at)
}

fn whereabouts(
    place: Place,
    found: Result<Option<Entry>, String>,
    usable: Result<(), String>,
) -> Whereabouts {
    let trouble = usable.err();
    match found {
        Ok(entry) => Whereabouts {
            entry,
            place,
            trouble,
        },
        Err(unread) => Whereabouts {
            entry: None,
            place,
            trouble: trouble.or(Some(unread)),
        },
    }
}

fn unavailable(what: &str, trouble: &Trouble) -> Error {
    let slug = match trouble {
        Trouble::Locked | Trouble::WouldAsk => Slug::StoreLocked,
        Trouble::Absent(_) | Trouble::Silent(_) | Trouble::Failed(_) => Slug::StoreUnavailable,
    };
    Error::new(slug, what).because(trouble)
}

fn no_folder(why: String) -> Error {
    Error::new(Slug::StoreUnavailable, why)
}
