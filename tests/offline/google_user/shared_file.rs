//! The kfp SDK's `credentials.json` as the one file of many processes: nothing that Google gave is lost in it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::json;

use super::*;

const CLIENTS: usize = 12;

fn client(number: usize) -> String {
    format!("1{number:02}-iap.apps.googleusercontent.com")
}

fn context(number: usize) -> String {
    format!("c{number}")
}

/// Is a person with a context for each of twelve IAP clients, logged in by the SDK for all of them.
fn twelve(store: &str) -> Person {
    let person = Person::without_context();
    let names: Vec<(String, String)> = (0..CLIENTS)
        .map(|number| (context(number), format!("client-id: {}", client(number))))
        .collect();
    let contexts: Vec<_> = names
        .iter()
        .map(|(name, keys)| (name.as_str(), "pipeline", store, keys.as_str()))
        .collect();
    person.contexts(&contexts);
    person.google.behave(|behave| {
        behave.audiences.extend((0..CLIENTS).map(client));
        behave.iap_audiences.extend((0..CLIENTS).map(client));
        behave.rotation = true;
    });
    let mut file = json!({});
    for number in 0..CLIENTS {
        file[client(number)] = json!({
            "other_client_id": DESKTOP_CLIENT, "other_client_secret": DESKTOP_SECRET,
            "refresh_token": person.google.refresh_token(USER),
        });
    }
    person
        .sandbox
        .shared_file(".config/kfp/credentials.json", file.to_string());
    person
}

/// Runs a command for each of the contexts at once.
#[track_caller]
fn for_each_at_once(person: &Person, args: &[&str]) {
    let runs: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let name = context(number);
            let args = [args, &["--context", &name]].concat();
            person.sandbox.command(&args).spawn()
        })
        .collect();
    for run in runs {
        run.wait().assert_success();
    }
}

/// Returns how many of the logins in a file Google would take.
fn live(person: &Person, file: &Path) -> usize {
    let text = fs::read_to_string(file).expect("the file");
    let file: Value = serde_json::from_str(&text).expect("JSON");
    let tokens = (0..CLIENTS).filter_map(|number| {
        let token = file[client(number)]["refresh_token"].as_str();
        token.map(str::to_owned)
    });
    tokens.filter(|token| person.google.is_live(token)).count()
}

#[test]
fn twelve_renewals_at_once_keep_twelve_rotated_tokens() {
    let person = twelve("none");
    for _ in 0..3 {
        for_each_at_once(&person, &["get", "--refresh"]);
        assert_eq!(live(&person, &person.sdk_file()), CLIENTS);
    }
    assert_eq!(person.google.reuses(), 0);
}

#[test]
fn twelve_exports_at_once_into_one_file_keep_twelve_logins() {
    let person = twelve("file");
    person.sandbox.run(&["import"]).assert_success();
    let folder = person.sandbox.home().join("out");
    fs::create_dir_all(folder.join("real")).expect("a folder");
    std::os::unix::fs::symlink(folder.join("real"), folder.join("link")).expect("a link");
    fs::create_dir(folder.join("real/x")).expect("a folder");
    // Every spelling is the same file.
    let spellings = [
        "out/real/x/all.json",
        "out/link/x/all.json",
        "./out/real/../link/x/all.json",
    ];
    for round in 0..3 {
        let runs: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let file = spellings[(number + round) % spellings.len()];
                let name = context(number);
                let args = ["export", file, "--context", &name];
                person.sandbox.command(&args).spawn()
            })
            .collect();
        for run in runs {
            run.wait().assert_success();
        }
        let file = folder.join("real/x/all.json");
        assert_eq!(live(&person, &file), CLIENTS);
        fs::remove_file(file).expect("the file");
        let left = fs::read_dir(folder.join("real/x"))
            .expect("a folder")
            .count();
        assert_eq!(left, 0, "nothing is left beside");
    }
}

/// Is a person whom the SDK has logged in, with a folder that this program refuses to write to, at a Google that
/// replaces refresh tokens.
fn with_an_open_folder(store: &str) -> Person {
    let person = Person::without_context();
    person.context(store, &format!("client-id: {IAP_CLIENT}"));
    person.sdk_logged_in();
    person.google.behave(|behave| behave.rotation = true);
    set_mode(&person, 0o775);
    person
}

fn set_mode(person: &Person, mode: u32) {
    let folder = person.sandbox.home().join(".config/kfp");
    fs::set_permissions(folder, fs::Permissions::from_mode(mode)).expect("a mode");
}

