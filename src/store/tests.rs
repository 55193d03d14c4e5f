//! The store against a keyring double; real keyrings are met in `tests/`.

mod forgetting;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{TimeDelta, Utc};
use tempfile::TempDir;

use super::backend::Backend;
use super::backend::folder::Folder;
use super::*;
use crate::credential::{Credential, Material};

const IDENTITY: Identity = Identity {
    further: &[],
    endpoint: "https://kf.example.com/pipeline",
    method: "dex",
    user: Some("user@example.com"),
    connector: None,
    audience: None,
    client_id: None,
    weakened: Weakened {
        insecure_skip_tls_verify: false,
        allow_insecure_http: false,
    },
    trusted: Trusted {
        certificate_authority: None,
        certificate_authority_data: None,
        tls_server_name: None,
    },
};

/// A keyring in memory that can be told what is wrong with it.
#[derive(Clone, Default)]
struct Double(Arc<Mutex<Contents>>);

#[derive(Default)]
struct Contents {
    items: BTreeMap<String, String>,
    trouble: Option<BackendError>,
    is_full: bool,
    questions: usize,
}

impl Double {
    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_error(&self, trouble: impl Into<Option<BackendError>>) {
        self.contents().trouble = trouble.into();
    }

    fn asked(&self) -> Result<MutexGuard<'_, Contents>, BackendError> {
        let mut contents = self.contents();
        contents.questions += 1;
        match &contents.trouble {
            Some(trouble) => Err(trouble.clone()),
            None => Ok(contents),
        }
    }
}

impl Backend for Double {
    fn read(&mut self, name: &str) -> Result<Option<Secret>, BackendError> {
        Ok(self.asked()?.items.get(name).map(Secret::new))
    }

    fn write(&mut self, name: &str, secret: &Secret) -> Result<(), BackendError> {
        let mut contents = self.asked()?;
        if contents.is_full {
            return Err(BackendError::Failed("no space is left".to_owned()));
        }
        let text = secret.expose().to_owned();
        contents.items.insert(name.to_owned(), text);
        Ok(())
    }

    fn delete(&mut self, name: &str) -> Result<bool, BackendError> {
        Ok(self.asked()?.items.remove(name).is_some())
    }

    fn delete_all(&mut self, _known: &[String]) -> Result<usize, BackendError> {
        Ok(std::mem::take(&mut self.asked()?.items).len())
    }

    fn check(&mut self, _name: &str) -> Result<(), BackendError> {
        self.asked().map(drop)
    }
}

/// A home, perhaps a runtime folder, a keyring double and the words of `-v`.
struct World {
    home: TempDir,
    environment: Environment,
    keyring: Double,
    words: Rc<RefCell<Vec<u8>>>,
    trace: Trace,
}

impl World {
    fn new() -> Self {
        Self::with(None)
    }

    /// A world with a runtime folder; `None` where this machine has no memory to put one in.
    fn with_runtime() -> Option<Self> {
        Some(Self::with(Some(private_memory()?)))
    }

    fn with(runtime: Option<PathBuf>) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut variables = vec![("HOME", home.path().to_path_buf())];
        variables.extend(runtime.map(|path| ("XDG_RUNTIME_DIR", path)));
        let words = Rc::new(RefCell::new(Vec::new()));
        Self {
            environment: variables.into_iter().collect(),
            keyring: Double::default(),
            trace: Trace::new(Some(words.clone()), None),
            words,
            home,
        }
    }

    fn store(&self, choice: StoreChoice) -> Store<'_> {
        let double = self.keyring.clone();
        let keyring = Keyring::new(false, Box::new(move || Ok(Box::new(double))));
        Store {
            choice,
            environment: &self.environment,
            trace: &self.trace,
            keyring: Rc::new(keyring),
            kernel: |_| {
                Err(BackendError::Absent(
                    "this machine's is none of the tests'".to_owned(),
                ))
            },
        }
    }

    fn words(&self) -> String {
        String::from_utf8(self.words.take()).unwrap()
    }

    fn file(&self) -> PathBuf {
        Folder::on_disk(&self.environment).unwrap().path_of(&key())
    }

    fn state_is_untouched(&self) -> bool {
        std::fs::read_dir(self.home.path())
            .unwrap()
            .next()
            .is_none()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(runtime) = self.environment.runtime_folder() {
            std::fs::remove_dir_all(runtime).ok();
        }
    }
}

/// Makes a folder like `$XDG_RUNTIME_DIR`; `None` where this machine has no memory to put one in.
#[cfg(target_os = "linux")]
fn private_memory() -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let private = std::fs::Permissions::from_mode(0o700);
    let folder = tempfile::Builder::new()
        .permissions(private)
        .tempdir_in("/dev/shm")
        .ok()?
        .keep();
    let in_memory = rustix::fs::statfs(&folder).is_ok_and(|system| system.f_type == 0x0102_1994);
    if !in_memory {
        std::fs::remove_dir(&folder).ok();
    }
    in_memory.then_some(folder)
}

