//! What is wrong is told in terms of what to change.

use serde_json::json;

use testkit::peers::dex;
use testkit::peers::needs;
use testkit::peers::stock_door::{ISSUER, Options, StockDoor};

use super::{home, in_browser};

#[test]
fn a_gateway_that_wants_another_audience_is_explained() {
    let options = Options {
        audiences: vec!["kubeflow".to_owned()],
        ..Options::default()
    };
    let door = needs!(StockDoor::start(options));
    let home = home(&door, &json!({}));
    let running = home.command(&["login"]).env("BROWSER", "/bin/true").spawn();
    in_browser(&door, &running);
    running
        .wait()
        .failure()
        .assert_error(5, "bearer-audience-refused")
        .assert_says("Audiences in Jwt are not allowed")
        .assert_says("aud \"kfp-credential\"")
        .assert_says(&format!("iss {ISSUER:?}"))
        .assert_says(&format!("email {:?}", dex::USER.email));
}

#[test]
fn a_token_without_an_email_is_told_before_a_client_meets_it() {
    let door = needs!(StockDoor::stock());
    let home = home(&door, &json!({"scopes": ["openid"]}));
    let running = home.command(&["login"]).env("BROWSER", "/bin/true").spawn();
    in_browser(&door, &running);
    running
        .wait()
        .failure()
        .assert_error(5, "bearer-without-identity")
        .assert_says("there is no user identity header")
        .assert_says("no email");
}

#[test]
fn what_dex_refuses_at_once_is_told_before_a_person_is_sent_there() {
    let door = needs!(StockDoor::stock());
    for (keys, exit, slug, words) in [
        (
            json!({"client-id": "nobody", "grant": "authorization-code"}),
            5,
            "oauth-client-refused",
            "Invalid client_id.",
        ),
        (
            json!({"grant": "authorization-code", "redirect-uri": "http://127.0.0.1.example.com/"}),
            3,
            "redirect-uri-refused",
            "Unregistered redirect_uri.",
        ),
        (
            json!({"grant": "authorization-code", "scopes": ["openid", "nonsense"]}),
            3,
            "scope-refused",
            "Unrecognized scope(s)",
        ),
    ] {
        let home = home(&door, &keys);
        let output = home
            .run(&["login"])
            .assert_error(exit, slug)
            .assert_says(words);
        assert!(
            !output.stderr.contains("Log in with a browser"),
            "{}",
            output.shown()
        );
    }
}

#[test]
fn another_issuer_is_not_believed() {
    let door = needs!(StockDoor::stock());
    let other = "http://dex.elsewhere.svc.cluster.local:5556/dex";
    home(&door, &json!({"issuer": other}))
        .run(&["login"])
        .assert_error(3, "issuer-mismatch")
        .assert_says(ISSUER)
        .assert_says(other);
    home(&door, &json!({"issuer": format!("{}/dex", door.origin())}))
        .run(&["login"])
        .assert_error(3, "issuer-mismatch");
    home(
        &door,
        &json!({"base-url": format!("{}/pipeline", door.origin())}),
    )
    .run(&["login"])
    .assert_error(6, "discovery-failed");
}
