//! Passwords, and forgetting.

use super::*;

#[test]
fn passwords_rest_in_the_keyring_or_nowhere() {
    let world = World::new();
    let store = world.store(StoreChoice::File);
    let key = Key::of_password(&IDENTITY);
    let password = StoredPassword::new(&key, "user@example.com", Secret::new("hunter2"));
    store.save_password(&key, &password).unwrap();
    assert_eq!(store.load_password(&key), Some(password.clone()));
    assert!(store.forget_password(&key).unwrap());
    assert_eq!(store.load_password(&key), None);

    world
        .keyring
        .set_error(BackendError::Failed("x".to_owned()));
    let error = store.save_password(&key, &password).unwrap_err();
    assert_eq!(error.slug(), Slug::StoreUnavailable);
    let mut report = Vec::new();
    error.report(&mut report);
    let report = String::from_utf8(report).unwrap();
    assert!(
        report.contains("password: {file: F}") && report.contains("KFP_CREDENTIAL_PASSWORD"),
        "{report}"
    );
    assert!(world.state_is_untouched());
}

#[test]
fn forgetting_all_leaves_nothing_of_ours_and_all_else() {
    let Some(world) = World::with_runtime() else {
        return;
    };
    for choice in [
        StoreChoice::Keyring,
        StoreChoice::Runtime,
        StoreChoice::File,
    ] {
        world.store(choice).save(&key(), &session("t")).unwrap();
    }
    let folder = world.file().parent().unwrap().to_path_buf();
    for name in [".x.AbCdEf.kfp-credential", "README"] {
        std::fs::write(folder.join(name), "").unwrap();
    }
    let store = world.store(StoreChoice::None);
    assert_eq!(store.forget_all(&[]).unwrap(), 3);
    assert_eq!(store.forget_all(&[]).unwrap(), 0);
    let left: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().file_name())
        .collect();
    assert_eq!(left, ["README"]);
    assert!(world.keyring.contents().items.is_empty());
}

#[test]
fn what_a_killed_process_left_half_written_goes_with_the_next_save_and_with_forgetting() {
    let world = World::new();
    let store = world.store(StoreChoice::File);
    let file = world.file();
    let left = file.with_file_name(format!(".{}.aB3xY9.kfp-credential", key().file_name()));
    store.save(&key(), &session("t")).unwrap();
    std::fs::write(&left, "cookie").unwrap();
    store.save(&key(), &session("t")).unwrap();
    assert!(!left.exists());
    std::fs::write(&left, "cookie").unwrap();
    assert!(store.forget(&key()).unwrap());
    assert!(!left.exists() && !file.exists());
}

#[test]
fn forgetting_all_goes_on_past_what_it_cannot_remove_and_tells_all_of_it() {
    let world = World::new();
    let folder = world.file().parent().unwrap().to_path_buf();
    let store = world.store(StoreChoice::File);
    store.save(&key(), &session("t")).unwrap();
    // Nobody removes a folder as a file, wherever it stands in the list.
    let stuck = ["0".repeat(64), "f".repeat(64)];
    for name in &stuck {
        std::fs::create_dir(folder.join(name)).unwrap();
    }
    world.keyring.set_error(BackendError::Locked);
    let error = store.forget_all(&[]).unwrap_err().one_line();
    assert!(stuck.iter().all(|name| error.contains(name)), "{error}");
    assert!(error.contains("the keyring is locked"), "{error}");
    assert!(!world.file().exists());
}

#[test]
fn forgetting_tells_what_it_could_not_reach() {
    let world = World::new();
    world
        .store(StoreChoice::File)
        .save(&key(), &session("t"))
        .unwrap();
    let store = world.store(StoreChoice::Auto);
    world.keyring.set_error(BackendError::Locked);
    assert_eq!(store.forget(&key()).unwrap_err().slug(), Slug::StoreLocked);
    assert!(!world.file().exists(), "the rest is forgotten all the same");
    assert_eq!(store.forget_all(&[]).unwrap_err().slug(), Slug::StoreLocked);
    world
        .keyring
        .set_error(BackendError::Absent("x".to_owned()));
    assert!(!store.forget(&key()).unwrap());
    assert_eq!(store.forget_all(&[]).unwrap(), 0);
}
