//! What stands before the application: the front door of IAP, and AI Platform's inverse proxy.

use serde_json::{Value, json};
use url::Url;

use super::authorize::iap_redirect;
use super::behaviour::Behaviour;
use super::jwt::{self, Fault};
use super::proxy::lock;
use super::stand_in::Shared;
use super::state::subject;
use super::token::short_lived;
use super::{CLOUD_PLATFORM, IAP_CLIENT};
use crate::http::{Request, Response};
use crate::kfp_api;

const USERINFO_EMAIL: &str = "https://www.googleapis.com/auth/userinfo.email";

/// Answers for a host behind IAP: Kubeflow, for those who may pass.
pub fn front_door(shared: &Shared, host: &str, request: &Request) -> Response {
    // A bearer for IAP alone comes first; Authorization is then the application's.
    let separate = bearer(request, "proxy-authorization");
    let separate = separate.map(|token| admit(shared, host, request, token));
    let admitted = match separate {
        Some(Ok(email)) => Ok(email),
        first => match bearer(request, "authorization") {
            Some(token) => admit(shared, host, request, token),
            None => first.unwrap_or_else(|| Err(sign_in(host, request))),
        },
    };
    match admitted {
        Ok(email) => kfp_api::kubeflow(&behind(request, host, &email)),
        Err(response) => response,
    }
}

fn bearer<'a>(request: &'a Request, header: &str) -> Option<&'a str> {
    let value = request.header(header)?;
    let (scheme, token) = value.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// Returns who has come, or IAP's answer.
fn admit(shared: &Shared, host: &str, request: &Request, token: &str) -> Result<String, Response> {
    let state = lock(&shared.state);
    let behaviour = &state.behaviour;
    let email = if behaviour.iap_access_tokens && token.starts_with("ya29.") {
        let header = format!("Bearer {token}");
        let found = state.bearer(Some(&header), &[USERINFO_EMAIL, "email"]);
        found
            .map(|found| found.principal)
            .ok_or("Invalid bearer token.")
    } else {
        check(behaviour, host, request, token)
    };
    let email = email.map_err(|words| {
        let words = if words == AUDIENCE && behaviour.old_words {
            let given = jwt::claims(token).map_or(Value::Null, |claims| claims["aud"].clone());
            let given = given.as_str().unwrap_or_default();
            format!(
                "JWT audience doesn't match this application ('aud' claim ({given}) doesn't match \
                 expected value ({IAP_CLIENT}))"
            )
        } else {
            words.to_owned()
        };
        generated(401, &format!("Invalid IAP credentials: {words}"))
    })?;
    let permitted = behaviour.permitted.as_ref();
    if permitted.is_none_or(|list| list.contains(&email.as_str())) {
        Ok(email)
    } else {
        Err(generated(403, "You don't have access"))
    }
}

const AUDIENCE: &str = "Invalid bearer token. Invalid JWT audience.";

/// Returns the email address of a JWT that is good, or what IAP says about one that is not.
fn check(
    behaviour: &Behaviour,
    host: &str,
    request: &Request,
    token: &str,
) -> Result<String, &'static str> {
    let claims = jwt::claims(token).ok_or("Unable to parse JWT")?;
    let issuer = claims["iss"].as_str().unwrap_or_default();
    let by_account = behaviour.accounts.contains(&issuer);
    let key = if by_account {
        &jwt::ACCOUNT
    } else {
        &jwt::GOOGLE
    };
    match key.verify(token) {
        Ok(_) => {}
        Err(Fault::Form) => return Err("Unable to parse JWT"),
        Err(Fault::Signature) => return Err("JWT signature is invalid"),
    }
    if claims["exp"].as_i64().is_none_or(|end| end <= jwt::now()) {
        return Err("Expired JWT");
    }
    let audience = claims["aud"].as_str().unwrap_or_default();
    if by_account {
        if !covers(audience, host, request) {
            return Err(AUDIENCE);
        }
        if claims["sub"] != claims["iss"] || !short_lived(&claims) {
            return Err("Invalid bearer token.");
        }
        return Ok(issuer.to_owned());
    }
    let issuers = ["https://accounts.google.com", "accounts.google.com"];
    if !issuers.contains(&issuer) {
        return Err("Invalid bearer token. Invalid JWT issuer.");
    }
    if !behaviour.iap_audiences.iter().any(|one| one == audience) {
        return Err(AUDIENCE);
    }
    let email = claims["email"].as_str();
    email
        .map(str::to_owned)
        .ok_or("JWT 'email' claim isn't a string")
}

