//! IAM Credentials (one account speaks for another) and the Security Token Service.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};

use super::proxy::lock;
use super::stand_in::Shared;
use super::state::{self, State};
use super::token::error;
use super::{CLOUD_PLATFORM, POOL_AUDIENCE, jwt};
use crate::http::{Request, Response};

const IAM: &str = "https://www.googleapis.com/auth/iam";
const ACCOUNTS: &str = "/v1/projects/-/serviceAccounts/";
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// Is whoever comes through the workload identity pool.
pub const FEDERATED: &str = "principal://iam.googleapis.com/projects/1234/locations/global/workloadIdentityPools/pool/subject/ci";

/// Answers for `iamcredentials.googleapis.com`.
pub fn credentials(shared: &Shared, request: &Request) -> Response {
    let path = request.path().replace("%40", "@");
    let Some(rest) = path.strip_prefix(ACCOUNTS) else {
        return api_error(404, "NOT_FOUND", "Method not found.");
    };
    if request.method == "GET" && rest.ends_with("/allowedLocations") {
        return state::json(200, &json!({"locations": [], "encodedLocations": "0x0"}));
    }
    let (Some((account, verb)), "POST") = (rest.split_once(':'), request.method.as_str()) else {
        return api_error(404, "NOT_FOUND", "Method not found.");
    };
    let mut state = lock(&shared.state);
    let scopes = [CLOUD_PLATFORM, IAM];
    let Some(caller) = state.bearer(request.header("authorization"), &scopes) else {
        let words = "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential.";
        return api_error(401, "UNAUTHENTICATED", words);
    };
    let body: Value = match serde_json::from_slice(&request.body) {
        Ok(body @ Value::Object(_)) => body,
        _ => return api_error(400, "INVALID_ARGUMENT", "Invalid JSON payload received."),
    };
    if !may_speak_for(&state, &caller.principal, &delegates(&body), account) {
        let words = "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).";
        return api_error(403, "PERMISSION_DENIED", words);
    }
    match verb {
        "generateIdToken" => {
            let Some(audience) = body["audience"].as_str() else {
                return api_error(400, "INVALID_ARGUMENT", "audience is required");
            };
            let with_email = body["includeEmail"] == true;
            let token = state.account_token(account, audience, with_email);
            state::json(200, &json!({"token": token}))
        }
        "generateAccessToken" => access_token(&mut state, account, &body),
        "signBlob" => {
            let payload = body["payload"].as_str().unwrap_or_default();
            let Ok(bytes) = STANDARD.decode(payload) else {
                return api_error(400, "INVALID_ARGUMENT", "payload must be base64");
            };
            let signed = STANDARD.encode(jwt::ACCOUNT.sign_bytes(&bytes));
            state::json(
                200,
                &json!({"keyId": jwt::ACCOUNT.id, "signedBlob": signed}),
            )
        }
        "signJwt" => {
            let claims = body["payload"].as_str().map(serde_json::from_str::<Value>);
            let Some(Ok(claims)) = claims else {
                return api_error(400, "INVALID_ARGUMENT", "payload must be a JSON object");
            };
            let signed = jwt::ACCOUNT.sign(&claims);
            state::json(200, &json!({"keyId": jwt::ACCOUNT.id, "signedJwt": signed}))
        }
        _ => api_error(404, "NOT_FOUND", "Method not found."),
    }
}

fn access_token(state: &mut State, account: &str, body: &Value) -> Response {
    let scopes = body["scope"].as_array().into_iter().flatten();
    let scopes: Vec<&str> = scopes.filter_map(Value::as_str).collect();
    if scopes.is_empty() {
        return api_error(400, "INVALID_ARGUMENT", "scope is required");
    }
    let token = state.new_access_token(account, &scopes.join(" "));
    let end = jwt::now() + state.behaviour.lifetime;
    let end = DateTime::from_timestamp(end, 0).expect("a time");
    let answer = json!({
        "accessToken": token,
        "expireTime": end.to_rfc3339_opts(SecondsFormat::Secs, true),
    });
    state::json(200, &answer)
}

/// Returns the accounts between the caller and the one that it wants to be.
fn delegates(body: &Value) -> Vec<&str> {
    let listed = body["delegates"].as_array().into_iter().flatten();
    listed
        .filter_map(Value::as_str)
        .map(|name| name.rsplit('/').next().unwrap_or(name))
        .collect()
}

/// Tells whether each in the chain may speak for the next.
fn may_speak_for(state: &State, caller: &str, delegates: &[&str], account: &str) -> bool {
    let chain: Vec<&str> = [&[caller], delegates, &[account]].concat();
    let behaviour = &state.behaviour;
    chain.windows(2).all(|pair| {
        behaviour.accounts.contains(&pair[1])
            && behaviour
                .token_creators
                .as_ref()
                .is_none_or(|list| list.contains(&(pair[0], pair[1])))
    })
}

fn api_error(status: u16, name: &str, words: &str) -> Response {
    let body = json!({"error": {"code": status, "message": words, "status": name}});
    state::json(status, &body)
}

/// Answers for `sts.googleapis.com`.
pub fn exchange(shared: &Shared, request: &Request) -> Response {
    if (request.method.as_str(), request.path()) != ("POST", "/v1/token") {
        return api_error(404, "NOT_FOUND", "Method not found.");
    }
    let given = |name| request.form(name).unwrap_or_default();
    let mut state = lock(&shared.state);
    if given("grant_type") != EXCHANGE {
        return error(400, "unsupported_grant_type", "Invalid grant type.");
    }
    if given("requested_token_type") != ACCESS_TOKEN {
        return error(400, "invalid_request", "Invalid requested_token_type.");
    }
    if given("audience") != POOL_AUDIENCE {
        let words = "Invalid value for \"audience\". This value should be the full resource name of the Identity Provider.";
        return error(400, "invalid_request", words);
    }
    if !given("subject_token_type").starts_with("urn:ietf:params:oauth:token-type:") {
        return error(400, "invalid_request", "Invalid subject_token_type.");
    }
    if given("subject_token") != state.behaviour.subject_token {
        let words = "The given credential is rejected by the attribute condition.";
        return error(400, "invalid_grant", words);
    }
    let scope = given("scope");
    if scope.is_empty() {
        return error(400, "invalid_scope", "A scope is required.");
    }
    let answer = json!({
        "access_token": state.new_access_token(FEDERATED, &scope),
        "issued_token_type": ACCESS_TOKEN,
        "token_type": "Bearer",
        "expires_in": state.behaviour.lifetime,
    });
    state::json(200, &answer)
}
