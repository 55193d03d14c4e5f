//! Where the parts of a YAML text are: the parser's events as a tree of byte ranges.

use std::iter::Peekable;
use std::ops::Range;
use std::vec;

use granit_parser::{Event, Parser, ScalarStyle, Span, StructureStyle};

use super::{NotEditable, refusal};

/// A value and the bytes from its first character to its last; a block ends with its last child.
pub(super) struct Node {
    pub(super) range: Range<usize>,
    pub(super) line: usize,
    pub(super) kind: Kind,
    /// Whether an anchor or a tag stands before it.
    marked: bool,
}

pub(super) enum Kind {
    Null,
    Scalar(String),
    Alias,
    Mapping { flow: bool, entries: Vec<Entry> },
    Sequence { flow: bool, items: Vec<Node> },
}

/// A key and its value; `colon` is the byte after the colon.
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) start: usize,
    pub(super) colon: usize,
    pub(super) value: Node,
    /// Whether an anchor or a tag stands before the key.
    marked: bool,
}

impl Node {
    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.kind {
            Kind::Mapping { entries, .. } => entries.iter().find(|entry| entry.key == key),
            Kind::Null | Kind::Scalar(_) | Kind::Alias | Kind::Sequence { .. } => None,
        }
    }

    pub(super) fn is_flow(&self) -> bool {
        matches!(
            self.kind,
            Kind::Mapping { flow: true, .. } | Kind::Sequence { flow: true, .. }
        )
    }

    pub(super) fn is_block(&self) -> bool {
        matches!(
            self.kind,
            Kind::Mapping { flow: false, .. } | Kind::Sequence { flow: false, .. }
        )
    }

    pub(super) fn is_empty(&self) -> bool {
        match &self.kind {
            Kind::Null => true,
            Kind::Mapping { entries, .. } => entries.is_empty(),
            Kind::Sequence { items, .. } => items.is_empty(),
            Kind::Scalar(_) | Kind::Alias => false,
        }
    }

    /// Gives the keys of a mapping in block style; there is at least one.
    pub(super) fn block_entries(&self, name: &str) -> Result<&[Entry], NotEditable> {
        self.unmarked()?;
        if let Kind::Mapping {
            flow: false,
            entries,
        } = &self.kind
        {
            return Ok(entries);
        }
        Err(self.not_a_block(name, "a mapping"))
    }

    /// Gives the items of a list in block style; there is at least one.
    pub(super) fn block_items(&self, name: &str) -> Result<&[Node], NotEditable> {
        self.unmarked()?;
        if let Kind::Sequence { flow: false, items } = &self.kind {
            return Ok(items);
        }
        Err(self.not_a_block(name, "a list"))
    }

    fn not_a_block(&self, name: &str, wanted: &str) -> NotEditable {
        let reason = match self.kind {
            Kind::Mapping { flow: true, .. } => format!("{name} is written in flow style ({{…}})"),
            Kind::Sequence { flow: true, .. } => format!("{name} is written in flow style ([…])"),
            Kind::Null
            | Kind::Scalar(_)
            | Kind::Alias
            | Kind::Mapping { flow: false, .. }
            | Kind::Sequence { flow: false, .. } => format!("{name} is not {wanted}"),
        };
        refusal(reason, Some(self.line))
    }

    /// Refuses what stands for something else: an alias, or a value with an anchor, a tag or a merge key.
    pub(super) fn unmarked(&self) -> Result<(), NotEditable> {
        let found = match &self.kind {
            Kind::Alias => true,
            Kind::Mapping { entries, .. } => entries
                .iter()
                .any(|entry| entry.marked || entry.key == "<<"),
            Kind::Null | Kind::Scalar(_) | Kind::Sequence { .. } => false,
        };
        if found || self.marked {
            return Err(refusal(
                "an anchor, alias, merge key or tag is used here",
                Some(self.line),
            ));
        }
        Ok(())
    }
}

/// The parser's events that make up the one document.
pub(super) type Events<'t> = Vec<(Event<'t>, Span)>;

