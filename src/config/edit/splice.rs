//! Which bytes an edit replaces, and by what.

use std::ops::Range;

use serde_json::{Value, json};

use super::layout::{Entry, Kind, Node, line_end, skip_blank};
use super::write::{block, flow, inline};
use super::{Edit, NotEditable, empty_file, refusal};

/// Byte ranges and what stands there afterwards.
pub(super) type Splices = Vec<(Range<usize>, String)>;

/// A text with its layout.
pub(super) struct File<'t> {
    text: &'t str,
    newline: &'static str,
    /// How far the file indents a mapping in a mapping.
    step: usize,
    root: Option<Node>,
}

impl<'t> File<'t> {
    pub(super) fn new(text: &'t str, root: Option<Node>) -> Self {
        let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let mut file = File {
            text,
            newline,
            step: 2,
            root,
        };
        file.step = file
            .root
            .as_ref()
            .and_then(|root| file.find_step(root))
            .unwrap_or(2);
        file
    }

    /// Finds the first block mapping in a block mapping, and tells how much deeper it is indented.
    fn find_step(&self, node: &Node) -> Option<usize> {
        match &node.kind {
            Kind::Mapping {
                flow: false,
                entries,
            } => entries.iter().find_map(|entry| {
                if matches!(entry.value.kind, Kind::Mapping { flow: false, .. }) {
                    let column = self.column(entry.value.range.start);
                    column.checked_sub(self.column(entry.start))
                } else {
                    self.find_step(&entry.value)
                }
            }),
            Kind::Sequence { flow: false, items } => {
                items.iter().find_map(|item| self.find_step(item))
            }
            Kind::Null
            | Kind::Scalar(_)
            | Kind::Alias
            | Kind::Mapping { flow: true, .. }
            | Kind::Sequence { flow: true, .. } => None,
        }
    }

    fn contexts(&self) -> Option<&Entry> {
        self.root.as_ref()?.entry("contexts")
    }

    /// Finds the place of the context that an edit names.
    pub(super) fn position(&self, edit: &Edit<'_>) -> Result<Option<usize>, NotEditable> {
        let (Edit::Set { context, .. }
        | Edit::Unset { context, .. }
        | Edit::DeleteContext(context)) = edit
        else {
            return Ok(None);
        };
        let Some(Entry {
            value: contexts, ..
        }) = self.contexts()
        else {
            return Ok(None);
        };
        contexts.unmarked()?;
        let Kind::Sequence { items, .. } = &contexts.kind else {
            return Ok(None);
        };
        let mut found = None;
        for (at, item) in items.iter().enumerate() {
            let Some(Entry { value: name, .. }) = item.entry("name") else {
                item.unmarked()?;
                continue;
            };
            name.unmarked()?;
            if matches!(&name.kind, Kind::Scalar(name) if name == context)
                && found.replace(at).is_some()
            {
                return Err(refusal(
                    "a second context has the same name",
                    Some(item.line),
                ));
            }
        }
        Ok(found)
    }

    fn items(&self) -> Result<&[Node], NotEditable> {
        match self.contexts() {
            Some(contexts) => contexts.value.block_items("`contexts`"),
            None => Ok(&[]),
        }
    }

    pub(super) fn set_current_context(&self, name: &str) -> Result<Splices, NotEditable> {
        let Some(root) = &self.root else {
            return Ok(self.complete(&json!({ "current-context": name })));
        };
        let entries = root.block_entries("the file")?;
        if let Some(entry) = root.entry("current-context") {
            return self.replace(entry, &name.into());
        }
        let header = entries
            .iter()
            .rfind(|entry| matches!(&*entry.key, "apiVersion" | "kind"));
        let after = header.unwrap_or(&entries[entries.len() - 1]);
        Ok(self.insert(
            after,
            &json!({ "current-context": name }),
            self.column(entries[0].start),
        ))
    }

    pub(super) fn unset_current_context(&self) -> Result<Splices, NotEditable> {
        match &self.root {
            Some(root) => self.remove(root, "the file", None, &["current-context"]),
            None => Ok(Vec::new()),
        }
    }

