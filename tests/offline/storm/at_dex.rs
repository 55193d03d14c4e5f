//! A login at Dex's form, a renewal and a logout, behind oauth2-proxy or oidc-authservice.

use std::collections::HashMap;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::attack::Attack;
use super::elsewhere::Elsewhere;
use super::mutation::{OF_PAGES, Scene};
use super::{Played, holds};
use testkit::contract;
use testkit::dice::Dice;
use testkit::front_door::{Connector, FrontDoor, Options, RelyingParty, USER, WrongPassword};
use testkit::http::{Request, TestCa};
use testkit::sandbox::{Output, Sandbox};

const PASSWORD: &str = "correct horse+battery&staple";
const TEAM: &str = "header-value-of-the-team";

/// Is a person at a door.
struct Visit {
    door: FrontDoor,
    attack: Arc<Attack>,
    elsewhere: Elsewhere,
    sandbox: Sandbox,
    /// What the door has set as cookies, and Dex as codes.
    given: Arc<Mutex<Vec<String>>>,
}

/// Plays one door.
pub(crate) fn play(dice: &mut Dice, ca: &TestCa, tell: &mut dyn FnMut(String)) -> Played {
    let options = options(dice);
    let has_tls = dice.happens(30);
    let steps = steps(&options);
    let action = [
        "get",
        "get",
        "get",
        "login",
        "get --refresh",
        "logout",
        "auto",
    ][dice.below(7)];
    let steps = if action == "logout" { 3 } else { steps };
    let visit = Visit::start(
        dice,
        &options,
        has_tls.then_some(ca),
        steps,
        action == "auto",
    );
    tell(format!(
        "{action} at {:?}{}, {}",
        options.relying_party,
        if has_tls { " with TLS" } else { "" },
        visit.attack.planned()
    ));

    if matches!(action, "get --refresh" | "logout") {
        let output = holds::calm(&visit.sandbox, &["get"]);
        assert_eq!(output.status, 0, "a good door\n{}", output.shown());
        visit.door.server.clear();
    }
    visit.attack.begin();
    let words: Vec<&str> = action.split(' ').collect();
    let words = if action == "auto" { vec!["get"] } else { words };
    let output = holds::attacked(&visit.sandbox, &words);
    visit.attack.end();
    let struck = visit.attack.struck();
    tell(output.shown());
    tell(format!(
        "struck {struck:?}\nhops {:?}",
        visit.door.server.hops()
    ));
    visit.assert_told_no_secret(&output);
    visit.elsewhere.assert_saw_no_secret(&[PASSWORD, TEAM]);
    if output.status == 0 && words[0] == "get" {
        let proof_was_struck = struck.iter().any(|line| line.contains("healthz"));
        visit.assert_answers(&output, !proof_was_struck);
    }
    if action != "logout" && dice.happens(35) {
        let after = holds::calm(&visit.sandbox, &["get", "--refresh"]);
        assert_eq!(after.status, 0, "the storm is over\n{}", after.shown());
        visit.assert_answers(&after, true);
    }
    Played {
        outcome: holds::outcome(&output),
        elapsed: output.elapsed,
        peak_memory: output.peak_memory,
        was_struck: !struck.is_empty(),
        visits_elsewhere: visit.elsewhere.visits(),
    }
}

fn options(dice: &mut Dice) -> Options {
    let password = |name: &str| (name.to_owned(), Connector::Password);
    let connectors = match dice.below(4) {
        0 => vec![password("local"), password("ldap")],
        1 => vec![password("local"), ("sso".to_owned(), Connector::Silent)],
        _ => vec![password("local")],
    };
    let relying_party = if dice.happens(40) {
        RelyingParty::Authservice
    } else {
        RelyingParty::Oauth2Proxy
    };
    Options {
        sign_in_page: dice.happens(50),
        connectors,
        approval: dice.happens(25),
        session_seconds: [86_400, 0, 600][dice.below(3)],
        users: HashMap::from([(USER.to_owned(), PASSWORD.to_owned())]),
        wrong_password: if dice.happens(50) {
            WrongPassword::New401
        } else {
            WrongPassword::Old200
        },
        old_dex: dice.happens(15),
        split_cookie: dice.happens(20),
        relying_party,
        absolute_redirects: dice.happens(20),
        ..Options::default()
    }
}

/// Counts what is asked of a door: the endpoint, Dex's steps, the callback, the endpoint, the proof.
fn steps(options: &Options) -> usize {
    let is_proxy = options.relying_party == RelyingParty::Oauth2Proxy;
    8 + usize::from(is_proxy && options.sign_in_page) + 2 * usize::from(options.approval)
}

