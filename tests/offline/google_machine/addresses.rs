//! Where a credential file may send what it holds: each key has its own addresses, and no other one is asked.

use super::*;

/// Starts a machine that meets a Google with these hosts besides, which take whatever they are sent.
fn with_hosts(hosts: &[&'static str]) -> Machine {
    let taken = |_: &Request| Response::json(200, json!({"access_token": "x"}).to_string());
    let answer: Answer = Arc::new(taken);
    let others = hosts.iter().map(|host| (*host, Arc::clone(&answer)));
    Machine::with(Google::start(Options {
        others: others.collect(),
        ..Options::default()
    }))
}

fn with(mut file: Value, key: &str, value: &str) -> Value {
    file[key] = json!(value);
    file
}

#[test]
fn no_key_of_a_credential_file_sends_into_a_bucket() {
    let machine = with_hosts(&["storage.googleapis.com", "sts.storage.googleapis.com"]);
    let diary = machine.sandbox.file("diary", "made-up-diary");
    machine.sandbox.secret("made-up-diary");
    let source = json!({"file": diary});
    let external = files::external_account(&source, None);
    let refresh_token = machine.google.refresh_token_for(USER, CLOUD_PLATFORM);
    machine.sandbox.secret(&refresh_token);
    let user = files::authorized_user(&refresh_token);
    let upload = "https://storage.googleapis.com/upload/storage/v1/b/evil/o?name=x&key=made-up";
    let impersonation = "service_account_impersonation_url";
    let impersonated = files::impersonated(TARGET_ACCOUNT, &[], &user);
    machine.gcp("");
    for (key, address, file) in [
        ("token_url", upload, &external),
        // A bucket may have the name of a service.
        (
            "token_url",
            "https://sts.storage.googleapis.com/v1/token",
            &external,
        ),
        (
            "token_url",
            "https://www.googleapis.com/upload/storage/v1/b/evil/o",
            &external,
        ),
        (
            "token_url",
            "https://sts.googleapis.com/v1/introspect",
            &external,
        ),
        (
            "token_uri",
            upload,
            &files::service_account(SERVICE_ACCOUNT),
        ),
        (
            "token_uri",
            "https://www.googleapis.com/upload/storage/v1/b/evil/o",
            &user,
        ),
        (
            impersonation,
            "https://storage.googleapis.com/upload/kfp@x:generateAccessToken",
            &impersonated,
        ),
        (
            impersonation,
            "https://storage.googleapis.com/upload/kfp@x:generateAccessToken",
            &files::external_account(&source, Some(TARGET_ACCOUNT)),
        ),
    ] {
        machine.adc(&with(file.clone(), key, address));
        let refused = machine
            .get()
            .assert_error(3, "google-credentials-address-refused");
        let place = address.split('?').next().unwrap();
        let refused = refused.assert_says(place).assert_says(key);
        refused.assert_says("token-uri: ADDRESS");
        assert!(machine.google.proxy().connects().is_empty(), "{address}");
    }
}

#[test]
fn the_metadata_server_is_never_asked_in_googles_own_words_by_a_credential_file() {
    let machine = Machine::new();
    let server = testkit::http::Server::start(|_| Response::text(200, "a token of the machine"));
    let near = server.origin();
    let link = "http://169.254.169.254/computeMetadata/v1/instance/service-accounts/default/token";
    for (url, header, value) in [
        (near.as_str(), "Metadata-Flavor", "Google"),
        (near.as_str(), "metadata-FLAVOR", "google"),
        (near.as_str(), "Metadata-Flavor ", " Google"),
        (near.as_str(), "X-Google-Metadata-Request", "True"),
        (link, "Metadata-Flavor", "Google"),
    ] {
        let source = json!({"url": url, "headers": {header: value}});
        machine.adc(&files::external_account(&source, None));
        machine.gcp("");
        let refused = machine
            .get()
            .assert_error(3, "google-credentials-address-refused");
        refused.assert_says("credential_source.headers");
        assert!(server.requests().is_empty() && machine.asked().is_empty());
    }
}

/// Where GitHub's runner gives a job its tokens, as it answers.
const RUNNER: &str = "pipelines.actions.example.com";
const REQUEST_TOKEN: &str = "made-up-request-token";

fn runner(request: &Request) -> Response {
    let bearer = format!("Bearer {REQUEST_TOKEN}");
    let is_its = request.path() == "/x//idtoken"
        && request.query("api-version").as_deref() == Some("2.0")
        && request.query("audience").as_deref() == Some(testkit::google::POOL_AUDIENCE)
        && request.header("authorization") == Some(&*bearer);
    if !is_its {
        return Response::text(401, "unauthorized");
    }
    let token = json!({"count": 1, "value": testkit::google::SUBJECT_TOKEN});
    Response::json(200, token.to_string())
}

#[test]
fn github_actions_federation_works_at_the_runners_own_address_and_nowhere_else() {
    let others: Vec<(&'static str, Answer)> = vec![
        (RUNNER, Arc::new(runner)),
        ("evil.example", Arc::new(runner)),
    ];
    let machine = Machine::with(Google::start(Options {
        others,
        ..Options::default()
    }));
    machine.sandbox.secret(REQUEST_TOKEN);
    machine.iap("");
    // As the action `google-github-actions/auth` writes it.
    let file_for = |host: &str| {
        let url = format!(
            "https://{host}/x//idtoken?api-version=2.0&audience={}",
            testkit::google::POOL_AUDIENCE
        );
        let source = json!({
            "url": url,
            "headers": {"Authorization": format!("Bearer {REQUEST_TOKEN}")},
            "format": {"type": "json", "subject_token_field_name": "value"},
        });
        files::external_account(&source, Some(TARGET_ACCOUNT))
    };
    let variable = "ACTIONS_ID_TOKEN_REQUEST_URL";
    let its_own = format!("https://{RUNNER}/other/idtoken?api-version=2.0");
    machine.sandbox.env(variable, &its_own);
    machine.adc(&file_for(RUNNER));
    assert_eq!(machine.accepted()["kfp"]["principal"], TARGET_ACCOUNT);

    let plain = its_own.replace("https://", "http://");
    let port = its_own.replace(RUNNER, &format!("{RUNNER}:8443"));
    for (host, value) in [
        ("evil.example", its_own.as_str()),
        (RUNNER, ""),
        (RUNNER, &plain),
        (RUNNER, &port),
        (RUNNER, "not a URL"),
    ] {
        machine.google.clear();
        machine.sandbox.env(variable, value);
        machine.adc(&file_for(host));
        let refused = machine
            .get()
            .assert_error(3, "google-credentials-address-refused");
        refused
            .assert_says("credential_source.url")
            .assert_says(host);
        assert!(
            machine.google.proxy().connects().is_empty(),
            "{host} {value}"
        );
    }
}