#[cfg(not(target_os = "linux"))]
fn private_memory() -> Option<PathBuf> {
    None
}

fn key() -> Key {
    Key::of_session(&IDENTITY)
}

fn session(token: &str) -> Entry {
    session_from(token, TimeDelta::zero())
}

fn session_from(token: &str, age: TimeDelta) -> Entry {
    let material = Material::Bearer(Secret::new(token));
    let credential = Credential::new(material, None, Utc::now() - age, None, None);
    Entry::new(
        &key(),
        "dex",
        "https://kf.example.com/pipeline",
        true,
        credential,
    )
}

#[test]
fn a_session_comes_back_as_it_was() {
    for choice in [StoreChoice::Auto, StoreChoice::Keyring, StoreChoice::File] {
        let world = World::new();
        // More than any single packet or attribute would take.
        let entry = session(&"c".repeat(12_000));
        world.store(choice).save(&key(), &entry).unwrap();
        assert_eq!(
            world.store(choice).load(&key()).unwrap(),
            Some(entry),
            "{choice:?}"
        );
        assert!(world.store(choice).forget(&key()).unwrap());
        assert_eq!(world.store(choice).load(&key()).unwrap(), None);
        assert!(!world.store(choice).forget(&key()).unwrap());
        assert_eq!(world.words(), "");
    }
}

#[test]
fn where_the_new_session_cannot_be_kept_the_old_one_is_forgotten() {
    for choice in [StoreChoice::Auto, StoreChoice::Keyring] {
        let world = World::new();
        let store = world.store(choice);
        store.save(&key(), &session("old")).unwrap();
        world.keyring.contents().is_full = true;
        let place = store.save(&key(), &session("new")).ok();
        assert!(place.is_none_or(|place| place == Place::Nowhere));
        assert_eq!(store.load(&key()).unwrap(), None, "{choice:?}");
    }
}

#[test]
fn a_session_that_a_clock_ahead_has_made_is_discarded() {
    let world = World::new();
    let store = world.store(StoreChoice::File);
    for (age, answered) in [
        (TimeDelta::minutes(-4), true),
        (TimeDelta::minutes(-6), false),
        (TimeDelta::days(-1000), false),
    ] {
        store.save(&key(), &session_from("t", age)).unwrap();
        assert_eq!(store.load(&key()).unwrap().is_some(), answered, "{age}");
        let told = store.status(&key()).problem.unwrap_or_default();
        assert_eq!(told.contains("a clock that was ahead"), !answered, "{told}");
    }
}

#[test]
fn the_file_and_runtime_stores_leave_the_keyring_alone() {
    let Some(world) = World::with_runtime() else {
        return;
    };
    for choice in [StoreChoice::File, StoreChoice::Runtime, StoreChoice::None] {
        let store = world.store(choice);
        store.save(&key(), &session("t")).unwrap();
        store.load(&key()).unwrap();
        store.status(&key());
        store.forget(&key()).unwrap();
    }
    assert_eq!(world.keyring.contents().questions, 0);
}

#[test]
fn auto_touches_no_disk() {
    let world = World::new();
    world.keyring.set_error(BackendError::Locked);
    let store = world.store(StoreChoice::Auto);
    store.load(&key()).unwrap();
    assert_eq!(store.save(&key(), &session("t")).unwrap(), Place::Nowhere);
    assert!(world.state_is_untouched());
}

#[test]
fn auto_goes_to_memory_while_the_keyring_is_locked_and_back_afterwards() {
    let Some(world) = World::with_runtime() else {
        return;
    };
    let store = world.store(StoreChoice::Auto);
    world.keyring.set_error(BackendError::Locked);
    let place = store.save(&key(), &session("first")).unwrap();
    let Place::Runtime(file) = place else {
        panic!("{place:?}")
    };
    assert!(
        world
            .words()
            .contains("the keyring is locked; the session is stored in the runtime folder")
    );
    assert_eq!(store.load(&key()).unwrap(), Some(session("first")));

    world.keyring.set_error(None);
    assert_eq!(
        store.save(&key(), &session("second")).unwrap(),
        Place::Keyring
    );
    assert!(!file.exists());
    assert_eq!(store.load(&key()).unwrap(), Some(session("second")));
}

#[test]
fn a_live_session_in_memory_asks_no_keyring() {
    let Some(world) = World::with_runtime() else {
        return;
    };
    let store = world.store(StoreChoice::Auto);
    world.keyring.set_error(BackendError::Locked);
    store.save(&key(), &session("t")).unwrap();
    let questions = world.keyring.contents().questions;
    assert!(store.load(&key()).unwrap().is_some());
    assert_eq!(world.keyring.contents().questions, questions);
}