#[test]
fn a_rotated_token_that_the_file_cannot_take_is_kept_in_the_store_and_said() {
    for store in ["none", "auto", "runtime", "file"] {
        let person = with_an_open_folder(store);
        if store == "runtime" && !person.sandbox.runtime_on_tmpfs() {
            continue;
        }
        let before = fs::read(person.sdk_file()).expect("the file");
        let said = person.run(&["login"]).assert_success();
        let said = said.assert_says("credentials.json");
        let said = said.assert_says("chmod go-w");
        said.assert_says("The new refresh token is stored in");
        for _ in 0..2 {
            person.bearer(&["--refresh"]);
        }
        assert_eq!((person.google.refreshes(), person.google.reuses()), (3, 0));
        assert_eq!(fs::read(person.sdk_file()).expect("the file"), before);
        let status = person.run(&["status"]).assert_success();
        assert!(
            status
                .stdout
                .contains("a refresh token that Google has replaced"),
            "{}",
            status.shown()
        );

        // Once the file can be written, the SDK has it again.
        set_mode(&person, 0o755);
        person.bearer(&["--refresh"]);
        assert_ne!(fs::read(person.sdk_file()).expect("the file"), before);
        let status = person.run(&["status"]).assert_success();
        assert!(!status.stdout.contains("replaced"), "{}", status.shown());
        person.run(&["login"]).assert_success();
        assert_eq!(person.google.reuses(), 0);
    }
}

#[test]
fn a_new_login_of_the_sdk_counts_before_the_token_that_its_file_could_not_take() {
    let person = with_an_open_folder("none");
    person.bearer(&[]);
    let grace = person.google.refresh_token("grace@example.com");
    fs::write(person.sdk_file(), files::kfp_credentials(&grace)).expect("the file");
    assert_eq!(person.bearer(&[]).1["email"], "grace@example.com");
    assert_eq!(person.google.reuses(), 0);
}

#[test]
fn a_logout_forgets_the_token_that_the_file_could_not_take() {
    for logout in [&["logout", "--context", "google"], &["logout", "--all"][..]] {
        let person = with_an_open_folder("none");
        person.bearer(&[]);
        person.sandbox.run(logout).assert_success();
        let store = person.sandbox.state_folder().join("store");
        let left = fs::read_dir(store).expect("the folder").count();
        assert_eq!(left, 0);
    }
}

#[test]
fn a_login_stays_known_as_shared_after_a_rotation() {
    for share in ["export", "import"] {
        let person = Person::new();
        person.google.behave(|behave| behave.rotation = true);
        if share == "export" {
            person.is_logged_in();
        } else {
            person.sdk_logged_in();
        }
        person.run(&[share]).assert_success();
        person.bearer(&["--refresh"]);
        person.google.clear();
        let output = person.run(&["logout"]).assert_success();
        output.assert_says("The login is still valid at Google");
        assert_eq!(person.google.lines(), [""; 0]);
        person.bearer(&["--refresh"]);
        assert_eq!(person.google.reuses(), 0);
    }
}

#[test]
fn a_rotation_takes_no_login_of_the_sdk_away_from_it() {
    let person = Person::without_context();
    person.context("file", &format!("client-id: {IAP_CLIENT}"));
    person.sdk_logged_in();
    person.google.behave(|behave| behave.rotation = true);
    person.bearer(&[]);
    person.google.clear();
    person.run(&["logout"]).assert_success();
    assert_eq!(person.google.lines(), [""; 0]);
    person.bearer(&[]);
    // Whoever logs in by the SDK later on counts.
    let grace = person.google.refresh_token("grace@example.com");
    fs::write(person.sdk_file(), files::kfp_credentials(&grace)).expect("the file");
    assert_eq!(
        person.bearer(&["--refresh"]).1["email"],
        "grace@example.com"
    );
}

#[test]
fn an_export_during_renewals_is_of_a_live_token() {
    let person = Person::new();
    person.google.behave(|behave| behave.rotation = true);
    person.is_logged_in();
    for round in 0..4 {
        let file = format!("out/{round}.json");
        let renewals: Vec<_> = (0..3)
            .map(|_| person.command(&["get", "--refresh"]).spawn())
            .collect();
        let export = person.command(&["export", &file]).spawn();
        export.wait().assert_success();
        for run in renewals {
            run.wait().assert_success();
        }
    }
    assert_eq!(person.google.reuses(), 0);
}
