//! Grants that need no person.

use serde_json::json;

use testkit::machines::{MachineIssuer, OWNER, REPOSITORY, SERVICE_ACCOUNT};
use testkit::peers::dex::{self, Connector};
use testkit::peers::stock_door::{Options, StockDoor};
use testkit::peers::{Found, needs};

use super::{asked, assert_opens, configure, home};

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
fn a_login_tries_the_password_also_where_a_login_is_stored() {
    let door = needs!(StockDoor::start(with_passwords()));
    let keys = json!({"username": dex::USER.login, "grant": "password"});
    let home = home(&door, &keys);
    let login = ["login", "--password-stdin"];
    let good = home.command(&login).stdin(dex::USER.password).run();
    good.assert_success();
    home.run(&["get", "--refresh"]).assert_success();
    home.command(&login)
        .stdin("a-wrong-password")
        .run()
        .assert_error(5, "password-rejected");
    // What was stored is lost by no failure.
    let got = home.run(&["get", "--refresh"]).assert_success();
    assert_opens(&door, &got, dex::USER.email);
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

/// Starts a door whose Dex exchanges the tokens of jobs and of service accounts.
fn exchanging(issuer: &MachineIssuer) -> Found<StockDoor> {
    let mut options = Options::default();
    options.dex.connectors = vec![
        Connector::github_actions("github-actions", &issuer.url(), &[OWNER]),
        Connector::kubernetes("k8s", &issuer.url()),
    ];
    StockDoor::start(options)
}

#[test]
fn a_job_of_github_actions_gets_in_with_no_stored_secret() {
    let issuer = MachineIssuer::start();
    let door = needs!(exchanging(&issuer));
    let keys = json!({
        "connector": "github-actions", "subject-token": {"github-actions": {"audience": "kubeflow"}},
    });
    let home = home(&door, &keys);
    home.run(&["get"])
        .assert_error(3, "config-secret-unavailable")
        .assert_says("id-token: write");
    for (name, value) in issuer.job_env() {
        home.env(name, &value);
    }
    home.secret(issuer.job_env()[1].1.as_str());
    for arguments in [&["get"][..], &["get", "--refresh"]] {
        let got = home.run(arguments).assert_success();
        assert_opens(&door, &got, REPOSITORY);
    }
    let jobs = issuer.server().requests();
    let jobs = jobs
        .iter()
        .filter(|request| request.query("audience").as_deref() == Some("kubeflow"));
    assert_eq!(jobs.count(), 2);

    home.env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "another-job");
    home.run(&["get", "--refresh"])
        .assert_error(3, "config-secret-unavailable")
        .assert_says("answered 401");
}

#[test]
fn a_pods_token_is_exchanged() {
    let issuer = MachineIssuer::start();
    let door = needs!(exchanging(&issuer));
    let home = home(&door, &json!({}));
    let token = issuer.service_account_token("dex", 600);
    let file = home.file("pod.token", home.secret(token));
    let keys = json!({"connector": "k8s", "subject-token": {"file": file}});
    configure(&home, &door, &keys);
    let got = home.run(&["get"]).assert_success();
    assert_opens(&door, &got, SERVICE_ACCOUNT);

    // What Dex does not take is told with what the token says of itself.
    let ended = issuer.service_account_token("dex", -60);
    home.file("pod.token", home.secret(ended));
    home.run(&["get", "--refresh"])
        .assert_error(5, "oauth-refused")
        .assert_says(&format!("the subject token is from {:?}", issuer.url()));
}
