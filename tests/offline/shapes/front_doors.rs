//! Front doors as the real world has them, also those that no server to be installed gives any more.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use testkit::front_door::Connector;

#[test]
fn a_form_of_before_dex_2_29_is_filled_in() {
    let home = home();
    let door = FrontDoor::start(Options {
        old_dex: true,
        sign_in_page: false,
        ..Options::default()
    });
    let output = get(&home, &door.endpoint()).run().assert_success();
    assert_opens(&door.origin(), &output);
    assert_eq!(
        door.server.hops(),
        [
            "GET /pipeline 302",
            "GET /dex/auth 302",
            "GET /dex/auth/local 200",
            "POST /dex/auth/local 303",
            "GET /dex/approval 303",
            "GET /oauth2/callback 302",
            "GET /pipeline 200",
            "GET /pipeline/apis/v2beta1/healthz 200",
            "GET /echo 200",
        ]
    );
}

#[test]
fn a_wrong_password_is_told_in_dexs_words_by_old_and_new_dex() {
    for wrong_password in [WrongPassword::Old200, WrongPassword::New401] {
        let home = home();
        let wrong = home.secret("not the password");
        let door = FrontDoor::start(Options {
            wrong_password,
            ..Options::default()
        });
        get(&home, &door.endpoint())
            .env("KFP_CREDENTIAL_PASSWORD", &wrong)
            .run()
            .assert_error(5, "dex-login-rejected")
            .assert_says("Invalid Email Address and password.")
            .assert_says(USER);
        assert_eq!(posts(&door.server), 1, "{wrong_password:?}");
    }
}

#[test]
fn authservices_state_cookie_stays_behind() {
    let home = home();
    let door = FrontDoor::start(Options {
        relying_party: RelyingParty::Authservice,
        absolute_redirects: true,
        ..Options::default()
    });
    let output = get(&home, &door.endpoint()).run().assert_success();
    assert_eq!(cookie_names(&output), ["authservice_session"]);
    let (source, life) = expiry(&output);
    assert_eq!(source, "max-age");
    // The cookie was set before the login ended.
    assert!((86_390..=86_400).contains(&life), "{life}");
    assert_opens(&door.origin(), &output);
    let hops = door.server.hops();
    assert!(
        hops.contains(&"GET /authservice/oidc/callback 302".to_owned()),
        "{hops:?}"
    );
}

#[test]
fn a_session_of_38000_years_is_cut_to_400_days() {
    let home = home();
    let door = altered(Options::default(), |_, response| {
        set_cookies(response, |line| {
            line.replace("Max-Age=86400", "Max-Age=1200000000000")
        });
    });
    let output = get(&home, &door.endpoint()).run().assert_success();
    let (source, life) = expiry(&output);
    assert_eq!(source, "max-age");
    // The cookie is a moment older than the session that the proof has ended.
    assert!((400 * 86_400 - 5..=400 * 86_400).contains(&life), "{life}");
}

#[test]
fn a_password_is_posted_once_whatever_a_server_says_of_its_form() {
    let door = FrontDoor::start(Options {
        expired_form: true,
        ..Options::default()
    });
    let words = [
        "User session has expired.",
        "Login session error.",
        "The request does not exist.",
    ];
    let posted = |door: &Server, endpoint: &str| {
        get(&home(), endpoint)
            .run()
            .assert_error(5, "dex-refused")
            .assert_says("try again")
            .assert_says("expiry.authRequests");
        assert_eq!(posts(door), 1);
    };
    posted(&door.server, &door.endpoint());
    for words in words {
        let door = altered(Options::default(), move |request, response| {
            if request.method == "POST" {
                *response = dex_error(400, words);
            }
        });
        posted(&door.server, &door.endpoint());
    }
}

#[test]
fn a_login_that_asks_nobody_ends_within_its_time() {
    // Three quarters of a second at each of four steps: more than 3 s in all, less on either side of the password.
    let door = altered(Options::default(), |request, _| {
        let slow = ["/dex/auth", "/dex/auth/local/login", "/oauth2/callback"];
        if slow.contains(&request.path()) {
            std::thread::sleep(Duration::from_millis(760));
        }
    });
    let endpoint = door.endpoint();
    let home = home();
    home.command(&[
        "get",
        "--endpoint",
        &endpoint,
        "--username",
        USER,
        "--timeout",
        "3s",
    ])
    .run()
    .assert_error(6, "timeout");
}

