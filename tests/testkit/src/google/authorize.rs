//! The authorization endpoint: where a person consents, and is sent back to the program.

use std::fmt::Write as _;

use url::{Host, Url};

use super::proxy::lock;
use super::stand_in::Shared;
use super::state::Code;
use super::{DESKTOP_CLIENT, IAP_CLIENT};
use crate::http::{Request, Response};

const OUT_OF_BAND: &str = "urn:ietf:wg:oauth:2.0:oob";
const ALLOWED: &str = "made_up_consent";

/// Answers for `accounts.google.com`.
pub fn answer(shared: &Shared, request: &Request) -> Response {
    match (request.method.as_str(), request.path()) {
        ("GET", "/o/oauth2/v2/auth" | "/o/oauth2/auth") => authorize(shared, request),
        ("GET", "/.well-known/openid-configuration") => discovery(),
        _ => page(404, "Error 404 (Not Found)!!1", "That's an error."),
    }
}

fn authorize(shared: &Shared, request: &Request) -> Response {
    let given = |name: &str| request.query(name).unwrap_or_default();
    let (client, redirect) = (given("client_id"), given("redirect_uri"));
    if client != DESKTOP_CLIENT && client != IAP_CLIENT {
        return refused(401, "invalid_client", "The OAuth client was not found.");
    }
    if redirect == OUT_OF_BAND {
        let words = "The out-of-band (OOB) flow has been blocked in order to keep users secure.";
        return refused(400, "invalid_request", words);
    }
    if !registered(&client, &redirect) {
        let words = format!("The redirect URI in the request, {redirect}, does not match.");
        return refused(400, "redirect_uri_mismatch", &words);
    }
    if given("response_type") != "code" {
        let words = "Required parameter is missing: response_type";
        return refused(400, "invalid_request", words);
    }
    if !given("scope").split(' ').any(|scope| scope == "openid") {
        return refused(400, "invalid_scope", "Some requested scopes were invalid.");
    }
    if client == IAP_CLIENT {
        return page(200, "Sign in - Google Accounts", "to continue to IAP");
    }
    let behaviour = lock(&shared.state).behaviour.clone();
    let hint = given("login_hint");
    let account = behaviour.signed_in.iter().find(|one| **one == hint);
    let Some(account) = account.or(behaviour.signed_in.first()) else {
        return page(200, "Sign in - Google Accounts", "Nobody is signed in.");
    };
    if behaviour.consent_page && request.query(ALLOWED).is_none() {
        let allow = format!("{}&amp;{ALLOWED}=1", request.target.replace('&', "&amp;"));
        let link = format!("<p>{account}</p><a id=\"allow\" href=\"{allow}\">Allow</a>");
        return page(200, "Sign in - Google Accounts", &link);
    }
    let mut back = Url::parse(&redirect).expect("a registered redirect URI");
    let state = request.query("state");
    if let Some(state) = behaviour.other_state.map(str::to_owned).or(state) {
        back.query_pairs_mut().append_pair("state", &state);
    }
    if let Some(error) = behaviour.deny {
        back.query_pairs_mut().append_pair("error", error);
        return Response::redirect(302, back.as_str());
    }
    if behaviour.callback_issuer {
        back.query_pairs_mut()
            .append_pair("iss", "https://accounts.google.com");
    }
    let scope = given("scope").replace("email", "https://www.googleapis.com/auth/userinfo.email");
    let code = new_code(shared, request, account, &scope);
    back.query_pairs_mut()
        .append_pair("code", &code)
        .append_pair("scope", &format!("email {scope}"))
        .append_pair("authuser", "0")
        .append_pair("prompt", "consent");
    Response::redirect(302, back.as_str())
}

fn new_code(shared: &Shared, request: &Request, email: &str, scope: &str) -> String {
    let mut state = lock(&shared.state);
    let number = state.next_number();
    let code = format!("4/0made-up-code-{number}");
    let method = request.query("code_challenge_method");
    let challenge = request.query("code_challenge");
    let kept = Code {
        redirect_uri: request.query("redirect_uri").unwrap_or_default(),
        challenge: challenge.map(|text| (method.unwrap_or("plain".into()), text)),
        nonce: request.query("nonce"),
        email: email.to_owned(),
        scope: scope.to_owned(),
        used: false,
        grant: number,
    };
    state.codes.insert(code.clone(), kept);
    code
}

/// Tells whether a client of this kind may have its answers sent there.
fn registered(client: &str, redirect: &str) -> bool {
    if client == IAP_CLIENT {
        return redirect == iap_redirect();
    }
    let Ok(url) = Url::parse(redirect) else {
        return false;
    };
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "http" && loopback && url.fragment().is_none()
}

/// Is where IAP itself has people sent back to.
pub fn iap_redirect() -> String {
    format!("https://iap.googleapis.com/v1/oauth/clientIds/{IAP_CLIENT}:handleRedirect")
}

fn refused(status: u16, error: &str, words: &str) -> Response {
    let text = format!(
        "<h1>Access blocked: this app's request is invalid</h1>\
         <p>{words}</p><p>Error {status}: {error}</p>"
    );
    page(status, "Error", &text)
}

fn page(status: u16, title: &str, body: &str) -> Response {
    let mut page = String::from("<!doctype html>\n<html lang=\"en\">");
    write!(page, "<title>{title}</title><body>{body}</body></html>").expect("a String");
    Response::html(status, page)
}

fn discovery() -> Response {
    let document = serde_json::json!({
        "issuer": "https://accounts.google.com",
        "authorization_endpoint": "https://accounts.google.com/o/oauth2/v2/auth",
        "token_endpoint": "https://oauth2.googleapis.com/token",
        "jwks_uri": "https://www.googleapis.com/oauth2/v3/certs",
        "response_types_supported": ["code"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "code_challenge_methods_supported": ["plain", "S256"],
    });
    super::state::json(200, &document)
}
