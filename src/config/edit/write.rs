//! Values as YAML text.

use std::iter::once;

use serde_json::Value;

/// Writes a value as lines in block style.
pub(super) fn block(value: &Value, column: usize, step: usize) -> Vec<String> {
    let pad = " ".repeat(column);
    match value {
        Value::Object(map) if !map.is_empty() => {
            let mut pairs: Vec<_> = map.iter().collect();
            pairs.sort_by_key(|(key, _)| !matches!(&***key, "current-context" | "name"));
            let lines = pairs
                .into_iter()
                .flat_map(|(key, value)| match inline(value) {
                    Some(value) => vec![format!("{pad}{}: {value}", scalar(key))],
                    None => once(format!("{pad}{}:", scalar(key)))
                        .chain(block(value, column + step, step))
                        .collect(),
                });
            lines.collect()
        }
        Value::Array(items) if !items.is_empty() => {
            let lines = items.iter().flat_map(|item| {
                let mut lines = block(item, column + 2, step);
                lines[0].replace_range(column..=column, "-");
                lines
            });
            lines.collect()
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => vec![format!("{pad}{}", flow(value))],
    }
}

/// Writes what fits on its key's line: a scalar, or an empty mapping or list.
pub(super) fn inline(value: &Value) -> Option<String> {
    match value {
        Value::Object(map) if !map.is_empty() => None,
        Value::Array(items) if !items.is_empty() => None,
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => Some(flow(value)),
    }
}

/// Writes a value on one line.
pub(super) fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        Value::Object(map) if !map.is_empty() => {
            let pairs: Vec<_> = map
                .iter()
                .map(|(key, value)| format!("{}: {}", scalar(key), flow(value)))
                .collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        Value::Array(items) => format!(
            "[{}]",
            items.iter().map(flow).collect::<Vec<_>>().join(", ")
        ),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

/// Writes a string as it is where every YAML reader takes it for that string, else in double quotes.
fn scalar(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '~'))
        && !text.contains([',', '[', ']', '{', '}', '"', '\''])
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.ends_with([':', ' '])
        && !text.contains(|c: char| unprintable(c) || (c.is_whitespace() && c != ' '))
        // YAML 1.1 knows times and dates.
        && !text.chars().all(|c| c.is_ascii_digit() || "+-.:_ TtZz".contains(c))
        && serde_saphyr::from_str::<Value>(text).is_ok_and(|value| value == text);
    if plain {
        return text.to_owned();
    }
    let json = Value::from(text).to_string();
    json.chars()
        .map(|c| {
            if unprintable(c) {
                format!("\\u{:04x}", u32::from(c))
            } else {
                c.into()
            }
        })
        .collect()
}

fn unprintable(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
        )
}
