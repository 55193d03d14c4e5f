//! Leads authorization and token endpoint to a certified OAuth server, and adds what is Google's
//! alone: `audience` on a refresh.
//!
//! That server has `https://accounts.google.com` for its issuer, and `/o/oauth2/v2/auth` and
//! `/token` for its routes.

use serde_json::{Value, json};

use super::jwt;
use super::proxy::lock;
use super::stand_in::Shared;
use super::state::json as json_response;
use super::token::error;
use crate::http::{Request, Response, forward};

/// Answers in Google's place; `None` for what the OAuth server has no part in.
pub fn answer(shared: &Shared, server: &str, host: &str, request: &Request) -> Option<Response> {
    match (host, request.path()) {
        ("accounts.google.com", _) => Some(forward(&seen_from_outside(request), server)),
        ("oauth2.googleapis.com", "/token") | ("www.googleapis.com", "/oauth2/v4/token") => {
            let grant = request.form("grant_type").unwrap_or_default();
            let own = ["authorization_code", "refresh_token"].contains(&grant.as_str());
            own.then(|| token(shared, server, request))
        }
        _ => None,
    }
}

fn token(shared: &Shared, server: &str, request: &Request) -> Response {
    let refusal = lock(&shared.state).behaviour.refuse.clone();
    if let Some(refusal) = refusal {
        return refusal.response();
    }
    let mut inner = seen_from_outside(request);
    "/token".clone_into(&mut inner.target);
    let response = forward(&inner, server);
    let Some(audience) = request.form("audience") else {
        return response;
    };
    let mut state = lock(&shared.state);
    if response.status != 200 {
        return response;
    }
    if !state.behaviour.audiences.contains(&audience) {
        let words = "The audience client and the client need to be in the same project.";
        return error(400, "invalid_audience", words);
    }
    let mut answer: Value = serde_json::from_slice(&response.body).expect("JSON of the server");
    let claims = answer["id_token"].as_str().and_then(jwt::claims);
    let email = claims.as_ref().and_then(|claims| claims["email"].as_str());
    let token = state.person_token(email.expect("an email address"), &audience, None);
    answer["id_token"] = json!(token);
    state.refreshes += 1;
    json_response(200, &answer)
}

/// Tells the server how people reach it.
fn seen_from_outside(request: &Request) -> Request {
    let mut inner = request.clone();
    let own = ["host", "x-forwarded-proto", "x-forwarded-host"];
    inner
        .headers
        .retain(|(name, _)| !own.contains(&name.to_ascii_lowercase().as_str()));
    for (name, value) in [
        ("Host", "accounts.google.com"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "accounts.google.com"),
    ] {
        inner.headers.push((name.to_owned(), value.to_owned()));
    }
    inner
}