    pub(super) fn set(
        &self,
        target: Option<usize>,
        context: &str,
        path: &[&str],
        value: &Value,
    ) -> Result<Splices, NotEditable> {
        let Some(at) = target else {
            let mut item = nested(path, value);
            item["name"] = item.get("name").cloned().unwrap_or_else(|| context.into());
            return self.append_context(&item);
        };
        let (mut node, mut name) = (&self.items()?[at], "the context".to_owned());
        for (depth, key) in path.iter().enumerate() {
            let entries = node.block_entries(&name)?;
            let rest = nested(&path[depth + 1..], value);
            match node.entry(key) {
                None => {
                    let (last, column) =
                        (&entries[entries.len() - 1], self.column(entries[0].start));
                    return Ok(self.insert(last, &json!({ *key: rest }), column));
                }
                Some(entry) if depth + 1 == path.len() || entry.value.is_empty() => {
                    return self.replace(entry, &rest);
                }
                Some(entry) => node = &entry.value,
            }
            name = format!("`{key}`");
        }
        Ok(Vec::new())
    }

    fn append_context(&self, item: &Value) -> Result<Splices, NotEditable> {
        let whole = json!({ "contexts": [item] });
        let Some(root) = &self.root else {
            return Ok(self.complete(&whole));
        };
        let entries = root.block_entries("the file")?;
        let Some(contexts) = self.contexts() else {
            return Ok(self.insert(
                &entries[entries.len() - 1],
                &whole,
                self.column(entries[0].start),
            ));
        };
        if contexts.value.is_empty() {
            return self.replace(contexts, &whole["contexts"]);
        }
        let items = self.items()?;
        let last = &items[items.len() - 1];
        let dash = self.column(self.dash(contexts, items, items.len() - 1));
        let keys = match last.kind {
            Kind::Mapping { .. } => self.column(last.range.start),
            Kind::Null | Kind::Scalar(_) | Kind::Alias | Kind::Sequence { .. } => dash + 2,
        };
        let mut lines = block(item, keys, self.step);
        lines[0].replace_range(dash..=dash, "-");
        let at = self.line_end(self.tail(last, dash));
        Ok(vec![(at..at, self.below(&lines))])
    }

    pub(super) fn delete_context(&self, target: Option<usize>) -> Result<Splices, NotEditable> {
        let (items, Some(contexts), Some(at)) = (self.items()?, self.contexts(), target) else {
            return Ok(Vec::new());
        };
        let dash = self.dash(contexts, items, at);
        let column = self.column(dash);
        let mut start = self.line_start(dash);
        while let Some(newline) = start.checked_sub(1) {
            let above = self.line_start(newline);
            if comment_column(&self.text[above..start]) != Some(column) {
                break;
            }
            start = above;
        }
        let end = self.next_line(self.tail(&items[at], column));
        let mut splices = vec![(start..end, String::new())];
        if items.len() == 1 {
            splices.push((contexts.colon..contexts.colon, " []".to_owned()));
        }
        Ok(splices)
    }

    pub(super) fn unset(
        &self,
        target: Option<usize>,
        path: &[&str],
    ) -> Result<Splices, NotEditable> {
        match target {
            Some(at) => self.remove(&self.items()?[at], "the context", None, path),
            None => Ok(Vec::new()),
        }
    }

    /// Removes a path below `node`; `parent` is the entry that `node` is the value of.
    fn remove(
        &self,
        node: &Node,
        name: &str,
        parent: Option<&Entry>,
        path: &[&str],
    ) -> Result<Splices, NotEditable> {
        let entries = node.block_entries(name)?;
        let found = path
            .split_first()
            .and_then(|(key, rest)| Some((node.entry(key)?, key, rest)));
        let Some((entry, key, rest)) = found else {
            return Ok(Vec::new());
        };
        if !rest.is_empty() {
            return self.remove(&entry.value, &format!("`{key}`"), Some(entry), rest);
        }
        let (line, line_end) = (
            self.line_start(entry.start),
            self.line_end(entry.value.range.end),
        );
        let before = &self.text[line..entry.start];
        let splice = match (entries, parent) {
            ([_], Some(parent)) => return self.replace(parent, &json!({})),
            ([_], None) => (entry.start..line_end, "{}".to_owned()),
            // A key that does not begin its line is the first one of a list item, after the dash.
            ([_, next, ..], _) if !before.trim_ascii().is_empty() => {
                if self.text[line_end..next.start].contains('#') {
                    (
                        line + before.trim_ascii_end().len()..line_end,
                        String::new(),
                    )
                } else {
                    (entry.start..next.start, String::new())
                }
            }
            _ => (
                line..self.next_line(self.tail(&entry.value, before.len())),
                String::new(),
            ),
        };
        Ok(vec![splice])
    }

