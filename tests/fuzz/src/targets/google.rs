//! A credential file of Google's kinds, and the answers of token endpoints, the metadata server, IAP and the API.
//!
//! Fields: the number of a context, the credential file (`-` for none), the SDK's `credentials.json` (`-` for none),
//! then an answer for each request (see `servers`).

use std::cell::RefCell;
use std::path::PathBuf;

use kfp_credential::config::file::ConfigFile;
use kfp_credential::config::method::Method;
use kfp_credential::config::{Context, file, of_entry};
use kfp_credential::environment::Environment;
use serde_json::Value;
use url::Url;

use crate::input::Fields;
use crate::oracle;
use crate::servers::{Arrived, play};

const NO_PASSWORD: &str = "no password in this target";

const CONTEXTS: [&str; 5] = [
    "{name: c, store: none, endpoint: 'https://kf.example.com/pipeline', iap: {client-id: iap.apps.googleusercontent.com}}",
    "{name: c, store: none, endpoint: 'https://x.pipelines.googleusercontent.com', gcp: {}}",
    "{name: c, store: none, endpoint: 'https://kf.example.com', iap: {client-id: iap.apps.googleusercontent.com, service-account: {impersonate: t@p.iam.gserviceaccount.com}}}",
    "{name: c, store: none, endpoint: 'https://kf.example.com', iap: {client-id: iap.apps.googleusercontent.com, other-client-id: desktop}}",
    "{name: c, store: none, endpoint: 'https://kf.example.com', iap: {client-id: iap.apps.googleusercontent.com, service-account: {self-signed: true}}}",
];

pub(crate) fn run(bytes: &[u8]) {
    let mut fields = Fields::of(bytes);
    let number = fields.below(CONTEXTS.len());
    MADE.with_borrow_mut(|made| among_servers(&mut made[number], fields));
}

fn among_servers(context: &mut Context, mut fields: Fields<'_>) {
    let (credentials, of_sdk) = (fields.bytes(), fields.bytes());
    let home = oracle::path("google-home");
    let sdk = home.join(".config/kfp/credentials.json");
    std::fs::create_dir_all(sdk.parent().expect("a folder")).expect("a folder");
    let mut variables = vec![
        ("HOME", home.display().to_string()),
        ("XDG_STATE_HOME", "/proc/none".to_owned()),
    ];
    let has_file = credentials != b"-";
    if has_file {
        let path = oracle::path("google.json");
        std::fs::write(&path, credentials).expect("a file");
        variables.push(("GOOGLE_APPLICATION_CREDENTIALS", path.display().to_string()));
    }
    if of_sdk == b"-" {
        std::fs::remove_file(&sdk).ok();
    } else {
        std::fs::write(&sdk, of_sdk).expect("a file");
    }
    let environment: Environment = variables.into_iter().collect();
    // As the configuration does it, where no person is meant.
    match &mut context.method {
        Method::Iap(iap)
            if iap.google.service_account.is_some() || iap.other_client_id.is_none() =>
        {
            iap.google.settle(&environment);
        }
        Method::Gcp(google) => google.settle(&environment),
        _ => {}
    }
    let context = &*context;
    let played = play(context, &environment, NO_PASSWORD, fields.rest());

    let secrets = [secrets(credentials), secrets(of_sdk)].concat();
    for secret in &secrets {
        oracle::keeps_silent(&played.words, secret);
    }
    for one in &played.arrived {
        let file = String::from_utf8_lossy(credentials);
        check_request(context, one, &secrets, has_file.then_some(&file));
    }
    if let Err(error) = &played.outcome {
        assert!(matches!(error.exit_code(), 3..=6), "{error}");
    }
}

thread_local! {
    static MADE: RefCell<Vec<Context>> = RefCell::new(CONTEXTS.iter().map(|entry| context(entry)).collect());
}

fn context(entry: &str) -> Context {
    let path = PathBuf::from("config.yaml");
    let text = format!("{{apiVersion: kfp-credential/v1, kind: Config, contexts: [{entry}]}}");
    let config = file::parse(&path, &text).expect("a configuration");
    let file = ConfigFile { path, config };
    let entry = &file.config.contexts()[0];
    let context = of_entry(&file, entry, &Environment::default()).expect("a context");
    assert!(matches!(context.method, Method::Iap(_) | Method::Gcp(_)));
    context
}

/// The texts of a file that are secrets. One that stands in it twice may be something else too.
fn secrets(file: &[u8]) -> Vec<String> {
    fn collect(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    let names = [
                        "client_secret",
                        "refresh_token",
                        "private_key",
                        "other_client_secret",
                    ];
                    match value.as_str() {
                        Some(text) if names.contains(&&**key) => found.push(text.to_owned()),
                        _ => collect(value, found),
                    }
                }
            }
            Value::Array(values) => values.iter().for_each(|value| collect(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    if let Ok(value) = serde_json::from_slice(file) {
        collect(&value, &mut found);
    }
    let text = String::from_utf8_lossy(file);
    found.retain(|secret| oracle::is_secret(secret) && text.matches(&**secret).count() == 1);
    found
}

fn check_request(context: &Context, one: &Arrived, secrets: &[String], file: Option<&str>) {
    let endpoint = context.endpoint.as_ref().expect("an endpoint");
    let is_own = endpoint.origin() == kfp_credential::endpoint::Origin::of(&one.url);
    let of_file = [
        "refresh_token=",
        "client_secret=",
        "assertion=",
        "subject_token=",
    ];
    let is_secret = secrets.iter().any(|secret| one.holds(secret))
        || of_file.into_iter().any(|name| one.body.contains(name));
    if is_secret {
        assert!(
            is_token_endpoint(&one.url),
            "a secret of the file went to {}",
            one.url
        );
    }
    // A file may name headers for the address of its own subject token.
    let ours = |name: &str| {
        one.header(name)
            .filter(|value| !file.is_some_and(|file| file.contains(value)))
    };
    if ours("authorization").is_some() {
        let is_iam = is_below_google(&one.url, &["iamcredentials"]);
        assert!(is_own || is_iam, "a token went to {}", one.url);
    }
    assert!(ours("cookie").is_none() || is_own);
    if one.header("metadata-flavor").is_some() {
        assert!(
            file.is_none(),
            "a credential file spoke to the metadata server: {}",
            one.url
        );
        assert_eq!(one.host(), "169.254.169.254");
    }
}

/// Google's own token endpoints, with their regional forms.
fn is_token_endpoint(url: &Url) -> bool {
    let of_accounts = url.host_str() == Some("accounts.google.com") && url.scheme() == "https";
    of_accounts || is_below_google(url, &["sts", "oauth2", "www"])
}

fn is_below_google(url: &Url, services: &[&str]) -> bool {
    let host = url.host_str().unwrap_or_default();
    let name = host.strip_suffix(".googleapis.com").unwrap_or_default();
    let service = name.split('.').next().unwrap_or_default();
    url.scheme() == "https" && url.port().is_none() && services.contains(&service)
}
