//! The block `dex` with a client: a login at Dex's form that ends with a bearer, on contexts that could give only cookies.

use serde_json::{Value, json};

use testkit::peers::dex;
use testkit::peers::needs;
use testkit::peers::stock_door::{CLIENT_ID, Options, SingleSignOn, StockDoor};
use testkit::sandbox::Sandbox;

use super::assert_opens;

/// Makes a home whose context has this block `dex`, and the password in `KF_PASSWORD`.
fn home(door: &StockDoor, password: &str, dex: Value) -> Sandbox {
    let home = Sandbox::new();
    let mut dex = dex;
    dex["username"] = dex::USER.login.into();
    dex["password"] = json!({"env": "KF_PASSWORD"});
    let context = json!({"name": "kf", "endpoint": door.endpoint(), "store": "file", "dex": dex});
    let config = json!({
        "apiVersion": "kfp-credential/v1", "kind": "Config", "current-context": "kf", "contexts": [context],
    });
    home.config(&config.to_string());
    home.env("KF_PASSWORD", &home.secret(password));
    home
}

fn posts(door: &StockDoor) -> usize {
    let requests = door.recorder().requests();
    let is_form = |request: &&testkit::http::Request| {
        request.method == "POST" && request.form("password").is_some()
    };
    requests.iter().filter(is_form).count()
}

#[test]
fn the_form_gives_a_bearer_for_a_client_of_dex() {
    for approval in [false, true] {
        let mut options = Options::default();
        options.dex.approval = approval;
        let door = needs!(StockDoor::start(options));
        let home = home(&door, dex::USER.password, json!({"client-id": CLIENT_ID}));
        let got = home.run(&["get"]).assert_success();
        let token = assert_opens(&door, &got, dex::USER.email);
        let exec = home.run(&["get", "-o", "exec"]).assert_success().json();
        assert_eq!(exec["status"]["token"], token);
        // Its login is renewed without the password.
        let got = home.run(&["get", "--refresh"]).assert_success();
        assert_opens(&door, &got, dex::USER.email);
        assert_eq!(posts(&door), 1);
        // oauth2-proxy never saw the code.
        let seen = door.application().requests();
        assert!(seen.iter().all(|request| request.cookies().is_empty()));
    }
}

#[test]
fn who_knows_the_front_doors_own_client_needs_no_administrator() {
    let mut options = Options::default();
    options.dex.clients = Vec::new();
    let door = needs!(StockDoor::start(options));
    let client = json!({
        "client-id": dex::CLIENT_ID, "client-secret": {"env": "CLIENT_SECRET"}, "redirect-uri": "/oauth2/callback",
    });
    let home = home(&door, dex::USER.password, client);
    home.env("CLIENT_SECRET", &home.secret(dex::CLIENT_SECRET));
    let got = home.run(&["get"]).assert_success();
    assert_opens(&door, &got, dex::USER.email);
}

#[test]
fn a_wrong_password_is_sent_once() {
    let door = needs!(StockDoor::stock());
    let home = home(&door, "a-wrong-password", json!({"client-id": CLIENT_ID}));
    for _ in 0..2 {
        home.run(&["get"]).assert_error(5, "dex-login-rejected");
    }
    assert_eq!(posts(&door), 1);
}

#[test]
fn where_dex_sends_people_on_there_is_no_form() {
    let sso = needs!(SingleSignOn::start());
    let home = home(
        &sso.door,
        dex::USER.password,
        json!({"client-id": CLIENT_ID}),
    );
    home.run(&["get"]).assert_error(5, "connector-has-no-form");
    assert_eq!(posts(&sso.door), 0);
}

#[test]
fn without_a_client_the_hint_names_what_to_add() {
    let door = needs!(StockDoor::stock());
    let home = home(&door, dex::USER.password, json!({}));
    home.run(&["get", "-o", "exec"])
        .assert_error(3, "format-not-available")
        .assert_says("kfp-credential config admin-patch")
        .assert_says("dex: {client-id: ID}");
    assert!(door.recorder().requests().is_empty());
}
