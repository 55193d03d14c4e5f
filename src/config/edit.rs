//! Edits of the configuration file that leave every other byte alone.
//!
//! The file belongs to the person who wrote it: an edit finds the bytes of the value or block concerned by the
//! YAML parser's positions and changes only those, so comments, order, quoting and line endings stay. What
//! cannot be edited that way (flow style, JSON, anchors, tabs) is not edited at all: the error has the lines to
//! paste. Each result is parsed again and compared with the change that was meant, so that no edit can spoil
//! a file.

mod layout;
mod splice;
#[cfg(test)]
mod tests;
mod write;

use std::fmt::{self, Display};

use serde_json::{Map, Value, json};

use splice::File;

/// Names a change to the file. Removing what is not there changes nothing.
#[derive(Debug, Clone, Copy)]
pub enum Edit<'a> {
    /// Sets `current-context`; `None` removes it.
    CurrentContext(Option<&'a str>),
    /// Sets a key path inside a context, such as `["dex", "username"]`; what is missing above it is created, the
    /// context too. A value that was there, be it a whole block, is replaced.
    Set {
        /// The context's name.
        context: &'a str,
        /// The keys that lead to the value, from the outermost.
        path: &'a [&'a str],
        /// What is written there, as YAML.
        value: &'a Value,
    },
    /// Removes a key path inside a context, and the comment on its line. A mapping that loses its only key stays
    /// as `{}`.
    Unset {
        /// The context's name.
        context: &'a str,
        /// The keys that lead to the value, from the outermost.
        path: &'a [&'a str],
    },
    /// Removes a context and the comment lines that belong to it: those directly above its dash, as far indented
    /// as that, and those below that are indented deeper.
    DeleteContext(&'a str),
}

/// Tells why a file was not edited, and what a person can do instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotEditable {
    /// The reason, such as "`dex` is written in flow style ({…})".
    pub reason: String,
    /// The line of the file, from 1.
    pub line: Option<usize>,
    /// The lines to paste, with the keys that they belong under; empty where the edits only remove.
    pub paste: String,
}

impl Display for NotEditable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.reason),
            None => f.write_str(&self.reason),
        }
    }
}

impl std::error::Error for NotEditable {}

