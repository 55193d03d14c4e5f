//! Plays one client vector with one client, and says what went otherwise than the vector says.

use std::time::Duration;

use serde_json::Value;

use super::driver::{self, Printed};
use super::stage::{HelperRun, Stage};
use super::vector::{Asked, ClientVector, Outcome};
use crate::peers::clients::Driver;

/// A message keeps the end of the helper's stderr, 64 KiB of it, and a few words around it.
const LONGEST_MESSAGE: usize = 72 * 1024;
/// A header value this short would be found everywhere.
const SHORTEST_SECRET: usize = 8;

/// Plays the vector to its end.
pub fn play(vector: &ClientVector, driver: &Driver) -> Result<(), String> {
    let stage = Stage::set(vector);
    let env = vector.env.iter();
    let env = env.map(|(name, value)| (name.clone(), stage.words.in_text(value)));
    let input = serde_json::to_value(&vector.client).expect("JSON");
    let input = stage.words.in_json(&input);
    let printed = driver::run(driver, stage.home.path(), &env.collect(), &input)?;

    let faults = [
        results(vector, &stage, &printed),
        runs(vector, &stage),
        requests(vector, &stage),
        duration(vector, &printed),
        secrets(vector, &stage, &printed.text),
    ];
    let faults: Vec<String> = faults.into_iter().filter_map(Result::err).collect();
    if faults.is_empty() {
        return Ok(());
    }
    Err(faults.join("\n"))
}

fn results(vector: &ClientVector, stage: &Stage, printed: &Printed) -> Result<(), String> {
    let wanted = vector.expect.results.iter();
    let wanted = wanted.flat_map(|outcome| vec![outcome; outcome.times.unwrap_or(1)]);
    let wanted: Vec<&Outcome> = wanted.collect();
    if wanted.len() != printed.results.len() {
        let (wanted, got) = (wanted.len(), printed.results.len());
        return Err(format!(
            "{got} results instead of {wanted}: {}",
            short(&printed.text)
        ));
    }
    for (number, (wanted, got)) in (1..).zip(wanted.into_iter().zip(&printed.results)) {
        compare(wanted, got, stage).map_err(|fault| format!("result {number}: {fault}"))?;
    }
    Ok(())
}

/// Compares all that the outcome says.
fn compare(wanted: &Outcome, got: &Value, stage: &Stage) -> Result<(), String> {
    if !wanted.any_of.is_empty() {
        let tried = wanted.any_of.iter().map(|one| compare(one, got, stage));
        let faults: Result<Vec<String>, ()> = tried.map(|one| one.err().ok_or(())).collect();
        return faults.map_or(Ok(()), |faults| Err(faults.join("; or ")));
    }
    let text = |key: &str| got[key].as_str().unwrap_or_default();
    let expanded = |text: &String| stage.words.in_text(text);
    let otherwise = |what: &str| Err(format!("{what} in {}", short(&got.to_string())));
    if let Some(status) = wanted.status
        && got["status"] != status
    {
        return otherwise(&format!("no status {status}"));
    }
    if let Some(kind) = &wanted.content_type
        && text("contentType") != kind
    {
        return otherwise(&format!("no content type {kind}"));
    }
    if let Some(body) = wanted.body.as_ref().map(expanded)
        && got["body"] != body.as_str()
    {
        return otherwise(&format!("no body {}", short(&body)));
    }
    match wanted.error.as_deref() {
        None if got.get("error").is_some() => return otherwise("an error"),
        Some("*") if got.get("error").is_none() => return otherwise("no error"),
        Some(slug) if slug != "*" && text("error") != slug => {
            return otherwise(&format!("no error {slug}"));
        }
        _ => {}
    }
    if let Some(exit) = wanted.exit
        && got["exit"] != exit
    {
        return otherwise(&format!("no exit code {exit}"));
    }
    for (key, parts) in [("message", &wanted.says), ("hint", &wanted.hint)] {
        for part in parts.iter().map(expanded) {
            if !text(key).contains(&part) {
                return otherwise(&format!("no {part:?} in the {key}"));
            }
        }
    }
    if wanted.error.is_some() && text("message").trim().is_empty() {
        return otherwise("no message");
    }
    if text("message").len() > LONGEST_MESSAGE {
        return otherwise(&format!("a message of {} bytes", text("message").len()));
    }
    Ok(())
}

fn runs(vector: &ClientVector, stage: &Stage) -> Result<(), String> {
    let runs = stage.runs();
    let found: Vec<Vec<String>> = runs.iter().map(HelperRun::args).collect();
    if found != vector.expect.runs {
        return Err(format!(
            "the helper ran as {found:?}, not as {:?}",
            vector.expect.runs
        ));
    }
    for run in &runs {
        for (name, wanted) in &vector.expect.environment {
            let found = run.variable(name);
            if found != *wanted {
                return Err(format!("the helper's {name} is {found:?}, not {wanted:?}"));
            }
        }
        if !run.stdin().is_empty() {
            return Err(format!(
                "the helper's stdin is not empty: {:?}",
                run.stdin()
            ));
        }
        if run.is_alive() {
            return Err("the helper is still running".to_owned());
        }
    }
    Ok(())
}

fn requests(vector: &ClientVector, stage: &Stage) -> Result<(), String> {
    let strayed = stage.other.hops();
    if !strayed.is_empty() {
        return Err(format!("requests to another place: {strayed:?}"));
    }
    let Some(wanted) = &vector.expect.requests else {
        return Ok(());
    };
    let (mut wanted, mut found) = (wanted.clone(), stage.server.hops());
    if vector.client.at_once() {
        wanted.sort();
        found.sort();
    }
    if found != wanted {
        let seen = stage.server.requests();
        let last = seen.last().map(|request| &request.headers);
        return Err(format!(
            "the requests were {found:?}, not {wanted:?}; the last had {last:?}"
        ));
    }
    Ok(())
}

fn duration(vector: &ClientVector, printed: &Printed) -> Result<(), String> {
    let limit = vector.expect.seconds.map(Duration::from_secs_f64);
    match limit {
        Some(limit) if printed.elapsed > limit => {
            Err(format!("it took {:?}, not {limit:?}", printed.elapsed))
        }
        _ => Ok(()),
    }
}

/// The header values of every answer are secrets, besides those that the vector lists.
fn secrets(vector: &ClientVector, stage: &Stage, text: &str) -> Result<(), String> {
    let documents = vector
        .helper
        .iter()
        .filter_map(|answer| answer.document.as_ref());
    let headers = documents.filter_map(|document| document["status"]["headers"].as_object());
    let values = headers.flat_map(|headers| headers.values().filter_map(Value::as_array).flatten());
    let values = values
        .filter_map(Value::as_str)
        .map(|value| stage.words.in_text(value));
    // Of `Bearer TOKEN` the token alone.
    let values = values.filter_map(|value| value.split(' ').next_back().map(str::to_owned));
    let values = values.filter(|value| value.len() >= SHORTEST_SECRET);
    match values
        .chain(vector.secrets.clone())
        .find(|secret| text.contains(secret))
    {
        Some(secret) => Err(format!("{secret:?} is in {}", short(text))),
        None => Ok(()),
    }
}

impl Asked {
    fn at_once(&self) -> bool {
        self.parallel.is_some_and(|parallel| parallel > 1)
    }
}

/// Keeps a message readable.
fn short(text: &str) -> String {
    const LENGTH: usize = 600;
    if text.chars().count() <= LENGTH {
        return text.to_owned();
    }
    let start: String = text.chars().take(LENGTH).collect();
    format!("{start}…")
}
