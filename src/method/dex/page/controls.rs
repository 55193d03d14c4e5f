//! The forms of a page with their controls, as a browser associates them: a control belongs to the form that its `form`
//! attribute names, else to the one that is open where it stands; a form within a form is none
//! (HTML, "form-associated elements" and "constructing the form data set").

use std::collections::HashMap;

use url::Url;

use super::attributes::Attributes;
use super::{Field, Form};

/// As many forms, and as many controls, as any page for people has; a page with more is read as one without any.
const MOST_FORMS: usize = 100;
const MOST_CONTROLS: usize = 1_000;

/// The forms and controls that have been met so far.
#[derive(Default)]
pub(super) struct Controls {
    forms: Vec<Opened>,
    met: Vec<Control>,
    current: Option<usize>,
    select: Option<Select>,
    textarea: Option<Textarea>,
    is_overfull: bool,
}

/// A form's start tag; `action` is `None` where it is no address.
struct Opened {
    action: Option<Url>,
    is_post: bool,
    id: Option<String>,
}

struct Control {
    owner: Owner,
    field: Field,
    is_sent: bool,
}

enum Owner {
    Form(usize),
    Named(String),
    Nobody,
}

struct Textarea {
    control: usize,
    is_at_start: bool,
}

/// An open list of options: the first of them counts unless one is marked as chosen.
struct Select {
    control: usize,
    has_first: bool,
    has_chosen: bool,
    option: Option<Choice>,
}

struct Choice {
    value: Option<String>,
    words: String,
    is_chosen: bool,
}

impl Controls {
    /// Takes a start tag in.
    pub(super) fn start(&mut self, page: &Url, name: &str, attributes: &Attributes<'_>) {
        match name {
            "form" => self.start_form(page, attributes),
            "input" => {
                self.end_select();
                self.add(input(attributes), attributes);
            }
            "button" => {
                self.add(button(attributes), attributes);
            }
            "textarea" => {
                self.end_select();
                let control = self.add(field(attributes, "textarea", ""), attributes);
                self.textarea = control.map(|control| Textarea {
                    control,
                    is_at_start: true,
                });
            }
            "select" if self.select.is_some() => self.end_select(),
            "select" => {
                let control = self.add(field(attributes, "select", ""), attributes);
                self.select = control.map(|control| Select {
                    control,
                    has_first: false,
                    has_chosen: false,
                    option: None,
                });
            }
            "option" => {
                self.end_option();
                if let Some(select) = &mut self.select {
                    select.option = Some(Choice {
                        value: attributes.get("value").map(str::to_owned),
                        words: String::new(),
                        is_chosen: attributes.get("selected").is_some(),
                    });
                }
            }
            "optgroup" => self.end_option(),
            _ => {}
        }
    }

    /// Takes an end tag in.
    pub(super) fn end(&mut self, name: &str) {
        match name {
            "form" => self.current = None,
            "select" => self.end_select(),
            "option" | "optgroup" => self.end_option(),
            "textarea" => self.textarea = None,
            _ => {}
        }
    }

    /// Takes text in.
    pub(super) fn text(&mut self, text: &str) {
        if let Some(option) = self
            .select
            .as_mut()
            .and_then(|select| select.option.as_mut())
        {
            option.words.push_str(text);
        }
    }

    /// Takes the text of a `<textarea>` in.
    pub(super) fn textarea_text(&mut self, text: &str) {
        let Some(textarea) = &mut self.textarea else {
            return;
        };
        // A newline after the tag is no part of it.
        let is_at_start = std::mem::take(&mut textarea.is_at_start);
        let text = text
            .strip_prefix('\n')
            .filter(|_| is_at_start)
            .unwrap_or(text);
        self.met[textarea.control].field.value.push_str(text);
    }

