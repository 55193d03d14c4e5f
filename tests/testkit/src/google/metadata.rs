//! The metadata server of a machine in Google's cloud. It speaks plain http, without a proxy.

use serde_json::json;

use super::proxy::lock;
use super::stand_in::Shared;
use super::{CLOUD_PLATFORM, MACHINE_ACCOUNT, state};
use crate::http::{Request, Response};

const ROOT: &str = "/computeMetadata/v1/";

/// Answers one request.
pub fn answer(shared: &Shared, request: &Request) -> Response {
    let behaviour = lock(&shared.state).behaviour.clone();
    let response = if request.header("metadata-flavor") != Some("Google")
        || request.header("x-forwarded-for").is_some()
    {
        Response::html(
            403,
            "<title>Error 403 (Forbidden)!!1</title>Your client does not have permission to get URL. \
             Missing Metadata-Flavor:Google header.",
        )
    } else {
        known(shared, request, behaviour.no_machine_account)
    };
    if behaviour.no_flavor {
        return response;
    }
    response
        .header("Metadata-Flavor", "Google")
        .header("Server", "Metadata Server for VM")
}

fn known(shared: &Shared, request: &Request, no_account: bool) -> Response {
    if request.method != "GET" {
        return Response::html(405, "<title>Error 405 (Method Not Allowed)!!1</title>");
    }
    let Some(path) = request.path().strip_prefix(ROOT) else {
        return match request.path() {
            "/" => Response::text(200, "0.1/\ncomputeMetadata/\n"),
            _ => not_found(),
        };
    };
    match path {
        "universe/universe-domain" | "universe/universe_domain" => plain("googleapis.com"),
        "project/project-id" => plain("proj"),
        "project/numeric-project-id" => plain("1234"),
        _ => path
            .strip_prefix("instance/service-accounts/")
            .filter(|_| !no_account)
            .and_then(|rest| rest.split_once('/'))
            .filter(|(account, _)| [MACHINE_ACCOUNT, "default"].contains(account))
            .map_or_else(not_found, |(_, what)| account(shared, request, what)),
    }
}

fn account(shared: &Shared, request: &Request, what: &str) -> Response {
    let mut state = lock(&shared.state);
    match what {
        "" if request.query("recursive").as_deref() == Some("true") => state::json(
            200,
            &json!({"aliases": ["default"], "email": MACHINE_ACCOUNT, "scopes": [CLOUD_PLATFORM]}),
        ),
        "" => plain("aliases\nemail\nidentity\nscopes\ntoken\n"),
        "email" => plain(MACHINE_ACCOUNT),
        "scopes" => plain(CLOUD_PLATFORM),
        "token" => {
            let scopes = request.query("scopes").unwrap_or(CLOUD_PLATFORM.to_owned());
            let token = state.new_access_token(MACHINE_ACCOUNT, &scopes.replace(',', " "));
            let answer = json!({
                "access_token": token,
                "expires_in": state.behaviour.lifetime,
                "token_type": "Bearer",
            });
            Response::json(200, answer.to_string())
        }
        "identity" => {
            let Some(audience) = request.query("audience").filter(|text| !text.is_empty()) else {
                return Response::text(400, "non-empty audience parameter required");
            };
            let full = request.query("format").as_deref() == Some("full");
            plain(&state.account_token(MACHINE_ACCOUNT, &audience, full))
        }
        _ => not_found(),
    }
}

fn plain(text: &str) -> Response {
    Response::new(200)
        .header("Content-Type", "application/text")
        .body(text)
}

fn not_found() -> Response {
    Response::html(404, "<title>Error 404 (Not Found)!!1</title>")
}
