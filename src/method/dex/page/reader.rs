//! One pass over a page's tokens (HTML, "tokenization"), in time that grows with its length and nothing else.
//!
//! A tree would cost more than that: building one follows rules that look up and down all open elements, and a page can
//! be written so that each of its tags does. Nothing of what is wanted needs a tree.

use std::cell::{Cell, RefCell};

use html5ever::LocalName;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};
use url::Url;

use super::PageText;
use super::attributes::Attributes;
use super::controls::Controls;
use super::elements::{OpenElements, TooDeep};
use super::texts::{Place, Texts};

/// As many bytes as the tokenizer gets at once.
const PIECE: usize = 1024;
/// As many pairs of attributes of one tag as are compared for a whole page, at most: a tag of some 14,000.
const MOST_PAIRS: usize = 100_000_000;
/// As many links as any page for people has.
const MOST_LINKS: usize = 100;

/// Reads a page that came from `url`. One that is nested or stuffed beyond all reason holds no form and no link.
pub(super) fn read(url: &Url, text: &str) -> PageText {
    let reader = Reader {
        url: url.clone(),
        state: RefCell::default(),
        tokens: Cell::new(0),
        gave_up: Cell::new(false),
    };
    // With exact errors no words are made of each error, of which a page may have a million.
    let options = TokenizerOpts {
        exact_errors: true,
        ..TokenizerOpts::default()
    };
    let tokenizer = Tokenizer::new(reader, options);
    let reader = &tokenizer.sink;
    let mut pairs = Pairs::default();
    let (queue, mut rest) = (BufferQueue::default(), text);
    while !rest.is_empty() && !reader.gave_up.get() {
        let (piece, others) = rest.split_at(end_of_piece(rest));
        let tokens = reader.tokens.get();
        queue.push_back(StrTendril::from_slice(piece));
        // Only scripts that write into the page would interrupt it.
        drop(tokenizer.feed(&queue));
        pairs.count(piece, reader.tokens.get() == tokens);
        if pairs.most > MOST_PAIRS {
            reader.gave_up.set(true);
        }
        rest = others;
    }
    if !reader.gave_up.get() {
        tokenizer.end();
    }
    tokenizer.sink.finish()
}

/// Bounds what the tokenizer spends on comparing each attribute of a tag with those before it. While no token comes, a
/// tag may be going on, in which each blank, slash or quote may end an attribute.
#[derive(Default)]
struct Pairs {
    attributes: usize,
    most: usize,
}

impl Pairs {
    fn count(&mut self, piece: &str, goes_on: bool) {
        let is_end = |byte: &u8| {
            matches!(
                byte,
                b' ' | b'\t' | b'\n' | b'\r' | 0x0c | b'/' | b'"' | b'\''
            )
        };
        let more = piece.bytes().filter(is_end).count();
        if goes_on {
            self.attributes += more;
            self.most += more * self.attributes;
        } else {
            self.attributes = more;
        }
    }
}

fn end_of_piece(text: &str) -> usize {
    let mut end = text.len().min(PIECE);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    end
}

struct Reader {
    url: Url,
    state: RefCell<State>,
    tokens: Cell<u64>,
    gave_up: Cell<bool>,
}

#[derive(Default)]
struct State {
    open: OpenElements,
    controls: Controls,
    texts: Texts,
    links: Vec<String>,
    /// The element whose content is text and no tags.
    raw: Option<LocalName>,
    /// Where oauth2-proxy's "More Info" was opened.
    more_info: Option<usize>,
    has_dexs_look: bool,
}

impl TokenSink for Reader {
    type Handle = ();

    fn process_token(&self, token: Token, _: u64) -> TokenSinkResult<()> {
        if self.gave_up.get() || matches!(token, Token::ParseError(_)) {
            return TokenSinkResult::Continue;
        }
        self.tokens.set(self.tokens.get() + 1);
        let mut state = self.state.borrow_mut();
        match token {
            Token::TagToken(tag) if tag.kind == TagKind::StartTag => {
                match state.start(&self.url, &tag) {
                    Ok(next) => return next,
                    Err(TooDeep) => self.gave_up.set(true),
                }
            }
            Token::TagToken(tag) => state.end(&tag.name),
            Token::CharacterTokens(text) => state.text(&text),
            Token::DoctypeToken(_)
            | Token::CommentToken(_)
            | Token::NullCharacterToken
            | Token::EOFToken
            | Token::ParseError(_) => {}
        }
        TokenSinkResult::Continue
    }

    fn adjusted_current_node_present_but_not_in_html_namespace(&self) -> bool {
        self.state.borrow().open.is_foreign()
    }
}

