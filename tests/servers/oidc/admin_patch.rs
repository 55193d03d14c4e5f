//! That what `config admin-patch` prints is what real servers need.

use serde_json::{Value, json};

use testkit::machines::MachineIssuer;
use testkit::peers::dex::{self, Client, Connector};
use testkit::peers::needs;
use testkit::peers::stock_door::{CLIENT_ID, Options, StockDoor};
use testkit::sandbox::Sandbox;

use super::{assert_opens, home, log_in};

fn patch(way: &str) -> Value {
    let endpoint = "https://kubeflow.example.com/pipeline";
    let arguments = [
        "config",
        "admin-patch",
        "--for",
        way,
        "--endpoint",
        endpoint,
    ];
    let printed = Sandbox::new().run(&arguments).assert_success().stdout;
    serde_saphyr::from_str(&printed).expect("YAML")
}

/// The one client that is to be added to Dex, and nothing of it more than what a door is given here.
fn client(patch: &Value) -> Client {
    let client = json!({"id": CLIENT_ID, "name": "Kubeflow Pipelines clients", "public": true});
    assert_eq!(patch["staticClients"], json!([client]));
    Client {
        id: CLIENT_ID,
        ..Client::default()
    }
}

#[test]
fn with_what_is_printed_people_log_in() {
    for way in ["browser", "device"] {
        let mut options = Options::default();
        options.dex.clients = vec![client(&patch(way))];
        let door = needs!(StockDoor::start(options));
        let home = home(&door, &json!({}));
        log_in(&door, &home);
        assert_opens(&door, &home.run(&["get"]).assert_success(), dex::USER.email);
    }
}

#[test]
fn with_what_is_printed_a_password_is_taken() {
    let patch = patch("password");
    assert_eq!(patch["oauth2"], json!({"passwordConnector": "local"}));
    let mut options = Options::default();
    options.dex.clients = vec![client(&patch)];
    options.dex.password_connector = Some("local");
    let door = needs!(StockDoor::start(options));
    let keys = json!({"username": dex::USER.login, "password": {"env": "KF_PASSWORD"}});
    let home = home(&door, &keys);
    home.env("KF_PASSWORD", &home.secret(dex::USER.password));
    assert_opens(&door, &home.run(&["get"]).assert_success(), dex::USER.email);
}

#[test]
fn with_what_is_printed_tokens_are_exchanged() {
    let issuer = MachineIssuer::start();
    let patch = patch("token-exchange");
    let mut options = Options::default();
    options.dex.clients = vec![client(&patch)];
    let connectors = patch["connectors"].as_array().expect("connectors");
    options.dex.connectors = connectors
        .iter()
        .map(|connector| {
            let mut connector = connector.clone();
            let config = &mut connector["config"];
            // Whose tokens they are is all that differs here.
            config["issuer"] = issuer.url().into();
            if config.get("allowedGroups").is_some() {
                config["allowedGroups"] = json!([testkit::machines::OWNER]);
            }
            Connector::written(connector)
        })
        .collect();
    let door = needs!(StockDoor::start(options));
    let keys = json!({"connector": "github-actions", "subject-token": {"github-actions": {}}});
    let job = home(&door, &keys);
    for (name, value) in issuer.job_env() {
        job.env(name, &value);
    }
    let got = job.run(&["get"]).assert_success();
    assert_opens(&door, &got, testkit::machines::REPOSITORY);
    let keys = json!({"connector": "k8s", "subject-token": {"env": "POD_TOKEN"}});
    let pod = home(&door, &keys);
    pod.env("POD_TOKEN", &issuer.service_account_token("dex", 600));
    let got = pod.run(&["get"]).assert_success();
    assert_opens(&door, &got, testkit::machines::SERVICE_ACCOUNT);
}
