//! That the list of methods, the file, the options and the schema say the same.

use std::collections::BTreeSet;
use std::path::Path;

use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde_json::Value;

use super::*;
use crate::config::{file, of_entry};
use crate::environment::Environment;

fn schema() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("protocol/config.schema.json");
    let text = std::fs::read_to_string(path).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()["$defs"]["context"]["properties"].take()
}

fn parsed(context: &str) -> crate::error::Result<file::Config> {
    let text = format!(
        "{{apiVersion: kfp-credential/v1, kind: Config, contexts: [{{name: c{context}}}]}}"
    );
    file::parse(Path::new("f"), &text)
}

/// Gives the keys that the file may have where `unheard-of` stands.
fn known_keys(context: &str) -> BTreeSet<String> {
    let error = parsed(context).unwrap_err();
    let message = error.message();
    let list = message.split_once("expected ").map_or("", |(_, list)| list);
    let list = list.trim_start_matches("one of ");
    let keys = list.replace(" or ", ", ").replace('`', "");
    keys.split(", ")
        .map(|key| key.trim().to_owned())
        .filter(|key| !key.is_empty())
        .collect()
}

fn keys(properties: &Value) -> BTreeSet<String> {
    let properties = properties.as_object().into_iter().flatten();
    properties.map(|(key, _)| key.clone()).collect()
}

#[test]
fn the_file_and_the_schema_know_the_same_keys() {
    let schema = schema();
    assert_eq!(known_keys(", unheard-of: 1"), keys(&schema));
    for method in METHODS {
        let name = method.name;
        assert_eq!(method.path(), [name]);
        let known = known_keys(&format!(", {name}: {{unheard-of: 1}}"));
        let known = if name == NONE.name {
            BTreeSet::new()
        } else {
            known
        };
        assert_eq!(known, keys(&schema[name]["properties"]), "{name}");
    }
}

#[test]
fn a_context_has_one_method_at_most() {
    for one in METHODS {
        for other in METHODS {
            let blocks = if one.name == other.name {
                format!(", {}: {{}}", one.name)
            } else {
                format!(", {}: {{}}, {}: {{}}", one.name, other.name)
            };
            let path = Path::new("f").to_path_buf();
            let config = parsed(&blocks).unwrap();
            let file = file::ConfigFile { path, config };
            let context = of_entry(&file, &file.config.contexts()[0], &Environment::default());
            match context {
                Ok(context) => assert_eq!(context.method.name(), one.name),
                Err(error) => {
                    assert_ne!(one.name, other.name);
                    assert!(error.message().contains("more than one method"), "{error}");
                }
            }
        }
    }
}

#[test]
fn an_option_of_a_method_sets_keys_of_its_block() {
    let command = TargetOptions::augment_args(Command::new("c"));
    let given = |matches: &ArgMatches| TargetOptions::from_arg_matches(matches).unwrap();
    let help = command.clone().render_long_help().to_string();
    let schema = schema();
    for method in METHODS {
        assert!(
            help.contains(method.name),
            "--method's help leaves {} out",
            method.name
        );
        let none = given(&command.clone().get_matches_from(["c"]));
        for (option, _) in (method.options)(&none) {
            let target = given(&command.clone().get_matches_from(["c", option, "value"]));
            let is_given = (method.options)(&target).contains(&(option, true));
            assert!(is_given, "{option}");
            let set: Vec<Key> = (method.set)(&target)
                .into_iter()
                .map(|(key, _)| key)
                .collect();
            let [[name, key]] = set[..] else {
                panic!("{option} sets {set:?}")
            };
            assert_eq!(*name, method.name);
            assert!(
                schema[*name]["properties"].get(*key).is_some(),
                "{name}.{key}"
            );
        }
    }
}
