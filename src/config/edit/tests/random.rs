//! Random edits of random files: no edit of block style fails its own check, and no comment is lost but with the
//! block that it belongs to.
//!
//! Each comment in a generated file names its owner: `#@7 a/dex/` stands among the keys of `dex`, `#@8 a/dex` on
//! the line of `dex` itself.

use serde_json::{Value, json};

use super::{Edit, apply, read};

const NAMES: [&str; 4] = ["a", "team/b", "ü: #1", "123"];
const FILES: u64 = 100;
const EDITS: usize = 10;

/// A small generator of numbers (`SplitMix64`), the same ones in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) >> 33).unwrap() % end
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// Writes a file line by line.
struct Writer<'r> {
    random: &'r mut Random,
    text: String,
    comments: usize,
    step: usize,
}

impl Writer<'_> {
    fn line(&mut self, column: usize, text: &str) {
        self.text.extend([&*" ".repeat(column), text, "\n"]);
    }

    fn comment(&mut self, owner: &str) -> String {
        self.comments += 1;
        format!("#@{} {owner}", self.comments)
    }

    /// Writes comment lines and blank lines, or none.
    fn pause(&mut self, column: usize, owner: &str) {
        while self.random.chance(25) {
            let line = if self.random.chance(30) {
                String::new()
            } else {
                self.comment(owner)
            };
            self.line(if line.is_empty() { 0 } else { column }, &line);
        }
    }

    /// Writes a key with a value that fits on its line, perhaps with a comment.
    fn entry(&mut self, column: usize, parent: &str, key: &str, value: &str) {
        let owner = format!("{parent}{key}");
        let aside = if self.random.chance(30) {
            self.comment(&owner)
        } else {
            String::new()
        };
        let quote = self.random.pick(&["", "", "\"", "'"]);
        self.line(column, &format!("{quote}{key}{quote}: {value}  {aside}"));
    }

    fn scalar(&mut self, column: usize, parent: &str, key: &str) {
        let deep = " ".repeat(column + 1 + self.random.below(3));
        match self.random.below(9) {
            0 => self.line(column, &format!("{key}: |\n{deep}text\n\n{deep}# text")),
            1 => self.line(column, &format!("{key}: >-\n{deep}text\n{deep}- text\n\n")),
            2 => self.line(column, &format!("{key}: more\n{deep}and more")),
            3 => self.line(column, &format!("{key}: \"more\n\n{deep}# and more\"")),
            4 => self.line(column, &format!("{key}:\n{deep}'below'")),
            _ => {
                let value = self.random.pick(&[
                    "x",
                    "'y: z'",
                    "\"a\\\"b\"",
                    "true",
                    "",
                    "~",
                    "1",
                    "http://x/#y",
                ]);
                self.entry(column, parent, key, value);
            }
        }
    }

    fn keys(&mut self, column: usize, parent: &str, keys: &[&str]) {
        for key in keys {
            self.pause(column, parent);
            match *key {
                "dex" | "gcp" => {
                    self.mapping(column, parent, key, &["username", "password", "connector"]);
                }
                "password" => match self.random.below(3) {
                    0 => self.mapping(column, parent, key, &["env"]),
                    1 => self.entry(column, parent, key, "{ env: X }"),
                    _ => self.entry(column, parent, key, "{ command: [a,\n  b] }"),
                },
                "token-file" => {
                    let value = self.random.pick(&["{}", "", "null", "{ path: /t }"]);
                    self.entry(column, parent, key, value);
                }
                "servers" => {
                    self.entry(column, parent, key, "");
                    let dash = column + self.random.pick(&[0, self.step]);
                    for item in ["- x", "- {y: z}", "-   - z", "-"] {
                        self.pause(dash, &format!("{parent}{key}/"));
                        self.line(dash, item);
                    }
                }
                _ => self.scalar(column, parent, key),
            }
        }
        self.pause(column, parent);
    }

    fn mapping(&mut self, column: usize, parent: &str, key: &str, children: &[&str]) {
        self.entry(column, parent, key, "");
        let (first, rest) = children.split_first().unwrap();
        let mut kept = vec![*first];
        kept.extend(rest.iter().filter(|_| self.random.chance(60)));
        self.keys(column + self.step, &format!("{parent}{key}/"), &kept);
    }

    fn context(&mut self, dash: usize, column: usize, name: &str) {
        self.pause(dash, name);
        let parent = format!("{name}/");
        let mut keys = [
            "endpoint",
            "namespace",
            "dex",
            "servers",
            "token-file",
            "gcp",
        ]
        .to_vec();
        keys.retain(|_| self.random.chance(50));
        let start = self.text.len();
        if self.random.chance(30) {
            self.line(dash, "-");
            self.pause(column, &parent);
        }
        let dash_at = if start == self.text.len() {
            Some(start + dash)
        } else {
            None
        };
        if self.random.chance(30) {
            self.entry(column, &parent, "store", "auto");
        }
        self.entry(column, &parent, "name", &json!(name).to_string());
        self.keys(column, &parent, &keys);
        if let Some(at) = dash_at {
            self.text.replace_range(at..=at, "-");
        }
    }
}

