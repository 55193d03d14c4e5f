//! A login at Dex among servers that answer anything: where the password, the cookies and the extra headers go, and
//! what is said of them.
//!
//! The first field is the number of a context below, each other one an answer (see `servers`).

use kfp_credential::config::file::ConfigFile;
use kfp_credential::config::method::{Dex, Method};
use kfp_credential::config::source::Source;
use kfp_credential::config::{Context, file, of_entry};
use kfp_credential::credential::Material;
use kfp_credential::endpoint::Origin;
use kfp_credential::environment::Environment;
use url::Url;

use crate::input::Fields;
use crate::oracle;
use crate::servers::{Arrived, Played, play};

const PASSWORD: &str = "correct-horse+7 battery%";
const HEADER: &str = "header-secret-of-team-a";
/// The passwords that one call may send, whatever the servers answer.
const MOST_PASSWORDS: usize = 1;
/// Starts a cookie's value that no words may repeat.
const SESSION: &str = "s3ss10n";

const CONTEXTS: [&str; 6] = [
    "{name: c, store: none, endpoint: 'https://kf.example.com/pipeline', dex: {username: me@example.com, password: {env: PW}}, headers: {x-team: header-secret-of-team-a}}",
    "{name: c, store: none, endpoint: 'http://kf.example.com', dex: {username: me@example.com, password: {env: PW}}, headers: {x-team: header-secret-of-team-a}}",
    "{name: c, store: none, endpoint: 'http://kf.example.com', allow-insecure-http: true, dex: {username: me, password: {env: PW}, connector: ldap}}",
    "{name: c, store: none, endpoint: 'https://kf.example.com', dex: {username: me@example.com, password: {env: PW}, login-origins: ['https://dex.example.org']}, headers: {x-team: header-secret-of-team-a}}",
    "{name: c, store: none, endpoint: 'https://kf.example.com/pipeline', headers: {x-team: header-secret-of-team-a}}",
    "{name: c, store: none, endpoint: 'http://127.0.0.1:8080', none: {}}",
];

pub(crate) fn run(bytes: &[u8]) {
    // libFuzzer learns what is compared; a server that knows a secret from elsewhere proves nothing.
    let spellings = oracle::spellings(&String::from_utf8_lossy(bytes));
    let is_known = |text: &String| text.contains(PASSWORD) || text.contains(HEADER);
    if spellings.iter().any(is_known) {
        return;
    }
    let mut fields = Fields::of(bytes);
    let number = fields.below(CONTEXTS.len());
    MADE.with(|made| among_servers(&made[number], fields));
}

fn among_servers(context: &Context, answers: Fields<'_>) {
    // No notes of refusals: each run is the first one.
    let variables = [
        ("PW", PASSWORD),
        ("HOME", "/proc/none"),
        ("XDG_STATE_HOME", "/proc/none"),
    ];
    let environment: Environment = variables.into_iter().collect();
    let played = play(context, &environment, PASSWORD, answers.rest());
    check_words(&played);
    check_password(context, &played.arrived);
    check_headers(context, &played.arrived);
    check_cookies(&played.arrived);
    match &played.outcome {
        Ok(entry) => {
            let now = chrono::Utc::now();
            assert!(entry.credential.expires_at > now - chrono::TimeDelta::seconds(5));
            if let Material::Cookies(cookies) = &entry.credential.material {
                assert!(!cookies.is_empty());
                let posted = played.arrived.iter().any(|one| one.method == "POST");
                assert!(posted, "a session without a login");
            }
        }
        Err(error) => assert!(matches!(error.exit_code(), 3..=6), "{error}"),
    }
}

thread_local! {
    static MADE: Vec<Context> = CONTEXTS.iter().map(|entry| context(entry)).collect();
}

fn context(entry: &str) -> Context {
    let path = std::path::PathBuf::from("config.yaml");
    let text = format!("{{apiVersion: kfp-credential/v1, kind: Config, contexts: [{entry}]}}");
    let config = file::parse(&path, &text).expect("a configuration");
    let file = ConfigFile { path, config };
    let entry = &file.config.contexts()[0];
    let mut context = of_entry(&file, entry, &Environment::default()).expect("a context");
    if let Method::Detect(_) = context.method {
        context.method = Method::Detect(Dex {
            username: Some("me@example.com".to_owned()),
            password: Some(Source::Env("PW".to_owned())),
            ..Dex::default()
        });
    }
    context
}

