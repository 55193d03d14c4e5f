//! Google credentials that need no person, of every kind, against the stand-ins of Google.

#[cfg(unix)]
mod accounts;
mod addresses;
mod external;
mod faults;
mod iap;
mod sdk_variables;

use std::sync::Arc;

use serde_json::{Value, json};

use testkit::google::{
    CLOUD_PLATFORM, DESKTOP_SECRET, Google, IAP_CLIENT, IAP_HOST, MACHINE_ACCOUNT, Options,
    PIPELINES_HOST, SERVICE_ACCOUNT, TARGET_ACCOUNT, USER, files, jwt,
};
use testkit::http::{Request, Response};
use testkit::sandbox::{Output, Sandbox};

type Answer = Arc<dyn Fn(&Request) -> Response + Send + Sync>;

const TOKEN: &str = "POST oauth2.googleapis.com/token";
const STS: &str = "POST sts.googleapis.com/v1/token";
const GENERATE: &str = "POST iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/";

/// Is where a program runs that meets this Google.
struct Machine {
    google: Google,
    sandbox: Sandbox,
}

impl Machine {
    fn new() -> Self {
        Self::with(Google::default())
    }

    fn with(google: Google) -> Self {
        let sandbox = Sandbox::new();
        for (name, value) in google.env() {
            sandbox.env(name, &value);
        }
        // No metadata server, unless a test wants one.
        sandbox.env("GCE_METADATA_HOST", "127.0.0.1:1");
        let key_line = jwt::ACCOUNT.pem.lines().nth(3).expect("a key");
        for secret in [key_line, DESKTOP_SECRET, testkit::google::SUBJECT_TOKEN] {
            sandbox.secret(secret);
        }
        Self { google, sandbox }
    }

    /// Writes a credential file and makes it the application default.
    fn adc(&self, credentials: &Value) {
        let path = self.sandbox.file("adc.json", credentials.to_string());
        let path = path.to_string_lossy();
        self.sandbox.env("GOOGLE_APPLICATION_CREDENTIALS", &path);
    }

    fn use_metadata_server(&self) {
        for (name, value) in self.google.metadata_env() {
            self.sandbox.env(name, &value);
        }
    }

    /// Writes one context behind IAP, with these keys beside the client.
    fn iap(&self, keys: &str) {
        let block = format!("iap: {{ client-id: {IAP_CLIENT}{keys} }}");
        self.context(&format!("https://{IAP_HOST}/pipeline"), &block);
    }

    /// Writes one context on AI Platform Pipelines.
    fn gcp(&self, keys: &str) {
        let block = format!("gcp: {{ {keys} }}");
        self.context(&format!("https://{PIPELINES_HOST}"), &block);
    }

    fn context(&self, endpoint: &str, method: &str) {
        self.sandbox.config(&format!(
            "apiVersion: kfp-credential/v1\n\
             kind: Config\n\
             current-context: machine\n\
             contexts:\n\
             - name: machine\n\
             \x20 endpoint: {endpoint}\n\
             \x20 store: none\n\
             \x20 {method}\n"
        ));
    }

    fn get(&self) -> Output {
        self.sandbox.run(&["get", "-v"])
    }

    /// Gets a token that the endpoint was seen to accept, and returns the document's status.
    #[track_caller]
    fn accepted(&self) -> Value {
        let output = self.get().assert_success();
        assert!(
            !output.stderr.contains("not verified"),
            "{}",
            output.shown()
        );
        output.json()["status"].clone()
    }

    /// Asks the host behind IAP as a client does, and returns the status.
    fn ask(&self, path: &str, authorization: &str) -> u16 {
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let ca = std::fs::read(self.google.ca_file()).expect("the CA's certificate");
        let client = reqwest::blocking::Client::builder()
            .proxy(reqwest::Proxy::all(self.google.proxy().origin()).expect("a proxy"))
            .tls_certs_merge(reqwest::Certificate::from_pem_bundle(&ca).expect("a certificate"))
            .build()
            .expect("a client");
        let request = client.get(format!("https://{IAP_HOST}{path}"));
        let answer = request.header("Authorization", authorization).send();
        answer.expect("an answer").status().as_u16()
    }

