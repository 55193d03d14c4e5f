//! The layers of `src/`: each module imports only what stands below it in the list of lib.rs, and files form no circle.
//!
//! What is read are the paths that begin with `crate::` or `super::`, outside of tests. A file may use what the one that
//! holds it says (`super::Store` in `store/places.rs`): that is no import of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Files by the path of their module, such as `["http", "jar"]`.
type Files = BTreeMap<Vec<String>, String>;

#[test]
fn each_module_imports_only_what_is_below_it() {
    let (files, layers) = (files(), layers());
    let named: BTreeSet<&str> = layers.iter().flatten().map(String::as_str).collect();
    let modules: BTreeSet<&str> = files
        .keys()
        .filter_map(|path| Some(path.first()?.as_str()))
        .filter(|name| *name != "main")
        .collect();
    assert_eq!(named, modules, "lib.rs lists each module in one layer");

    let height = |name: &str| {
        layers
            .iter()
            .position(|layer| layer.iter().any(|one| one == name))
    };
    let mut wrong = Vec::new();
    for (file, imports) in imports(&files) {
        for import in imports {
            let (from, to) = (&file[0], &import[0]);
            if from != to && height(from) > height(to) {
                wrong.push(format!("{} imports {}", file.join("::"), import.join("::")));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "against the order of lib.rs:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn no_files_form_a_circle() {
    let imports = imports(&files());
    let reached = |start: &Vec<String>| {
        let (mut reached, mut open) = (BTreeSet::new(), vec![start]);
        while let Some(file) = open.pop() {
            for next in imports.get(file).into_iter().flatten() {
                if reached.insert(next) {
                    open.push(next);
                }
            }
        }
        reached
    };
    let circle = imports.keys().filter(|file| reached(file).contains(file));
    let circle: Vec<String> = circle.map(|file| file.join("::")).collect();
    assert!(circle.is_empty(), "in circles: {}", circle.join(", "));
}

#[test]
fn an_import_is_seen_however_it_is_written() {
    let text = "use crate::a::{self, B, c::{D, e::F}};\nuse super::g::H;\nlet x = crate::i::j(super::K);\n#[cfg(test)]\nmod tests { use crate::z; }";
    let seen: BTreeSet<String> = paths(text).iter().map(|path| path.join("::")).collect();
    let wanted = [
        "crate::a::B",
        "crate::a::c::D",
        "crate::a::c::e::F",
        "crate::a::self",
        "crate::i::j",
        "super::K",
        "super::g::H",
    ];
    assert_eq!(seen, wanted.into_iter().map(str::to_owned).collect());
}

/// The layers from top to bottom: the lines between "# The layers" and the end of the block in lib.rs.
fn layers() -> Vec<Vec<String>> {
    let text = fs::read_to_string(source().join("lib.rs")).expect("lib.rs");
    let (_, rest) = text
        .split_once("//! # The layers")
        .expect("a list of the layers");
    let mut block = rest.split("```");
    let block = block.nth(1).expect("a block");
    block
        .lines()
        .skip(1)
        .map(|line| {
            line.trim_start_matches("//!")
                .split_whitespace()
                .map(str::to_owned)
                .collect()
        })
        .filter(|layer: &Vec<String>| !layer.is_empty())
        .collect()
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn files() -> Files {
    fn walk(folder: &Path, module: &[String], files: &mut Files) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path
                .file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            let inner = [module, std::slice::from_ref(&name)].concat();
            if path.is_dir() {
                walk(&path, &inner, files);
            } else if !matches!(name.as_str(), "lib" | "tests") && !inner.contains(&"tests".into())
            {
                files.insert(inner, fs::read_to_string(&path).expect("a file"));
            }
        }
    }
    let mut files = Files::new();
    walk(&source(), &[], &mut files);
    assert!(files.len() > 50, "{}", files.len());
    files
}

/// Gives what each file imports, as files; what holds a file, and the file itself, is left out.
fn imports(files: &Files) -> BTreeMap<Vec<String>, BTreeSet<Vec<String>>> {
    let file_of = |path: &[String]| {
        let lengths = (1..=path.len()).rev();
        lengths
            .map(|length| path[..length].to_vec())
            .find(|path| files.contains_key(path))
    };
    let imports = files.iter().map(|(file, text)| {
        let found = paths(text).into_iter().filter_map(|path| {
            let ups = path.iter().take_while(|part| *part == "super").count();
            let absolute = match path[0].as_str() {
                "crate" => path[1..].to_vec(),
                _ => [&file[..file.len().checked_sub(ups)?], &path[ups..]].concat(),
            };
            file_of(&absolute).filter(|other| !file.starts_with(other))
        });
        (file.clone(), found.collect())
    });
    imports.collect()
}

/// Gives each path that begins with `crate` or `super` in a file's text up to its tests, with the braces of `use` taken
/// apart.
fn paths(text: &str) -> Vec<Vec<String>> {
    let text: String = text
        .split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or_default()
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .flat_map(|line| [line, "\n"])
        .collect();
    let mut paths = Vec::new();
    for start in ["crate::", "super::"] {
        for (at, _) in text.match_indices(start) {
            let before = text[..at].chars().next_back();
            if before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':') {
                take(&text[at..], &mut Vec::new(), &mut paths);
            }
        }
    }
    paths
}

/// Takes the path at the start of a text, and gives how much of the text that was.
fn take(text: &str, before: &mut Vec<String>, paths: &mut Vec<Vec<String>>) -> usize {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let word = text.find(|c| !is_word(c)).unwrap_or(text.len());
    let depth = before.len();
    let mut at = word;
    if word > 0 {
        before.push(text[..word].to_owned());
    }
    if text[at..].starts_with("::") {
        at += 2;
        at += take(&text[at..], before, paths);
    } else if word == 0 && text.starts_with('{') {
        at = 1;
        while !text[at..].starts_with('}') {
            let inner = take(&text[at..], before, paths);
            // A comma, a blank, or what follows `as`.
            at += inner.max(1);
        }
        at += 1;
    } else if word > 0 {
        paths.push(before.clone());
    }
    before.truncate(depth);
    at
}

#[test]
fn no_file_is_too_long_to_be_read_at_a_sitting() {
    let mut open = vec![source()];
    let mut wrong = Vec::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            let entries = fs::read_dir(&path).expect("a folder");
            open.extend(entries.map(|entry| entry.expect("an entry").path()));
            continue;
        }
        let lines = fs::read_to_string(&path).expect("a file").lines().count();
        let is_test = path.components().any(|part| part.as_os_str() == "tests")
            || path.file_name().is_some_and(|name| name == "tests.rs");
        if lines > if is_test { 600 } else { 400 } {
            wrong.push(format!("{}: {lines} lines", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
