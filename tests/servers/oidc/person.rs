//! A person logs in, here or with a code on another machine.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;

use testkit::http;
use testkit::peers::dex::{self, Client};
use testkit::peers::needs;
use testkit::peers::stock_door::{ISSUER, Options, StockDoor, walk};
use testkit::terminal::Terminal;

use super::{asked, assert_opens, configure, home, in_browser, log_in};

#[test]
fn one_login_in_a_browser_opens_stock_kubeflow() {
    let door = needs!(StockDoor::stock());
    let home = home(&door, &json!({}));
    home.run(&["get"])
        .assert_error(4, "login-required")
        .assert_says("kfp-credential login --context sso");
    assert!(door.recorder().requests().is_empty(), "nobody was asked");

    log_in(&door, &home).assert_says(&format!("as {}, until", dex::USER.email));
    let got = home.run(&["get"]).assert_success();
    assert_opens(&door, &got, dex::USER.email);
    assert_eq!(got.json()["status"]["kfp"]["principal"], dex::USER.email);
    assert_eq!(asked(&door, "authorization_code"), 1);
    assert_eq!(
        asked(&door, "refresh_token"),
        0,
        "the login's own token is used"
    );

    // What kubectl, curl and the kfp SDK take.
    let exec = home.run(&["get", "-o", "exec"]).assert_success().json();
    assert_eq!(exec["status"]["token"], got.json()["status"]["token"]);
    assert_eq!(exec["status"]["kfp"], json!(null));
    let headers = home.run(&["get", "-o", "headers"]).assert_success().stdout;
    let url = format!(
        "{}/apis/v2beta1/experiments?namespace=team-a",
        door.endpoint()
    );
    let mut curl = Command::new("curl")
        .args(["--silent", "--fail", "--header", "@-", &url])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("curl");
    let stdin = curl.stdin.as_mut().expect("a pipe");
    stdin.write_all(headers.as_bytes()).expect("headers");
    assert!(curl.wait().expect("an end").success());

    home.run(&["logout"])
        .assert_success()
        .assert_says("The provider offers no way to end the login there");
    home.run(&["get"]).assert_error(4, "login-required");
}

#[test]
fn without_a_browser_a_code_is_shown_and_asked_for_no_faster_than_dex_wants() {
    let door = needs!(StockDoor::stock());
    let home = home(&door, &json!({}));
    let terminal = Terminal::open();
    let running = home
        .command(&["login"])
        .at_terminal(terminal.line())
        .spawn();
    let complete = running.says_word(&format!("{}/device?user_code=", door.base()));
    assert!(
        !terminal.shown().contains(ISSUER),
        "no name of the cluster's is shown"
    );
    let user_code = complete.split_once('=').map(|(_, code)| code.to_owned());
    // The first question is answered "not yet".
    std::thread::sleep(Duration::from_secs(6));
    approve(&door, &user_code.expect("a code"));
    running.wait().assert_success().assert_says("Logged in to");
    let got = home.run(&["get"]).assert_success();
    assert_opens(&door, &got, dex::USER.email);
    // Dex answers `slow_down` to whoever asks again within 5 s, and never forgives it.
    assert_eq!(
        asked(&door, "urn:ietf:params:oauth:grant-type:device_code"),
        2
    );
}

fn approve(door: &StockDoor, user_code: &str) {
    let url = format!("{}/device/auth/verify_code", door.base());
    let answer = http::post(&url, &[("user_code", user_code)], &[]);
    let location = answer.find("location").expect("a redirect");
    let url = url::Url::parse(&url).expect("an address");
    let login = url.join(location).expect("an address").to_string();
    walk(
        &door.base(),
        &login.replace(ISSUER, &door.base()),
        dex::USER,
    );
}

#[test]
fn a_device_code_that_nobody_uses_ends() {
    let mut options = Options::default();
    options.dex.device_requests = Some("6s");
    let door = needs!(StockDoor::start(options));
    let home = home(&door, &json!({"grant": "device-code"}));
    let late = home.run(&["login"]).failure();
    late.assert_error(4, "device-code-expired");
}

