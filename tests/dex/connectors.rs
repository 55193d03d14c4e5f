//! Which of Dex's connectors is taken, and which ones get no password.

use crate::peers::dex;
use crate::peers::front_door::{LDAP, MOCK, RealDoor, SSO};
use crate::peers::needs;
use crate::peers::slapd;
use crate::peers::visitor::Visitor;
use crate::support::sandbox::Output;

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