#[test]
fn a_dead_session_in_memory_hides_no_newer_one_in_the_keyring() {
    let Some(world) = World::with_runtime() else {
        return;
    };
    let dead = session_from("dead", TimeDelta::hours(2));
    world
        .store(StoreChoice::Runtime)
        .save(&key(), &dead)
        .unwrap();
    world
        .store(StoreChoice::Keyring)
        .save(&key(), &session("newer"))
        .unwrap();
    assert_eq!(
        world.store(StoreChoice::Auto).load(&key()).unwrap(),
        Some(session("newer"))
    );
    world.keyring.set_error(BackendError::Locked);
    assert_eq!(
        world.store(StoreChoice::Auto).load(&key()).unwrap(),
        Some(dead)
    );
}

#[test]
fn without_any_store_the_words_name_the_lines_to_add() {
    let world = World::new();
    world
        .keyring
        .set_error(BackendError::Absent("no D-Bus session bus".to_owned()));
    let place = world
        .store(StoreChoice::Auto)
        .save(&key(), &session("t"))
        .unwrap();
    assert_eq!(place, Place::Nowhere);
    let words = world.words();
    for part in [
        "no D-Bus session bus",
        "XDG_RUNTIME_DIR is not set",
        "`store: file`",
        "`password: {file: ",
    ] {
        assert!(words.contains(part), "{part} is missing in {words}");
    }
    assert_eq!(words.lines().count(), 1);
}

#[test]
fn a_store_named_explicitly_fails_with_its_own_error() {
    let world = World::new();
    let slug = |choice| {
        world
            .store(choice)
            .save(&key(), &session("t"))
            .unwrap_err()
            .slug()
    };
    world.keyring.set_error(BackendError::Locked);
    assert_eq!(slug(StoreChoice::Keyring), Slug::StoreLocked);
    world
        .keyring
        .set_error(BackendError::Absent("x".to_owned()));
    assert_eq!(slug(StoreChoice::Keyring), Slug::StoreUnavailable);
    assert_eq!(slug(StoreChoice::Runtime), Slug::StoreUnavailable);
    std::fs::write(world.home.path().join(".local"), "").unwrap();
    assert_eq!(slug(StoreChoice::File), Slug::StoreUnavailable);
}

#[test]
fn what_cannot_be_read_back_is_a_miss_with_a_word() {
    let good = || serde_json::to_value(session("hunter2")).unwrap();
    let changed = |name: &str, value: serde_json::Value| {
        let mut json = good();
        json[name] = value;
        json.to_string()
    };
    for (json, word) in [
        (String::new(), "not a valid entry"),
        ("{\"version\":1".to_owned(), "not a valid entry"),
        (good().to_string()[..200].to_owned(), "not a valid entry"),
        (changed("credential", "hunter2".into()), "not a valid entry"),
        (changed("version", 2.into()), "version 2"),
        (
            changed("key", "https://elsewhere.example.com method=dex".into()),
            "another key",
        ),
    ] {
        let world = World::new();
        let store = world.store(StoreChoice::File);
        store.save(&key(), &session("t")).unwrap();
        std::fs::write(world.file(), &json).unwrap();
        assert_eq!(store.load(&key()).unwrap(), None, "{json}");
        let words = world.words();
        assert!(
            words.contains(word) && words.contains("discarded"),
            "{word} is missing in {words}"
        );
        assert!(!words.contains("hunter2"), "{words}");
        assert_eq!(words.lines().count(), 1);
    }
}

#[test]
fn an_entry_with_fields_of_a_newer_version_is_read() {
    let world = World::new();
    let store = world.store(StoreChoice::File);
    store.save(&key(), &session("t")).unwrap();
    let mut json = serde_json::to_value(session("t")).unwrap();
    json["refresh"] = serde_json::json!({"token": "r"});
    json["credential"]["scope"] = "email".into();
    std::fs::write(world.file(), json.to_string()).unwrap();
    assert_eq!(store.load(&key()).unwrap(), Some(session("t")));
}

#[test]
fn a_planted_link_is_neither_read_nor_written() {
    let world = World::new();
    let store = world.store(StoreChoice::File);
    store.save(&key(), &session("t")).unwrap();
    let elsewhere = world.home.path().join("elsewhere");
    std::fs::rename(world.file(), &elsewhere).unwrap();
    link(&elsewhere, &world.file());
    assert_eq!(store.load(&key()).unwrap(), None);
    assert!(world.words().contains("is a symbolic link"));
    let before = std::fs::read(&elsewhere).unwrap();
    assert_eq!(
        store.save(&key(), &session("u")).unwrap_err().slug(),
        Slug::StoreUnavailable
    );
    assert_eq!(std::fs::read(&elsewhere).unwrap(), before);
}

