//! The files of the tests: each belongs to a program and to the table of `tests/README.md`, and none has grown too long.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use testkit::contract;
use testkit::sandbox::files_beneath;

/// Is how many lines a file may have.
const LONGEST: usize = 600;
/// What a Cargo of its own compiles: a workspace of its own, and a peer.
const ELSEWHERE: [&str; 2] = [
    "tests/fuzz",
    "tests/testkit/src/peers/kubernetes_clients/kube",
];

#[test]
fn every_file_is_compiled() {
    let found: BTreeSet<PathBuf> = sources().into_iter().collect();
    let mut compiled = BTreeSet::new();
    for root in programs() {
        follow(&root, &mut compiled);
    }
    follow(&root().join("tests/testkit/src/lib.rs"), &mut compiled);
    let forgotten: Vec<_> = found.difference(&compiled).collect();
    assert!(forgotten.is_empty(), "no program includes {forgotten:?}");
    assert!(compiled.len() > 100, "{compiled:?}");
}

#[test]
fn a_module_is_where_its_name_says_and_none_is_dead() {
    for file in sources() {
        let text = fs::read_to_string(&file).expect("a source");
        for words in ["#[path", "allow(dead_code"] {
            let mut lines = text.lines().map(str::trim_start);
            let is_there = lines.any(|line| line.starts_with('#') && line.contains(words));
            assert!(!is_there, "{}: {words}", file.display());
        }
    }
}

#[test]
fn no_file_is_too_long() {
    for file in sources() {
        let text = fs::read_to_string(&file).expect("a source");
        let lines = text.lines().count();
        assert!(lines <= LONGEST, "{}: {lines} lines", file.display());
    }
}

#[test]
fn no_test_is_written_where_none_is_run() {
    for folder in ["tests/vectors", "tests/testkit/src"] {
        for file in files_beneath(&root().join(folder)) {
            let text = fs::read_to_string(&file).unwrap_or_default();
            let is_there = text.lines().any(|line| line.trim() == "#[test]");
            assert!(!is_there, "{}", file.display());
        }
    }
}

#[test]
fn the_table_names_every_program_and_subject() {
    let text = contract::read("tests/README.md");
    let named: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").nth(1))
        .filter_map(|cell| cell.strip_prefix('`')?.strip_suffix('`'))
        .filter(|file| is_rust(Path::new(file)))
        .collect();
    let mut wanted = BTreeSet::new();
    for program in programs() {
        if program.file_name().is_some_and(|name| name == "main.rs") {
            wanted.extend(modules_of(&program));
        } else {
            wanted.insert(program);
        }
    }
    let folder = root().join("tests");
    let relative = |file: &PathBuf| {
        let inside = file.strip_prefix(&folder).expect("a file of the tests");
        inside.to_string_lossy().into_owned()
    };
    let wanted: Vec<String> = wanted.iter().map(relative).collect();
    let named: Vec<&str> = named.into_iter().collect();
    assert_eq!(named, wanted);
}

/// Returns the checkout, not a copy of the contract.
fn root() -> PathBuf {
    testkit::root()
}

/// Lists every file in Rust that this workspace compiles below `tests`.
fn sources() -> Vec<PathBuf> {
    let files = files_beneath(&root().join("tests")).into_iter();
    let is_ours = |file: &PathBuf| {
        ELSEWHERE
            .iter()
            .all(|path| !file.starts_with(root().join(path)))
    };
    files.filter(|file| is_rust(file)).filter(is_ours).collect()
}

fn is_rust(file: &Path) -> bool {
    file.extension().is_some_and(|kind| kind == "rs")
}

/// Lists the roots of the test programs, where Cargo looks for them.
fn programs() -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("tests")).expect("the tests");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let root_of = |path: PathBuf| match path.extension() {
        Some(kind) => (kind == "rs").then_some(path),
        None => Some(path.join("main.rs")).filter(|main| main.is_file()),
    };
    paths.filter_map(root_of).collect()
}

/// Gathers a file and what it includes by `mod NAME;`, down to the last one.
fn follow(file: &Path, compiled: &mut BTreeSet<PathBuf>) {
    compiled.insert(file.to_owned());
    for module in modules_of(file) {
        follow(&module, compiled);
    }
}

/// Returns the files of the modules that a file names.
fn modules_of(file: &Path) -> Vec<PathBuf> {
    let text = fs::read_to_string(file).expect("a source");
    let name = file.file_stem().expect("a name");
    let is_root = ["main", "lib", "mod"].iter().any(|root| name == *root)
        || file
            .parent()
            .is_some_and(|folder| folder.ends_with("tests"));
    let folder = if is_root {
        file.with_file_name("")
    } else {
        file.with_extension("")
    };
    let names = text.lines().filter_map(|line| {
        let is_module = |words: &&str| ["", "pub ", "pub(crate) ", "pub(super) "].contains(words);
        let (words, name) = line.split_once("mod ")?;
        Some(words).filter(is_module).and(name.strip_suffix(';'))
    });
    names
        .map(|name| {
            let file = folder.join(format!("{name}.rs"));
            if file.is_file() {
                file
            } else {
                folder.join(name).join("mod.rs")
            }
        })
        .collect()
}
