//! Reads the pages of a login: forms, connector links, and what a server says to people. Pure: text in, values out.

mod attributes;
mod controls;
mod elements;
mod reader;
mod texts;

use url::Url;

use crate::error::Result;
use crate::http::Page;
use crate::secret::Secret;

/// What was read of a page.
#[derive(Debug)]
pub struct PageText {
    forms: Vec<Form>,
    links: Vec<Url>,
    login_error: Option<String>,
    words: String,
    has_dexs_look: bool,
}

/// A form as it would be sent if nothing were filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// Where it goes.
    pub action: Url,
    /// Whether it is sent by POST.
    pub is_post: bool,
    /// Its fields in order, with the values that the page gives them.
    pub fields: Vec<Field>,
}

/// One field of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The field's name.
    pub name: String,
    /// The `type` attribute in lower case, `text` where there is none.
    pub kind: String,
    /// The value that the page gives it.
    pub value: String,
}

impl PageText {
    /// Reads the page of an answer.
    pub(super) fn of(page: &mut Page) -> Result<Self> {
        let url = page.url.clone();
        Ok(Self::parse(&url, page.text()?))
    }

    /// Reads a page that came from `url`, in time that grows with its length alone.
    pub fn parse(url: &Url, text: &str) -> Self {
        reader::read(url, text)
    }

    /// Gives the page's forms in order; none where it is nested or stuffed beyond all reason.
    pub fn forms(&self) -> &[Form] {
        &self.forms
    }

    /// Gives where the page's first links go, in order.
    pub fn links(&self) -> &[Url] {
        &self.links
    }

    /// Gives what Dex says above a login form that it shows again, e.g. "Invalid Email Address and password."
    pub fn login_error(&self) -> Option<&str> {
        self.login_error.as_deref()
    }

    /// Gives what the page says to people: its heading and its reason or first paragraph, else its title.
    pub fn words(&self) -> &str {
        &self.words
    }

    /// Tells whether the page is made of the classes of Dex's own templates.
    pub fn has_dexs_look(&self) -> bool {
        self.has_dexs_look
    }
}

impl Form {
    /// Tells whether the form asks for a password.
    pub fn asks_for_password(&self) -> bool {
        self.fields.iter().any(|field| field.kind == "password")
    }

    /// Gives the value of a field.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|field| field.name == name)
            .map(|field| field.value.as_str())
    }

    /// Fills in a login: the user name goes into `login`, else into the first field for text; the password into
    /// `password`, else into the one field of that type. Every other field keeps the page's value.
    pub fn filled(&self, username: &str, password: &Secret) -> Option<Vec<(String, Secret)>> {
        let password_field = self.only_password_field()?;
        let is_text = |field: &&Field| {
            matches!(
                field.kind.as_str(),
                "text" | "email" | "tel" | "search" | "url"
            )
        };
        let username_field = self
            .fields
            .iter()
            .find(|field| field.name == "login" && is_text(field))
            .or_else(|| self.fields.iter().find(is_text))?;
        let value = |field: &Field| match field {
            field if field == password_field => password.clone(),
            field if field == username_field => Secret::new(username),
            field => Secret::new(field.value.clone()),
        };
        Some(
            self.fields
                .iter()
                .map(|field| (field.name.clone(), value(field)))
                .collect(),
        )
    }

    /// A form with two of them, such as one to change a password, is no login.
    fn only_password_field(&self) -> Option<&Field> {
        let mut password_fields = self.fields.iter().filter(|field| field.kind == "password");
        match (password_fields.next(), password_fields.next()) {
            (Some(field), None) => Some(field),
            _ => None,
        }
    }
}

/// Gives the words of a text, one blank between them.
fn words_in(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ")
}

#[cfg(test)]
mod tests;
