//! The form login at real servers: Dex behind oauth2-proxy or Apache, with real directories.
//!
//! Every scenario runs the real binary. A cookie counts as right only when the application behind
//! the front door answers to it; what travelled on the way is read from the recorder before Dex.

mod connectors;
mod endpoints;
mod forms;
mod network;
mod tls;

use serde_json::{Value, json};
use testkit::peers::apache;
use testkit::peers::dex::{self, Account};
use testkit::peers::front_door::{LDAP, Options, RealDoor};
use testkit::peers::needs;
use testkit::peers::oauth2_proxy;
use testkit::peers::slapd;
use testkit::peers::visitor::{Visitor, cookie_names};

/// Is what Dex sees of a login where there is one connector.
const LOGIN: [&str; 4] = [
    "GET /dex/auth 302",
    "GET /dex/auth/local 302",
    "GET /dex/auth/local/login 200",
    "POST /dex/auth/local/login 303",
];

// ---------------------------------------------------------- a password accepted

#[test]
fn the_sign_in_page_is_passed() {
    let door = needs!(RealDoor::sign_in_page());
    let user = Visitor::new(&door, dex::USER);
    let document = user.document(&[]);
    user.assert_opens(&document);

    let status = &document["status"];
    assert_eq!(cookie_names(&document), [oauth2_proxy::COOKIE]);
    assert_eq!(status["kfp"]["type"], "cookie");
    assert_eq!(status["kfp"]["principal"], dex::USER.email);
    assert_eq!(status["kfp"]["endpoint"], door.endpoint());
    assert_eq!(status["kfp"]["expirySource"], "max-age");
    // The cookie is a moment older than the session that the proof has ended.
    assert!((24 * 3600 - 5..=24 * 3600).contains(&lifetime(&document)));
    assert_eq!(seconds_early(&document), 60);
    let cookie = &status["cookies"][0];
    assert_eq!(
        (&cookie["path"], &cookie["httpOnly"]),
        (&json!("/"), &json!(true))
    );

    assert_eq!(door.recorder().hops(), LOGIN);
    assert_eq!((door.posts(), door.logins()), (1, 1));
    assert_eq!(
        door.upstream().hops(),
        [
            "GET /pipeline 200",
            "GET /pipeline/apis/v2beta1/healthz 200",
            "GET /pipeline/apis/v2beta1/experiments 200", // that was the test
        ]
    );
    assert_eq!(
        door.mentions(dex::USER.password),
        ["before Dex: POST /dex/auth/local/login"]
    );
}

#[test]
fn the_straight_redirect_is_followed() {
    let door = needs!(RealDoor::straight_redirect());
    let user = Visitor::new(&door, dex::USER);
    user.assert_opens(&user.document(&[]));
    assert_eq!(door.recorder().hops(), LOGIN);
}

#[test]
fn a_password_of_odd_characters_arrives_as_it_is() {
    let door = needs!(RealDoor::sign_in_page());
    let user = Visitor::new(&door, dex::ODD);
    let document = user.document(&[]);
    user.assert_opens(&document);
    assert_eq!(document["status"]["kfp"]["principal"], dex::ODD.email);
    let posted = posted(&door);
    assert_eq!(
        posted,
        [(dex::ODD.login.to_owned(), dex::ODD.password.to_owned())]
    );
}

#[test]
fn a_password_file_and_a_command_give_the_password_too() {
    let door = needs!(RealDoor::ldap());
    let user = Visitor::new(&door, slapd::USER);
    user.home.env_remove("KFP_CREDENTIAL_PASSWORD");
    let file = user
        .home
        .file("password", slapd::USER.password.to_owned() + "\n");
    let file = file.to_str().expect("a path");
    user.assert_opens(&user.document(&["--password-file", file]));

    user.home.config(&format!(
        "apiVersion: kfp-credential/v1\nkind: Config\ncontexts:\n  - name: team-a\n    endpoint: {}\n    \
         store: none\n    dex:\n      username: {}\n      password: {{command: [cat, {file}]}}\n",
        door.endpoint(),
        slapd::USER.login,
    ));
    let got = user.home.run(&["get", "--context", "team-a"]);
    let document = got.assert_success().json();
    user.assert_opens(&document);
    assert_eq!(document["status"]["kfp"]["context"], "team-a");
    assert_eq!(door.posts(), 2);
}