fn check_words(played: &Played) {
    oracle::keeps_silent(&played.words, PASSWORD);
    oracle::keeps_silent(&played.words, HEADER);
    for (value, said_before) in last_cookies(&played.arrived) {
        oracle::keeps_silent(&played.words[said_before..], &value);
    }
}

/// The values of the cookies that were set last by their names, so far as they are marked, with how much had been said
/// before: what a server says in the open and makes a cookie of later was no secret.
fn last_cookies(arrived: &[Arrived]) -> Vec<(String, usize)> {
    let mut last: Vec<(&str, &str, usize)> = Vec::new();
    for one in arrived {
        for line in &one.cookies_set {
            let pair = line.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                last.retain(|(known, ..)| *known != name.trim());
                last.push((name.trim(), value.trim(), one.said_before));
            }
        }
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let marked = |(_, value, _): &(&str, &str, usize)| {
        value.starts_with(SESSION) && value.len() >= 12 && value.chars().all(is_plain)
    };
    let values = last.into_iter().filter(marked);
    values
        .map(|(_, value, said_before)| (value.to_owned(), said_before))
        .collect()
}

/// The password goes to a form on the endpoint's own origin, or one that the context names, in a body and safely.
fn check_password(context: &Context, arrived: &[Arrived]) {
    let endpoint = context.endpoint.as_ref().expect("an endpoint");
    let is_ours = |one: &&Arrived| !one.after_echo && one.holds(PASSWORD);
    let with_password: Vec<&Arrived> = arrived.iter().filter(is_ours).collect();
    assert!(
        with_password.len() <= MOST_PASSWORDS,
        "{} passwords",
        with_password.len()
    );
    let login_origins = match &context.method {
        Method::Detect(dex) | Method::Dex(dex) => Some(dex.login_origins.as_slice()),
        _ => None,
    };
    for one in with_password {
        let origin = Origin::of(&one.url);
        let is_own = endpoint.origin().is_or_upgrades_to(&origin)
            || login_origins.unwrap_or_default().contains(&origin);
        assert!(is_own, "the password went to {}", one.url);
        assert_eq!(one.method, "POST");
        let in_url = oracle::spellings(one.url.as_str());
        assert!(
            !in_url.iter().any(|url| url.contains(PASSWORD)),
            "it is in {}",
            one.url
        );
        let is_safe = one.url.scheme() == "https" || context.connection.allow_insecure_http;
        assert!(is_safe, "the password went to {} in the clear", one.url);
        assert!(
            one.url.path().contains("/auth/"),
            "no form of Dex's: {}",
            one.url
        );
    }
}

fn check_headers(context: &Context, arrived: &[Arrived]) {
    let endpoint = context.endpoint.as_ref().expect("an endpoint");
    for one in arrived {
        assert!(matches!(one.url.scheme(), "http" | "https"), "{}", one.url);
        let is_own = endpoint.origin().is_or_upgrades_to(&Origin::of(&one.url));
        assert!(
            is_own || !one.holds(HEADER),
            "the header went to {}",
            one.url
        );
        assert!(is_own || one.header("authorization").is_none());
    }
}

/// A cookie goes where a server of the same domain has set it before.
fn check_cookies(arrived: &[Arrived]) {
    for (at, one) in arrived.iter().enumerate() {
        let Some(line) = one.header("cookie") else {
            continue;
        };
        for pair in line.split("; ") {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let has_set = |before: &Arrived| {
                let is_it = |line: &String| line.contains(name) && line.contains(value);
                are_related(&before.url, &one.url) && before.cookies_set.iter().any(is_it)
            };
            assert!(
                arrived[..at].iter().any(has_set),
                "the cookie {pair:?} went to {}",
                one.host()
            );
        }
    }
}

fn are_related(one: &Url, other: &Url) -> bool {
    let tail = |url: &Url| -> Vec<String> {
        let host = url.host_str().unwrap_or_default().trim_end_matches('.');
        host.rsplit('.').take(2).map(str::to_owned).collect()
    };
    tail(one) == tail(other)
}
