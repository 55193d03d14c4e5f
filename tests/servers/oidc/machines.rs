//! Grants that need no person.

use serde_json::json;

use testkit::peers::dex;
use testkit::peers::needs;
use testkit::peers::stock_door::{Options, StockDoor};

use super::{asked, assert_opens, home};

fn with_passwords() -> Options {
    let mut options = Options::default();
    options.dex.password_connector = Some("local");
    options
}

#[test]
fn a_password_opens_the_door_and_its_login_is_renewed_without_it() {
    let door = needs!(StockDoor::start(with_passwords()));
    for account in [dex::USER, dex::ODD] {
        let keys = json!({"username": account.login, "password": {"env": "KF_PASSWORD"}});
        let home = home(&door, &keys);
        home.env("KF_PASSWORD", &home.secret(account.password));
        door.recorder().clear();
        let got = home.run(&["get"]).assert_success();
        assert_opens(&door, &got, account.email);
        let got = home.run(&["get", "--refresh"]).assert_success();
        assert_opens(&door, &got, account.email);
        assert_eq!(
            (asked(&door, "password"), asked(&door, "refresh_token")),
            (1, 1)
        );
    }
}

#[test]
fn a_wrong_password_is_sent_once() {
    let door = needs!(StockDoor::start(with_passwords()));
    let keys = json!({"username": dex::USER.login, "password": {"env": "KF_PASSWORD"}});
    let home = home(&door, &keys);
    home.env("KF_PASSWORD", &home.secret("a-wrong-password"));
    for _ in 0..2 {
        home.run(&["get"])
            .assert_error(5, "password-rejected")
            .assert_says(dex::USER.login);
    }
    assert_eq!(asked(&door, "password"), 1);
}

#[test]
fn a_grant_that_dex_does_not_offer_is_named() {
    let door = needs!(StockDoor::stock());
    let keys = json!({"username": dex::USER.login, "password": {"env": "KF_PASSWORD"}});
    let passwords = home(&door, &keys);
    passwords.env("KF_PASSWORD", &passwords.secret(dex::USER.password));
    passwords
        .run(&["get"])
        .assert_error(5, "oauth-refused")
        .assert_says("unsupported_grant_type");
    let secret = json!({"client-secret": {"env": "CLIENT_SECRET"}, "grant": "client-credentials"});
    let client = home(&door, &secret);
    client.env("CLIENT_SECRET", &client.secret("made-up-client-secret"));
    client.run(&["get"]).assert_error(5, "oauth-refused");
}
