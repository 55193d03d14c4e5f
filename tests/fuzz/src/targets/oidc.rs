//! A login at an OpenID Connect provider that answers anything, as does the gateway: where passwords, secrets and tokens
//! go, and what is said of them.
//!
//! The first field is the number of a context below, each other one an answer (see `servers`).

use std::path::PathBuf;

use kfp_credential::config::file::ConfigFile;
use kfp_credential::config::{Context, file, of_entry};
use kfp_credential::endpoint::Origin;
use kfp_credential::environment::Environment;

use crate::input::Fields;
use crate::oracle;
use crate::servers::{Arrived, play};

const PASSWORD: &str = "correct-horse+7 battery%";
const CLIENT_SECRET: &str = "client-secret-of-team-a+9";
const SUBJECT: &str = "subject-token-of-a-pod+11";

const CONTEXTS: [&str; 6] = [
    "{name: c, store: none, endpoint: 'https://kf.example.com/pipeline', oidc: {client-id: kfp, username: me, password: {env: PW}}}",
    "{name: c, store: none, endpoint: 'https://kf.example.com/pipeline', oidc: {issuer: 'https://idp.example.com', client-id: kfp, client-secret: {env: CS}, grant: client-credentials}}",
    "{name: c, store: none, endpoint: 'https://kf.example.com/pipeline', oidc: {client-id: kfp, connector: k8s, subject-token: {env: ST}, login-origins: ['https://dex.example.org']}}",
    "{name: c, store: none, endpoint: 'https://kf.example.com/pipeline', oidc: {client-id: kfp, client-secret: {env: CS}, username: me, password: {env: PW}, token: access-token}}",
    "{name: c, store: none, endpoint: 'http://kf.example.com/pipeline', allow-insecure-http: true, oidc: {client-id: kfp, username: me, password: {env: PW}}}",
    "{name: c, store: none, endpoint: 'https://kf.example.com/pipeline', dex: {client-id: kfp, client-secret: {env: CS}, username: me, password: {env: PW}}}",
];

pub(crate) fn run(bytes: &[u8]) {
    // libFuzzer learns what is compared; a server that knows a secret from elsewhere proves nothing.
    let spellings = oracle::spellings(&String::from_utf8_lossy(bytes));
    let secrets = [PASSWORD, CLIENT_SECRET, SUBJECT];
    let is_known = |text: &String| secrets.iter().any(|secret| text.contains(secret));
    if spellings.iter().any(is_known) {
        return;
    }
    let mut fields = Fields::of(bytes);
    let number = fields.below(CONTEXTS.len());
    let played = MADE.with(|made| {
        let context = &made[number];
        let played = play(context, &environment(), PASSWORD, fields.rest());
        check_requests(context, &played.arrived);
        played
    });
    for secret in secrets {
        oracle::keeps_silent(&played.words, secret);
    }
    let sent = |one: &&Arrived| one.method == "POST" && one.holds(PASSWORD);
    assert!(
        played.arrived.iter().filter(sent).count() <= 1,
        "a password was sent twice"
    );
    match &played.outcome {
        Ok(entry) => {
            let now = chrono::Utc::now();
            assert!(entry.credential.expires_at > now - chrono::TimeDelta::seconds(5));
            assert_eq!(entry.credential.kind(), "bearer");
        }
        Err(error) => assert!(matches!(error.exit_code(), 3..=6), "{error}"),
    }
}

fn environment() -> Environment {
    // No notes of refusals: each run is the first one.
    let variables = [
        ("PW", PASSWORD),
        ("CS", CLIENT_SECRET),
        ("ST", SUBJECT),
        ("HOME", "/proc/none"),
        ("XDG_STATE_HOME", "/proc/none"),
    ];
    variables.into_iter().collect()
}

thread_local! {
    static MADE: Vec<Context> = CONTEXTS.iter().map(|entry| context(entry)).collect();
}

fn context(entry: &str) -> Context {
    let path = PathBuf::from("config.yaml");
    let text = format!("{{apiVersion: kfp-credential/v1, kind: Config, contexts: [{entry}]}}");
    let config = file::parse(&path, &text).expect("a configuration");
    let file = ConfigFile { path, config };
    let entry = &file.config.contexts()[0];
    of_entry(&file, entry, &Environment::default()).expect("a context")
}

/// What is secret goes to the provider, the token to the endpoint, and nothing of it anywhere else.
fn check_requests(context: &Context, arrived: &[Arrived]) {
    let endpoint = context.endpoint.as_ref().expect("an endpoint");
    let origin = |text: &str| Origin::parse(text).expect("an origin");
    let provider = match &context.method {
        kfp_credential::config::method::Method::Oidc(oidc) => {
            let issuer = oidc.issuer.as_deref().map(origin);
            let mut own = oidc.login_origins.clone();
            own.push(issuer.unwrap_or_else(|| endpoint.origin()));
            own
        }
        _ => unreachable!("a context of oidc"),
    };
    for one in arrived {
        let place = Origin::of(&one.url);
        let is_secret = [PASSWORD, CLIENT_SECRET, SUBJECT]
            .iter()
            .any(|secret| one.holds(secret));
        let is_of_client = one
            .header("authorization")
            .is_some_and(|value| value.starts_with("Basic "));
        if (is_secret || is_of_client) && !one.after_echo {
            assert!(provider.contains(&place), "a secret went to {}", one.url);
        }
        let is_token = one
            .header("authorization")
            .is_some_and(|value| value.starts_with("Bearer "));
        assert!(
            !is_token || place == endpoint.origin(),
            "a token went to {}",
            one.url
        );
    }
}