fn file(random: &mut Random) -> String {
    let step = 1 + random.below(4);
    let (dash, offset) = (random.pick(&[0, 1, 2, 4]), 2 + random.below(3));
    let mut writer = Writer {
        random,
        text: String::new(),
        comments: 0,
        step,
    };
    writer.pause(0, "");
    // What a file without any nested mapping would be indented by.
    writer.line(0, "x-notes:");
    writer.line(step, "x: y");
    for key in ["apiVersion", "kind", "current-context"] {
        writer.pause(0, "");
        if writer.random.chance(70) {
            writer.entry(0, "", key, "a");
        }
    }
    writer.entry(0, "", "contexts", "");
    for name in NAMES {
        if writer.random.chance(60) {
            writer.context(dash, dash + offset, name);
        }
    }
    writer.pause(0, "");
    if writer.random.chance(30) {
        writer.entry(0, "", "x-more", "[]");
        writer.pause(0, "");
    }
    let Writer {
        mut text, random, ..
    } = writer;
    if random.chance(20) {
        text.truncate(text.trim_ascii_end().len());
    }
    if random.chance(30) {
        text.replace('\n', "\r\n")
    } else {
        text
    }
}

/// The comments of a text, each with its owner and the rest of its line.
fn comments(text: &str) -> Vec<(&str, &str)> {
    let lines = text.lines().map(|line| line.trim_start_matches([' ', '-']));
    lines
        .filter_map(|line| Some((line.split_once("#@")?.1.split_once(' ')?.1, line)))
        .collect()
}

