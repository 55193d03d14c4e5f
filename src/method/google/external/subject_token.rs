//! A subject token that a file or a URL gives, as text or inside JSON.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::unavailable;
use crate::error::Result;
use crate::http::api::Api;
use crate::method::google::reading::Reading;
use crate::read_file::{self, Kind, ONE_MIB, PATIENCE};
use crate::sanitize::redacted_url;
use crate::secret::Secret;

/// How the token lies in what is read.
#[derive(Debug)]
pub(in crate::method::google) enum Format {
    /// It is all of it.
    Text,
    /// It is this field of a JSON object.
    Json(String),
}

/// A `format` as written.
#[derive(Deserialize)]
pub(super) struct WrittenFormat {
    r#type: Option<String>,
    subject_token_field_name: Option<String>,
}

impl Format {
    pub(super) fn checked(written: Option<WrittenFormat>, reading: Reading<'_>) -> Result<Self> {
        let Some(written) = written else {
            return Ok(Self::Text);
        };
        match written.r#type.as_deref() {
            None | Some("text") => Ok(Self::Text),
            Some("json") => {
                let key = "credential_source.format.subject_token_field_name";
                let field = reading.required(key, written.subject_token_field_name)?;
                Ok(Self::Json(field))
            }
            Some(_) => {
                Err(reading.invalid("has a credential_source.format that is neither text nor json"))
            }
        }
    }

    fn token(&self, text: &str, place: &str) -> Result<Secret> {
        let token = match self {
            Self::Text => text.trim().to_owned(),
            Self::Json(field) => {
                let value: Option<Value> = serde_json::from_str(text).ok();
                let token = value.as_ref().and_then(|value| value.get(field)?.as_str());
                let no_field = || {
                    unavailable(format!(
                        "{place} gave no JSON object with the text {field:?}"
                    ))
                };
                token.ok_or_else(no_field)?.to_owned()
            }
        };
        if token.is_empty() {
            return Err(unavailable(format!("{place} gave an empty subject token")));
        }
        Ok(Secret::new(token))
    }
}

/// Reads the token from a file that another program keeps fresh.
pub(super) fn from_file(api: &Api<'_>, path: &Path, format: &Format) -> Result<Secret> {
    let place = format!("the subject token file {}", path.display());
    let bytes = read_file::read(
        path,
        Kind::FileOrPipe(api.time_left().min(PATIENCE)),
        ONE_MIB,
    )
    .map_err(|error| unavailable(format!("{place} could not be read")).because(error))?;
    let text =
        std::str::from_utf8(&bytes).map_err(|_| unavailable(format!("{place} is not text")))?;
    format.token(text, &place)
}

/// Gets the token from a URL, with the headers that the credential file names.
pub(super) fn from_url(
    api: &Api<'_>,
    url: &Url,
    headers: &[(String, Secret)],
    format: &Format,
) -> Result<Secret> {
    let place = redacted_url(url);
    let answer = api.get(url, headers)?;
    if answer.status != 200 {
        let what = format!(
            "{place} gave no subject token: it answered {}",
            answer.status
        );
        return Err(unavailable(what));
    }
    format.token(answer.body.expose(), &place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Slug;

    #[test]
    fn a_token_is_all_of_the_text_or_one_field() {
        let json = Format::Json("access_token".into());
        for (format, text) in [
            (&Format::Text, "token"),
            (&Format::Text, "token\n"),
            (&json, r#"{"access_token":"token","x":1}"#),
        ] {
            assert_eq!(format.token(text, "it").unwrap().expose(), "token");
        }
        for (format, text) in [
            (&Format::Text, ""),
            (&Format::Text, " \n"),
            (&json, "s3cret"),
            (&json, r#"["s3cret"]"#),
            (&json, r#"{"token":"s3cret"}"#),
            (&json, r#"{"access_token":7}"#),
            (&json, r#"{"access_token":""}"#),
        ] {
            let error = format.token(text, "it").unwrap_err();
            assert_eq!(error.slug(), Slug::GoogleSubjectTokenUnavailable);
            assert!(!error.one_line().contains("s3cret"), "{error}");
        }
    }
}
