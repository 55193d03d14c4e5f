//! Reads the pages of a login: forms, connector links, and what a server says to people. Pure: text in, values out.

use scraper::{ElementRef, Html, Selector};
use url::Url;

use crate::secret::Secret;

/// A parsed page.
pub struct PageText {
    html: Html,
    url: Url,
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

/// A link, with the words on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Where it goes.
    pub url: Url,
    /// Its words.
    pub words: String,
}

impl PageText {
    /// Parses a page that came from `url`.
    pub fn parse(url: &Url, text: &str) -> Self {
        Self {
            html: Html::parse_document(text),
            url: url.clone(),
        }
    }

    /// Gives the page's forms in order.
    pub fn forms(&self) -> Vec<Form> {
        self.select("form")
            .filter_map(|element| self.form(element))
            .collect()
    }

    /// Gives the page's links in order.
    pub fn links(&self) -> Vec<Link> {
        self.select("a[href]")
            .filter_map(|element| {
                let url = self.url.join(element.value().attr("href")?.trim()).ok()?;
                Some(Link {
                    url,
                    words: words_of(element),
                })
            })
            .collect()
    }

    /// Gives what Dex says above a login form that it shows again, e.g. "Invalid Email Address and password."
    pub fn login_error(&self) -> Option<String> {
        self.select("#login-error, .dex-error-box")
            .map(words_of)
            .find(|words| !words.is_empty())
    }

    /// Gives what the page says to people: its heading and its reason or first paragraph, else its title.
    pub fn words(&self) -> String {
        let first = |selector: &str| {
            self.select(selector)
                .map(words_of)
                .find(|words| !words.is_empty())
        };
        let heading = first("h1, h2, .theme-heading");
        // oauth2-proxy folds its reason away beneath a paragraph that says "More Info".
        let reason = first("#more-info .content").or_else(|| first("p"));
        match (heading, reason) {
            (Some(heading), Some(reason)) => format!("{heading}: {reason}"),
            (Some(words), None) | (None, Some(words)) => words,
            (None, None) => first("title").or_else(|| first("body")).unwrap_or_default(),
        }
    }

