//! The attributes of a start tag.

use html5ever::Attribute;

/// The attributes of a start tag.
pub(super) struct Attributes<'a>(&'a [Attribute]);

impl<'a> Attributes<'a> {
    pub(super) fn new(attributes: &'a [Attribute]) -> Self {
        Self(attributes)
    }

    /// Gives an attribute's value; its name in lower case.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut attributes = self.0.iter();
        let found = attributes.find(|attribute| &*attribute.name.local == name);
        found.map(|attribute| &*attribute.value)
    }

    pub(super) fn classes(&self) -> impl Iterator<Item = &str> {
        self.get("class")
            .unwrap_or_default()
            .split_ascii_whitespace()
    }
}