/// A session is checked before it is renewed, and whoever asked waits for both.
#[test]
fn a_check_and_a_login_have_one_deadline() {
    let is_slow = Arc::new(AtomicBool::new(false));
    let slow = Arc::clone(&is_slow);
    let door = altered(Options::default(), move |_, _| {
        if slow.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(1500));
        }
    });
    let (home, endpoint) = (home(), door.endpoint());
    let get = ["get", "--store", "file", "--endpoint", &endpoint];
    let get = [&get[..], &["--username", USER, "--timeout", "6s"]].concat();
    home.run(&get).assert_success();
    is_slow.store(true, Ordering::Relaxed);
    let before = door.server.requests().len();
    home.run(&[&get[..], &["--min-ttl", "1000h", "-v"]].concat())
        .assert_success()
        .assert_says("renewing failed, the stored one is still valid: [timeout]");
    let asked = door.server.requests().len() - before;
    assert!(
        asked <= 4,
        "the check and three steps of the login: {asked}"
    );
}

#[test]
fn what_gives_the_password_has_no_more_time_than_the_login() {
    let door = FrontDoor::start(Options::default());
    let home = Sandbox::new();
    let fifo = home.home().join("fifo");
    let made = Command::new("mkfifo").arg(&fifo).status();
    assert!(made.unwrap().success());
    for source in ["{command: [sleep, '25']}", "{file: ~/fifo}"] {
        home.config(&format!(
            "apiVersion: kfp-credential/v1\nkind: Config\ncontexts:\n  - name: slow\n    endpoint: {}\n    \
             dex: {{username: {USER}, password: {source}}}\n",
            door.endpoint(),
        ));
        let output = home
            .run(&["get", "--context", "slow", "--timeout", "3s"])
            .assert_error(3, "config-secret-unavailable");
        assert_bounded(&output);
        assert_eq!(posts(&door.server), 0);
    }
}

#[test]
fn a_provider_whose_address_ends_in_auth_is_no_second_dex() {
    for path in [
        "/realms/kubeflow/protocol/openid-connect/auth", // Keycloak
        "/o/oauth2/v2/auth",                             // Google
        "/oauth2/auth",                                  // Hydra
        "/dex/auth",                                     // another Dex
    ] {
        let provider = recorder();
        let sso = Connector::Sso(provider.origin() + path);
        let door = FrontDoor::start(Options {
            connectors: vec![("sso".to_owned(), sso)],
            ..Options::default()
        });
        get(&home(), &door.endpoint())
            .run()
            .assert_error(5, "connector-has-no-form")
            .assert_says("\"sso\"")
            .assert_says(&provider.origin());
        assert!(provider.requests().is_empty());
        assert_no_password(&[&door.server]);
    }
}

#[test]
fn a_cookie_without_age_gets_the_assumed_hour() {
    let home = home();
    let door = FrontDoor::start(Options {
        session_seconds: 0,
        ..Options::default()
    });
    let output = get(&home, &door.endpoint()).run().assert_success();
    assert_eq!(expiry(&output), ("assumed".into(), 3_600));
    assert!(output.json()["status"]["cookies"][0]["expires"].is_null());
}

#[test]
fn every_part_of_a_split_cookie_is_given() {
    let home = home();
    let door = FrontDoor::start(Options {
        split_cookie: true,
        ..Options::default()
    });
    let output = get(&home, &door.endpoint()).run().assert_success();
    let parts: Vec<String> = (0..4).map(|part| format!("{SESSION}_{part}")).collect();
    assert_eq!(cookie_names(&output), parts);
    assert!(cookie_header(&output).len() > 12_000);
    assert_opens(&door.origin(), &output);
}

#[test]
fn a_login_at_the_origin_gives_the_endpoint_below_pipeline() {
    let home = home();
    let door = FrontDoor::start(Options::default());
    let output = get(&home, &door.origin()).run().assert_success();
    assert_eq!(
        output.json()["status"]["kfp"]["endpoint"],
        door.endpoint().as_str()
    );
    assert_opens(&door.origin(), &output);
}

#[test]
fn an_odd_cookie_beside_the_session_does_no_harm() {
    let home = home();
    let door = altered(Options::default(), |request, response| {
        if request.path() == "/pipeline" {
            let odd = ["lang=français; Path=/", "=; Path=/", "no-equals-sign", ""];
            for line in odd {
                response
                    .headers
                    .push(("Set-Cookie".to_owned(), line.to_owned()));
            }
        }
    });
    let output = get(&home, &door.endpoint()).run().assert_success();
    assert!(cookie_names(&output).contains(&SESSION.to_owned()));
    assert_opens(&door.door.origin(), &output);
}
