//! Checks the values of one context of the file: an error names the line, the column and the key.

use std::path::{Path, PathBuf};

use serde_saphyr::Spanned;

use crate::config::source::Source;
use crate::environment::Environment;
use crate::error::{Error, Result, Slug};
use crate::line::breaks_a_line;

/// One context of the file, whose values are looked at.
pub struct Check<'a> {
    pub(super) file: &'a Path,
    pub(super) context: &'a Spanned<String>,
    pub(super) environment: &'a Environment,
}

impl Check<'_> {
    /// Makes the error for the context as a whole.
    pub(super) fn refused(&self, what: &str) -> Error {
        invalid_at(self.file, self.context, what)
    }

    /// Refuses a control character: it would come out as something else wherever the value goes.
    pub(super) fn text(&self, key: &str, value: Option<&str>) -> Result<()> {
        if value.is_some_and(breaks_a_line) {
            return Err(no_line(self.file, self.context, key));
        }
        Ok(())
    }

    /// Refuses the same at the value's own place.
    pub(super) fn spanned(&self, key: &str, value: Option<&Spanned<String>>) -> Result<()> {
        match value {
            Some(value) if breaks_a_line(&value.value) => Err(no_line(self.file, value, key)),
            _ => Ok(()),
        }
    }

    /// Refuses the same in a list.
    pub(super) fn list(&self, key: &str, values: Option<&[Spanned<String>]>) -> Result<()> {
        let mut values = values.unwrap_or_default().iter();
        values.try_for_each(|value| self.spanned(key, Some(value)))
    }

    /// Refuses the same in what names a secret's source; the words of a command may hold anything.
    pub(super) fn source(&self, key: &str, source: Option<&Source>) -> Result<()> {
        match source {
            Some(Source::Env(text) | Source::File(text)) => self.text(key, Some(text)),
            Some(Source::Command(_) | Source::Keyring) | None => Ok(()),
        }
    }

    /// Reads a value; the error of `parse` says what is wrong with it.
    pub(super) fn parsed<T>(
        &self,
        value: Option<&Spanned<String>>,
        key: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>> {
        let Some(value) = value else { return Ok(None) };
        match parse(&value.value) {
            Ok(parsed) => Ok(Some(parsed)),
            Err(what) => Err(invalid_at(
                self.file,
                value,
                &format!("the value of {key} is wrong: {what}"),
            )),
        }
    }

    /// Reads each value of a list.
    pub(super) fn all_parsed<T>(
        &self,
        values: Option<&[Spanned<String>]>,
        key: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<T>> {
        let values = values.unwrap_or_default().iter();
        values
            .filter_map(|value| self.parsed(Some(value), key, &parse).transpose())
            .collect()
    }

    /// Reads a path of the file: `~/` is the home folder, what is relative lies beside the file.
    pub(super) fn path(&self, text: &str) -> PathBuf {
        match (text.strip_prefix("~/"), self.environment.home()) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => self.file.parent().unwrap_or(Path::new("")).join(text),
        }
    }

    /// Reads a secret's source; a file's path is relative to the configuration file's folder.
    pub(super) fn located(&self, source: &Source) -> Source {
        match source {
            Source::File(text) => Source::File(self.path(text).to_string_lossy().into_owned()),
            Source::Env(_) | Source::Command(_) | Source::Keyring => source.clone(),
        }
    }
}

/// Makes the error for a value of the file, with its line and column.
pub(super) fn invalid_at<T>(path: &Path, value: &Spanned<T>, what: &str) -> Error {
    invalid(
        path,
        Some((value.referenced.line(), value.referenced.column())),
        what,
    )
}

pub(super) fn invalid(path: &Path, place: Option<(u64, u64)>, what: &str) -> Error {
    let place = place
        .map(|(line, column)| format!(":{line}:{column}"))
        .unwrap_or_default();
    Error::new(
        Slug::ConfigInvalid,
        format!("{}{place}: {what}", path.display()),
    )
}

fn no_line<T>(file: &Path, place: &Spanned<T>, key: &str) -> Error {
    let what = format!("the value of {key} contains a control character");
    invalid_at(file, place, &what)
        .hint("write the value on one line, without \\n, \\t or other control characters")
}