#[test]
fn a_directory_is_asked_by_the_same_form() {
    let door = needs!(RealDoor::ldap());
    let user = Visitor::new(&door, slapd::USER);
    let document = user.document(&[]);
    user.assert_opens(&document);
    assert_eq!(document["status"]["kfp"]["principal"], slapd::USER.login);
    assert_eq!(
        door.recorder().hops(),
        LOGIN.map(|hop| hop.replace("local", LDAP))
    );
    // Dex asks the directory with it.
    assert_eq!(
        door.mentions(slapd::USER.password),
        ["before Dex: POST /dex/auth/ldap/login"]
    );
}

#[test]
fn all_parts_of_a_split_session_are_given() {
    let door = needs!(RealDoor::split_cookie());
    let user = Visitor::new(&door, slapd::CROWD);
    let document = user.document(&[]);
    user.assert_opens(&document);
    let parts: Vec<String> = (0..4)
        .map(|part| format!("{}_{part}", oauth2_proxy::COOKIE))
        .collect();
    let mut names = cookie_names(&document);
    names.sort();
    assert_eq!(names, parts);
    let sent = document["status"]["headers"]["Cookie"][0].as_str();
    let sent = sent.map_or(0, str::len);
    assert!(
        (12_000..16_000).contains(&sent),
        "a Cookie header of {sent} bytes"
    );
}

#[test]
fn the_approval_page_is_approved() {
    let door = needs!(RealDoor::approval_page());
    let user = Visitor::new(&door, dex::USER);
    user.assert_opens(&user.document(&[]));
    let approval = ["GET /dex/approval 200", "POST /dex/approval 303"];
    assert_eq!(
        door.recorder().hops(),
        [LOGIN.as_slice(), &approval].concat()
    );
    assert_eq!(
        door.mentions(dex::USER.password),
        ["before Dex: POST /dex/auth/local/login"]
    );
}

#[test]
fn apaches_session_has_no_age_and_an_hour_is_assumed() {
    let door = needs!(RealDoor::apache());
    let user = Visitor::new(&door, dex::USER);
    let document = user.document(&[]);
    user.assert_opens(&document);
    assert_eq!(cookie_names(&document), [apache::COOKIE]);
    let cookie = &document["status"]["cookies"][0];
    assert!(cookie.get("expires").is_none(), "{cookie}");
    assert_eq!(document["status"]["kfp"]["expirySource"], "assumed");
    assert_eq!(lifetime(&document), 3600);
    assert_eq!(of_login(&door), LOGIN);
}

#[test]
fn a_configured_lifetime_bounds_the_session() {
    let door = needs!(RealDoor::sign_in_page());
    let user = Visitor::new(&door, dex::USER);
    for (life, source, seconds) in [("10m", "configured", 600), ("30d", "max-age", 24 * 3600)] {
        user.home.config(&format!(
            "apiVersion: kfp-credential/v1\nkind: Config\ncontexts:\n  - name: {life}\n    endpoint: {}\n    \
             session-lifetime: {life}\n    store: none\n    dex: {{username: {}}}\n",
            door.endpoint(),
            dex::USER.login,
        ));
        let got = user.home.run(&["get", "--context", life]);
        let document = got.assert_success().json();
        assert_eq!(document["status"]["kfp"]["expirySource"], source);
        assert_eq!(lifetime(&document), seconds);
    }
}

#[test]
fn verification_can_be_left_out() {
    let door = needs!(RealDoor::sign_in_page());
    let user = Visitor::new(&door, dex::USER);
    let document = user.document(&["--no-verify"]);
    assert_eq!(door.upstream().hops(), ["GET /pipeline 200"]);
    user.assert_opens(&document);
    user.get(&["--no-verify", "--refresh", "-v"])
        .assert_success()
        .assert_says("the session was not verified: --no-verify was given");
}

#[test]
fn each_step_is_told_on_request_and_no_secret() {
    let door = needs!(RealDoor::sign_in_page());
    let user = Visitor::new(&door, dex::USER);
    let got = user.get(&["-v"]).assert_success();
    let document = got.json();
    for cookie in document["status"]["cookies"].as_array().expect("cookies") {
        let value = cookie["value"].as_str().expect("a value");
        assert!(!got.stderr.contains(value), "{}", got.shown());
    }
    for step in [
        format!("GET {}: 403 Forbidden", door.endpoint()),
        format!(
            "POST {}/dex/auth/local/login: 303 See Other to {}/oauth2/callback",
            door.origin(),
            door.origin()
        ),
        format!("GET {}/apis/v2beta1/healthz: 200 OK", door.endpoint()),
    ] {
        assert!(got.stderr.contains(&step), "{step}\n{}", got.shown());
    }
    assert!(
        !got.stderr.contains("code=") && !got.stderr.contains("state="),
        "{}",
        got.shown()
    );
}

// ----------------------------------------------------------- a password refused

