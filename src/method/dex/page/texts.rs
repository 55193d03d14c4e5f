//! What a page says to people: the words of a few places in it, the first of each kind that has any.

/// A place whose words are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A heading.
    Heading,
    /// What oauth2-proxy folds away beneath "More Info".
    Reason,
    /// A paragraph.
    Paragraph,
    /// What Dex says above a form that it shows again.
    LoginError,
}

/// The words that have been read so far.
#[derive(Default)]
pub(super) struct Texts {
    open: Vec<Opened>,
    found: Vec<(Place, String)>,
    title: Title,
    body: String,
}

#[derive(Default)]
struct Title {
    words: String,
    is_known: bool,
}

struct Opened {
    place: Place,
    depth: usize,
    words: String,
}

impl Texts {
    /// Begins to read a place that was opened at this depth.
    pub(super) fn open(&mut self, place: Place, depth: usize) {
        let is_known = self.found.iter().any(|(found, _)| *found == place)
            || self.open.iter().any(|open| open.place == place);
        if !is_known {
            let words = String::new();
            self.open.push(Opened {
                place,
                depth,
                words,
            });
        }
    }

    /// Ends what was opened at this depth or deeper.
    pub(super) fn close_to(&mut self, depth: usize) {
        for ended in self.open.extract_if(.., |open| open.depth >= depth) {
            let words = super::words_in(&ended.words);
            if !words.is_empty() {
                self.found.push((ended.place, words));
            }
        }
    }

    /// Takes text that a browser would show.
    pub(super) fn text(&mut self, text: &str) {
        for open in &mut self.open {
            open.words.push_str(text);
        }
        self.body.push_str(text);
    }

    /// Takes text of a title.
    pub(super) fn title_text(&mut self, text: &str) {
        if !self.title.is_known {
            self.title.words.push_str(text);
        }
    }

    /// Ends a title; one without words is none.
    pub(super) fn end_title(&mut self) {
        self.title.is_known = !self.title.words.trim().is_empty();
    }

    /// Gives the words of a place, once the page has ended.
    pub(super) fn of(&self, place: Place) -> Option<String> {
        let mut found = self.found.iter();
        let found = found.find(|(found, _)| *found == place);
        found.map(|(_, words)| words.clone())
    }

    /// Gives the title, else all that the page says.
    pub(super) fn title_or_body(&self) -> String {
        let title = super::words_in(&self.title.words);
        if title.is_empty() {
            super::words_in(&self.body)
        } else {
            title
        }
    }
}
