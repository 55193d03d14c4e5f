//! The configuration vectors: each file has one feature or one flaw, and the schema and the program must agree on it.
//!
//! The first line says why. A file in `invalid` says `# expect: LINE:COLUMN: words` of the program's error, and
//! `# schema: valid` where a schema cannot see the flaw.

use std::fs;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use libtest_mimic::Trial;
use serde_json::Value;

use testkit::contract::{compiled, files_of, read_json, stem};
use testkit::sandbox::{Output, Sandbox};

pub(crate) fn trials() -> Vec<Trial> {
    let valid = of_folder("valid", |vector| {
        assert_eq!(vector.expect, None, "{}", vector.name);
        assert_eq!(vector.by_schema(&schema()), Ok(true), "{}", vector.name);
        vector.validated().assert_success();
    });
    let invalid = of_folder("invalid", |vector| {
        let Some((place, words)) = vector.expect.as_deref().and_then(split) else {
            panic!("{}: no `# expect: LINE:COLUMN: words`", vector.name);
        };
        // Duplicate keys and the like are no YAML that has a value.
        let by_schema = vector.by_schema(&schema()).unwrap_or(true);
        assert_eq!(by_schema, vector.is_seen_by_program_only, "{}", vector.name);
        vector
            .validated()
            .assert_error(3, "config-invalid")
            .assert_says(&format!("config.yaml:{place}: "))
            .assert_says(words);
    });
    valid.into_iter().chain(invalid).collect()
}

fn of_folder(folder: &str, check: fn(Vector)) -> Vec<Trial> {
    let files = files_of(&format!("protocol/vectors/configs/{folder}"), "yaml");
    let name = |file: &PathBuf| format!("configs/{folder}/{}", stem(file));
    let trial = |file: PathBuf| crate::trial(name(&file), move || check(Vector::read(&file)));
    files.into_iter().map(trial).collect()
}

struct Vector {
    name: String,
    text: String,
    expect: Option<String>,
    is_seen_by_program_only: bool,
}

impl Vector {
    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).expect("a vector");
        let name = path.display().to_string();
        let comments: Vec<&str> = text
            .lines()
            .map_while(|line| line.strip_prefix("# "))
            .collect();
        let said = |key: &str| comments.iter().find_map(|line| line.strip_prefix(key));
        let is_why = |line: &&str| !line.starts_with("expect:") && !line.starts_with("schema:");
        assert!(comments.first().is_some_and(is_why), "{name}: no comment");
        Self {
            expect: said("expect: ").map(str::to_owned),
            is_seen_by_program_only: said("schema: ") == Some("valid"),
            name,
            text,
        }
    }

    fn by_schema(&self, schema: &Validator) -> Result<bool, String> {
        let value: Value = serde_saphyr::from_str(&self.text).map_err(|error| error.to_string())?;
        Ok(schema.is_valid(&value))
    }

    fn validated(&self) -> Output {
        let sandbox = Sandbox::new();
        sandbox.config(&self.text);
        sandbox.run(&["config", "validate"])
    }
}

/// Takes `LINE:COLUMN: words` apart.
fn split(expect: &str) -> Option<(&str, &str)> {
    let (place, words) = expect.split_once(": ")?;
    let (line, column) = place.split_once(':')?;
    let are_numbers = [line, column]
        .iter()
        .all(|text| text.parse::<u32>().is_ok());
    are_numbers.then_some((place, words))
}

fn schema() -> Validator {
    compiled(&read_json("protocol/config.schema.json"))
}
