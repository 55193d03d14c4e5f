//! Entries in parts: what comes back is an entry that was written, whole, or none.
//!
//! The first field is the size of an item, each other one a step: `w` and an entry to write, `d` to delete, `c` and a
//! number of changes after which the process ends, `i`, a name, `=` and an item that somebody else puts there.

use kfp_credential::secret::Secret;
use kfp_credential::store::fuzzing::SmallKeyring;

use crate::input::Fields;

pub(crate) fn run(bytes: &[u8]) {
    let mut fields = Fields::of(bytes);
    let limit = 4 + fields.below(200);
    let mut keyring = SmallKeyring::new(limit);
    let mut written: Vec<String> = Vec::new();
    let mut is_foreign = false;
    for step in fields.rest().take(40) {
        let (kind, rest) = step.split_first().unwrap_or((&b'r', &[]));
        let rest = String::from_utf8_lossy(rest).into_owned();
        match kind {
            b'w' => {
                let outcome = keyring.write("k", &Secret::new(&*rest));
                let found = keyring.read("k");
                let is_new = found
                    .as_ref()
                    .is_ok_and(|found| found.as_ref().is_some_and(|found| found.expose() == rest));
                // What looks like the head of parts is no entry: those are JSON.
                let is_entry = !rest.starts_with("kfp-credential parts");
                assert!(outcome.is_err() || is_new || !is_entry, "{found:?}");
                written.push(rest);
            }
            b'd' => {
                let outcome = keyring.delete("k");
                let found = keyring.read("k");
                assert!(outcome.is_err() || matches!(found, Ok(None)), "{found:?}");
                if outcome.is_ok() && !is_foreign {
                    assert!(keyring.items().by_name.is_empty());
                }
            }
            b'c' => keyring.items().changes_left = rest.parse().ok(),
            b'i' => {
                let (name, item) = rest.split_once('=').unwrap_or(("k", &rest));
                is_foreign = true;
                written.push(item.to_owned());
                keyring
                    .items()
                    .by_name
                    .insert(name.to_owned(), item.to_owned());
            }
            _ => {}
        }
        if let Ok(Some(found)) = keyring.read("k") {
            let is_whole = written.iter().any(|entry| entry == found.expose());
            assert!(is_whole || is_foreign, "{}", found.expose());
        }
    }
}
