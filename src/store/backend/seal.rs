//! What the kernel keeps for us opens only where it was made.
//!
//! The kernel knows users by number, so containers of one user read each other's keys. Entries are therefore sealed
//! (ChaCha20-Poly1305, RFC 8439) with a key that rests in the state folder, which other containers have not, in a file
//! for this user's eyes only. Where there can be no such file, there is no store. A copy of the file, as of a home that
//! is part of a container's image, opens nothing: the file's place on its disk is part of what an entry is bound to. An
//! overlay, as a container's own file system is, tells no place: the kernel gives the number of one that is gone to the
//! next one, and both show one file of the image below. So a key that lies on one seals nothing.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::environment::Environment;
use crate::secret::Secret;
use crate::store::private_file::{create_closed, private_folder, read_closed};

/// By how many bytes an entry grows.
pub(in crate::store) const OVERHEAD: usize = NONCE_LEN + 16;
const KEY_LENGTH: usize = 32;
/// File systems that show a file of an image under a number that the kernel gives anew (statfs(2)): overlayfs, and FUSE,
/// as fuse-overlayfs does in rootless containers.
const OVERLAYS: [i128; 2] = [0x794c_7630, 0x6573_5546];

/// Seals and opens entries.
pub(in crate::store) struct Seal {
    key: LessSafeKey,
    id: String,
}

/// Tells where the key of an environment rests.
pub(in crate::store) fn file(environment: &Environment) -> Result<PathBuf, String> {
    let state = environment.state_folder().ok_or(
        "neither XDG_STATE_HOME nor HOME is set, where the key that encrypts entries is kept",
    )?;
    Ok(state.join("keyutils.key"))
}

impl Seal {
    /// Takes the key of a file; `None` where there is none yet.
    pub(in crate::store) fn find(file: &std::path::Path) -> Result<Option<Self>, String> {
        let cannot = |error: io::Error| format!("the key that encrypts entries: {error}");
        let Some((bytes, metadata)) = read_closed(file).map_err(cannot)? else {
            return Ok(None);
        };
        refuse_overlay(file)?;
        match UnboundKey::new(&CHACHA20_POLY1305, &bytes) {
            Ok(key) => Ok(Some(Self {
                id: id(&bytes, &metadata),
                key: LessSafeKey::new(key),
            })),
            Err(_) => Err(format!(
                "{} holds no key: `rm {0}` lets a new one be made",
                file.display()
            )),
        }
    }

    /// Makes a key where there is none. Of several processes that do so at once, one makes it, and all take that.
    pub(in crate::store) fn make(file: &std::path::Path) -> Result<Self, String> {
        let mut bytes = Zeroizing::new([0; KEY_LENGTH]);
        SystemRandom::new()
            .fill(bytes.as_mut_slice())
            .map_err(|_| "the system has no random numbers".to_owned())?;
        let cannot = |error: io::Error| {
            format!(
                "the key that encrypts entries cannot be kept in {}: {error}",
                file.display()
            )
        };
        if let Some(folder) = file.parent() {
            private_folder(folder).map_err(cannot)?;
            refuse_overlay(folder)?;
        }
        create_closed(file, bytes.as_slice()).map_err(cannot)?;
        Self::find(file)?.ok_or_else(|| format!("{} went away", file.display()))
    }

    /// Names the key, for the names of what is sealed with it.
    pub(in crate::store) fn id(&self) -> &str {
        &self.id
    }

    /// Seals an entry for its name.
    pub(in crate::store) fn close(&self, name: &str, secret: &Secret) -> Result<Vec<u8>, String> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new()
            .fill(&mut nonce)
            .map_err(|_| "the system has no random numbers".to_owned())?;
        let mut text = Zeroizing::new(secret.expose().as_bytes().to_vec());
        let tag = self.key.seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(name.as_bytes()),
            &mut text,
        );
        let tag = tag.map_err(|_| "the entry is too large to be encrypted".to_owned())?;
        Ok([&nonce[..], &text, tag.as_ref()].concat())
    }

    /// Opens what was sealed for a name; `None` for anything else.
    pub(in crate::store) fn open(&self, name: &str, sealed: &[u8]) -> Option<Secret> {
        let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut text = Zeroizing::new(text.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let aad = Aad::from(name.as_bytes());
        let opened = self.key.open_in_place(nonce, aad, &mut text).ok()?;
        std::str::from_utf8(opened).ok().map(Secret::new)
    }
}