#[test]
fn a_wrong_password_is_told_in_dexs_own_words() {
    let door = needs!(RealDoor::sign_in_page());
    let user = Visitor::new(&door, wrong(dex::USER));
    user.get(&[])
        .assert_error(5, "dex-login-rejected")
        .assert_says("Invalid Email Address and password.");
    assert_eq!((door.posts(), door.logins()), (1, 0));
    assert!(door.upstream().requests().is_empty());
}

#[test]
fn a_wrong_password_of_the_directory_is_told_in_dexs_own_words() {
    let door = needs!(RealDoor::ldap());
    let user = Visitor::new(&door, wrong(slapd::USER));
    user.get(&[])
        .assert_error(5, "dex-login-rejected")
        .assert_says("Invalid Username and password.")
        .assert_says("its connector \"ldap\"");
    assert_eq!((door.posts(), door.logins()), (1, 0));
}

#[test]
fn without_a_password_nobody_is_asked() {
    let door = needs!(RealDoor::sign_in_page());
    let user = Visitor::new(&door, dex::USER);
    user.home.env_remove("KFP_CREDENTIAL_PASSWORD");
    user.get(&[])
        .assert_error(4, "password-required")
        .assert_says("kfp-credential login --endpoint")
        .assert_says("KFP_CREDENTIAL_PASSWORD");
    let nameless = ["get", "--endpoint", &door.endpoint()];
    user.home
        .run(&nameless)
        .assert_error(4, "login-required")
        .assert_says("--username USER");
    assert_eq!(door.posts(), 0);
}

#[test]
fn a_login_form_that_waited_for_the_password_is_fetched_anew_before_it_is_sent() {
    let door = needs!(RealDoor::start(&Options {
        auth_requests: Some("2s"),
        ..Options::default()
    }));
    let user = Visitor::new(&door, dex::USER);
    user.home.env_remove("KFP_CREDENTIAL_PASSWORD");
    user.home.file("password", dex::USER.password);
    user.home.config(&format!(
        "apiVersion: kfp-credential/v1\nkind: Config\ncontexts:\n  - name: slow\n    endpoint: {}\n    dex:\n      \
         username: {}\n      password: {{command: [sh, -c, 'echo asked >> asked; sleep 2.4; cat password']}}\n",
        door.endpoint(),
        dex::USER.login,
    ));
    let got = user.home.run(&["get", "--context", "slow"]);
    user.assert_opens(&got.assert_success().json());
    assert_eq!(door.recorder().hops(), [&LOGIN[..3], &LOGIN].concat());
    let asked =
        std::fs::read_to_string(user.home.home().join("asked")).expect("what the command wrote");
    assert_eq!(asked, "asked\n", "the password was known by then");
}

#[test]
fn a_login_form_that_always_expires_is_told() {
    let door = needs!(RealDoor::start(&Options {
        auth_requests: Some("1ms"),
        ..Options::default()
    }));
    Visitor::new(&door, dex::USER)
        .get(&[])
        .assert_error(5, "dex-refused")
        .assert_says("User session has expired.")
        .assert_says("expiry.authRequests");
    assert_eq!(door.posts(), 1);
    assert!(door.upstream().requests().is_empty());
}

// -------------------------------------------------------------------- helpers

fn wrong(account: Account) -> Account {
    Account {
        password: "a wrong password",
        ..account
    }
}

/// Gives the user names and passwords of all login forms that were posted.
fn posted(door: &RealDoor) -> Vec<(String, String)> {
    let forms = door.recorder().requests().into_iter();
    let filled = forms.filter_map(|form| Some((form.form("login")?, form.form("password")?)));
    filled.collect()
}

/// Gives what Dex saw of logins, without what the relying party asks of it by itself.
fn of_login(door: &RealDoor) -> Vec<String> {
    let hops = door.recorder().hops().into_iter();
    hops.filter(|hop| hop.contains(" /dex/auth")).collect()
}

/// Gives the seconds from the issue to the true end.
fn lifetime(document: &Value) -> i64 {
    let kfp = &document["status"]["kfp"];
    seconds(&kfp["expiresAt"]) - seconds(&kfp["issuedAt"])
}

/// Gives the seconds by which the end that clients are told comes before the true one.
fn seconds_early(document: &Value) -> i64 {
    let status = &document["status"];
    seconds(&status["kfp"]["expiresAt"]) - seconds(&status["expirationTimestamp"])
}

fn seconds(time: &Value) -> i64 {
    let time = time.as_str().expect("a time");
    assert!(time.ends_with('Z') && time.len() == 20, "{time}");
    chrono::DateTime::parse_from_rfc3339(time)
        .expect("RFC 3339")
        .timestamp()
}