#[cfg(unix)]
fn link(target: &Path, path: &Path) {
    std::os::unix::fs::symlink(target, path).unwrap();
}

#[cfg(windows)]
fn link(target: &Path, path: &Path) {
    std::os::windows::fs::symlink_file(target, path).unwrap();
}

#[test]
fn a_keyring_that_would_ask_is_no_reason_for_a_second_login() {
    let Some(world) = World::with_runtime() else {
        return;
    };
    for choice in [StoreChoice::Auto, StoreChoice::Keyring] {
        world.keyring.set_error(BackendError::WouldAsk);
        let store = world.store(choice);
        let error = store.load(&key()).unwrap_err();
        assert_eq!(error.slug(), Slug::StoreLocked);
        let mut report = Vec::new();
        error.report(&mut report);
        let report = String::from_utf8(report).unwrap();
        assert!(
            report.contains("hint: run `kfp-credential login`"),
            "{report}"
        );
        assert!(store.load(&key()).is_err(), "and stays one");
        let found = store.status(&key());
        let trouble = found.problem.expect("a word for status");
        assert!(trouble.contains("would ask a person"), "{trouble}");

        // What lives elsewhere asks nobody.
        let memory = world.store(StoreChoice::Runtime);
        memory.save(&key(), &session("t")).unwrap();
        let found = world.store(choice).load(&key());
        assert_eq!(found.is_ok(), choice == StoreChoice::Auto);
        memory.forget(&key()).unwrap();
    }
}

/// As on WSL, where the runtime folder is one that all can write to.
#[test]
fn a_keyring_without_a_service_and_an_open_runtime_folder_leave_the_file() {
    let Some(world) = World::with_runtime() else {
        return;
    };
    let runtime = world.environment.runtime_folder().unwrap();
    open_to_all(&runtime);
    let absent = "no D-Bus session bus, or no Secret Service on it";
    world
        .keyring
        .set_error(BackendError::Absent(absent.to_owned()));
    let store = world.store(StoreChoice::Auto);
    assert_eq!(store.load(&key()).unwrap(), None);
    assert_eq!(store.save(&key(), &session("t")).unwrap(), Place::Nowhere);
    let words = world.words();
    let trouble = store.status(&key()).problem.unwrap();
    for words in [&words, &trouble] {
        assert!(words.contains(absent), "{words}");
        assert!(words.contains("mode 0777"), "{words}");
    }
    assert!(words.contains("`store: file`"), "{words}");
    assert!(world.state_is_untouched());
    let file = world.store(StoreChoice::File);
    file.save(&key(), &session("t")).unwrap();
    assert_eq!(file.load(&key()).unwrap(), Some(session("t")));
}

#[cfg(unix)]
fn open_to_all(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
}

#[cfg(not(unix))]
fn open_to_all(_path: &Path) {}

#[test]
fn status_is_told_where_a_session_rests_or_would() {
    let world = World::new();
    let place = |choice| world.store(choice).status(&key());
    assert_eq!(place(StoreChoice::Auto).place, Place::Keyring);
    assert_eq!(place(StoreChoice::File).place, Place::File(world.file()));
    assert_eq!(place(StoreChoice::None).place, Place::Nowhere);
    let runtime = place(StoreChoice::Runtime);
    assert_eq!(
        (runtime.place, runtime.problem.as_deref()),
        (Place::Nowhere, Some("XDG_RUNTIME_DIR is not set"))
    );

    world.keyring.set_error(BackendError::Locked);
    let locked = place(StoreChoice::Auto);
    assert_eq!(
        (locked.place, locked.problem.as_deref()),
        (Place::Keyring, Some("the keyring is locked"))
    );
    world
        .keyring
        .set_error(BackendError::Absent("x".to_owned()));
    let absent = place(StoreChoice::Auto);
    assert_eq!(absent.place, Place::Nowhere);
    assert_eq!(
        absent.problem.as_deref(),
        Some("there is no keyring: x; XDG_RUNTIME_DIR is not set")
    );
}

#[test]
fn status_finds_a_session_in_memory() {
    let Some(world) = World::with_runtime() else {
        return;
    };
    world.keyring.set_error(BackendError::Locked);
    let place = world
        .store(StoreChoice::Auto)
        .save(&key(), &session("t"))
        .unwrap();
    let found = world.store(StoreChoice::Auto).status(&key());
    assert_eq!((found.entry, found.place), (Some(session("t")), place));
    assert_eq!(found.problem.as_deref(), Some("the keyring is locked"));
}