/// Applies the edits in order, all or none, to the text of a file (`""` for one that does not exist).
pub fn apply(text: &str, edits: &[Edit<'_>]) -> Result<String, NotEditable> {
    let (bom, text) = match text.strip_prefix('\u{feff}') {
        Some(rest) => ("\u{feff}", rest),
        None => ("", text),
    };
    let edited = edits
        .iter()
        .try_fold(text.to_owned(), |text, edit| apply_one(&text, edit));
    let edited = edited.map_err(|refusal| NotEditable {
        paste: paste(edits),
        ..refusal
    })?;
    Ok(format!("{bom}{edited}"))
}

fn apply_one(text: &str, edit: &Edit<'_>) -> Result<String, NotEditable> {
    let events = layout::events(text)?;
    let before = read(text)?;
    let file = File::new(text, layout::tree(text, events)?);
    let target = file.position(edit)?;
    let mut wanted = before.clone();
    change(&mut wanted, edit, target).map_err(|reason| refusal(reason, None))?;
    if wanted == before {
        return Ok(text.to_owned());
    }
    let mut splices = match *edit {
        Edit::CurrentContext(Some(name)) => file.set_current_context(name)?,
        Edit::CurrentContext(None) => file.unset_current_context()?,
        Edit::Set {
            context,
            path,
            value,
        } => file.set(target, context, path, value)?,
        Edit::Unset { path, .. } => file.unset(target, path)?,
        Edit::DeleteContext(_) => file.delete_context(target)?,
    };
    splices.sort_by_key(|(range, _)| range.start);
    let mut edited = text.to_owned();
    for (range, new) in splices.into_iter().rev() {
        edited.replace_range(range, &new);
    }
    match read(&edited) {
        Ok(after) if after == wanted => Ok(edited),
        _ => Err(refusal("the change could not be made safely", None)),
    }
}

fn refusal(reason: impl Into<String>, line: Option<usize>) -> NotEditable {
    NotEditable {
        reason: reason.into(),
        line,
        paste: String::new(),
    }
}

fn read(text: &str) -> Result<Value, NotEditable> {
    serde_saphyr::from_str(text).map_err(|error| {
        let line = error
            .location()
            .and_then(|at| usize::try_from(at.line()).ok());
        refusal("the file is not valid YAML", line)
    })
}

/// Writes what the edits set as lines for a person to paste.
fn paste(edits: &[Edit<'_>]) -> String {
    let mut tree = json!({});
    for edit in edits {
        let target = match edit {
            Edit::CurrentContext(Some(_)) => None,
            Edit::Set { context, .. } => {
                let mut contexts = tree["contexts"].as_array().into_iter().flatten();
                contexts.position(|known| known["name"] == *context)
            }
            Edit::CurrentContext(None) | Edit::Unset { .. } | Edit::DeleteContext(_) => continue,
        };
        if change(&mut tree, edit, target).is_err() {
            return String::new();
        }
    }
    match write::inline(&tree) {
        Some(_) => String::new(),
        None => write::block(&tree, 0, 2).join("\n") + "\n",
    }
}

/// Makes the edit in the parsed tree: what the edited text must read as. `target` is the context's place.
fn change(tree: &mut Value, edit: &Edit<'_>, target: Option<usize>) -> Result<(), String> {
    if tree.is_null() && matches!(edit, Edit::CurrentContext(Some(_)) | Edit::Set { .. }) {
        *tree = empty_file();
    }
    match *edit {
        Edit::CurrentContext(Some(name)) => {
            mapping(tree, "the file")?.insert("current-context".into(), name.into());
        }
        Edit::CurrentContext(None) => remove(tree, &["current-context"]),
        Edit::Set {
            context,
            path,
            value,
        } => {
            let (last, parents) = path.split_last().ok_or("no key is named")?;
            let contexts = mapping(tree, "the file")?
                .entry("contexts")
                .or_insert(Value::Null);
            if contexts.is_null() {
                *contexts = json!([]);
            }
            let contexts = contexts.as_array_mut().ok_or("`contexts` is not a list")?;
            let at = target.unwrap_or(contexts.len());
            if at == contexts.len() {
                contexts.push(json!({ "name": context }));
            }
            let (mut parent, mut name) = (&mut contexts[at], "the context".to_owned());
            for key in parents {
                parent = mapping(parent, &name)?.entry(*key).or_insert(Value::Null);
                name = format!("`{key}`");
            }
            mapping(parent, &name)?.insert((*last).into(), value.clone());
        }
        Edit::Unset { path, .. } => {
            if let Some(context) = target.and_then(|at| tree.get_mut("contexts")?.get_mut(at)) {
                remove(context, path);
            }
        }
        Edit::DeleteContext(_) => {
            if let (Some(at), Some(Value::Array(contexts))) = (target, tree.get_mut("contexts")) {
                contexts.remove(at);
            }
        }
    }
    Ok(())
}

/// Gives what a file has that nobody has written anything into yet.
fn empty_file() -> Value {
    json!({"apiVersion": "kfp-credential/v1", "kind": "Config"})
}

/// Sees a value as a mapping; nothing at all counts as an empty one.
fn mapping<'v>(value: &'v mut Value, name: &str) -> Result<&'v mut Map<String, Value>, String> {
    if value.is_null() {
        *value = json!({});
    }
    value
        .as_object_mut()
        .ok_or_else(|| format!("{name} is not a mapping"))
}

fn remove(value: &mut Value, path: &[&str]) {
    let Some((last, parents)) = path.split_last() else {
        return;
    };
    let parent = parents
        .iter()
        .try_fold(value, |value, key| value.get_mut(key));
    if let Some(map) = parent.and_then(Value::as_object_mut) {
        map.remove(*last);
    }
}
