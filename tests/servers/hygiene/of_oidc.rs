//! The method `oidc`, at a door set up as stock Kubeflow is.

use serde_json::json;

use super::*;
use testkit::http;
use testkit::peers::dex;
use testkit::peers::stock_door::{self, CLIENT_ID, StockDoor, walk};

/// Is a stock door, and a home whose every run is recorded.
struct DoorScene {
    door: StockDoor,
    tape: Tape,
    home: Sandbox,
}

impl DoorScene {
    fn start(keys: &serde_json::Value) -> Found<Self> {
        let tape = Tape::start_of(Path::new(binary()))?;
        let mut options = stock_door::Options::default();
        options.dex.password_connector = Some("local");
        let door = StockDoor::start(options)?;
        let home = Sandbox::with_binary(tape.binary());
        let log = home.home().join("words.log");
        home.env("KFP_CREDENTIAL_LOG", &log.to_string_lossy());
        let mut oidc = keys.clone();
        oidc["client-id"] = CLIENT_ID.into();
        let context =
            json!({"name": "sso", "endpoint": door.endpoint(), "store": "file", "oidc": oidc});
        let config = json!({
            "apiVersion": "kfp-credential/v1", "kind": "Config", "current-context": "sso", "contexts": [context],
        });
        home.config(&config.to_string());
        Ok(Self { door, tape, home })
    }

    /// What was sent to the provider and is a secret.
    fn sent(&self) -> Vec<String> {
        let names = [
            "password",
            "code",
            "code_verifier",
            "device_code",
            "refresh_token",
        ];
        let requests = self.door.recorder().requests();
        let forms = requests
            .iter()
            .flat_map(|request| names.into_iter().filter_map(|name| request.form(name)));
        forms.collect()
    }

    /// Runs commands, and asserts that they have leaked nothing of what was sent, nor their token.
    #[track_caller]
    fn assert_clean(&self, outputs: &[Output]) {
        let mut secrets = self.sent();
        assert!(!secrets.is_empty());
        for output in outputs {
            let document: Value = serde_json::from_str(&output.stdout).unwrap_or_default();
            let token = document["status"]["token"].as_str();
            secrets.extend(token.map(str::to_owned));
        }
        for secret in &secrets {
            self.home.secret(secret.as_str());
        }
        for output in outputs {
            self.tape.assert_clean(&self.home.home(), &secrets, output);
        }
        let store = files_beneath(&self.home.state_folder());
        assert!(store.iter().all(|file| mode(file) == 0o600), "{store:?}");
    }

    /// Runs what follows a login.
    fn afterwards(&self) -> Vec<Output> {
        let run = |arguments: &[&str]| self.home.run(arguments).assert_success();
        vec![
            run(&["get", "-v"]),
            run(&["get", "-v", "--refresh"]),
            run(&["status", "-v"]),
            run(&["config", "view"]),
            run(&["logout", "-v"]),
        ]
    }
}

#[test]
fn a_password_at_the_token_endpoint() {
    let keys = json!({"username": dex::USER.login, "password": {"env": "KF_PASSWORD"}});
    let scene = needs!(DoorScene::start(&keys));
    scene.home.env("KF_PASSWORD", dex::USER.password);
    let outputs = scene.afterwards();
    assert!(scene.sent().contains(&dex::USER.password.to_owned()));
    scene.assert_clean(&outputs);
}

#[test]
fn a_login_in_a_browser() {
    let scene = needs!(DoorScene::start(&json!({})));
    let login = scene.home.command(&["login", "-v"]);
    let running = login.env("BROWSER", "/bin/true").spawn();
    let url = running.says_word(&format!("{}/auth?", scene.door.base()));
    let landing = walk(&scene.door.base(), &url, dex::USER);
    http::get(landing.url.as_str(), &[]);
    let mut outputs = vec![running.wait().assert_success()];
    outputs.extend(scene.afterwards());
    assert!(scene.sent().contains(&landing.code()));
    scene.assert_clean(&outputs);
}

#[test]
fn a_code_that_is_exchanged_with_a_wrong_secret() {
    let keys = json!({"client-secret": {"env": "CLIENT_SECRET"}, "grant": "authorization-code"});
    let scene = needs!(DoorScene::start(&keys));
    let secret = "a wrong+secret of a client";
    scene.home.env("CLIENT_SECRET", secret);
    let login = scene.home.command(&["login", "-v"]);
    let running = login.env("BROWSER", "/bin/true").spawn();
    let url = running.says_word(&format!("{}/auth?", scene.door.base()));
    let landing = walk(&scene.door.base(), &url, dex::USER);
    http::get(landing.url.as_str(), &[]);
    let failed = running.wait();
    assert_eq!(failed.status, 5, "{}", failed.shown());
    scene.home.secret(secret);
    scene.assert_clean(&[failed]);
}
