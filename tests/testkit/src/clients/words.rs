//! The placeholders of the vectors, such as `{{now+3600}}`, `{{fill:300000}}` and `{{origin}}`.

use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{DateTime, SecondsFormat};
use serde_json::Value;

const OPEN: &str = "{{";
const CLOSE: &str = "}}";
const TIME: &str = "now";
const FILL: &str = "fill:";

/// Is what the placeholders of one vector stand for.
#[derive(Default)]
pub struct Words {
    words: Vec<(&'static str, String)>,
    now: Option<SystemTime>,
}

impl Words {
    /// Gives a placeholder its meaning.
    pub fn set(&mut self, name: &'static str, meaning: impl Into<String>) {
        self.words.push((name, meaning.into()));
    }

    /// Lets `{{now+N}}` mean a time from this moment on; else it stays for the helper to fill in.
    pub fn set_now(&mut self) {
        self.now = Some(SystemTime::now());
    }

    /// Replaces the placeholders of a text; one that nobody knows is a fault of the vector.
    pub fn in_text(&self, text: &str) -> String {
        let mut done = String::new();
        let mut rest = text;
        while let Some((before, (name, after))) = rest
            .split_once(OPEN)
            .and_then(|(before, after)| Some((before, after.split_once(CLOSE)?)))
        {
            done += before;
            done += &self.meaning(name);
            rest = after;
        }
        done + rest
    }

    /// Replaces them in every string of a JSON value.
    pub fn in_json(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.in_text(text).into(),
            Value::Array(items) => items.iter().map(|item| self.in_json(item)).collect(),
            Value::Object(fields) => fields
                .iter()
                .map(|(name, value)| (name.clone(), self.in_json(value)))
                .collect(),
            other => other.clone(),
        }
    }

    fn meaning(&self, name: &str) -> String {
        if let Some(length) = name.strip_prefix(FILL) {
            return "x".repeat(length.parse().expect("the length of a filling"));
        }
        if let Some(offset) = time_offset(name) {
            return match self.now {
                Some(now) => time(now, offset),
                None => format!("{OPEN}{name}{CLOSE}"),
            };
        }
        let known = self.words.iter().find(|(word, _)| *word == name);
        known.map_or_else(
            || panic!("nobody knows {OPEN}{name}{CLOSE}"),
            |(_, meaning)| meaning.clone(),
        )
    }
}

/// Lists the times in a text, as placeholder and seconds from now.
pub fn times_in(text: &str) -> Vec<(String, i64)> {
    let mut times: Vec<(String, i64)> = text
        .split(OPEN)
        .skip(1)
        .filter_map(|rest| rest.split_once(CLOSE))
        .filter_map(|(name, _)| Some((format!("{OPEN}{name}{CLOSE}"), time_offset(name)?)))
        .collect();
    times.sort();
    times.dedup();
    times
}

fn time_offset(name: &str) -> Option<i64> {
    let offset = name.strip_prefix(TIME)?;
    Some(offset.parse().expect("seconds with their sign"))
}

fn time(now: SystemTime, offset: i64) -> String {
    let now = now.duration_since(UNIX_EPOCH).expect("a clock set right");
    let seconds = i64::try_from(now.as_secs()).expect("a time of this age") + offset;
    let time = DateTime::from_timestamp(seconds, 0).expect("a time of this age");
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}
