//! A subject token that a program prints (<https://google.aip.dev/auth/4117#executable-sourced-credentials>). It runs
//! only where the user's environment allows it, without a shell, with a deadline.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

use super::{External, unavailable};
use crate::environment::GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES as ALLOW;
use crate::error::Result;
use crate::method::google::reading::Reading;
use crate::program;
use crate::read_file::{self, Kind, ONE_MIB};
use crate::run::Run;
use crate::sanitize::sanitized;
use crate::secret::Secret;

/// How long the program may take where the file says nothing, in milliseconds.
const USUAL_TIMEOUT: u64 = 30_000;
/// What the file may say, in milliseconds.
const TIMEOUTS: std::ops::RangeInclusive<u64> = 5_000..=120_000;
/// More than any answer is long.
const LARGEST: u64 = ONE_MIB;

/// A program, and the file that it keeps its last answer in.
#[derive(Debug)]
pub(in crate::method::google) struct Executable {
    words: Vec<String>,
    timeout: Duration,
    output_file: Option<PathBuf>,
}

/// An `executable` as written.
#[derive(Deserialize)]
pub(super) struct WrittenExecutable {
    command: Option<String>,
    timeout_millis: Option<u64>,
    output_file: Option<PathBuf>,
}

/// What the program prints.
#[derive(Deserialize)]
struct Answer {
    version: Option<u64>,
    success: Option<bool>,
    token_type: Option<String>,
    id_token: Option<Secret>,
    saml_response: Option<Secret>,
    expiration_time: Option<i64>,
    code: Option<Value>,
    message: Option<String>,
}

impl WrittenExecutable {
    pub(super) fn checked(self, reading: Reading<'_>) -> Result<Executable> {
        let command = reading.required("credential_source.executable.command", self.command)?;
        let words = words(&command).filter(|words| !words.is_empty());
        let words = words.ok_or_else(|| {
            reading.invalid(
                "has a credential_source.executable.command that is empty or leaves a quote open",
            )
        })?;
        let timeout = self.timeout_millis.unwrap_or(USUAL_TIMEOUT);
        if !TIMEOUTS.contains(&timeout) {
            return Err(reading.invalid("has a credential_source.executable.timeout_millis that is not between 5000 and 120000"));
        }
        Ok(Executable {
            words,
            timeout: Duration::from_millis(timeout),
            output_file: self.output_file.filter(|path| !path.as_os_str().is_empty()),
        })
    }
}

impl Executable {
    /// Gives what the output file still has, else what the program prints.
    pub(super) fn subject_token(&self, external: &External, run: Run<'_>) -> Result<Secret> {
        let program = &self.words[0];
        if run.environment.get(ALLOW) != Some("1") {
            let what = format!(
                "{} has the program {program:?} run, which is not allowed",
                external.place()
            );
            return Err(unavailable(what).hint(format!("if you trust that file, set {ALLOW}=1")));
        }
        let now = (run.now)();
        if let Some(token) = self.kept(now) {
            run.trace
                .say("the program's output file still has a subject token");
            return Ok(token);
        }
        run.trace
            .say(format_args!("running {program:?} for a subject token"));
        let place = format!("the program {program:?} of {}", external.place());
        let output = program::output(&mut self.command(external), self.timeout, LARGEST);
        let output = output
            .map_err(|error| unavailable(format!("{place} could not be run")).because(error))?;
        let Some((status, printed)) = output else {
            let limit = humantime::format_duration(self.timeout);
            return Err(unavailable(format!("{place} did not end within {limit}")));
        };
        if !status.success() {
            let error = unavailable(format!("{place} failed: {status}"));
            return Err(error.hint(format!("run {program:?} by hand to see what it says")));
        }
        let printed = match &self.output_file {
            Some(file) if printed.is_empty() => {
                read_file::read(file, Kind::File, LARGEST).unwrap_or_default()
            }
            _ => Zeroizing::new(printed),
        };
        Answer::parse(&printed)
            .and_then(|answer| answer.token(now))
            .map_err(|what| unavailable(format!("{place} gave no subject token: {what}")))
    }

    /// An answer without an end is not used twice.
    fn kept(&self, now: DateTime<Utc>) -> Option<Secret> {
        let bytes = read_file::read(self.output_file.as_ref()?, Kind::File, LARGEST).ok()?;
        let answer = Answer::parse(&bytes).ok()?;
        answer.expiration_time?;
        answer.token(now).ok()
    }