impl Reader {
    fn finish(&self) -> PageText {
        let mut state = self.state.take();
        state.texts.close_to(0);
        let texts = &state.texts;
        let reason = texts
            .of(Place::Reason)
            .or_else(|| texts.of(Place::Paragraph));
        let words = match (texts.of(Place::Heading), reason) {
            (Some(heading), Some(reason)) => format!("{heading}: {reason}"),
            (Some(words), None) | (None, Some(words)) => words,
            (None, None) => texts.title_or_body(),
        };
        let is_whole = !self.gave_up.get();
        let links = state.links.iter().filter(|_| is_whole);
        PageText {
            login_error: texts.of(Place::LoginError),
            words,
            links: links.filter_map(|link| self.url.join(link).ok()).collect(),
            forms: if is_whole {
                state.controls.finish()
            } else {
                Vec::new()
            },
            has_dexs_look: state.has_dexs_look,
        }
    }
}

impl State {
    fn start(&mut self, url: &Url, tag: &Tag) -> Result<TokenSinkResult<()>, TooDeep> {
        let (name, attributes) = (&*tag.name, Attributes::new(&tag.attrs));
        self.open.before(name);
        self.closed();
        let depth = self.open.depth();
        let is_html = !self.open.is_foreign();
        let counts = is_html && !self.open.is_in_template();
        let next = if is_html {
            content_of(name)
        } else {
            TokenSinkResult::Continue
        };
        if next == TokenSinkResult::Continue {
            self.open.open(&tag.name, tag.self_closing)?;
        } else {
            self.raw = Some(tag.name.clone());
        }
        if !counts {
            return Ok(next);
        }
        self.controls.start(url, name, &attributes);
        if let Some(link) = attributes
            .get("href")
            .filter(|_| name == "a" && self.links.len() < MOST_LINKS)
        {
            self.links.push(link.trim().to_owned());
        }
        self.has_dexs_look |= attributes
            .classes()
            .any(|class| class.starts_with("dex-") || class.starts_with("theme-"));
        let has_content = self.open.depth() > depth;
        for place in self
            .places(name, &attributes)
            .into_iter()
            .flatten()
            .filter(|_| has_content)
        {
            self.texts.open(place, depth);
        }
        if attributes.get("id") == Some("more-info") && has_content {
            self.more_info = self.more_info.or(Some(depth));
        }
        Ok(next)
    }

    fn end(&mut self, name: &LocalName) {
        if self.raw.take_if(|raw| raw == name).is_some() {
            match &**name {
                "title" => self.texts.end_title(),
                "textarea" => self.controls.end(name),
                _ => {}
            }
            return;
        }
        self.open.close(name);
        self.closed();
        if !self.open.is_in_template() {
            self.controls.end(name);
        }
    }

    fn text(&mut self, text: &str) {
        if self.open.is_in_template() {
            return;
        }
        match self.raw.as_deref() {
            Some("textarea") => self.controls.textarea_text(text),
            Some("title") => self.texts.title_text(text),
            Some("plaintext" | "xmp") | None if !self.open.is_in_other_world() => {
                self.controls.text(text);
                self.texts.text(text);
            }
            _ => {}
        }
    }

    /// Ends what lay in elements that have been closed.
    fn closed(&mut self) {
        let depth = self.open.depth();
        self.texts.close_to(depth);
        self.more_info.take_if(|more_info| *more_info >= depth);
    }

    fn places(&self, name: &str, attributes: &Attributes<'_>) -> [Option<Place>; 4] {
        let has_class = |wanted: &str| attributes.classes().any(|class| class == wanted);
        let is_error = attributes.get("id") == Some("login-error") || has_class("dex-error-box");
        [
            (name == "p").then_some(Place::Paragraph),
            (matches!(name, "h1" | "h2") || has_class("theme-heading")).then_some(Place::Heading),
            (self.more_info.is_some() && has_class("content")).then_some(Place::Reason),
            is_error.then_some(Place::LoginError),
        ]
    }
}

/// Tells how the content of an HTML element is read, as a browser with scripts does.
fn content_of(name: &str) -> TokenSinkResult<()> {
    match name {
        "script" => TokenSinkResult::RawData(RawKind::ScriptData),
        "title" | "textarea" => TokenSinkResult::RawData(RawKind::Rcdata),
        "style" | "xmp" | "iframe" | "noembed" | "noframes" | "noscript" => {
            TokenSinkResult::RawData(RawKind::Rawtext)
        }
        "plaintext" => TokenSinkResult::Plaintext,
        _ => TokenSinkResult::Continue,
    }
}