    /// Gives the forms in order.
    pub(super) fn finish(mut self) -> Vec<Form> {
        self.end_select();
        if self.is_overfull {
            return Vec::new();
        }
        let mut by_id = HashMap::new();
        for (at, form) in self.forms.iter().enumerate() {
            if let Some(id) = &form.id {
                by_id.entry(id.clone()).or_insert(at);
            }
        }
        let mut fields: Vec<Vec<Field>> = self.forms.iter().map(|_| Vec::new()).collect();
        let mut has_button: Vec<bool> = self.forms.iter().map(|_| false).collect();
        for control in self.met {
            let owner = match &control.owner {
                Owner::Form(at) => Some(*at),
                Owner::Named(id) => by_id.get(id).copied(),
                Owner::Nobody => None,
            };
            let Some(owner) = owner else { continue };
            // A form that is sent without a click on any button is sent as by its first one.
            let is_button = matches!(control.field.kind.as_str(), "submit" | "image");
            if is_button && std::mem::replace(&mut has_button[owner], true) {
                continue;
            }
            if control.is_sent && !control.field.name.is_empty() {
                fields[owner].push(control.field);
            }
        }
        let forms = self.forms.into_iter().zip(fields);
        forms
            .filter_map(|(form, fields)| {
                Some(Form {
                    action: form.action?,
                    is_post: form.is_post,
                    fields,
                })
            })
            .collect()
    }

    fn start_form(&mut self, page: &Url, attributes: &Attributes<'_>) {
        if self.current.is_some() || self.select.is_some() {
            return;
        }
        if self.forms.len() == MOST_FORMS {
            self.is_overfull = true;
            return;
        }
        // A form without an action goes to the page's own URL (HTML, form submission algorithm).
        let action = match attributes.get("action").map(str::trim) {
            None | Some("") => Some(page.clone()),
            Some(action) => page.join(action).ok(),
        };
        let method = attributes.get("method").unwrap_or_default();
        self.current = Some(self.forms.len());
        self.forms.push(Opened {
            action,
            is_post: method.trim().eq_ignore_ascii_case("post"),
            id: attributes.get("id").map(str::to_owned),
        });
    }

    fn add(&mut self, field: Field, attributes: &Attributes<'_>) -> Option<usize> {
        if self.met.len() == MOST_CONTROLS {
            self.is_overfull = true;
            return None;
        }
        let owner = match (attributes.get("form"), self.current) {
            (Some(id), _) => Owner::Named(id.to_owned()),
            (None, Some(form)) => Owner::Form(form),
            (None, None) => Owner::Nobody,
        };
        let kind = field.kind.as_str();
        let is_off = matches!(kind, "checkbox" | "radio") && attributes.get("checked").is_none();
        let is_never_sent = matches!(kind, "button" | "reset" | "file" | "image");
        let is_disabled = attributes.get("disabled").is_some();
        self.met.push(Control {
            owner,
            is_sent: !is_off && !is_never_sent && !is_disabled,
            field,
        });
        Some(self.met.len() - 1)
    }

    fn end_select(&mut self) {
        self.end_option();
        self.select = None;
    }

    fn end_option(&mut self) {
        let Some(select) = &mut self.select else {
            return;
        };
        let Some(option) = select.option.take() else {
            return;
        };
        let counts = (option.is_chosen && !select.has_chosen) || !select.has_first;
        select.has_first = true;
        select.has_chosen |= option.is_chosen;
        if counts {
            let value = option
                .value
                .unwrap_or_else(|| super::words_in(&option.words));
            self.met[select.control].field.value = value;
        }
    }
}

fn input(attributes: &Attributes<'_>) -> Field {
    let kind = attributes
        .get("type")
        .unwrap_or_default()
        .to_ascii_lowercase();
    let kind = if kind.is_empty() { "text" } else { &kind };
    let unset = if matches!(kind, "checkbox" | "radio") {
        "on"
    } else {
        ""
    };
    field(attributes, kind, attributes.get("value").unwrap_or(unset))
}

fn button(attributes: &Attributes<'_>) -> Field {
    let kind = attributes
        .get("type")
        .unwrap_or_default()
        .to_ascii_lowercase();
    let kind = match kind.as_str() {
        "reset" | "button" => &kind,
        _ => "submit",
    };
    field(
        attributes,
        kind,
        attributes.get("value").unwrap_or_default(),
    )
}

fn field(attributes: &Attributes<'_>, kind: &str, value: &str) -> Field {
    Field {
        name: attributes.get("name").unwrap_or_default().to_owned(),
        kind: kind.to_owned(),
        value: value.to_owned(),
    }
}