/// Tells whether an audience, a URL that may end in `*`, is what this request asks for.
fn covers(audience: &str, host: &str, request: &Request) -> bool {
    let url = format!("https://{host}{}", request.path());
    audience.strip_suffix('*').map_or(url == audience, |start| {
        start.starts_with(&format!("https://{host}/")) && url.starts_with(start)
    })
}

fn sign_in(host: &str, request: &Request) -> Response {
    let words = "Invalid IAP credentials: empty token";
    if request.header("x-requested-with") == Some("XMLHttpRequest") {
        return generated(401, words);
    }
    let mut page = Url::parse("https://accounts.google.com/o/oauth2/v2/auth").expect("a URL");
    page.query_pairs_mut()
        .append_pair("client_id", IAP_CLIENT)
        .append_pair("response_type", "code")
        .append_pair("scope", "openid email")
        .append_pair("redirect_uri", &iap_redirect())
        .append_pair(
            "code_challenge",
            "made-up-challenge-of-iap-itself-made-up-chall",
        )
        .append_pair("code_challenge_method", "S256")
        .append_pair("cred_ref", "true")
        .append_pair(
            "state",
            &format!("made-up-state:https://{host}{}", request.target),
        );
    generated(302, words)
        .header("Location", page.as_str())
        .header(
            "Set-Cookie",
            "GCP_IAP_XSRF_NONCE_made-up=1; expires=Fri, 01-Jan-2100 00:00:00 GMT; path=/; Secure; HttpOnly",
        )
}

/// Makes an answer of IAP's own: one plain sentence, whatever the content type says.
fn generated(status: u16, words: &str) -> Response {
    Response::new(status)
        .header("x-goog-iap-generated-response", "true")
        .header("content-type", "text/html")
        .body(words)
}

/// Makes the request as the application gets it.
fn behind(request: &Request, host: &str, email: &str) -> Request {
    let own = |name: &str| {
        let name = name.to_ascii_lowercase();
        name.starts_with("x-goog-") || name == "kubeflow-userid" || name == "proxy-authorization"
    };
    let mut inner = request.clone();
    inner.headers.retain(|(name, _)| !own(name));
    let number = subject(email);
    let assertion = jwt::GOOGLE.sign(&json!({
        "iss": "https://cloud.google.com/iap",
        "aud": format!("/projects/1234/global/backendServices/{host}"),
        "sub": format!("accounts.google.com:{number}"),
        "email": email,
        "iat": jwt::now(),
        "exp": jwt::now() + 600,
    }));
    for (name, value) in [
        (
            "X-Goog-Authenticated-User-Email",
            format!("accounts.google.com:{email}"),
        ),
        (
            "X-Goog-Authenticated-User-Id",
            format!("accounts.google.com:{number}"),
        ),
        ("X-Goog-IAP-JWT-Assertion", assertion),
    ] {
        inner.headers.push((name.to_owned(), value));
    }
    inner
}

/// Answers for AI Platform Pipelines: KFP alone, for an access token with `cloud-platform`.
pub fn inverse_proxy(shared: &Shared, request: &Request) -> Response {
    let state = lock(&shared.state);
    let header = request.header("authorization");
    let Some(header) = header else {
        let page = "https://accounts.google.com/ServiceLogin?passive=1209600&continue=made-up";
        return Response::redirect(302, page);
    };
    let Some(caller) = state.bearer(Some(header), &[CLOUD_PLATFORM]) else {
        return Response::html(401, "<title>Error 401 (Unauthorized)!!1</title>");
    };
    let permitted = state.behaviour.permitted.as_ref();
    if permitted.is_none_or(|list| list.contains(&caller.principal.as_str())) {
        kfp_api::standalone(request)
    } else {
        Response::html(403, "<title>Error 403 (Forbidden)!!1</title>")
    }
}