#[test]
fn the_address_may_be_pasted_where_the_browser_is_elsewhere() {
    let door = needs!(StockDoor::stock());
    let home = home(&door, &json!({"grant": "authorization-code"}));
    let terminal = Terminal::open();
    let login = home.command(&["login", "--no-browser"]);
    let running = login.at_terminal(terminal.line()).spawn();
    let url = running.says_word(&format!("{}/auth?", door.base()));
    let landing = walk(&door.base(), &url, dex::USER);
    terminal.answer_unseen("Address or code: ", landing.url.as_str());
    running.wait().assert_success();
    let got = home.run(&["get"]).assert_success();
    assert_opens(&door, &got, dex::USER.email);
}

#[test]
fn a_code_of_dexs_out_of_band_page_is_pasted() {
    let door = needs!(StockDoor::stock());
    let home = home(&door, &json!({"redirect-uri": "urn:ietf:wg:oauth:2.0:oob"}));
    let terminal = Terminal::open();
    let running = home
        .command(&["login"])
        .at_terminal(terminal.line())
        .spawn();
    let url = running.says_word(&format!("{}/auth?", door.base()));
    let page = walk(&door.base(), &url, dex::USER).answer.words();
    let code = page.split("value=\"").nth(1).expect("a field");
    let code = code.split('"').next().expect("a code");
    terminal.answer_unseen("Address or code: ", code);
    running.wait().assert_success();
    let got = home.run(&["get"]).assert_success();
    assert_opens(&door, &got, dex::USER.email);

    // Without a terminal nobody can paste, which is said at once.
    let nobody = home.run(&["login"]).failure();
    nobody.assert_error(4, "login-required");
}

#[test]
fn a_confidential_client_with_one_redirect_uri() {
    const REDIRECT: &str = "http://localhost:18765/callback";
    let mut options = Options::default();
    options.dex.clients.push(Client {
        id: "confidential",
        secret: Some("confidential-secret-81"),
        redirect_uris: vec![REDIRECT.to_owned()],
    });
    let door = needs!(StockDoor::start(options));
    let keys = json!({
        "client-id": "confidential", "client-secret": {"env": "CLIENT_SECRET"}, "grant": "authorization-code",
    });
    let home = home(&door, &keys);
    home.env("CLIENT_SECRET", &home.secret("confidential-secret-81"));
    home.run(&["login"])
        .assert_error(3, "redirect-uri-refused")
        .assert_says("Unregistered redirect_uri.");

    let mut keys = keys;
    keys["redirect-uri"] = json!(REDIRECT);
    configure(&home, &door, &keys);
    log_in(&door, &home);
    let got = home.run(&["get", "--refresh"]).assert_success();
    assert_opens(&door, &got, dex::USER.email);

    let wrong = home.command(&["login"]).env("BROWSER", "/bin/true");
    let wrong = wrong.env("CLIENT_SECRET", "another-secret").spawn();
    in_browser(&door, &wrong);
    let wrong = wrong.wait().failure();
    wrong.assert_error(5, "oauth-client-refused");
    home.run(&["get", "--refresh"]).assert_success();
}

#[test]
fn another_account_than_the_context_names_is_refused_and_not_kept() {
    let door = needs!(StockDoor::stock());
    let home = home(&door, &json!({"username": "somebody-else@example.com"}));
    let running = home.command(&["login"]).env("BROWSER", "/bin/true").spawn();
    in_browser(&door, &running);
    running
        .wait()
        .failure()
        .assert_error(5, "account-mismatch")
        .assert_says(dex::USER.email);
    home.run(&["get"]).assert_error(4, "login-required");
}

#[test]
fn a_login_without_offline_access_says_when_it_ends() {
    let door = needs!(StockDoor::stock());
    let home = home(&door, &json!({"scopes": ["openid", "email"]}));
    log_in(&door, &home).assert_says("no refresh token");
    home.run(&["get"]).assert_success();
    home.run(&["get", "--refresh"])
        .assert_error(4, "login-required");
}
