//! The token endpoint, under both of its addresses.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::behaviour::Refusal;
use super::jwt::{self, Fault};
use super::proxy::lock;
use super::stand_in::Shared;
use super::state::{self, State};
use super::{DESKTOP_CLIENT, DESKTOP_SECRET};
use crate::http::{Request, Response};

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const ADDRESSES: [&str; 3] = [
    "https://oauth2.googleapis.com/token",
    "https://www.googleapis.com/oauth2/v4/token",
    "https://accounts.google.com/o/oauth2/token",
];

/// Answers for `oauth2.googleapis.com` and `www.googleapis.com`.
pub fn answer(shared: &Shared, host: &str, request: &Request) -> Response {
    match (request.method.as_str(), host, request.path()) {
        ("POST", "oauth2.googleapis.com", "/token")
        | ("POST", "www.googleapis.com", "/oauth2/v4/token") => {}
        ("POST", "oauth2.googleapis.com", "/revoke") => {
            return revocation(&mut lock(&shared.state), request);
        }
        ("GET", "www.googleapis.com", "/oauth2/v3/certs") => {
            return state::json(200, &json!({"keys": [jwt::GOOGLE.jwk()]}));
        }
        _ => return state::json(404, &json!({"error": "not_found"})),
    }
    let form = "application/x-www-form-urlencoded";
    let kind = request.header("content-type").unwrap_or_default();
    let mut state = lock(&shared.state);
    if !kind.starts_with(form) {
        return error(400, "invalid_request", "Bad Request");
    }
    if let Some(refusal) = &state.behaviour.refuse {
        return refusal.response();
    }
    match request.form("grant_type").as_deref() {
        Some("authorization_code") => known_client(request)
            .map_or_else(|| code(&mut state, request), |refusal| refusal.response()),
        Some("refresh_token") => known_client(request).map_or_else(
            || refresh(&mut state, request),
            |refusal| refusal.response(),
        ),
        Some(JWT_BEARER) => signed_jwt(&mut state, request),
        Some(other) => error(
            400,
            "unsupported_grant_type",
            &format!("Invalid grant_type: {other}"),
        ),
        None => error(
            400,
            "invalid_request",
            "Required parameter is missing: grant_type",
        ),
    }
}

/// Ends a grant (RFC 7009), as <https://developers.google.com/identity/protocols/oauth2/native-app#tokenrevoke> has it.
fn revocation(state: &mut State, request: &Request) -> Response {
    let given = request.form("token").unwrap_or_default();
    match state.refresh_tokens.get(&given).map(|kept| kept.grant) {
        Some(grant) => {
            state.revoke(grant);
            state::json(200, &json!({}))
        }
        None => error(400, "invalid_token", "Token expired or revoked"),
    }
}

/// Returns what is wrong with the client that asks.
fn known_client(request: &Request) -> Option<Refusal> {
    let given = |name| request.form(name).unwrap_or_default();
    if given("client_id") != DESKTOP_CLIENT {
        return Some(Refusal::InvalidClient);
    }
    if request.form("client_secret").is_none() {
        let body =
            json!({"error": "invalid_request", "error_description": "client_secret is missing."});
        return Some(Refusal::Other(400, body));
    }
    (given("client_secret") != DESKTOP_SECRET).then_some(Refusal::WrongSecret)
}

fn code(state: &mut State, request: &Request) -> Response {
    let given = request.form("code").unwrap_or_default();
    let Some(kept) = state.codes.get_mut(&given) else {
        return error(400, "invalid_grant", "Malformed auth code.");
    };
    let was_used = std::mem::replace(&mut kept.used, true);
    let kept = kept.clone();
    if was_used {
        state.replays += 1;
        state.revoke(kept.grant);
        return error(400, "invalid_grant", "Bad Request");
    }
    if request.form("redirect_uri").as_deref() != Some(&kept.redirect_uri) {
        return Refusal::RedirectUriMismatch.response();
    }
    let verifier = request.form("code_verifier");
    match (&kept.challenge, verifier) {
        (None, _) if state.behaviour.needs_pkce => {
            return error(400, "invalid_grant", "Missing code challenge.");
        }
        (None, None) => {}
        (None, Some(_)) => {
            return error(400, "invalid_grant", "code_verifier is not needed.");
        }
        (Some(_), None) => return error(400, "invalid_grant", "Missing code verifier."),
        (Some((method, challenge)), Some(verifier)) => {
            let hash = || URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
            let fits = match method.as_str() {
                "S256" => hash() == *challenge,
                "plain" => verifier == *challenge,
                _ => false,
            };
            if !fits || !(43..=128).contains(&verifier.len()) {
                return error(400, "invalid_grant", "Invalid code verifier.");
            }
        }
    }
    let mut answer = json!({
        "access_token": state.new_access_token(&kept.email, &kept.scope),
        "expires_in": state.behaviour.lifetime,
        "scope": kept.scope,
        "token_type": "Bearer",
        "id_token": state.person_token(&kept.email, DESKTOP_CLIENT, kept.nonce.as_deref()),
    });
    if !state.behaviour.no_refresh_token {
        let token = state.new_refresh_token(&kept.email, &kept.scope, kept.grant);
        answer["refresh_token"] = json!(token);
    }
    state::json(200, &answer)
}

