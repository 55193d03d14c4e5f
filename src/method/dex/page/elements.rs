//! The elements that are open at a place of a page: as much of a browser's tree as is needed, and no tree.
//!
//! What is inert in a browser is told here too: templates, and the elements of pictures and formulas, which are no HTML
//! elements whatever they are called (HTML, "the rules for parsing tokens in foreign content").

use html5ever::LocalName;

/// Deeper than any page for people; browsers stop nesting at 512.
const DEEPEST: usize = 256;

/// The elements that have been opened and not been closed.
#[derive(Default)]
pub(super) struct OpenElements {
    names: Vec<LocalName>,
    templates: usize,
    worlds: Vec<World>,
}

/// Where another vocabulary begins, or HTML again within it.
struct World {
    depth: usize,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Html,
    Svg,
    MathMl,
}

/// The page is nested deeper than is read.
#[derive(Debug)]
pub(super) struct TooDeep;

impl OpenElements {
    /// Gives how many are open.
    pub(super) fn depth(&self) -> usize {
        self.names.len()
    }

    /// Tells whether what comes next is no HTML element.
    pub(super) fn is_foreign(&self) -> bool {
        self.kind() != Kind::Html
    }

    /// Tells whether what comes next is part of a template, which a browser keeps aside.
    pub(super) fn is_in_template(&self) -> bool {
        self.templates > 0
    }

    /// Tells whether what comes next is part of a picture or a formula.
    pub(super) fn is_in_other_world(&self) -> bool {
        !self.worlds.is_empty()
    }

    /// Makes room for a start tag: closes what it ends without saying so.
    pub(super) fn before(&mut self, name: &str) {
        if self.is_foreign() {
            if ends_foreign_content(name) {
                self.leave_foreign_content();
            } else {
                return;
            }
        }
        let ended = ended_by(name);
        while self.names.last().is_some_and(|top| ended.contains(&&**top)) {
            self.pop();
        }
        if closes_paragraph(name)
            && let Some(at) = self.names.iter().rposition(|open| &**open == "p")
        {
            self.truncate(at);
        }
    }

    /// Takes a start tag in, unless it has no content.
    pub(super) fn open(&mut self, name: &LocalName, self_closing: bool) -> Result<(), TooDeep> {
        let is_empty = if self.is_foreign() {
            self_closing
        } else {
            is_void(name) || matches!(&**name, "html" | "head" | "body" | "form")
        };
        if is_empty {
            return Ok(());
        }
        if self.names.len() == DEEPEST {
            return Err(TooDeep);
        }
        if let Some(kind) = self.world_within(name) {
            let depth = self.names.len();
            self.worlds.push(World { depth, kind });
        }
        self.templates += usize::from(&**name == "template");
        self.names.push(name.clone());
        Ok(())
    }

    /// Closes the innermost element of this name with all that is in it; an end tag alone does nothing.
    pub(super) fn close(&mut self, name: &LocalName) {
        if let Some(at) = self.names.iter().rposition(|open| open == name) {
            self.truncate(at);
        }
    }

    fn kind(&self) -> Kind {
        self.worlds.last().map_or(Kind::Html, |world| world.kind)
    }

    fn world_within(&self, name: &str) -> Option<Kind> {
        match (self.kind(), name) {
            (Kind::Html, "svg") => Some(Kind::Svg),
            (Kind::Html, "math") => Some(Kind::MathMl),
            (Kind::Svg, "foreignobject" | "desc" | "title")
            | (Kind::MathMl, "mi" | "mo" | "mn" | "ms" | "mtext") => Some(Kind::Html),
            _ => None,
        }
    }

    fn leave_foreign_content(&mut self) {
        while self.is_foreign() {
            let depth = self.worlds.last().map_or(0, |world| world.depth);
            self.truncate(depth);
        }
    }

    fn truncate(&mut self, depth: usize) {
        while self.names.len() > depth {
            self.pop();
        }
    }

    fn pop(&mut self) {
        let name = self.names.pop();
        if name.is_some_and(|name| &*name == "template") {
            self.templates -= 1;
        }
        let depth = self.names.len();
        self.worlds.pop_if(|world| world.depth == depth);
    }
}

/// Tells whether an element never has content (HTML, "void elements").
fn is_void(name: &str) -> bool {
    matches!(
        name,
        "area"
            | "base"
            | "basefont"
            | "bgsound"
            | "br"
            | "col"
            | "embed"
            | "frame"
            | "hr"
            | "img"
            | "input"
            | "link"
            | "meta"
            | "param"
            | "source"
            | "track"
            | "wbr"
    )
}

/// Names what a start tag closes where it is the innermost open element.
fn ended_by(name: &str) -> &'static [&'static str] {
    match name {
        "li" => &["li", "p"],
        "dt" | "dd" => &["dt", "dd", "p"],
        "option" => &["option"],
        "optgroup" => &["option", "optgroup"],
        "td" | "th" => &["td", "th", "p"],
        "tr" => &["td", "th", "tr", "p"],
        "tbody" | "thead" | "tfoot" => &["td", "th", "tr", "tbody", "thead", "tfoot", "p"],
        _ => &[],
    }
}

fn closes_paragraph(name: &str) -> bool {
    matches!(
        name,
        "address"
            | "article"
            | "aside"
            | "blockquote"
            | "center"
            | "details"
            | "dialog"
            | "dir"
            | "div"
            | "dl"
            | "dd"
            | "dt"
            | "fieldset"
            | "figcaption"
            | "figure"
            | "footer"
            | "form"
            | "h1"
            | "h2"
            | "h3"
            | "h4"
            | "h5"
            | "h6"
            | "header"
            | "hgroup"
            | "hr"
            | "li"
            | "main"
            | "menu"
            | "nav"
            | "ol"
            | "p"
            | "plaintext"
            | "pre"
            | "search"
            | "section"
            | "summary"
            | "table"
            | "ul"
            | "xmp"
    )
}

/// Tells whether a start tag is HTML even within a picture or formula, which it ends.
fn ends_foreign_content(name: &str) -> bool {
    matches!(
        name,
        "b" | "big"
            | "blockquote"
            | "body"
            | "br"
            | "center"
            | "code"
            | "dd"
            | "div"
            | "dl"
            | "dt"
            | "em"
            | "embed"
            | "h1"
            | "h2"
            | "h3"
            | "h4"
            | "h5"
            | "h6"
            | "head"
            | "hr"
            | "i"
            | "img"
            | "li"
            | "listing"
            | "menu"
            | "meta"
            | "nobr"
            | "ol"
            | "p"
            | "pre"
            | "ruby"
            | "s"
            | "small"
            | "span"
            | "strong"
            | "strike"
            | "sub"
            | "sup"
            | "table"
            | "tt"
            | "u"
            | "ul"
            | "var"
    )
}