    /// Returns the requests to Google: those to the endpoint are left out.
    fn asked(&self) -> Vec<String> {
        let mut lines = self.google.lines();
        lines.retain(|line| !line.contains(IAP_HOST) && !line.contains(PIPELINES_HOST));
        lines
    }
}

fn generate(account: &str, what: &str) -> String {
    format!("{GENERATE}{account}:{what}")
}

// -------------------------------------------------------- ID tokens for IAP

#[test]
fn a_key_file_of_the_context_gets_an_id_token() {
    let machine = Machine::new();
    let key = files::service_account(SERVICE_ACCOUNT);
    machine.sandbox.file("key.json", key.to_string());
    machine.iap(", service-account: { key-file: ~/key.json }");
    let status = machine.accepted();
    let token = status["token"].as_str().unwrap();
    let claims = jwt::GOOGLE.verify(token).unwrap();
    assert_eq!(
        (&claims["aud"], &claims["email"]),
        (&json!(IAP_CLIENT), &json!(SERVICE_ACCOUNT))
    );
    let kfp = &status["kfp"];
    assert_eq!(
        (&kfp["type"], &kfp["principal"], &kfp["expirySource"]),
        (&json!("bearer"), &json!(SERVICE_ACCOUNT), &json!("jwt"))
    );
    assert_eq!(machine.asked(), [TOKEN]);

    let seen = machine.google.requests();
    let form = |name| seen[0].request.form(name).unwrap_or_default();
    assert_eq!(
        form("grant_type"),
        "urn:ietf:params:oauth:grant-type:jwt-bearer"
    );
    let assertion = jwt::ACCOUNT.verify(&form("assertion")).unwrap();
    assert_eq!(assertion["target_audience"], IAP_CLIENT);
    assert_eq!(assertion["aud"], "https://oauth2.googleapis.com/token");
    let life = assertion["exp"].as_i64().unwrap() - assertion["iat"].as_i64().unwrap();
    assert_eq!(life, 3600);
    assert_eq!(
        jwt::header(&form("assertion")).unwrap()["kid"],
        jwt::ACCOUNT.id
    );
}

#[test]
fn the_variable_counts_before_gclouds_file_and_that_before_the_metadata_server() {
    let machine = Machine::new();
    machine.iap("");
    machine.use_metadata_server();
    assert_eq!(machine.accepted()["kfp"]["principal"], MACHINE_ACCOUNT);

    let target = files::service_account(TARGET_ACCOUNT).to_string();
    let gcloud = ".config/gcloud/application_default_credentials.json";
    machine.sandbox.file(gcloud, target);
    assert_eq!(machine.accepted()["kfp"]["principal"], TARGET_ACCOUNT);

    machine.adc(&files::service_account(SERVICE_ACCOUNT));
    assert_eq!(machine.accepted()["kfp"]["principal"], SERVICE_ACCOUNT);
}

#[test]
fn the_metadata_server_is_asked_past_the_proxy() {
    let machine = Machine::new();
    machine.iap("");
    machine.use_metadata_server();
    machine.sandbox.env("HTTP_PROXY", "http://127.0.0.1:1");
    machine.sandbox.env("http_proxy", "http://127.0.0.1:1");
    machine.accepted();
    let asked = machine.google.metadata().requests();
    assert!(
        asked
            .iter()
            .all(|request| request.header("metadata-flavor") == Some("Google"))
    );
    let identity = &asked[1];
    assert!(identity.path().ends_with("/default/identity"));
    assert_eq!(identity.query("audience").as_deref(), Some(IAP_CLIENT));
    assert_eq!(identity.query("format").as_deref(), Some("full"));
    assert!(machine.asked().is_empty());
}

