//! What rests in a store: sessions, passwords, refresh tokens and notes, whoever wrote into their place.

use std::sync::LazyLock;

use kfp_credential::environment::Environment;
use kfp_credential::store::fuzzing;
use kfp_credential::store::{GrantIdentity, Identity, Key, Notes};
use kfp_credential::trace::Trace;
use serde_json::Value;

use super::sdk_context::has_fraction;
use crate::oracle;

static HOME: LazyLock<Environment> = LazyLock::new(|| {
    let home = oracle::path("home");
    std::fs::create_dir_all(&home).expect("a folder");
    [("HOME", home)].into_iter().collect()
});

pub(crate) fn run(bytes: &[u8]) {
    let key = Key::of_session(&Identity {
        endpoint: "https://h",
        method: "dex",
        user: Some("u"),
        ..Identity::default()
    });
    let other = Key::of_grant(&GrantIdentity::default());
    let secrets = secrets(bytes);
    let silent = |words: String| {
        for secret in &secrets {
            oracle::keeps_silent(&words, secret);
        }
    };
    match fuzzing::session(&key, bytes) {
        Ok(entry) => {
            let written = fuzzing::written(&entry);
            let again = fuzzing::session(&key, written.expose().as_bytes());
            assert_eq!(again.as_ref(), Ok(&entry));
            assert!(fuzzing::session(&other, written.expose().as_bytes()).is_err());
            // Times from anywhere in the calendar overflow nothing.
            let now = chrono::DateTime::from_timestamp(1_800_000_000, 0).expect("now");
            let told = entry.credential.advertised_expiry_at(now);
            let _ = (
                told,
                entry.credential.is_live(now),
                entry.credential.lifetime(),
            );
        }
        Err(words) => silent(words),
    }
    match fuzzing::password(&key, bytes) {
        Ok(password) => {
            let written = fuzzing::written(&password);
            let again = fuzzing::password(&key, written.expose().as_bytes());
            assert_eq!(again.as_ref(), Ok(&password));
        }
        Err(words) => silent(words),
    }
    match fuzzing::grant(&key, bytes) {
        Ok(grant) => {
            let written = fuzzing::written(&grant);
            let again = fuzzing::grant(&key, written.expose().as_bytes());
            assert_eq!(again.as_ref(), Ok(&grant));
        }
        Err(words) => silent(words),
    }
    note(&key, bytes);
}

fn note(key: &Key, bytes: &[u8]) {
    let trace = Trace::default();
    let notes = Notes::new(&HOME, &trace, "refusals");
    let path = oracle::path("home/.local/state/kfp-credential/refusals").join(key.file_name());
    if !path.exists() {
        notes.write(key, &0);
    }
    std::fs::write(&path, bytes).expect("a note");
    if let Some(note) = notes.read::<Value>(key) {
        notes.write(key, &note);
        let again = notes.read::<Value>(key);
        assert!(has_fraction(&note) || again == Some(note));
    }
}

/// The texts of an entry that are secrets.
fn secrets(bytes: &[u8]) -> Vec<String> {
    let Ok(entry) = serde_json::from_slice::<Value>(bytes) else {
        return Vec::new();
    };
    let material = &entry["credential"]["material"];
    let of_cookies = material["cookies"].as_array().into_iter().flatten();
    let mut values: Vec<&Value> = of_cookies.map(|cookie| &cookie["value"]).collect();
    let grant = &entry["grant"];
    values.extend([
        &material["bearer"],
        &entry["password"],
        &grant["refresh-token"],
        &grant["client-secret"],
    ]);
    let texts = values.into_iter().filter_map(Value::as_str);
    texts
        .filter(|text| oracle::is_secret(text))
        .map(str::to_owned)
        .collect()
}