/// Parses a text, and refuses what no edit can deal with.
pub(super) fn events(text: &str) -> Result<Events<'_>, NotEditable> {
    // The last line has no line feed that a carriage return could belong to.
    let last = text.matches('\n').count();
    for (at, line) in text.split('\n').enumerate() {
        let content = line.trim_start_matches([' ', '\t', '-']);
        if !content.trim_ascii().is_empty() && line[..line.len() - content.len()].contains('\t') {
            return Err(refusal("a line is indented with a tab", Some(at + 1)));
        }
        let ended = line.strip_suffix('\r').filter(|_| at < last);
        if ended.unwrap_or(line).contains('\r') {
            return Err(refusal(
                "a line ends with a bare carriage return",
                Some(at + 1),
            ));
        }
    }
    let options = granit_parser::options! { emit_comments: false };
    let mut events = Parser::new_from_str_with_options(text, options)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| refusal("the file is not valid YAML", Some(error.marker().line())))?;
    let mut starts = events
        .iter()
        .filter(|(event, _)| matches!(event, Event::DocumentStart(..)));
    if let Some((_, span)) = starts.nth(1) {
        return Err(refusal(
            "the file holds more than one document",
            Some(span.start.line()),
        ));
    }
    events.retain(|(event, _)| {
        !matches!(
            event,
            Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd | Event::StreamEnd
        )
    });
    Ok(events)
}

/// Builds the tree, `None` for a text with nothing in it but comments. It recurses: a reader that limits depth
/// must have read the text before.
pub(super) fn tree<'t>(text: &'t str, events: Events<'t>) -> Result<Option<Node>, NotEditable> {
    if events.is_empty() {
        return Ok(None);
    }
    let root = Reader {
        text,
        events: events.into_iter().peekable(),
    }
    .node(0)?;
    Ok(Some(root).filter(|root| !matches!(root.kind, Kind::Null)))
}

struct Reader<'t> {
    text: &'t str,
    events: Peekable<vec::IntoIter<(Event<'t>, Span)>>,
}