#[test]
fn comments_stay_and_the_check_never_fires() {
    let paths: &[&[&str]] = &[
        &["name"],
        &["endpoint"],
        &["namespace"],
        &["store"],
        &["servers"],
        &["token-file"],
        &["token-file", "path"],
        &["dex"],
        &["dex", "username"],
        &["dex", "connector"],
        &["dex", "password"],
        &["dex", "password", "env"],
        &["gcp"],
        &["gcp", "service-account", "key-file"],
    ];
    let values = [
        json!("plain"),
        json!("needs: quotes"),
        json!(""),
        json!(7),
        json!(null),
        json!({}),
        json!([]),
        json!({"env": "X"}),
        json!({"a": {"b": ["c", {"d": "e", "f": "g"}, []]}}),
        json!(["x", "y z"]),
    ];
    let (mut applied, mut refused) = (0, 0);
    for seed in 0..FILES {
        let mut random = Random(seed);
        let mut text = file(&mut random);
        read(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        for _ in 0..EDITS {
            let (context, path, value) = (
                random.pick(&NAMES),
                random.pick(paths),
                &values[random.below(values.len())],
            );
            let edit = match random.below(10) {
                0 => Edit::CurrentContext(Some(context)),
                1 => Edit::CurrentContext(None),
                2 => Edit::DeleteContext(context),
                3..6 if path != ["name"] => Edit::Unset { context, path },
                _ if path == ["name"] => Edit::Set {
                    context,
                    path,
                    value: &json!(context),
                },
                _ => Edit::Set {
                    context,
                    path,
                    value,
                },
            };
            match apply(&text, &[edit]) {
                Ok(after) => {
                    assert_comments_stay(&text, &after, &edit);
                    assert_undone(&text, &after, &edit);
                    text = after;
                    applied += 1;
                }
                Err(error) => {
                    let expected = ["is written in flow style", "is not a mapping"];
                    assert!(
                        expected.iter().any(|part| error.reason.contains(part)),
                        "{error} {edit:?}\n{text}"
                    );
                    refused += 1;
                }
            }
            // New items would not be as far indented as the comments that the old ones left.
            if read(&text).unwrap()["contexts"]
                .as_array()
                .is_none_or(Vec::is_empty)
            {
                break;
            }
        }
    }
    assert!(applied > refused, "{applied} applied, {refused} refused");
}

#[test]
fn broken_and_odd_texts_are_refused_or_edited() {
    for seed in 0..FILES {
        let mut random = Random(seed);
        let mut text = if random.chance(50) {
            file(&mut random)
        } else {
            super::SAMPLE.to_owned()
        };
        for _ in 0..=random.below(4) {
            let places: Vec<usize> = (0..=text.len())
                .filter(|at| text.is_char_boundary(*at))
                .collect();
            let at = random.below(places.len() - 1);
            let odd = [
                "", "\n", "\r", "\t", " ", "- ", "? ", ": ", "#", "&x ", "*x", "!t ", "| ", ">+",
                "é", "{", "]", "'", "\"", "---\n", "...", "<<: *x\n", "\u{feff}", "\u{a0}",
                "\u{2028}",
            ];
            let end = if random.chance(50) {
                places[at]
            } else {
                places[at + 1]
            };
            text.replace_range(places[at]..end, random.pick(&odd));
        }
        let name = random.pick(&["team-a", "pod", "a", "123"]);
        let edits = [
            Edit::CurrentContext(Some("x")),
            Edit::CurrentContext(None),
            Edit::Set {
                context: name,
                path: &["dex", "username"],
                value: &json!("x"),
            },
            Edit::Set {
                context: name,
                path: &["dex"],
                value: &json!({"x": [1]}),
            },
            Edit::Set {
                context: "new",
                path: &["x"],
                value: &json!({}),
            },
            Edit::Unset {
                context: name,
                path: &["name"],
            },
            Edit::Unset {
                context: name,
                path: &["dex", "password"],
            },
            Edit::DeleteContext(name),
        ];
        for edit in edits {
            // Whatever the text: an answer that reads as it should, or none.
            if let Ok(after) = apply(&text, &[edit]) {
                assert_eq!(apply(&after, &[edit]), Ok(after), "{edit:?}\n{text}");
            }
        }
    }
}

fn assert_comments_stay(before: &str, after: &str, edit: &Edit<'_>) {
    let touched = match edit {
        Edit::CurrentContext(_) => "current-context".to_owned(),
        Edit::Set { context, path, .. } | Edit::Unset { context, path } => {
            format!("{context}/{}", path.join("/"))
        }
        Edit::DeleteContext(context) => (*context).to_owned(),
    };
    let own_line_stays = matches!(edit, Edit::Set { .. } | Edit::CurrentContext(Some(_)));
    let below = format!("{touched}/");
    let kept = |text: &str| -> Vec<String> {
        let kept = comments(text).into_iter().filter(|(owner, _)| {
            !owner.starts_with(&below) && (own_line_stays || *owner != touched)
        });
        // The lines of the key and of what it is in may change before the comment.
        let lines = kept.map(|(owner, line)| {
            let may_change = touched.starts_with(owner) || owner == "contexts";
            line[if may_change {
                line.find("#@").unwrap()
            } else {
                0
            }..]
                .to_owned()
        });
        lines.collect()
    };
    assert_eq!(
        kept(before),
        kept(after),
        "{edit:?}\n{before}\n---\n{after}"
    );
}

/// Checks that a new key or context, when it is removed, leaves the text as it was.
fn assert_undone(before: &str, after: &str, edit: &Edit<'_>) {
    let Edit::Set { context, path, .. } = *edit else {
        return;
    };
    let tree = read(before).unwrap();
    let Some(contexts) = tree["contexts"]
        .as_array()
        .filter(|contexts| !contexts.is_empty())
    else {
        return;
    };
    let undo = match contexts.iter().find(|known| known["name"] == context) {
        None => Edit::DeleteContext(context),
        Some(known) => {
            let parent = path[..path.len() - 1]
                .iter()
                .try_fold(known, |value, key| value.get(key));
            match parent.and_then(Value::as_object) {
                Some(parent)
                    if !parent.is_empty() && !parent.contains_key(path[path.len() - 1]) =>
                {
                    Edit::Unset { context, path }
                }
                _ => return,
            }
        }
    };
    if before.ends_with('\n') {
        assert_eq!(
            apply(after, &[undo]).as_deref(),
            Ok(before),
            "{edit:?}\n{after}"
        );
    }
}
