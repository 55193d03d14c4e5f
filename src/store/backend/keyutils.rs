//! The kernel's own keys (keyrings(7)): memory that is never swapped and asks no daemon, for hosts without a desktop.
//!
//! Entries rest in the user's persistent keyring, which outlives the login session: it goes after three days in which
//! nobody asks for it, and with the machine. A process may read a key only where it *possesses* it, that is, where it
//! reaches it from its own keyrings. Under cron and in a container there is no session keyring to reach it from, so the
//! persistent one is linked to this process's before anything is looked for; nothing is ever written that the next run
//! cannot read.
//!
//! A process of this user may run in another container, where it meets the same keyring: entries are sealed ([`Seal`]),
//! so they open only where they were made.

use std::path::PathBuf;
use std::rc::Rc;

use linux_keyutils::{KeyError, KeyRing, KeyRingIdentifier, LinkNode};
use sha2::{Digest, Sha256};

use crate::environment::Environment;
use crate::secret::Secret;
use crate::store::backend::chunked::Chunked;
use crate::store::backend::keyring::SERVICE;
use crate::store::backend::seal::{self, Seal};
use crate::store::backend::{Backend, BackendError, sum_of};

/// What a key of the type `user` holds, in bytes.
const LIMIT: usize = 32_767;
/// More than any user may have (`/proc/sys/kernel/keys/root_maxkeys`): the list is only read whole.
const MOST_KEYS: usize = 1 << 20;

struct KernelKeys {
    ring: KeyRing,
    prefix: String,
    /// Where the key of the seal rests.
    file: PathBuf,
    /// The seal, where it has been made; what is wrong with it stands in the way of its entries only.
    seal: Result<Option<Rc<Seal>>, BackendError>,
}

/// Opens the user's keyring.
pub(in crate::store) fn open(environment: &Environment) -> Result<Box<dyn Backend>, BackendError> {
    let file = seal::file(environment).map_err(BackendError::Absent)?;
    let ring = match KeyRing::get_persistent(KeyRingIdentifier::Process) {
        Err(KeyError::OperationNotSupported) => users_own(),
        ring => ring,
    };
    let keys = KernelKeys::new(ring.map_err(unusable)?, prefix(environment), file);
    Ok(Box::new(Chunked::new(keys, LIMIT - seal::OVERHEAD)))
}

/// Gives the user keyring, for kernels built without persistent ones.
fn users_own() -> Result<KeyRing, KeyError> {
    let ours = KeyRing::from_special_id(KeyRingIdentifier::Process, true)?;
    ours.link_keyring_id(KeyRingIdentifier::User)?;
    KeyRing::from_special_id(KeyRingIdentifier::User, false)
}

/// Tells the entries of one home from those of another: the kernel knows users by number only, and root of a container
/// and root of its host may be one user to it.
fn prefix(environment: &Environment) -> String {
    let folder = environment.state_folder().unwrap_or_default();
    let hash = format!(
        "{:x}",
        Sha256::digest(folder.as_os_str().as_encoded_bytes())
    );
    format!("{SERVICE}:{}:", &hash[..8])
}

impl KernelKeys {
    fn new(ring: KeyRing, prefix: String, file: PathBuf) -> Self {
        let found = Seal::find(&file);
        Self {
            ring,
            prefix,
            file,
            seal: found
                .map(|seal| seal.map(Rc::new))
                .map_err(BackendError::Absent),
        }
    }

    /// Gives the seal, made now where there is none.
    fn seal(&mut self) -> Result<Rc<Seal>, BackendError> {
        if let Some(seal) = self.seal.clone()? {
            return Ok(seal);
        }
        // Before there were seals, an entry was under its mere name, for every container of this user to read.
        self.remove_where(|name| !is_sealed(name))?;
        let seal = Rc::new(Seal::make(&self.file).map_err(BackendError::Absent)?);
        self.seal = Ok(Some(Rc::clone(&seal)));
        Ok(seal)
    }

    /// Names what is sealed with the key of this place: other places have entries of their own.
    fn description(&self, seal: &Seal, name: &str) -> String {
        format!("{}{}:{name}", self.prefix, seal.id())
    }