#[test]
fn an_account_is_impersonated_through_delegates() {
    let machine = Machine::new();
    machine.adc(&files::service_account(SERVICE_ACCOUNT));
    machine.iap(&format!(
        ", service-account: {{ impersonate: {TARGET_ACCOUNT}, delegates: [{MACHINE_ACCOUNT}] }}"
    ));
    let creators = vec![
        (SERVICE_ACCOUNT, MACHINE_ACCOUNT),
        (MACHINE_ACCOUNT, TARGET_ACCOUNT),
    ];
    machine
        .google
        .behave(|google| google.token_creators = Some(creators));
    assert_eq!(machine.accepted()["kfp"]["principal"], TARGET_ACCOUNT);
    let generate = generate(TARGET_ACCOUNT, "generateIdToken");
    assert_eq!(machine.asked(), [TOKEN, &generate]);
    let body: Value = serde_json::from_slice(&machine.google.requests()[1].request.body).unwrap();
    let delegate = format!("projects/-/serviceAccounts/{MACHINE_ACCOUNT}");
    let expected = json!({"audience": IAP_CLIENT, "includeEmail": true, "delegates": [delegate]});
    assert_eq!(body, expected);
}

#[test]
fn a_person_gets_an_id_token_by_impersonation() {
    let machine = Machine::new();
    let refresh_token = machine.google.refresh_token_for(USER, CLOUD_PLATFORM);
    machine.sandbox.secret(&refresh_token);
    let user = files::authorized_user(&refresh_token);

    machine.adc(&files::impersonated(TARGET_ACCOUNT, &[], &user));
    machine.iap("");
    assert_eq!(machine.accepted()["kfp"]["principal"], TARGET_ACCOUNT);

    machine.google.clear();
    machine.adc(&user);
    machine.iap(&format!(
        ", service-account: {{ impersonate: {TARGET_ACCOUNT} }}"
    ));
    assert_eq!(machine.accepted()["kfp"]["principal"], TARGET_ACCOUNT);
    let generate = generate(TARGET_ACCOUNT, "generateIdToken");
    assert_eq!(machine.asked(), [TOKEN, &generate]);
}

#[test]
fn a_self_signed_jwt_contacts_nobody() {
    let machine = Machine::new();
    machine.adc(&files::service_account(SERVICE_ACCOUNT));
    machine.iap(", service-account: { self-signed: true }");
    let status = machine.get().assert_success().json()["status"].clone();
    assert!(machine.google.proxy().connects().is_empty());
    let claims = jwt::ACCOUNT
        .verify(status["token"].as_str().unwrap())
        .unwrap();
    assert_eq!(
        (&claims["iss"], &claims["sub"], &claims["aud"]),
        (
            &json!(SERVICE_ACCOUNT),
            &json!(SERVICE_ACCOUNT),
            &json!(format!("https://{IAP_HOST}/*"))
        )
    );
    assert_eq!(status["kfp"]["principal"], SERVICE_ACCOUNT);

    // IAP takes it for every path of the host.
    let bearer = format!("Bearer {}", status["token"].as_str().unwrap());
    for path in [
        "/pipeline/apis/v2beta1/healthz",
        "/pipeline/apis/v2beta1/experiments",
    ] {
        assert_ne!(machine.ask(path, &bearer), 401, "{path}");
    }
    assert_eq!(
        machine.ask("/pipeline/apis/v2beta1/healthz", &format!("{bearer}x")),
        401
    );
}

#[test]
fn the_bearer_goes_into_the_header_of_the_context() {
    let machine = Machine::new();
    machine.adc(&files::service_account(SERVICE_ACCOUNT));
    let block = format!("header: proxy-authorization\n  iap: {{ client-id: {IAP_CLIENT} }}");
    machine.context(&format!("https://{IAP_HOST}/pipeline"), &block);
    let status = machine.accepted();
    assert!(
        status["headers"]["Proxy-Authorization"].is_array(),
        "{status}"
    );
    let seen = machine.google.requests();
    let proof = seen.iter().find(|seen| seen.host == IAP_HOST).unwrap();
    assert_eq!(proof.request.header("authorization"), None);
    assert!(proof.request.header("proxy-authorization").is_some());
}