impl Visit {
    fn start(
        dice: &mut Dice,
        options: &Options,
        ca: Option<&TestCa>,
        steps: usize,
        is_auto: bool,
    ) -> Self {
        let attack = Arc::new(Attack::plan(dice, OF_PAGES, steps));
        let elsewhere = Elsewhere::start(options, ca);
        let given: Arc<Mutex<Vec<String>>> = Arc::default();
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port on loopback");
        let own = format!(
            "{}://{}",
            if ca.is_some() { "https" } else { "http" },
            listener.local_addr().expect("an address")
        );
        let tls = ca.map(|ca| ca.server_config(&["127.0.0.1"]));
        let door = {
            let (attack, origins) = (Arc::clone(&attack), elsewhere.origins());
            let (own, noted) = (own.clone(), Arc::clone(&given));
            FrontDoor::start_changed(options.clone(), listener, tls, move |request, answer| {
                for (name, line) in &answer.headers {
                    if name == "Set-Cookie"
                        && let Some((_, value)) =
                            line.split(';').next().and_then(|pair| pair.split_once('='))
                    {
                        noted
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .push(value.to_owned());
                    }
                }
                let scene = Scene {
                    request,
                    own: own.clone(),
                    elsewhere: &origins,
                };
                attack.pass(&scene, answer)
            })
        };
        let sandbox = Sandbox::new();
        sandbox.env("KFP_CREDENTIAL_PASSWORD", &sandbox.secret(PASSWORD));
        sandbox.env("TEAM", &sandbox.secret(TEAM));
        let mut yaml = format!(
            "apiVersion: kfp-credential/v1\nkind: Config\ncontexts:\n- name: storm\n  endpoint: {own}/pipeline\n  store: file\n"
        );
        if let Some(ca) = ca {
            sandbox.file("ca.pem", ca.pem());
            yaml += "  certificate-authority: ~/ca.pem\n";
        }
        if dice.happens(50) {
            yaml += "  headers: { X-Team: { env: TEAM } }\n";
        }
        if is_auto {
            sandbox.env("KFP_CREDENTIAL_USERNAME", USER);
        } else {
            yaml += &format!("  dex: {{ username: {USER}, connector: local }}\n");
        }
        if dice.happens(20) {
            sandbox.env("KFP_CREDENTIAL_LOG", "log");
        }
        sandbox.config(&yaml);
        Self {
            door,
            attack,
            elsewhere,
            sandbox,
            given,
        }
    }

    /// Asserts that stderr holds no session, nor a good part of one.
    #[track_caller]
    fn assert_told_no_secret(&self, output: &Output) {
        for value in &*self.given.lock().unwrap_or_else(PoisonError::into_inner) {
            if value.len() >= 16 {
                let part = &value[..value.len().min(32)];
                assert!(
                    !output.stderr.contains(part),
                    "a cookie on stderr: {part}\n{}",
                    output.shown()
                );
            }
        }
    }

    /// Asserts that an answer is a document for this endpoint, without anything of another origin's; and that it opens
    /// the door, unless its proof was tampered with.
    #[track_caller]
    fn assert_answers(&self, output: &Output, must_open: bool) {
        let document = output.json();
        let schema = contract::closed(contract::read_json("protocol/document.schema.json"));
        contract::assert_valid(&schema, &document, "the answer");
        assert!(
            !output.stdout.contains("planted-elsewhere"),
            "a cookie of elsewhere\n{}",
            output.shown()
        );
        let endpoint = document["status"]["kfp"]["endpoint"]
            .as_str()
            .expect("an endpoint");
        assert!(
            endpoint.starts_with(&self.door.origin()),
            "{endpoint}\n{}",
            output.shown()
        );
        if must_open {
            let request = api_request(&self.door, &document);
            assert_eq!(
                self.door.ask(&request).status,
                200,
                "it opens nothing\n{}",
                output.shown()
            );
        }
    }
}

/// Makes a request with the headers of a document.
fn api_request(door: &FrontDoor, document: &Value) -> Request {
    let host = door
        .origin()
        .split("://")
        .nth(1)
        .unwrap_or_default()
        .to_owned();
    let mut headers = vec![("Host".to_owned(), host)];
    for (name, values) in document["status"]["headers"].as_object().expect("headers") {
        let values = values.as_array().expect("values").iter();
        headers
            .extend(values.map(|value| (name.clone(), value.as_str().expect("text").to_owned())));
    }
    Request {
        method: "GET".to_owned(),
        target: "/pipeline/apis/v2beta1/healthz".to_owned(),
        headers,
        body: Vec::new(),
    }
}
