//! Proof that a credential opens the endpoint: Kubeflow Pipelines' health answer, asked as an API client asks it.
//!
//! A page with status 200 proves nothing: behind a gateway it may be a login page or the dashboard, which answers HTML
//! to any path outside `/pipeline`. Only JSON does.

use serde_json::Value;

use crate::endpoint::Endpoint;
use crate::error::{Error, Result, Slug};
use crate::http::{Http, JSON, Page};
use crate::sanitize::redacted_url;
use crate::secret::Secret;

/// The health paths of both API generations.
pub(super) const HEALTH_PATHS: [&str; 2] = ["apis/v2beta1/healthz", "apis/v1beta1/healthz"];

/// Why a credential is unproven where none of them is there.
pub(super) const NO_HEALTH_PATH: &str = "the endpoint has no health path of Kubeflow Pipelines";
/// Why it is where nobody looked.
pub(super) const NOT_VERIFIED: &str = "--no-verify was given";

/// What the health paths answered.
#[derive(Debug)]
pub enum Proof {
    /// JSON, below this endpoint: the given one, or the given one with `/pipeline`.
    Proven(Endpoint, Value),
    /// No health path exists there.
    NotFound,
    /// The servers are not well enough to tell, for this reason.
    Unproven(Error),
}

/// Asks the endpoint's health paths with a credential's headers.
pub fn prove(http: &Http<'_>, endpoint: &Endpoint, headers: &[(String, Secret)]) -> Result<Proof> {
    prove_explaining(http, endpoint, headers, &|_| None)
}

/// Asks the same; `explain` may know better what a refusal means.
pub fn prove_explaining(
    http: &Http<'_>,
    endpoint: &Endpoint,
    headers: &[(String, Secret)],
    explain: &dyn Fn(&mut Page) -> Option<Error>,
) -> Result<Proof> {
    let mut html_at = None;
    for base in bases(endpoint) {
        for path in HEALTH_PATHS {
            let url = base.join(path);
            let mut page = match http.get_with(&url, JSON, headers) {
                Ok(page) => page,
                Err(error) => return unproven(error),
            };
            let status = page.status.as_u16();
            match status {
                200..=299 => match json(&mut page) {
                    Ok(Some(answer)) => return Ok(Proof::Proven(base, answer)),
                    Ok(None) => {
                        html_at.get_or_insert(url);
                    }
                    Err(error) => return unproven(error),
                },
                300..=399 | 401 | 403 => {
                    let explained = explain(&mut page);
                    return Err(explained.unwrap_or_else(|| not_accepted(&page)));
                }
                500..=599 => {
                    let what = format!("{} answered {}", redacted_url(&url), page.status);
                    return Ok(Proof::Unproven(Error::new(Slug::ServerError, what)));
                }
                _ => {}
            }
        }
    }
    match html_at {
        None => Ok(Proof::NotFound),
        Some(url) => Err(Error::new(
            Slug::LoginNotAccepted,
            format!("{} answers a web page where the Kubeflow Pipelines API answers JSON", redacted_url(&url)),
        )
        .hint("either the credential is not valid there, or the endpoint is not the API's address, which often ends in /pipeline")),
    }
}

/// Tells a server that cannot be reached, or not to the end of its answer, from one that says no.
fn unproven(error: Error) -> Result<Proof> {
    if matches!(error.slug(), Slug::Timeout | Slug::Unreachable) {
        Ok(Proof::Unproven(error))
    } else {
        Err(error)
    }
}

/// Tells whether a health answer is Kubeflow Pipelines' own, by the fields of its API server and of `ml-pipeline-ui`.
pub fn is_kubeflow_pipelines(answer: &Value) -> bool {
    ["multi_user", "apiServerReady", "commit_sha"]
        .iter()
        .any(|field| answer.get(field).is_some())
}

/// People log in at the gateway's origin and use `/pipeline` afterwards; both are good endpoints.
fn bases(endpoint: &Endpoint) -> Vec<Endpoint> {
    let below = Endpoint::parse(endpoint.join("pipeline").as_str()).ok();
    let has_it_already = endpoint.url().path().ends_with("/pipeline");
    std::iter::once(endpoint.clone())
        .chain(below.filter(|_| !has_it_already))
        .collect()
}

fn json(page: &mut Page) -> Result<Option<Value>> {
    if page.is("text/html") {
        return Ok(None);
    }
    Ok(serde_json::from_str(page.text()?)
        .ok()
        .filter(Value::is_object))
}

fn not_accepted(page: &Page) -> Error {
    Error::new(
        Slug::LoginNotAccepted,
        format!(
            "{} does not accept the credential: it answered {}",
            redacted_url(&page.url),
            page.summary()
        ),
    )
}