// ----------------------------------- access tokens for AI Platform Pipelines

#[test]
fn each_kind_of_credentials_gets_an_access_token() {
    let machine = Machine::new();
    machine.gcp("");
    let refresh_token = machine.google.refresh_token_for(USER, CLOUD_PLATFORM);
    let user = files::authorized_user(&refresh_token);
    let source = json!({"file": machine.sandbox.file("subject", testkit::google::SUBJECT_TOKEN)});
    let access_token = generate(TARGET_ACCOUNT, "generateAccessToken");
    for (credentials, asked, principal) in [
        (
            files::service_account(SERVICE_ACCOUNT),
            vec![TOKEN],
            Some(SERVICE_ACCOUNT),
        ),
        (user.clone(), vec![TOKEN], None),
        (
            files::impersonated(TARGET_ACCOUNT, &[], &user),
            vec![TOKEN, &access_token],
            Some(TARGET_ACCOUNT),
        ),
        (files::external_account(&source, None), vec![STS], None),
        (
            files::external_account(&source, Some(TARGET_ACCOUNT)),
            vec![STS, &access_token],
            Some(TARGET_ACCOUNT),
        ),
    ] {
        machine.google.clear();
        machine.adc(&credentials);
        let status = machine.accepted();
        assert_eq!(
            status["kfp"]["principal"].as_str(),
            principal,
            "{credentials}"
        );
        assert_eq!(status["kfp"]["expirySource"], "expires");
        assert_eq!(machine.asked(), asked);
    }
    machine.sandbox.env_remove("GOOGLE_APPLICATION_CREDENTIALS");
    machine.use_metadata_server();
    assert_eq!(machine.accepted()["kfp"]["principal"], MACHINE_ACCOUNT);
}

#[test]
fn the_life_of_an_access_token_is_what_google_says() {
    let machine = Machine::new();
    machine.gcp("");
    machine.adc(&files::service_account(SERVICE_ACCOUNT));
    machine.google.behave(|google| google.lifetime = 1200);
    let kfp = machine.accepted()["kfp"].clone();
    let time = |name: &str| {
        let text = kfp[name].as_str().unwrap();
        chrono::DateTime::parse_from_rfc3339(text).unwrap()
    };
    let life = (time("expiresAt") - time("issuedAt")).num_seconds();
    assert!((1198..=1202).contains(&life), "{life}");
}

#[test]
fn a_token_address_of_the_context_is_trusted() {
    let token = jwt::GOOGLE.sign(&json!({
        "iss": "https://accounts.google.com", "aud": IAP_CLIENT, "email": SERVICE_ACCOUNT,
        "sub": "1", "exp": jwt::now() + 3600,
    }));
    let answer = json!({"id_token": token}).to_string();
    let others: Vec<(&'static str, Answer)> = vec![(
        "oauth.example.com",
        Arc::new(move |_| Response::json(200, answer.clone())),
    )];
    let machine = Machine::with(Google::start(Options {
        others,
        ..Options::default()
    }));
    let mut key = files::service_account(SERVICE_ACCOUNT);
    key["token_uri"] = json!("https://oauth.example.com/token");
    machine.adc(&key);
    machine.iap("");
    let refused = machine
        .get()
        .assert_error(3, "google-credentials-address-refused");
    refused.assert_says("https://oauth.example.com/token");
    assert!(machine.google.proxy().connects().is_empty());

    machine.iap(", token-uri: 'https://oauth.example.com/token'");
    machine.accepted();
    assert_eq!(machine.asked(), ["POST oauth.example.com/token"]);
}
