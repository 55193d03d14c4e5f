//! Edits of the configuration file: what was not meant stays as it was, and the same edit again changes nothing.

use std::path::Path;

use kfp_credential::config::edit::{Edit, apply};
use kfp_credential::config::file;
use serde_json::{Value, json};

use crate::input::Fields;

pub(crate) fn run(bytes: &[u8]) {
    let mut fields = Fields::of(bytes);
    let Ok(before) = std::str::from_utf8(fields.bytes()) else {
        return;
    };
    let kind = fields.below(8);
    let (context, text) = (fields.text(), fields.text());
    let (text_value, source) = (json!(text), json!({ "file": text }));
    let set = |path: &'static [&'static str], value| Edit::Set {
        context: &context,
        path,
        value,
    };
    let unset = |path: &'static [&'static str]| Edit::Unset {
        context: &context,
        path,
    };
    let (empty, name) = (json!({}), json!(context));
    let edits: &[Edit<'_>] = match kind {
        0 => &[set(&["namespace"], &text_value)],
        1 => &[Edit::CurrentContext(Some(&context))],
        2 => &[
            set(&["name"], &name),
            set(&["dex", "username"], &text_value),
            unset(&["gcp"]),
        ],
        3 => &[set(&["dex", "password"], &source)],
        4 => &[unset(&["dex", "username"])],
        5 => &[Edit::DeleteContext(&context)],
        6 => &[unset(&["namespace"]), set(&["token-file"], &empty)],
        _ => &[Edit::CurrentContext(None)],
    };
    let after = match apply(before, edits) {
        Ok(after) => after,
        Err(refusal) => {
            let lines = before.lines().count() + 1;
            assert!(refusal.line.is_none_or(|line| line >= 1 && line <= lines));
            if !refusal.paste.is_empty() {
                serde_saphyr::from_str::<Value>(&refusal.paste).expect("lines to paste are YAML");
            }
            return;
        }
    };
    let path = Path::new("config.yaml");
    let is_sound = file::parse(path, before).is_ok();
    if is_sound {
        assert_eq!(
            apply(&after, edits).as_deref(),
            Ok(after.as_str()),
            "the same edit again"
        );
    }
    if is_sound && kind == 0 && !context.is_empty() {
        let config = file::parse(path, &after).expect("the file is still sound");
        let mut contexts = config.contexts().iter();
        let found = contexts
            .find(|one| one.name.value == context)
            .expect("the context");
        assert_eq!(found.namespace.as_deref(), Some(text.as_str()));
    }
    let comments = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| line.starts_with("# "));
        lines.map(str::to_owned).collect()
    };
    // A namespace has no lines of its own but in block scalars, so no other comment goes with it.
    if kind < 2 && !before.contains(['|', '>', '"', '\'']) {
        assert_eq!(comments(before), comments(&after));
    }
}
