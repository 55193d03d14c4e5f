//! Which of Dex's connectors is taken, and which ones get no password.

use std::sync::{Arc, OnceLock};

use testkit::http::{Response, Server, forward};
use testkit::peers::dex::{self, Connector, Dex};
use testkit::peers::front_door::{LDAP, MOCK, RealDoor, SSO};
use testkit::peers::needs;
use testkit::peers::oidc_provider::{self, Client, OidcProvider, Pages, Proof};
use testkit::peers::slapd;
use testkit::peers::visitor::Visitor;
use testkit::sandbox::{Output, Sandbox};

#[test]
fn of_several_connectors_local_is_taken() {
    let door = needs!(RealDoor::several_connectors());
    let user = Visitor::new(&door, dex::USER);
    user.assert_opens(&user.document(&[]));
    assert_eq!(
        door.recorder().hops(),
        [
            "GET /dex/auth 200",
            "GET /dex/auth/local 302",
            "GET /dex/auth/local/login 200",
            "POST /dex/auth/local/login 303",
        ]
    );
}

#[test]
fn of_several_connectors_the_named_one_is_taken() {
    let door = needs!(RealDoor::several_connectors());
    let user = Visitor::new(&door, slapd::USER);
    user.assert_opens(&user.document(&["--connector", LDAP]));
    assert_eq!(
        door.mentions(slapd::USER.password),
        ["before Dex: POST /dex/auth/ldap/login"]
    );
    // A session at one connector is none at another.
    user.get(&["--connector", "local"])
        .assert_error(5, "dex-login-rejected");
}

#[test]
fn an_unknown_connector_is_answered_with_the_known_ones() {
    let door = needs!(RealDoor::several_connectors());
    let refused = Visitor::new(&door, dex::USER).get(&["--connector", "nobody"]);
    let refused = refused.assert_error(3, "connector-unknown");
    for id in ["local", LDAP, SSO, MOCK] {
        assert!(refused.stderr.contains(id), "{id}\n{}", refused.shown());
    }
    assert_reached_nobody(&door, &["GET /dex/auth 200"]);
}

#[test]
fn an_unknown_connector_is_noticed_where_there_is_only_one() {
    let door = needs!(RealDoor::sign_in_page());
    let user = Visitor::new(&door, dex::USER);
    user.get(&["--connector", LDAP])
        .assert_error(3, "connector-unknown")
        .assert_says("it offers local only")
        .assert_says("--connector local");
    assert_reached_nobody(&door, &["GET /dex/auth 302"]);
    user.assert_opens(&user.document(&["--connector", "local"]));
}

#[test]
fn a_connector_that_leads_to_an_identity_provider_gets_no_password() {
    let door = needs!(RealDoor::several_connectors());
    let refused = Visitor::new(&door, dex::USER).get(&["--connector", SSO]);
    assert_has_no_form(refused, SSO);
    assert_reached_nobody(&door, &["GET /dex/auth 200", "GET /dex/auth/github 302"]);
    assert!(door.identity_provider().requests().is_empty());
}

#[test]
fn an_identity_provider_alone_gets_no_password() {
    let door = needs!(RealDoor::sso_only());
    let refused = Visitor::new(&door, dex::USER).get(&[]);
    assert_has_no_form(refused, SSO);
    assert_reached_nobody(&door, &["GET /dex/auth 302", "GET /dex/auth/github 302"]);
    assert!(door.identity_provider().requests().is_empty());
}

#[test]
fn a_connector_that_asks_nobody_gets_no_password() {
    let door = needs!(RealDoor::several_connectors());
    let refused = Visitor::new(&door, dex::USER).get(&["--connector", MOCK]);
    assert_has_no_form(refused, MOCK);
    assert_reached_nobody(&door, &["GET /dex/auth 200", "GET /dex/auth/mock 302"]);
}

#[test]
fn a_real_provider_behind_dex_is_no_second_dex() {
    // Its authorization endpoint ends in `/auth`, as Dex's does.
    let behind: Arc<OnceLock<String>> = Arc::default();
    let front = Server::start({
        let behind = Arc::clone(&behind);
        move |request| match behind.get() {
            Some(origin) => forward(request, origin),
            None => Response::new(503),
        }
    });
    let provider = needs!(OidcProvider::start(&oidc_provider::Options {
        issuer: Some(front.origin()),
        clients: vec![Client::native(
            "dex",
            Proof::Form("sso-client-secret-80"),
            &["http://127.0.0.1/dex/callback"],
        )],
        account: dex::USER.email,
        pages: Pages::Allow,
        ..oidc_provider::Options::default()
    }));
    behind
        .set(provider.origin().to_owned())
        .expect("one origin");
    let dex = needs!(Dex::start(dex::Options {
        static_passwords: false,
        connectors: vec![Connector::oidc(
            "corporate",
            "Single sign-on",
            &front.origin()
        )],
        ..dex::Options::default()
    }));
    let start = format!(
        "{}/auth?client_id={}&redirect_uri=/oauth2/callback&response_type=code&scope=openid&state=made-up",
        dex.issuer(),
        dex::CLIENT_ID
    );
    let gateway = Server::start(move |_| Response::redirect(302, &start));
    front.clear();

    let home = Sandbox::new();
    let password = home.secret(dex::USER.password);
    let endpoint = gateway.origin() + "/pipeline";
    let get = [
        "get",
        "-v",
        "--endpoint",
        &endpoint,
        "--username",
        dex::USER.login,
    ];
    let refused = home
        .command(&get)
        .env("KFP_CREDENTIAL_PASSWORD", &password)
        .run();
    assert_has_no_form(refused, "corporate");
    assert!(front.requests().is_empty(), "{:?}", front.hops());
}

#[track_caller]
fn assert_has_no_form(refused: Output, connector: &str) {
    refused
        .assert_error(5, "connector-has-no-form")
        .assert_says(&format!("{connector:?}"))
        .assert_says("--connector ID");
}

/// Asserts that Dex saw these requests only, and the password nobody at all.
#[track_caller]
fn assert_reached_nobody(door: &RealDoor, hops: &[&str]) {
    assert_eq!(door.recorder().hops(), hops);
    assert!(door.mentions(dex::USER.password).is_empty());
    assert!(door.upstream().requests().is_empty());
}
