//! Machines at Dex: the JWTs of a CI's jobs and of service accounts, exchanged for a token of Dex's.

use serde_json::json;

use testkit::google::jwt::claims;
use testkit::http::Response;
use testkit::kfp_api::SEEN_USER;
use testkit::machines::{MachineIssuer, OWNER, REPOSITORY, SERVICE_ACCOUNT};
use testkit::oauth::TOKEN_EXCHANGE;
use testkit::peers::dex::Connector;
use testkit::peers::envoy::Trusted;
use testkit::peers::stock_door::{CLIENT_ID, ISSUER, Options, StockDoor};
use testkit::peers::{Found, needs};

use super::{SCOPE, assert_refused, text};

const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const GITHUB: &str = "github-actions";
const KUBERNETES: &str = "k8s";

/// Starts a door whose Dex takes these connectors' tokens.
fn door(connectors: Vec<Connector>) -> Found<StockDoor> {
    let mut options = Options::default();
    options.dex.connectors = connectors;
    StockDoor::start(options)
}

fn exchange(door: &StockDoor, connector: &str, subject: &str, wanted: &str) -> Response {
    door.token(&[
        ("grant_type", TOKEN_EXCHANGE),
        ("client_id", CLIENT_ID),
        ("connector_id", connector),
        ("subject_token", subject),
        ("subject_token_type", ID_TOKEN),
        ("requested_token_type", wanted),
        ("scope", SCOPE),
    ])
}

#[test]
fn the_runner_gives_nothing_to_strangers() {
    let issuer = MachineIssuer::start();
    let [(_, url), _] = issuer.job_env();
    for header in [vec![], vec![("Authorization", "Bearer another")]] {
        let answer = testkit::http::get(&url, &header);
        assert_eq!(answer.status, 401, "{}", answer.words());
    }
}

#[test]
fn a_job_gets_in_without_a_secret() {
    let issuer = MachineIssuer::start();
    let github = Connector::github_actions(GITHUB, &issuer.url(), &[]);
    let door = needs!(door(vec![github]));
    // Dex checks no audience of the subject token.
    let subject = issuer.job_token("anything");
    for wanted in [ID_TOKEN, ACCESS_TOKEN] {
        let answer = exchange(&door, GITHUB, &subject, wanted);
        assert_eq!(answer.status, 200, "{}\n{}", answer.words(), door.logs());
        let answer = answer.document();
        assert_eq!(answer["issued_token_type"], wanted);
        assert_eq!(answer["token_type"], "bearer");
        assert_eq!(answer.get("refresh_token"), None);
        let token = text(&answer, "access_token");
        let claims = claims(&token).expect("a JWT");
        assert_eq!(
            (&claims["iss"], &claims["aud"]),
            (&json!(ISSUER), &json!(CLIENT_ID))
        );
        assert_eq!(claims["groups"], json!([OWNER]));
        let listed = door.ask(&format!("Bearer {token}"));
        let seen = (listed.status, listed.find(SEEN_USER));
        assert_eq!(seen, (200, Some(REPOSITORY)));
    }
}

#[test]
fn a_pods_token_is_exchanged_too() {
    let issuer = MachineIssuer::start();
    let cluster = Connector::kubernetes(KUBERNETES, &issuer.url());
    let door = needs!(door(vec![cluster]));
    let subject = issuer.service_account_token("dex", 3600);
    let answer = exchange(&door, KUBERNETES, &subject, ID_TOKEN);
    assert_eq!(answer.status, 200, "{}\n{}", answer.words(), door.logs());
    let token = text(&answer.document(), "access_token");
    let listed = door.ask(&format!("Bearer {token}"));
    let seen = (listed.status, listed.find(SEEN_USER));
    assert_eq!(seen, (200, Some(SERVICE_ACCOUNT)));
}

#[test]
fn a_subject_that_dex_does_not_take_is_refused() {
    let (issuer, other) = (MachineIssuer::start(), MachineIssuer::start());
    let connectors = vec![
        Connector::github_actions(GITHUB, &issuer.url(), &["another-org"]),
        Connector::oidc("without-claims", "GitHub", &issuer.url()),
    ];
    let door = needs!(door(connectors));
    let subject = issuer.job_token("anything");
    for (connector, subject, status, error) in [
        // Another owner.
        (GITHUB, &subject, 401, "access_denied"),
        // A job's token has neither a name nor an email.
        ("without-claims", &subject, 401, "access_denied"),
        // Another issuer's; one that has ended.
        (GITHUB, &other.job_token("anything"), 401, "access_denied"),
        (
            GITHUB,
            &issuer.service_account_token("a", -10),
            401,
            "access_denied",
        ),
        // No such connector, and one that exchanges nothing.
        ("nobody", &subject, 400, "invalid_request"),
        ("local", &subject, 400, "invalid_request"),
    ] {
        let answer = exchange(&door, connector, subject, ID_TOKEN);
        assert_refused(&answer, status, error);
    }
    assert!(door.application().requests().is_empty());
}

#[test]
fn a_gateway_may_trust_the_issuer_itself() {
    let issuer = MachineIssuer::start();
    let door = needs!(StockDoor::start(Options {
        trusted: vec![Trusted {
            issuer: issuer.url(),
            keys: issuer.keys(),
            audiences: vec!["kubeflow".into()],
            headers: vec![("sub", "kubeflow-userid")],
        }],
        ..Options::default()
    }));
    let ask = |audience: &str| {
        let token = issuer.service_account_token(audience, 600);
        door.ask(&format!("Bearer {token}"))
    };
    let seen = ask("kubeflow");
    assert_eq!(
        (seen.status, seen.find(SEEN_USER)),
        (200, Some(SERVICE_ACCOUNT))
    );
    let refused = ask("another");
    assert_eq!(refused.status, 403);
    assert_eq!(refused.words(), "Audiences in Jwt are not allowed");
}
