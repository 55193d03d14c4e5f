//! Whether the API knows who asks. A multi-user Kubeflow Pipelines answers its health to anybody, and a list only to
//! somebody whom it knows, so one list of one item is asked for.
//!
//! It is asked for in a namespace: without one the API refuses before it looks at who asks.

use serde_json::Value;

use crate::endpoint::Endpoint;
use crate::error::{Error, Result, Slug};
use crate::http::{Http, JSON, Page};
use crate::sanitize::redacted_url;
use crate::secret::Secret;

/// The namespace to ask in where the context names none: who asks is looked at before whether it is there.
const ANY_NAMESPACE: &str = "kubeflow";
/// The gRPC code of what is known and not permitted (`PERMISSION_DENIED`).
const PERMISSION_DENIED: u64 = 7;

/// What a list has shown.
#[derive(Debug)]
pub(super) enum Whoami {
    /// The API knows who asks, whatever that may do.
    Known,
    /// It does not, in these words.
    Nobody(String),
    /// What stands before it refuses, in these words.
    Refused(String),
    /// The servers are not well enough to tell, for this reason.
    Unproven(Error),
}

/// Asks for a list with a credential's headers, beside the context's extra ones.
pub(super) fn ask(
    http: &Http<'_>,
    base: &Endpoint,
    namespace: Option<&str>,
    headers: &[(String, Secret)],
) -> Result<Whoami> {
    let namespace = namespace.unwrap_or(ANY_NAMESPACE);
    for (path, name, more) in [
        ("apis/v2beta1/experiments", "namespace", ""),
        // Kubeflow Pipelines 1 has this one only.
        (
            "apis/v1beta1/experiments",
            "resource_reference_key.id",
            "NAMESPACE",
        ),
    ] {
        let mut url = base.join(path);
        url.query_pairs_mut()
            .append_pair("page_size", "1")
            .append_pair(name, namespace);
        if !more.is_empty() {
            url.query_pairs_mut()
                .append_pair("resource_reference_key.type", more);
        }
        let mut page = match http.get_with(&url, JSON, headers) {
            Ok(page) => page,
            Err(error) if matches!(error.slug(), Slug::Timeout | Slug::Unreachable) => {
                return Ok(Whoami::Unproven(error));
            }
            Err(error) => return Err(error),
        };
        let status = page.status.as_u16();
        let answer = json(&mut page)?;
        match status {
            200..=299 if answer.is_some() => return Ok(Whoami::Known),
            403 if code(answer.as_ref()) == Some(PERMISSION_DENIED) => {
                http.say(format_args!(
                    "known, and not permitted in the namespace {namespace}"
                ));
                return Ok(Whoami::Known);
            }
            401 => return Ok(Whoami::Nobody(told(http, &page, answer.as_ref()))),
            404 => {}
            500..=599 => {
                let what = format!("{} answered {}", redacted_url(&url), page.status);
                return Ok(Whoami::Unproven(Error::new(Slug::ServerError, what)));
            }
            _ => return Ok(Whoami::Refused(told(http, &page, answer.as_ref()))),
        }
    }
    let what = format!("{base} lists no experiments (apis/v2beta1/experiments)");
    Ok(Whoami::Unproven(Error::new(
        Slug::EndpointNotRecognised,
        what,
    )))
}

fn json(page: &mut Page) -> Result<Option<Value>> {
    if page.is("text/html") {
        return Ok(None);
    }
    let answer = serde_json::from_str(page.text()?).ok();
    Ok(answer.filter(Value::is_object))
}

fn code(answer: Option<&Value>) -> Option<u64> {
    answer?.get("code")?.as_u64()
}

/// The API server's errors are wrapped many times, `outer: inner`, and the reason is at the end.
fn innermost(message: &str) -> &str {
    const MOST: usize = 160;
    let starts = message
        .match_indices(": ")
        .map(|(at, mark)| at + mark.len());
    let mut starts = std::iter::once(0).chain(starts);
    let start = starts.find(|start| message.len() - start <= MOST);
    &message[start.unwrap_or(0)..]
}

fn told(http: &Http<'_>, page: &Page, answer: Option<&Value>) -> String {
    let message = answer.and_then(|answer| answer.get("message")?.as_str());
    let words = message.map(|message| format!(": {:?}", http.quoted(innermost(message))));
    let words = words.unwrap_or_default();
    format!(
        "{} answered {}{words}",
        redacted_url(&page.url),
        page.summary()
    )
}

#[cfg(test)]
mod tests {
    use super::innermost;

    #[test]
    fn the_reason_at_the_end_of_a_long_message_is_told() {
        assert_eq!(innermost("short: reason"), "short: reason");
        let long = format!("{}: no user: really", "wrapped: ".repeat(40));
        let told = innermost(&long);
        assert!(
            told.len() <= 160 && told.ends_with("no user: really"),
            "{told}"
        );
        assert_eq!(innermost(&"x".repeat(300)).len(), 300);
    }
}
