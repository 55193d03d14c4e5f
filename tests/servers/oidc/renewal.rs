//! Newer tokens for a login that a person has made, without a person.

use std::time::Duration;

use serde_json::json;

use testkit::peers::dex::{self, RefreshTokens};
use testkit::peers::needs;
use testkit::peers::stock_door::{Options, StockDoor};

use super::{asked, assert_opens, home, log_in};

#[test]
fn after_the_tokens_end_a_newer_one_comes_without_a_person() {
    let mut options = Options::default();
    options.dex.id_tokens = "4s";
    options.clock_skew = 1;
    let door = needs!(StockDoor::start(options));
    let home = home(&door, &json!({}));
    log_in(&door, &home);
    let first = home.run(&["get"]).assert_success();
    assert_opens(&door, &first, dex::USER.email);
    for _ in 0..2 {
        std::thread::sleep(Duration::from_secs(5));
        let next = home.run(&["get"]).assert_success();
        assert_opens(&door, &next, dex::USER.email);
        assert_ne!(next.stdout, first.stdout);
    }
    assert_eq!(asked(&door, "refresh_token"), 2);
}

#[test]
fn twenty_callers_make_one_renewal() {
    let mut options = Options::default();
    options.dex.id_tokens = "12s";
    let door = needs!(StockDoor::start(options));
    let home = home(&door, &json!({}));
    log_in(&door, &home);
    // The next one is good for the slowest of them too.
    std::thread::sleep(Duration::from_secs(12));
    let running: Vec<_> = (0..20).map(|_| home.command(&["get"]).spawn()).collect();
    for one in running {
        let got = one.wait().assert_success();
        assert_opens(&door, &got, dex::USER.email);
    }
    assert_eq!(asked(&door, "refresh_token"), 1);
}

#[test]
fn a_second_machines_login_ends_the_first_ones_which_is_explained() {
    let door = needs!(StockDoor::stock());
    let (first, second) = (home(&door, &json!({})), home(&door, &json!({})));
    log_in(&door, &first);
    log_in(&door, &second);
    first
        .run(&["get", "--refresh"])
        .assert_error(4, "login-required")
        .assert_says("Refresh token is invalid or has already been claimed")
        .assert_says("Dex keeps one login for each user, client and connector");
    // What was stored is still good, and lost by nothing.
    let got = first.run(&["get"]).assert_success();
    assert_opens(&door, &got, dex::USER.email);
    let got = second.run(&["get", "--refresh"]).assert_success();
    assert_opens(&door, &got, dex::USER.email);
}

#[test]
fn a_signal_in_the_middle_of_a_renewal_loses_no_refresh_token() {
    let door = needs!(StockDoor::stock());
    let home = home(&door, &json!({}));
    log_in(&door, &home);
    for round in 0..12_u64 {
        let running = home.command(&["get", "--refresh"]).spawn();
        std::thread::sleep(Duration::from_millis(5 * round));
        // It may have ended.
        let id = running.id().to_string();
        std::process::Command::new("kill")
            .args(["-s", "TERM", &id])
            .stderr(std::process::Stdio::null())
            .status()
            .expect("kill");
        let _ended = running.wait();
    }
    let got = home.run(&["get", "--refresh"]).assert_success();
    assert_opens(&door, &got, dex::USER.email);
}

#[test]
fn one_that_is_killed_leaves_the_login_or_says_that_a_person_is_needed() {
    let mut options = Options::default();
    options.dex.refresh_tokens = RefreshTokens {
        reuse_interval: Some("30s"),
        ..RefreshTokens::default()
    };
    let door = needs!(StockDoor::start(options));
    let home = home(&door, &json!({}));
    log_in(&door, &home);
    for round in 0..12_u64 {
        let running = home.command(&["get", "--refresh"]).spawn();
        std::thread::sleep(Duration::from_millis(5 * round));
        let id = running.id().to_string();
        std::process::Command::new("kill")
            .args(["-s", "KILL", &id])
            .stderr(std::process::Stdio::null())
            .status()
            .expect("kill");
        let _ended = running.wait();
        // Dex takes the one before for half a minute, so even the worst moment loses nothing.
        let got = home.run(&["get", "--refresh"]).assert_success();
        assert_opens(&door, &got, dex::USER.email);
    }
}

#[test]
fn two_contexts_of_one_client_live_on_one_login() {
    let door = needs!(StockDoor::stock());
    let home = home(&door, &json!({}));
    log_in(&door, &home);
    let other = format!("{}/", door.origin());
    let options = [
        "get",
        "--endpoint",
        &other,
        "--method",
        "oidc",
        "--client-id",
        "kfp-credential",
        "--store",
        "file",
    ];
    let got = home.run(&options).assert_success();
    assert_opens(&door, &got, dex::USER.email);
    assert_eq!(asked(&door, "authorization_code"), 1);
    assert_eq!(asked(&door, "refresh_token"), 1);
}