fn refresh(state: &mut State, request: &Request) -> Response {
    let given = request.form("refresh_token").unwrap_or_default();
    let Some(kept) = state.refresh_tokens.get(&given).cloned() else {
        return Refusal::InvalidGrant.response();
    };
    if kept.replaced {
        state.reuses += 1;
        state.revoke(kept.grant);
        return Refusal::InvalidGrant.response();
    }
    let audience = request.form("audience");
    if let Some(audience) = &audience
        && !state.behaviour.audiences.contains(audience)
    {
        let words = "The audience client and the client need to be in the same project.";
        return error(400, "invalid_audience", words);
    }
    state.refreshes += 1;
    let wanted = audience.as_deref().unwrap_or(DESKTOP_CLIENT);
    let mut answer = json!({"id_token": state.person_token(&kept.email, wanted, None)});
    if audience.is_none() || state.behaviour.access_token_beside {
        answer["access_token"] = json!(state.new_access_token(&kept.email, &kept.scope));
        answer["expires_in"] = json!(state.behaviour.lifetime);
        answer["scope"] = json!(kept.scope);
        answer["token_type"] = json!("Bearer");
    }
    if state.behaviour.rotation {
        let next = state.new_refresh_token(&kept.email, &kept.scope, kept.grant);
        answer["refresh_token"] = json!(next);
        if let Some(old) = state.refresh_tokens.get_mut(&given) {
            old.replaced = true;
        }
    }
    state::json(200, &answer)
}

fn signed_jwt(state: &mut State, request: &Request) -> Response {
    let assertion = request.form("assertion").unwrap_or_default();
    let claims = match jwt::ACCOUNT.verify(&assertion) {
        Ok(claims) => claims,
        Err(Fault::Form) => return error(400, "invalid_request", "Bad Request"),
        Err(Fault::Signature) => return error(400, "invalid_grant", "Invalid JWT Signature."),
    };
    let issuer = claims["iss"].as_str().unwrap_or_default();
    if !state.behaviour.accounts.contains(&issuer) {
        return error(400, "invalid_grant", "Invalid grant: account not found");
    }
    if !claims["aud"]
        .as_str()
        .is_some_and(|aud| ADDRESSES.contains(&aud))
    {
        let words = "Invalid JWT: Failed audience check. The right audience is https://oauth2.googleapis.com/token";
        return error(400, "invalid_grant", words);
    }
    if !short_lived(&claims) {
        let words = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.";
        return error(400, "invalid_grant", words);
    }
    let text = |name: &str| claims[name].as_str().filter(|text| !text.is_empty());
    match (text("target_audience"), text("scope")) {
        (Some(audience), _) => {
            let token = state.account_token(issuer, audience, true);
            state::json(200, &json!({"id_token": token}))
        }
        (None, Some(scope)) => {
            let answer = json!({
                "access_token": state.new_access_token(issuer, scope),
                "expires_in": state.behaviour.lifetime,
                "token_type": "Bearer",
            });
            state::json(200, &answer)
        }
        (None, None) => error(
            400,
            "invalid_scope",
            "Invalid OAuth scope or ID token audience provided.",
        ),
    }
}

/// Tells whether `iat` and `exp` hold now and are an hour apart at most.
pub fn short_lived(claims: &Value) -> bool {
    let (Some(start), Some(end)) = (claims["iat"].as_i64(), claims["exp"].as_i64()) else {
        return false;
    };
    let now = jwt::now();
    // Clocks differ by a little.
    start <= now + 300 && end > now && end - start <= 3600 && start > now - 3600
}

pub fn error(status: u16, error: &str, words: &str) -> Response {
    state::json(status, &json!({"error": error, "error_description": words}))
}