    fn select(&self, selector: &str) -> impl Iterator<Item = ElementRef<'_>> {
        let selector = Selector::parse(selector).ok();
        let all: Vec<ElementRef<'_>> = match &selector {
            Some(selector) => self.html.select(selector).collect(),
            None => Vec::new(),
        };
        all.into_iter()
    }

    fn form(&self, form: ElementRef<'_>) -> Option<Form> {
        // A form without an action goes to the page's own URL (HTML, form submission algorithm).
        let action = match form.value().attr("action").map(str::trim) {
            None | Some("") => self.url.clone(),
            Some(action) => self.url.join(action).ok()?,
        };
        let is_post = form
            .value()
            .attr("method")
            .is_some_and(|method| method.trim().eq_ignore_ascii_case("post"));
        let controls =
            Selector::parse("input[name], textarea[name], select[name], button[name]").ok()?;
        let mut fields = Vec::new();
        let mut button_pressed = false;
        for control in form.select(&controls) {
            let field = field(control);
            if field.kind == "submit" && std::mem::replace(&mut button_pressed, true) {
                continue;
            }
            let is_off = matches!(field.kind.as_str(), "checkbox" | "radio")
                && control.value().attr("checked").is_none();
            let is_never_sent =
                matches!(field.kind.as_str(), "button" | "reset" | "file" | "image");
            let is_disabled = control.value().attr("disabled").is_some();
            if !is_off && !is_never_sent && !is_disabled && !field.name.is_empty() {
                fields.push(field);
            }
        }
        Some(Form {
            action,
            is_post,
            fields,
        })
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

fn field(control: ElementRef<'_>) -> Field {
    let attribute = |name: &str| control.value().attr(name).unwrap_or_default().to_owned();
    let (kind, value) = match control.value().name() {
        "textarea" => ("textarea".to_owned(), control.text().collect()),
        "select" => ("select".to_owned(), chosen_option(control)),
        "button" if attribute("type").is_empty() => ("submit".to_owned(), attribute("value")),
        _ if attribute("type").is_empty() => ("text".to_owned(), attribute("value")),
        _ => {
            let kind = attribute("type").to_ascii_lowercase();
            let is_on = matches!(kind.as_str(), "checkbox" | "radio")
                && control.value().attr("value").is_none();
            let value = if is_on {
                "on".to_owned()
            } else {
                attribute("value")
            };
            (kind, value)
        }
    };
    Field {
        name: attribute("name"),
        kind,
        value,
    }
}

fn chosen_option(select: ElementRef<'_>) -> String {
    let Ok(options) = Selector::parse("option") else {
        return String::new();
    };
    let options: Vec<ElementRef<'_>> = select.select(&options).collect();
    let chosen = options
        .iter()
        .find(|option| option.value().attr("selected").is_some())
        .or(options.first());
    chosen.map_or_else(String::new, |option| match option.value().attr("value") {
        Some(value) => value.to_owned(),
        None => words_of(*option),
    })
}

fn words_of(element: ElementRef<'_>) -> String {
    let text: String = element.text().collect();
    let text: Vec<&str> = text.split_whitespace().collect();
    text.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(html: &str) -> PageText {
        PageText::parse(
            &Url::parse("https://kf.example.com/dex/auth/local/login?back=&state=abc").unwrap(),
            html,
        )
    }

    fn sent(form: &Form) -> Vec<(String, String)> {
        let fields = form.filled("me@example.com", &Secret::new("pw")).unwrap();
        fields
            .into_iter()
            .map(|(name, value)| (name, value.expose().to_owned()))
            .collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn dexs_form_is_filled_by_its_names() {
        let form = &page(
            r#"<form method="post" action="/dex/auth/local/login?back=&amp;state=abc">
               <input tabindex="1" required id="login" name="login" type="text" value="">
               <input id="password" name="password" type="password"><button type="submit">Login</button></form>"#,
        )
        .forms()[0];
        assert!(form.is_post && form.asks_for_password());
        assert_eq!(form.action.query(), Some("back=&state=abc"));
        assert_eq!(
            sent(form),
            pairs(&[("login", "me@example.com"), ("password", "pw")])
        );
    }

    #[test]
    fn other_fields_are_kept_and_names_are_found_by_type() {
        let form = &page(
            r#"<FORM METHOD=POST><INPUT TYPE=hidden NAME=csrf VALUE="a&amp;b"><input type=email name=mail>
               <input type=password name=pw><input type=checkbox name=remember_me><input type=checkbox name=ok checked>
               <select name=realm><option value=1>One<option value=2 selected>Two</select>
               <button name=go value=1>Go</button><button name=cancel value=1>Cancel</button></FORM>"#,
        )
        .forms()[0];
        assert_eq!(
            sent(form),
            pairs(&[
                ("csrf", "a&b"),
                ("mail", "me@example.com"),
                ("pw", "pw"),
                ("ok", "on"),
                ("realm", "2"),
                ("go", "1")
            ])
        );
        assert_eq!(form.action.path(), "/dex/auth/local/login");
    }

    #[test]
    fn a_form_to_change_a_password_is_no_login() {
        let page = page(
            "<form method=post><input name=a><input type=password name=b><input type=password name=c></form>",
        );
        assert!(page.forms()[0].filled("u", &Secret::new("p")).is_none());
    }

    #[test]
    fn words_are_found_on_error_pages() {
        let page = page(
            r#"<div class="theme-panel"><h2 class="theme-heading">Bad Request</h2><p>User session   has expired.</p></div>"#,
        );
        assert_eq!(page.words(), "Bad Request: User session has expired.");
    }
}
