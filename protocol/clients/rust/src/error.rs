//! What can go wrong: the helper's own failures, by its slugs, and those around it.

use std::fmt;

pub(crate) const HELPER_MISSING: &str = "helper-missing";
pub(crate) const HELPER_FAILED: &str = "helper-failed";
pub(crate) const HELPER_TIMEOUT: &str = "helper-timeout";
pub(crate) const HELPER_ANSWER_INVALID: &str = "helper-answer-invalid";
pub(crate) const EXEC_CONFIG_INVALID: &str = "exec-config-invalid";
pub(crate) const CREDENTIAL_REJECTED: &str = "credential-rejected";
pub(crate) const ORIGIN_REFUSED: &str = "origin-refused";
pub(crate) const CONNECTION_UNSUPPORTED: &str = "connection-unsupported";

/// What kept a program from its credential, or the credential from being accepted. It holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelperError {
    slug: String,
    exit_code: Option<i32>,
    message: String,
    hint: String,
}

impl HelperError {
    pub(crate) fn new(slug: &str, message: impl Into<String>) -> Self {
        Self {
            slug: slug.to_owned(),
            exit_code: None,
            message: message.into(),
            hint: general_hint(slug).to_owned(),
        }
    }

    pub(crate) fn hint_to(self, hint: impl Into<String>) -> Self {
        Self {
            hint: hint.into(),
            ..self
        }
    }

    /// Reads what a helper wrote to stderr before it failed.
    pub(crate) fn of_helper(stderr: &str, exit_code: Option<i32>) -> Self {
        let slug = slug_in(stderr);
        let mut error = Self::new(slug.unwrap_or(HELPER_FAILED), stderr.trim_end());
        error.exit_code = exit_code;
        let hints = hints_in(stderr);
        if !hints.is_empty() {
            error.hint = hints;
        }
        error
    }

    /// Says that the program cannot reach the endpoint as the context asks: `key` is the one of
    /// [`Connection`](crate::Connection), as the document spells it.
    pub fn connection_unsupported(key: &str, why: impl fmt::Display) -> Self {
        Self::new(CONNECTION_UNSUPPORTED, format!("{key}: {why}"))
    }

    /// The stable name of the failure, such as `login-required`.
    pub fn slug(&self) -> &str {
        &self.slug
    }

    /// The helper's exit code, where it failed itself; 4 means that a person is needed.
    pub fn exit_code(&self) -> Option<i32> {
        self.exit_code
    }

    /// What failed; what the helper wrote to stderr, where it failed itself.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do next.
    pub fn hint(&self) -> &str {
        &self.hint
    }
}

/// Shows the error in the helper's own form.
impl fmt::Display for HelperError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.exit_code.is_some() && self.slug != HELPER_FAILED {
            return f.write_str(&self.message);
        }
        write!(
            f,
            "error[{}]: {}\n  hint: {}",
            self.slug, self.message, self.hint
        )
    }
}

impl std::error::Error for HelperError {}

fn general_hint(slug: &str) -> &'static str {
    match slug {
        HELPER_FAILED => "run the same command in a terminal to see what it says",
        HELPER_TIMEOUT => "run the same command with `-v` in a terminal to see where it waits",
        HELPER_ANSWER_INVALID => {
            "check that the exec configuration runs `kfp-credential get`, without `-o`"
        }
        EXEC_CONFIG_INVALID => {
            r#"write it as exec.schema.json describes, e.g. {"exec": {"command": "kfp-credential", "args": ["get"]}}"#
        }
        ORIGIN_REFUSED => "give a path below the endpoint, or a context for that other place",
        CONNECTION_UNSUPPORTED => {
            "use a client in another language, or change the context's connection settings"
        }
        CREDENTIAL_REJECTED => "check the endpoint of the context, and log in again",
        _ => "",
    }
}

/// Finds the first `error[SLUG]: `.
fn slug_in(words: &str) -> Option<&str> {
    words.split("error[").skip(1).find_map(|rest| {
        let (slug, _) = rest.split_once("]: ")?;
        let of_slug = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        (!slug.is_empty() && slug.chars().all(of_slug)).then_some(slug)
    })
}

/// Gathers the `hint:` lines; a hint's further lines are indented by four.
fn hints_in(words: &str) -> String {
    let mut hints = Vec::new();
    let mut inside = false;
    for line in words.lines() {
        if let Some(hint) = line.trim_start().strip_prefix("hint: ") {
            hints.push(hint);
            inside = true;
        } else if let Some(more) = line.strip_prefix("    ").filter(|_| inside) {
            hints.push(more);
        } else {
            inside = false;
        }
    }
    hints.join("\n")
}
