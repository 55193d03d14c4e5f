//! Placeholders of the vectors: what they stand for in what is given, and what they match in what comes out.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDateTime};
use serde_json::Value;

const TIME: &str = "%Y-%m-%dT%H:%M:%SZ";

/// The values of `{{name}}` for one vector, and when it began.
pub struct Placeholders {
    pub values: BTreeMap<String, String>,
    /// Seconds since 1970.
    pub start: i64,
}

impl Placeholders {
    /// Fills the placeholders of a text that is given. `{{unix+N}}` is the start of the vector, and N seconds.
    pub fn fill(&self, text: &str) -> String {
        let mut filled = String::new();
        for part in parts(text) {
            match part {
                Part::Literal(text) => filled.push_str(text),
                Part::Placeholder(name) => match (self.values.get(name), seconds(name, "unix")) {
                    (Some(value), _) => filled.push_str(value),
                    (None, Some(seconds)) => {
                        filled.push_str(&(self.start + seconds).to_string());
                    }
                    (None, None) => panic!("there is no {{{{{name}}}}} to fill in: {text}"),
                },
            }
        }
        filled
    }

    /// Fills the placeholders of every text in a value. A text that is a time alone becomes a number.
    pub fn fill_value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => match parts(text).as_slice() {
                [Part::Placeholder(name)] if seconds(name, "unix").is_some() => {
                    Value::from(self.start + seconds(name, "unix").unwrap_or_default())
                }
                _ => Value::String(self.fill(text)),
            },
            Value::Array(items) => items.iter().map(|item| self.fill_value(item)).collect(),
            Value::Object(fields) => fields
                .iter()
                .map(|(name, value)| (name.clone(), self.fill_value(value)))
                .collect(),
            other => other.clone(),
        }
    }
}

/// Compares what came out with a pattern.
pub struct Expected<'a> {
    pub placeholders: &'a Placeholders,
    /// When the run had ended, in seconds since 1970.
    pub end: i64,
}

impl Expected<'_> {
    /// Lists the differences between a pattern and a value, each with its place; fields are compared exactly.
    pub fn differences(&self, pattern: &Value, found: &Value, place: &str) -> Vec<String> {
        match (pattern, found) {
            (Value::Object(wanted), Value::Object(fields)) => {
                let mut differences = Vec::new();
                for (name, pattern) in wanted {
                    let place = format!("{place}/{name}");
                    match fields.get(name) {
                        Some(value) => differences.extend(self.differences(pattern, value, &place)),
                        None => differences.push(format!("{place} is missing")),
                    }
                }
                let unasked = fields.keys().filter(|name| !wanted.contains_key(*name));
                differences.extend(unasked.map(|name| format!("{place}/{name} was not asked for")));
                differences
            }
            (Value::Array(wanted), Value::Array(items)) if wanted.len() == items.len() => wanted
                .iter()
                .zip(items)
                .enumerate()
                .flat_map(|(index, (pattern, item))| {
                    self.differences(pattern, item, &format!("{place}/{index}"))
                })
                .collect(),
            (Value::String(pattern), Value::String(text)) if self.fits(pattern, text) => Vec::new(),
            (pattern, found) if pattern == found => Vec::new(),
            _ => vec![format!("{place}: wanted {pattern}, found {found}")],
        }
    }

    /// Tells whether a text is as the pattern says: `{{any}}` is something, `{{now+N}}` and `{{unix+N}}` a time N
    /// seconds after a moment of the vector.
    pub fn fits(&self, pattern: &str, text: &str) -> bool {
        let pattern = self.filled(pattern);
        let parts = parts(&pattern);
        let mut rest = text;
        for (index, part) in parts.iter().enumerate() {
            match part {
                Part::Literal(literal) => match rest.strip_prefix(literal) {
                    Some(after) => rest = after,
                    None => return false,
                },
                Part::Placeholder(name) => {
                    let end = match parts.get(index + 1) {
                        Some(Part::Literal(next)) => rest.find(next),
                        Some(Part::Placeholder(_)) => None,
                        None => Some(rest.len()),
                    };
                    let Some((value, after)) = end.map(|end| rest.split_at(end)) else {
                        return false;
                    };
                    if !self.stands_for(name, value) {
                        return false;
                    }
                    rest = after;
                }
            }
        }
        rest.is_empty()
    }

    /// Fills the placeholders whose values are known beforehand; times are not.
    fn filled(&self, pattern: &str) -> String {
        let fill = |part: &Part<'_>| match part {
            Part::Literal(text) => (*text).to_owned(),
            Part::Placeholder(name) => match self.placeholders.values.get(*name) {
                Some(value) => value.clone(),
                None => format!("{{{{{name}}}}}"),
            },
        };
        parts(pattern).iter().map(fill).collect()
    }

    fn stands_for(&self, name: &str, value: &str) -> bool {
        let moment = if name == "any" {
            return !value.is_empty();
        } else if let Some(seconds) = seconds(name, "unix") {
            value.parse().ok().map(|time: i64| time - seconds)
        } else if let Some(seconds) = seconds(name, "now") {
            let time = NaiveDateTime::parse_from_str(value, TIME).ok();
            // Whole seconds, written in the one way.
            let time = time.map(|time| time.and_utc().timestamp());
            time.filter(|time| written(*time) == value)
                .map(|time| time - seconds)
        } else {
            None
        };
        moment.is_some_and(|moment| (self.placeholders.start..=self.end).contains(&moment))
    }
}

enum Part<'a> {
    Literal(&'a str),
    Placeholder(&'a str),
}

fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, after)) = after.split_once("}}") else {
            break;
        };
        if !before.is_empty() {
            parts.push(Part::Literal(before));
        }
        parts.push(Part::Placeholder(name));
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Literal(rest));
    }
    parts
}

/// Reads `N` of `{{kind+N}}`.
fn seconds(name: &str, kind: &str) -> Option<i64> {
    let rest = name.strip_prefix(kind)?;
    if rest.is_empty() {
        return Some(0);
    }
    rest.starts_with(['+', '-'])
        .then(|| rest.parse().ok())
        .flatten()
}

fn written(time: i64) -> String {
    DateTime::from_timestamp(time, 0)
        .map(|time| time.format(TIME).to_string())
        .unwrap_or_default()
}
