//! The token that is exchanged: read where the context says, or made by the runner of GitHub Actions.

use serde::Deserialize;
use url::Url;

use crate::config::method::SubjectToken;
use crate::config::source;
use crate::endpoint::is_secure_transport;
use crate::environment::{ACTIONS_ID_TOKEN_REQUEST_TOKEN, ACTIONS_ID_TOKEN_REQUEST_URL};
use crate::error::{Error, Result, Slug};
use crate::method::oidc::At;
use crate::sanitize::redacted_url;
use crate::secret::Secret;

/// Gives the token.
pub(super) fn read(at: &At<'_>) -> Result<Secret> {
    match &at.oidc.subject_token {
        Some(SubjectToken::From(from)) => {
            let (run, limit) = (at.login.run, at.api.time_left());
            let what = "the subject token";
            let token = source::read_within(limit, from, what, run.environment, run.trace)?;
            token.ok_or_else(|| unavailable("it comes from no keyring"))
        }
        Some(SubjectToken::GithubActions(audience)) => of_runner(at, audience.as_deref()),
        None => {
            let name = at.login.context.display_name();
            let what = format!("{name} names no token to exchange");
            Err(Error::new(Slug::ConfigMissing, what).hint(
                "name where it is: `oidc: {subject-token: {file: F}}`, {env: NAME}, {command: [PROGRAM]}, or {github-actions: {audience: AUDIENCE}}",
            ))
        }
    }
}

/// What the runner answers.
#[derive(Deserialize)]
struct Answer {
    value: Secret,
}

/// Asks the runner for a token of this job
/// (<https://docs.github.com/actions/reference/security/oidc#methods-for-requesting-the-oidc-token>).
fn of_runner(at: &At<'_>, audience: Option<&str>) -> Result<Secret> {
    let environment = at.login.run.environment;
    let (Some(address), Some(token)) = (
        environment.get(ACTIONS_ID_TOKEN_REQUEST_URL),
        environment.get(ACTIONS_ID_TOKEN_REQUEST_TOKEN),
    ) else {
        return Err(unavailable("this is not a GitHub Actions job that may request tokens: ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN are not set")
            .hint("give the job the right: `permissions: {id-token: write}`"));
    };
    let mut url = Url::parse(address)
        .ok()
        .filter(is_secure_transport)
        .ok_or_else(|| unavailable("ACTIONS_ID_TOKEN_REQUEST_URL is not an https URL"))?;
    if let Some(audience) = audience {
        url.query_pairs_mut().append_pair("audience", audience);
    }
    let bearer = Secret::new(format!("Bearer {token}"));
    let answer = at.api.get(&url, &[("Authorization".to_owned(), bearer)])?;
    let place = redacted_url(&url);
    if answer.status != 200 {
        let what = format!("{place} answered {}", answer.status);
        return Err(unavailable(&what)
            .hint("the right to ask ends with the job: run this inside one, with `permissions: {id-token: write}`"));
    }
    let read: Result<Answer, _> = serde_json::from_str(answer.body.expose());
    read.map(|answer| answer.value).map_err(|_| {
        unavailable(&format!(
            "{place} answered something that contains no token"
        ))
    })
}

fn unavailable(why: &str) -> Error {
    let what = format!("the subject token is not available: {why}");
    Error::new(Slug::ConfigSecretUnavailable, what)
}
