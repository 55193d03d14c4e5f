//! That a door set up as stock Kubeflow is (Dex, oauth2-proxy and Istio's rules in a real Envoy) takes and refuses what
//! `oidc` counts on.

#![cfg(unix)]

mod dex_clients;
mod gateway;
mod kubelogin;
mod machines;

use serde_json::{Value, json};

use testkit::http::Response;
use testkit::peers::dex;
use testkit::peers::stock_door::{CLIENT_ID, StockDoor};

/// Is what a client asks for that wants to be known by its email.
const SCOPE: &str = "openid email profile groups offline_access";

/// Logs the usual person in, and returns the ID token.
#[track_caller]
fn id_token(door: &StockDoor, client: &str, scope: &str) -> String {
    text(&door.log_in(client, scope, dex::USER), "id_token")
}

/// Logs in with everything, and returns the refresh token.
#[track_caller]
fn refresh_token(door: &StockDoor) -> String {
    text(&door.log_in(CLIENT_ID, SCOPE, dex::USER), "refresh_token")
}

fn refresh(door: &StockDoor, token: &str) -> Response {
    door.token(&[
        ("grant_type", "refresh_token"),
        ("client_id", CLIENT_ID),
        ("refresh_token", token),
    ])
}

#[track_caller]
fn text(answer: &Value, key: &str) -> String {
    let found = answer[key].as_str();
    found
        .unwrap_or_else(|| panic!("{key}: {answer}"))
        .to_owned()
}

/// Asserts an OAuth error.
#[track_caller]
fn assert_refused(answer: &Response, status: u16, error: &str) {
    let document = answer.document();
    let seen = (answer.status, &document["error"]);
    assert_eq!(seen, (status, &json!(error)), "{document}");
}