    /// Completes a file of nothing but comments.
    fn complete(&self, change: &Value) -> Splices {
        let lines = [block(&empty_file(), 0, 2), block(change, 0, 2)]
            .concat()
            .join(self.newline);
        let open = !self.text.is_empty() && !self.text.ends_with('\n');
        let before = if open { self.newline } else { "" };
        let end = self.text.len();
        vec![(end..end, format!("{before}{lines}{}", self.newline))]
    }

    /// Adds keys below an entry.
    fn insert(&self, after: &Entry, keys: &Value, column: usize) -> Splices {
        let at = self.line_end(self.tail(&after.value, column));
        vec![(at..at, self.below(&block(keys, column, self.step)))]
    }

    /// Replaces an entry's value; comments between the key and the old value stay.
    fn replace(&self, entry: &Entry, value: &Value) -> Result<Splices, NotEditable> {
        let old = &entry.value;
        old.unmarked()?;
        let (colon, Range { start, end }) = (entry.colon, old.range.clone());
        let on_key_line = !self.text[colon..start].contains('\n');
        let new = if old.is_flow() && !old.is_empty() {
            Some(flow(value))
        } else {
            inline(value)
        };
        Ok(match new {
            Some(new) if on_key_line && start < end => vec![(start..end, new)],
            Some(new) if on_key_line => vec![(colon..colon, format!(" {new}"))],
            Some(new) => {
                let lines = self.line_start(start)..self.next_line(end);
                vec![(colon..colon, format!(" {new}")), (lines, String::new())]
            }
            None => {
                let lines = block(value, self.column(entry.start) + self.step, self.step);
                if on_key_line {
                    let at = self.line_end(end);
                    vec![(colon..end, String::new()), (at..at, self.below(&lines))]
                } else {
                    let end = if old.is_block() {
                        self.line_end(end)
                    } else {
                        end
                    };
                    vec![(self.line_start(start)..end, lines.join(self.newline))]
                }
            }
        })
    }

    /// Writes lines so that they can be put at the end of a line.
    fn below(&self, lines: &[String]) -> String {
        lines.iter().flat_map(|line| [self.newline, line]).collect()
    }

    /// Finds the end of a value together with the comment lines below it that are indented deeper than `column`.
    fn tail(&self, node: &Node, column: usize) -> usize {
        let mut tail = node.range.end;
        let mut at = self.next_line(tail);
        while at < self.text.len() {
            let next = self.next_line(at);
            let line = &self.text[at..next];
            match comment_column(line) {
                Some(indent) if indent > column => tail = at + line.trim_ascii_end().len(),
                None if line.trim_ascii().is_empty() => {}
                _ => break,
            }
            at = next;
        }
        tail
    }

    /// Finds the dash of a context.
    fn dash(&self, contexts: &Entry, items: &[Node], at: usize) -> usize {
        let before = if at == 0 {
            contexts.colon
        } else {
            items[at - 1].range.end
        };
        skip_blank(self.text, before)
    }

    fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind('\n').map_or(0, |newline| newline + 1)
    }

    fn line_end(&self, at: usize) -> usize {
        line_end(self.text, at)
    }

    fn next_line(&self, at: usize) -> usize {
        self.text[at..]
            .find('\n')
            .map_or(self.text.len(), |newline| at + newline + 1)
    }

    fn column(&self, at: usize) -> usize {
        self.text[self.line_start(at)..at].chars().count()
    }
}

/// Tells how far a line is indented that is a comment and nothing else.
fn comment_column(line: &str) -> Option<usize> {
    let comment = line.trim_start_matches(' ');
    comment.starts_with('#').then(|| line.len() - comment.len())
}

/// Wraps a value in mappings, one for each key.
fn nested(path: &[&str], value: &Value) -> Value {
    path.iter()
        .rfold(value.clone(), |value, key| json!({ *key: value }))
}
