//! The method `oidc` at a door set up as stock Kubeflow is: Dex, oauth2-proxy, and Istio's rules in a real Envoy.

#![cfg(unix)]

mod admin_patch;
mod form;
mod machines;
mod person;
mod providers;
mod refusals;
mod renewal;

use serde_json::{Value, json};

use testkit::http;
use testkit::kfp_api::SEEN_USER;
use testkit::peers::dex;
use testkit::peers::stock_door::{CLIENT_ID, StockDoor, walk};
use testkit::sandbox::{Output, Running, Sandbox};

/// Makes a home whose context `sso` has these keys of `oidc` beside the client.
fn home(door: &StockDoor, keys: &Value) -> Sandbox {
    let home = Sandbox::new();
    configure(&home, door, keys);
    home
}

fn configure(home: &Sandbox, door: &StockDoor, keys: &Value) {
    let mut oidc = json!({"client-id": CLIENT_ID});
    for (name, value) in keys.as_object().into_iter().flatten() {
        oidc[name] = value.clone();
    }
    let context =
        json!({"name": "sso", "endpoint": door.endpoint(), "store": "file", "oidc": oidc});
    let config = json!({
        "apiVersion": "kfp-credential/v1", "kind": "Config", "current-context": "sso", "contexts": [context],
    });
    home.config(&config.to_string());
}

/// Waits for the address that the program shows, logs the usual person in there, and lets the browser come back.
#[track_caller]
fn in_browser(door: &StockDoor, running: &Running<'_>) {
    let url = running.says_word(&format!("{}/auth?", door.base()));
    let landing = walk(&door.base(), &url, dex::USER);
    assert!(!landing.code().is_empty());
    let page = http::get(landing.url.as_str(), &[]);
    assert_eq!(page.status, 200, "{}", page.words());
}

/// Logs the usual person in with a browser.
#[track_caller]
fn log_in(door: &StockDoor, home: &Sandbox) -> Output {
    let running = home.command(&["login"]).env("BROWSER", "/bin/true").spawn();
    in_browser(door, &running);
    running.wait().assert_success()
}

/// Gives the bearer of a `get`, and asserts that the door takes it for that user's.
#[track_caller]
fn assert_opens(door: &StockDoor, got: &Output, user: &str) -> String {
    let document = got.json();
    let header = document["status"]["headers"]["Authorization"][0].as_str();
    let listed = door.ask(header.expect("a header"));
    let seen = (listed.status, listed.find(SEEN_USER));
    assert_eq!(
        seen,
        (200, Some(user)),
        "{}\n{}",
        listed.words(),
        got.shown()
    );
    document["status"]["token"]
        .as_str()
        .expect("a token")
        .to_owned()
}

/// Counts the requests to Dex's token endpoint that were of this grant.
fn asked(door: &StockDoor, grant_type: &str) -> usize {
    let requests = door.recorder().requests();
    let is_of_grant = |request: &&testkit::http::Request| {
        request.path() == "/dex/token" && request.form("grant_type").as_deref() == Some(grant_type)
    };
    requests.iter().filter(is_of_grant).count()
}