    fn command(&self, external: &External) -> Command {
        let mut command = Command::new(&self.words[0]);
        command
            .args(&self.words[1..])
            .env("GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE", &external.audience)
            .env(
                "GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE",
                &external.subject_token_type,
            )
            .env("GOOGLE_EXTERNAL_ACCOUNT_INTERACTIVE", "0")
            .env("GOOGLE_EXTERNAL_ACCOUNT_REVOKE", "0");
        if let Some(email) = &external.impersonated {
            command
                .env("GOOGLE_EXTERNAL_ACCOUNT_ID", email)
                .env("GOOGLE_EXTERNAL_ACCOUNT_IMPERSONATED_EMAIL", email);
        }
        if let Some(file) = &self.output_file {
            command.env("GOOGLE_EXTERNAL_ACCOUNT_OUTPUT_FILE", file);
        }
        command
    }
}

impl Answer {
    fn parse(bytes: &[u8]) -> Result<Self, String> {
        // The library's words could quote a token.
        serde_json::from_slice(bytes)
            .map_err(|_| "its answer is not the JSON that Google documents".to_owned())
    }

    fn token(self, now: DateTime<Utc>) -> Result<Secret, String> {
        if self.version != Some(1) {
            return Err("its answer is not of version 1".to_owned());
        }
        if self.success != Some(true) {
            let code = match &self.code {
                Some(Value::String(code)) => code.clone(),
                Some(code) => code.to_string(),
                None => "no code".to_owned(),
            };
            let message = self.message.unwrap_or_else(|| "no message".to_owned());
            return Err(sanitized(&format!("it says: {code}: {message}")));
        }
        if self
            .expiration_time
            .is_some_and(|end| end <= now.timestamp())
        {
            return Err("its token has expired".to_owned());
        }
        let token = match self.token_type.as_deref() {
            Some(
                "urn:ietf:params:oauth:token-type:jwt"
                | "urn:ietf:params:oauth:token-type:id_token",
            ) => self.id_token,
            Some("urn:ietf:params:oauth:token-type:saml2") => self.saml_response,
            _ => return Err("its token_type is not one that Google documents".to_owned()),
        };
        token
            .filter(|token| !token.expose().is_empty())
            .ok_or_else(|| "its answer holds no token".to_owned())
    }
}

/// Splits a command as Google's libraries do: at blanks, which quotes keep together. There is no shell, so nothing else
/// has a meaning; `None` where a quote stays open.
fn words(command: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in command.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn token(answer: &str) -> Result<Secret, String> {
        Answer::parse(answer.as_bytes()).and_then(|answer| answer.token(now()))
    }

    #[test]
    fn a_command_is_split_at_blanks_and_quotes() {
        for (command, expected) in [
            ("/bin/token --a  b\t", Some(vec!["/bin/token", "--a", "b"])),
            (
                r#""C:\Program Files\t.exe" '-x y'z"#,
                Some(vec![r"C:\Program Files\t.exe", "-x yz"]),
            ),
            ("p '' $HOME;ls", Some(vec!["p", "", "$HOME;ls"])),
            ("", Some(vec![])),
            ("p \"open", None),
        ] {
            let words = words(command);
            assert_eq!(
                words.as_deref(),
                expected
                    .as_deref()
                    .map(|words| -> Vec<String> {
                        words.iter().map(|word| (*word).to_owned()).collect()
                    })
                    .as_deref(),
                "{command}"
            );
        }
    }

    #[test]
    fn both_kinds_of_tokens_are_taken() {
        let saml = r#"{"version":1,"success":true,"token_type":"urn:ietf:params:oauth:token-type:saml2","saml_response":"t"}"#;
        let jwt = format!(
            r#"{{"version":1,"success":true,"token_type":"{JWT}","id_token":"t","expiration_time":1800000001}}"#
        );
        for answer in [saml, jwt.as_str()] {
            assert_eq!(token(answer).unwrap().expose(), "t");
        }
    }

    #[test]
    fn a_programs_own_error_is_told() {
        let failed =
            r#"{"version":1,"success":false,"code":"401","message":"caller not\u001b known"}"#;
        assert_eq!(token(failed).unwrap_err(), "it says: 401: caller not known");
        for (answer, words) in [
            ("s3cret".to_owned(), "not the JSON"),
            (
                format!(r#"{{"version":2,"success":true,"token_type":"{JWT}","id_token":"t"}}"#),
                "version",
            ),
            (
                format!(r#"{{"version":1,"success":true,"token_type":"{JWT}"}}"#),
                "no token",
            ),
            (
                r#"{"version":1,"success":true,"id_token":"t"}"#.to_owned(),
                "token_type",
            ),
            (
                format!(
                    r#"{{"version":1,"success":true,"token_type":"{JWT}","id_token":"t","expiration_time":1800000000}}"#
                ),
                "expired",
            ),
        ] {
            let error = token(&answer).unwrap_err();
            assert!(
                error.contains(words) && !error.contains("s3cret"),
                "{error}"
            );
        }
    }
}