impl Reader<'_> {
    /// Reads a value that stands after the byte `from`.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the parser adds events, and no other begins a value"
    )]
    fn node(&mut self, from: usize) -> Result<Node, NotEditable> {
        let Some((event, span)) = self.events.next() else {
            return Err(unexpected(None));
        };
        let line = span.start.line();
        let bytes = span.byte_range().ok_or_else(|| unexpected(Some(line)))?;
        // The parser puts a value that is not written before the colon.
        let bytes = bytes.start.max(from)..bytes.end.max(from);
        let (kind, anchor, tag, range) = match event {
            Event::Alias(_) => (Kind::Alias, 0, None, bytes),
            Event::Scalar(value, style, anchor, tag) => {
                let kind = match (style, &*value) {
                    (ScalarStyle::Plain, "" | "~" | "null" | "Null" | "NULL") => Kind::Null,
                    _ => Kind::Scalar(value.into_owned()),
                };
                let range = match style {
                    ScalarStyle::Literal | ScalarStyle::Folded => {
                        self.block_scalar(from, bytes.end)
                    }
                    ScalarStyle::Plain | ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
                        bytes
                    }
                };
                (kind, anchor, tag, range)
            }
            Event::SequenceStart(style, anchor, tag) => {
                let flow = style == StructureStyle::Flow;
                let start = if flow {
                    bytes.start
                } else {
                    skip_blank(self.text, from)
                };
                let (items, end) =
                    self.children(from, &Event::SequenceEnd, flow, |reader, end| {
                        let item = reader.node(if flow {
                            end
                        } else {
                            reader.after_dash(end, line)?
                        })?;
                        Ok((item.range.end, item))
                    })?;
                (Kind::Sequence { flow, items }, anchor, tag, start..end)
            }
            Event::MappingStart(style, anchor, tag) => {
                let flow = style == StructureStyle::Flow;
                let (entries, end) =
                    self.children(from, &Event::MappingEnd, flow, |reader, end| {
                        let entry = reader.entry(end, flow)?;
                        Ok((entry.value.range.end, entry))
                    })?;
                (
                    Kind::Mapping { flow, entries },
                    anchor,
                    tag,
                    bytes.start..end,
                )
            }
            _ => return Err(unexpected(Some(line))),
        };
        Ok(Node {
            range,
            line,
            kind,
            marked: anchor != 0 || tag.is_some(),
        })
    }

    /// Reads children up to the event `close`, and tells where they end: in flow style, after the bracket.
    fn children<T>(
        &mut self,
        from: usize,
        close: &Event<'_>,
        flow: bool,
        mut child: impl FnMut(&mut Self, usize) -> Result<(usize, T), NotEditable>,
    ) -> Result<(Vec<T>, usize), NotEditable> {
        let (mut children, mut end) = (Vec::new(), from);
        loop {
            if let Some((_, span)) = self.events.next_if(|(event, _)| event == close) {
                let bracket = span.byte_range().filter(|_| flow);
                return Ok((children, bracket.map_or(end, |range| range.end)));
            }
            let (child_end, read) = child(self, end)?;
            children.push(read);
            end = child_end;
        }
    }

    fn after_dash(&self, end: usize, line: usize) -> Result<usize, NotEditable> {
        let dash = skip_blank(self.text, end);
        if self.text[dash..].starts_with('-') {
            Ok(dash + 1)
        } else {
            Err(unexpected(Some(line)))
        }
    }

    fn entry(&mut self, from: usize, flow: bool) -> Result<Entry, NotEditable> {
        let Node {
            range,
            line,
            kind,
            marked,
        } = self.node(from)?;
        let key = match kind {
            Kind::Scalar(key) => key,
            Kind::Null | Kind::Alias | Kind::Mapping { .. } | Kind::Sequence { .. } => {
                String::new()
            }
        };
        let colon = match self.text[range.end..]
            .trim_start_matches([' ', '\t'])
            .strip_prefix(':')
        {
            Some(rest) => self.text.len() - rest.len(),
            None if flow => range.end,
            None => return Err(refusal("a key is written with `?`", Some(line))),
        };
        Ok(Entry {
            key,
            start: range.start,
            colon,
            value: self.node(colon)?,
            marked,
        })
    }

    /// Gives the bytes of a literal or folded scalar from its header on, without the blank lines below that its
    /// value does not depend on.
    fn block_scalar(&self, from: usize, end: usize) -> Range<usize> {
        let start = skip_blank(self.text, from);
        let header = &self.text[start..line_end(self.text, start)];
        let text = &self.text[..end];
        let kept = if header.contains('+') {
            let text = text.trim_end_matches([' ', '\t']);
            let text = text.strip_suffix('\n').unwrap_or(text);
            text.strip_suffix('\r').unwrap_or(text)
        } else {
            text.trim_ascii_end()
        };
        start..kept.len().max(start + 1)
    }
}

fn unexpected(line: Option<usize>) -> NotEditable {
    refusal("the file is laid out in an unexpected way", line)
}

/// Skips white space, line breaks, comments, anchors and tags.
pub(super) fn skip_blank(text: &str, from: usize) -> usize {
    let mut at = from;
    loop {
        at = text.len() - text[at..].trim_ascii_start().len();
        match text[at..].bytes().next() {
            Some(b'#') => at = line_end(text, at),
            Some(b'&' | b'!') => {
                let end = text[at..].find([' ', '\t', '\r', '\n']);
                at = end.map_or(text.len(), |end| at + end);
            }
            _ => return at,
        }
    }
}

/// Finds the end of a line, before its line break.
pub(super) fn line_end(text: &str, at: usize) -> usize {
    match text[at..].find('\n') {
        Some(newline) => {
            at + text[at..at + newline]
                .strip_suffix('\r')
                .map_or(newline, str::len)
        }
        None => text.len(),
    }
}