fn refuse_overlay(path: &std::path::Path) -> Result<(), String> {
    let system =
        rustix::fs::statfs(path).map_err(|error| format!("{}: {error}", path.display()))?;
    if !is_overlay(system.f_type.into()) {
        return Ok(());
    }
    Err(format!(
        "{} lies on overlayfs or FUSE, as a container's own file system does, and a key there may be another container's \
         as well; a home on a volume or bind mount works",
        path.display()
    ))
}

fn is_overlay(system: i128) -> bool {
    OVERLAYS.contains(&system)
}

fn id(bytes: &[u8], file: &Metadata) -> String {
    let mut hash = Sha256::new_with_prefix("kfp-credential seal");
    hash.update(bytes);
    hash.update(file.dev().to_le_bytes());
    hash.update(file.ino().to_le_bytes());
    format!("{:x}", hash.finalize())[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;
    use std::thread;

    use tempfile::TempDir;

    use super::*;

    fn place() -> (TempDir, PathBuf) {
        let home = tempfile::tempdir().unwrap();
        let environment = [("HOME", home.path())].into_iter().collect();
        let file = file(&environment).unwrap();
        (home, file)
    }

    fn why_not(file: &Path) -> String {
        Seal::find(file).err().unwrap_or_default()
    }

    #[test]
    fn what_was_sealed_opens_for_its_name_with_its_key_and_unchanged() {
        let (_home, file) = place();
        assert!(Seal::find(&file).unwrap().is_none());
        let seal = Seal::make(&file).unwrap();
        let secret = Secret::new("hunter2");
        let sealed = seal.close("name", &secret).unwrap();
        assert_eq!(sealed.len(), "hunter2".len() + OVERHEAD);
        assert_ne!(seal.close("name", &secret).unwrap(), sealed);
        let again = Seal::find(&file).unwrap().unwrap();
        assert_eq!(again.open("name", &sealed), Some(secret));
        assert_eq!(again.open("other", &sealed), None);
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert_eq!(again.open("name", &changed), None, "{index}");
            assert_eq!(again.open("name", &sealed[..index]), None);
        }
        let (_other_home, other) = place();
        assert_eq!(Seal::make(&other).unwrap().open("name", &sealed), None);
        assert_eq!(again.open("name", b"{\"version\":1,\"key\":\"k\"}"), None);
    }

    #[test]
    fn twenty_at_once_make_one_key() {
        let (_home, file) = place();
        let ids: BTreeSet<String> = thread::scope(|scope| {
            let threads: Vec<_> = (0..20)
                .map(|_| scope.spawn(|| Seal::make(&file).unwrap().id().to_owned()))
                .collect();
            threads.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert_eq!(ids.len(), 1);
        let folder = fs::read_dir(file.parent().unwrap()).unwrap();
        assert_eq!(folder.count(), 1, "nothing is left beside");
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    #[test]
    fn a_copy_of_the_key_is_another_key() {
        let (_home, file) = place();
        let (_other_home, other) = place();
        let seal = Seal::make(&file).unwrap();
        Seal::make(&other).unwrap();
        fs::write(&other, fs::read(&file).unwrap()).unwrap();
        assert_ne!(Seal::find(&other).unwrap().unwrap().id(), seal.id());
        // Where it has only been moved, it is the same.
        let moved = file.with_extension("moved");
        fs::rename(&file, &moved).unwrap();
        assert_eq!(Seal::find(&moved).unwrap().unwrap().id(), seal.id());
    }

    #[test]
    fn a_key_on_an_overlay_is_not_told_from_another_containers() {
        let [ext4, tmpfs, xfs, btrfs] = [0xef53, 0x0102_1994, 0x5846_5342, 0x9123_683e];
        assert!(is_overlay(0x794c_7630));
        assert!(is_overlay(0x6573_5546));
        for system in [ext4, tmpfs, xfs, btrfs] {
            assert!(!is_overlay(system), "{system:x}");
        }
    }

    #[test]
    fn a_key_that_others_can_read_or_that_is_none_is_refused() {
        let (_home, file) = place();
        Seal::make(&file).unwrap();
        for mode in [0o640, 0o604, 0o620, 0o644] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            assert!(why_not(&file).contains("`chmod g"), "{}", why_not(&file));
        }
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&file, "short").unwrap();
        assert!(why_not(&file).contains("holds no key"));
        fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &file).unwrap();
        assert!(why_not(&file).contains("is a symbolic link"));
        assert!(Seal::make(&file).is_err());
    }
}
