//! What Google's token endpoints and the IAM Credentials API answer, and their refusals in words.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::error::{Error, Result, Slug};
use crate::http::api::{Answer, Api};
use crate::sanitize::redacted_url;
use crate::secret::Secret;

/// A refusal's code and words, in the form of either API.
#[derive(Debug, PartialEq, Eq)]
struct Refusal {
    code: String,
    words: String,
}

/// `{"error": "…", "error_description": "…"}` (RFC 6749 section 5.2), or
/// `{"error": {"status": "…", "message": "…"}}` (<https://google.aip.dev/193>).
#[derive(Deserialize)]
struct WrittenRefusal {
    error: WrittenError,
    #[serde(default)]
    error_description: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum WrittenError {
    Code(String),
    Status {
        #[serde(default)]
        status: Option<String>,
        #[serde(default)]
        message: Option<String>,
    },
}

/// Reads the answer of the API at `url`, or explains its refusal.
pub(super) fn read<T: DeserializeOwned>(api: &Api<'_>, answer: &Answer, url: &Url) -> Result<T> {
    let place = redacted_url(url);
    match answer.status {
        200 => serde_json::from_str(answer.body.expose()).map_err(|_| {
            // The library's words could quote a token.
            let what = format!("{place} answered something that contains no token");
            Error::new(Slug::OauthTokenInvalid, what)
        }),
        429 | 500.. => {
            let what = format!("{place} answered {}", answer.status);
            Err(Error::new(Slug::ServerError, what))
        }
        status => Err(refused(&place, status, refusal(&answer.body), api)),
    }
}

fn refusal(body: &Secret) -> Option<Refusal> {
    let written: WrittenRefusal = serde_json::from_str(body.expose()).ok()?;
    let (code, words) = match written.error {
        WrittenError::Code(code) => (code, written.error_description),
        WrittenError::Status { status, message } => (status.unwrap_or_default(), message),
    };
    let words = words.unwrap_or_default();
    Some(Refusal { code, words })
}

fn refused(place: &str, status: u16, refusal: Option<Refusal>, api: &Api<'_>) -> Error {
    let error = Error::new(
        Slug::OauthRefused,
        format!("{place} refused: it answered {status}"),
    );
    let Some(Refusal { code, words }) = refusal else {
        return error;
    };
    let said = api.quoted(&format!("{code}: {words}"));
    let error = error.because(format!("Google says: {said}"));
    match code.as_str() {
        "invalid_grant" if words.contains("JWT") => {
            error.hint("check this machine's clock, and that the key was not deleted in the Google Cloud console: `gcloud iam service-accounts keys list --iam-account ACCOUNT`")
        }
        "invalid_grant" => error.hint("check that the service account exists and is not disabled"),
        "PERMISSION_DENIED" if words.contains("disabled") || words.contains("not been used") => {
            error.hint("enable the API in the project: `gcloud services enable iamcredentials.googleapis.com`")
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::config::{file, of_entry};
    use crate::environment::Environment;
    use crate::trace::Trace;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            headers: reqwest::header::HeaderMap::new(),
            body: Secret::new(body),
        }
    }

    fn refused_with(status: u16, body: &str) -> Error {
        let text = "{apiVersion: kfp-credential/v1, kind: Config, contexts: [{name: c, none: {}}]}";
        let path = PathBuf::from("config.yaml");
        let config = file::parse(&path, text).unwrap();
        let file = file::ConfigFile { path, config };
        let entry = &file.config.contexts()[0];
        let context = of_entry(&file, entry, &Environment::default()).unwrap();
        let trace = Trace::default();
        let url = Url::parse("https://oauth2.googleapis.com/token").unwrap();
        let api = Api::new(&context, &trace);
        read::<serde_json::Value>(&api, &answer(status, body), &url).unwrap_err()
    }

    #[test]
    fn refusals_of_both_forms_are_read() {
        for (body, words) in [
            (
                r#"{"error":"invalid_grant","error_description":"Bad Request"}"#,
                "invalid_grant: Bad Request",
            ),
            (r#"{"error":"invalid_scope"}"#, "invalid_scope: "),
            (
                r#"{"error":{"code":403,"status":"PERMISSION_DENIED","message":"Permission denied on x"}}"#,
                "PERMISSION_DENIED: Permission denied on x",
            ),
        ] {
            let error = refused_with(400, body);
            assert_eq!(error.slug(), Slug::OauthRefused);
            assert!(error.one_line().contains(words), "{error}");
        }
    }

    #[test]
    fn an_answer_without_words_of_google_is_shown_by_its_status_alone() {
        for body in ["", "<html>s3cret</html>", "[]", r#"{"error":7}"#] {
            let line = refused_with(403, body).one_line();
            assert!(line.ends_with("it answered 403"), "{line}");
        }
        assert_eq!(refused_with(200, "<html>").slug(), Slug::OauthTokenInvalid);
        assert_eq!(refused_with(503, "").slug(), Slug::ServerError);
        assert_eq!(refused_with(429, "").slug(), Slug::ServerError);
    }
}