    /// Removes the entries of this home whose name below it is such a one; tells how many there were.
    fn remove_where(&self, matches: impl Fn(&str) -> bool) -> Result<usize, BackendError> {
        let links = self.ring.get_links(MOST_KEYS).map_err(failed)?;
        let keys = links.iter().filter_map(LinkNode::as_key);
        let matching = keys.filter(|key| {
            let metadata = key.metadata();
            metadata.is_ok_and(|metadata| {
                let name = metadata.get_description().strip_prefix(&self.prefix);
                name.is_some_and(&matches)
            })
        });
        sum_of(matching.map(|key| self.ring.unlink_key(key).map(|()| 1).map_err(failed)))
    }
}

/// Tells whether a name, below the prefix of a home, begins with a seal's.
fn is_sealed(name: &str) -> bool {
    let id = name.split_once(':').map_or("", |(id, _)| id);
    id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl Backend for KernelKeys {
    fn read(&mut self, name: &str) -> Result<Option<Secret>, BackendError> {
        let Some(seal) = self.seal.clone()? else {
            return Ok(None);
        };
        let description = self.description(&seal, name);
        let found = self.ring.search(&description);
        let sealed = some_or_none(found.and_then(|key| key.read_to_vec()))?;
        // What does not open is not ours; empty text is discarded as every other corrupt entry.
        let opened = |sealed: Vec<u8>| seal.open(&description, &sealed);
        Ok(sealed.map(|sealed| opened(sealed).unwrap_or_else(|| Secret::new(""))))
    }

    fn write(&mut self, name: &str, secret: &Secret) -> Result<(), BackendError> {
        let seal = self.seal()?;
        let description = self.description(&seal, name);
        let sealed = seal
            .close(&description, secret)
            .map_err(BackendError::Failed)?;
        // Replaces what a key of this description holds, or leaves it as it was. Where there is no room, nobody else's
        // entry makes any: whether the container of another seal is gone cannot be told.
        let written = self.ring.add_key(&description, &sealed);
        written.map(drop).map_err(failed)
    }

    fn delete(&mut self, name: &str) -> Result<bool, BackendError> {
        let Some(seal) = self.seal.clone()? else {
            return Ok(false);
        };
        let found = self.ring.search(&self.description(&seal, name));
        let removed = found.and_then(|key| self.ring.unlink_key(key));
        Ok(some_or_none(removed)?.is_some())
    }

    fn delete_all(&mut self, _known: &[String]) -> Result<usize, BackendError> {
        // Of other seals are other containers' entries, and of none an older version's.
        let seal = self.seal.clone().unwrap_or_default();
        let ours = seal.map(|seal| format!("{}:", seal.id()));
        self.remove_where(|name| {
            !is_sealed(name) || ours.as_ref().is_some_and(|ours| name.starts_with(ours))
        })
    }

    /// The kernel may refuse, or the seal: it is made now.
    fn check(&mut self, _name: &str) -> Result<(), BackendError> {
        self.seal().map(drop)
    }
}

fn some_or_none<T>(found: Result<T, KeyError>) -> Result<Option<T>, BackendError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(KeyError::KeyDoesNotExist | KeyError::KeyExpired | KeyError::KeyRevoked) => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

fn unusable(error: KeyError) -> BackendError {
    if error == KeyError::QuotaExceeded {
        return failed(error);
    }
    BackendError::Absent(format!(
        "the kernel does not let this process use its keys ({}), which most containers forbid",
        words(error)
    ))
}

fn failed(error: KeyError) -> BackendError {
    if error == KeyError::QuotaExceeded {
        let what = "the kernel keeps no more keys for this user (/proc/sys/kernel/keys/maxbytes)";
        return BackendError::Failed(what.to_owned());
    }
    BackendError::Failed(format!("the kernel's keys: {}", words(error)))
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the kernel has more errors than these need other words"
)]
fn words(error: KeyError) -> String {
    match error {
        KeyError::PermissionDenied => "operation not permitted".to_owned(),
        KeyError::AccessDenied => "permission denied".to_owned(),
        KeyError::Unknown(number) => std::io::Error::from_raw_os_error(number).to_string(),
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ring that everything of this test may be put into; `None` where nothing may be used at all.
    fn rings() -> impl Iterator<Item = KeyRing> {
        let rings = [
            users_own(),
            KeyRing::get_persistent(KeyRingIdentifier::Process),
        ];
        rings.into_iter().flatten()
    }

    fn prefix_of(test: &str, number: usize) -> String {
        format!("{SERVICE}-test-{test}-{}-{number}:", std::process::id())
    }

    #[test]
    fn names_of_sealed_entries_are_told_from_older_ones() {
        assert!(is_sealed("0123456789abcdef:https://h method=dex"));
        for name in [
            "https://h method=dex",
            "password https://h user=u",
            "grant 0123456789abcdef:x",
        ] {
            assert!(!is_sealed(name), "{name}");
        }
    }

    #[test]
    fn an_entry_opens_only_where_it_was_made() {
        for (number, ring) in rings().enumerate() {
            let homes = [(); 2].map(|()| tempfile::tempdir().unwrap());
            let at = |home: usize| {
                let file = homes[home].path().join("state/keyutils.key");
                KernelKeys::new(ring, prefix_of("homes", number), file)
            };
            let secret = |text: &str| Secret::new(text);
            at(0).write("k", &secret("first")).unwrap();
            assert_eq!(at(1).read("k"), Ok(None));
            at(1).write("k", &secret("second")).unwrap();
            assert_eq!(at(0).read("k"), Ok(Some(secret("first"))));
            assert_eq!(at(1).delete("k"), Ok(true));
            assert_eq!(at(0).read("k"), Ok(Some(secret("first"))));

            // Under the name of the other's.
            let mut one = at(0);
            let seal = one.seal().unwrap();
            ring.add_key(&one.description(&seal, "k"), "{\"version\":1}")
                .unwrap();
            assert_eq!(one.read("k"), Ok(Some(secret(""))), "it is discarded");

            // Without the key it is a miss, and so it is with the next one.
            std::fs::remove_file(&one.file).unwrap();
            assert_eq!(at(0).read("k"), Ok(None));
            at(0).write("k", &secret("third")).unwrap();
            assert_eq!(at(0).read("k"), Ok(Some(secret("third"))));
            assert_eq!(at(0).delete_all(&[]), Ok(1));
            assert_eq!(at(0).read("k"), Ok(None));
        }
    }

    #[test]
    fn emptying_one_container_takes_nothing_from_another() {
        for (number, ring) in rings().enumerate() {
            let homes = [(); 3].map(|()| tempfile::tempdir().unwrap());
            let prefix = prefix_of("emptied", number);
            let at = |home: usize| {
                let file = homes[home].path().join("state/keyutils.key");
                KernelKeys::new(ring, prefix.clone(), file)
            };
            for home in [0, 1] {
                at(home).write("k", &Secret::new("kept")).unwrap();
            }
            let older = format!("{prefix}https://h method=dex");
            ring.add_key(&older, "{\"version\":1}").unwrap();
            assert_eq!(at(1).delete_all(&[]), Ok(2), "its own and the older one");
            assert_eq!(at(1).read("k"), Ok(None));
            assert_eq!(at(2).delete_all(&[]), Ok(0), "it has no seal");
            assert_eq!(at(0).read("k"), Ok(Some(Secret::new("kept"))));
            assert_eq!(at(0).delete_all(&[]), Ok(1));
        }
    }

    #[test]
    fn what_an_older_version_left_unsealed_goes_with_the_first_seal() {
        for (number, ring) in rings().enumerate() {
            let home = tempfile::tempdir().unwrap();
            let prefix = prefix_of("older", number);
            let older = format!("{prefix}https://h method=dex");
            ring.add_key(&older, "{\"version\":1}").unwrap();
            let mut keys = KernelKeys::new(ring, prefix, home.path().join("state/key"));
            assert_eq!(keys.read("https://h method=dex"), Ok(None));
            assert_eq!(keys.check("x"), Ok(()));
            assert_eq!(ring.search(&older), Err(KeyError::KeyDoesNotExist));
        }
    }

    /// The user keyring, which kernels without persistent ones have too; its keys are ours by their names.
    #[test]
    fn a_key_in_either_keyring_comes_back() {
        for (number, ring) in rings().enumerate() {
            let home = tempfile::tempdir().unwrap();
            let file = home.path().join("state/key");
            let keys = KernelKeys::new(ring, prefix_of("rings", number), file);
            let mut keys = Chunked::new(keys, LIMIT - seal::OVERHEAD);
            assert_eq!(keys.read("k"), Ok(None));
            assert_eq!(keys.delete("k"), Ok(false));
            for text in ["first", "second", "x"] {
                keys.write("k", &Secret::new(text)).unwrap();
                assert_eq!(keys.read("k"), Ok(Some(Secret::new(text))));
            }
            keys.write("other", &Secret::new("o")).unwrap();
            assert_eq!(keys.delete("k"), Ok(true));
            assert_eq!(keys.read("k"), Ok(None));
            assert_eq!(keys.delete_all(&[]), Ok(1));
            assert_eq!(keys.read("other"), Ok(None));
        }
    }
}
