//! The kfp SDK's variables belong together: its clients are for the endpoint that its other variable names.

use super::*;

const OTHER: &str = "other.example.com";

/// Starts a machine with the SDK's variables of production, and another endpoint beside.
fn machine() -> Machine {
    let health = |_: &Request| Response::json(200, r#"{"multi_user":false}"#);
    let others: Vec<(&'static str, Answer)> = vec![(OTHER, Arc::new(health))];
    let machine = Machine::with(Google::start(Options {
        others,
        ..Options::default()
    }));
    machine.adc(&files::service_account(SERVICE_ACCOUNT));
    machine
        .sandbox
        .env("KF_PIPELINES_IAP_OAUTH2_CLIENT_ID", IAP_CLIENT);
    let production = format!("https://{IAP_HOST}/pipeline");
    machine.sandbox.env("KF_PIPELINES_ENDPOINT", &production);
    machine
}

/// Asserts that nobody asked for a token, and that the other endpoint saw none.
#[track_caller]
fn nothing_was_sent(machine: &Machine) {
    let seen = machine.google.requests();
    let seen = seen
        .iter()
        .filter(|seen| seen.host != OTHER || seen.request.header("authorization").is_some());
    assert_eq!(seen.count(), 0, "{:?}", machine.google.lines());
}

#[test]
fn the_sdks_iap_client_is_for_the_sdks_endpoint() {
    let machine = machine();
    for endpoint in [None, Some(format!("https://{IAP_HOST}/other/path"))] {
        machine.google.clear();
        let mut args = vec!["get", "--store", "none", "--no-verify"];
        if let Some(endpoint) = &endpoint {
            args.extend(["--endpoint", endpoint]);
        }
        machine.sandbox.run(&args).assert_success();
        assert_eq!(machine.asked(), [TOKEN], "{endpoint:?}");
    }
}

#[test]
fn the_sdks_iap_client_makes_no_token_for_another_endpoint() {
    let machine = machine();
    let endpoint = format!("https://{OTHER}");
    let get = ["get", "-v", "--store", "none", "--endpoint", &endpoint];
    let output = machine.sandbox.run(&get);
    let output = output.assert_says("KF_PIPELINES_IAP_OAUTH2_CLIENT_ID is ignored");
    assert!(!output.stdout.contains("token"), "{}", output.shown());
    nothing_was_sent(&machine);

    machine.google.clear();
    let named = [&get[..], &["--method", "iap"]].concat();
    machine
        .sandbox
        .run(&named)
        .assert_error(3, "config-missing")
        .assert_says("--client-id");
    nothing_was_sent(&machine);
}

#[test]
fn the_sdks_clients_fill_no_context_of_another_endpoint() {
    let machine = machine();
    machine.context(&format!("https://{OTHER}"), "iap: {}");
    machine
        .sandbox
        .run(&["get"])
        .assert_error(3, "config-missing")
        .assert_says("KF_PIPELINES_ENDPOINT");
    nothing_was_sent(&machine);

    // Without an endpoint of its own, the set names none.
    machine.sandbox.env_remove("KF_PIPELINES_ENDPOINT");
    machine.get().assert_error(3, "config-missing");
    nothing_was_sent(&machine);

    machine
        .sandbox
        .env("KF_PIPELINES_ENDPOINT", &format!("https://{IAP_HOST}"));
    machine.context(&format!("https://{IAP_HOST}/pipeline"), "iap: {}");
    machine.accepted();
}

#[test]
fn the_sdks_desktop_client_logs_nobody_in_for_another_endpoint() {
    let machine = machine();
    for (name, value) in [
        (
            "KF_PIPELINES_APP_OAUTH2_CLIENT_ID",
            testkit::google::DESKTOP_CLIENT,
        ),
        ("KF_PIPELINES_APP_OAUTH2_CLIENT_SECRET", DESKTOP_SECRET),
    ] {
        machine.sandbox.env(name, value);
    }
    machine.context(
        &format!("https://{OTHER}"),
        &format!("iap: {{ client-id: {IAP_CLIENT} }}"),
    );
    let output = machine.sandbox.run(&["login", "--no-browser"]);
    assert!(
        !output.stderr.contains("accounts.google.com"),
        "{}",
        output.shown()
    );
}

#[test]
fn the_sdks_token_file_is_not_taken_for_a_foreign_endpoint() {
    let machine = Machine::new();
    let token = testkit::kfp_api::service_account_token("pipelines.kubeflow.org", 3600);
    let server = testkit::http::Server::start(|_| Response::json(200, r#"{"multi_user":false}"#));
    let file = machine.sandbox.file("token", &token);
    machine.sandbox.secret(&token);
    machine
        .sandbox
        .env("KF_PIPELINES_SA_TOKEN_PATH", &file.to_string_lossy());
    machine
        .sandbox
        .env("KF_PIPELINES_ENDPOINT", "http://ml-pipeline.kubeflow:8888");
    machine.sandbox.env("KUBERNETES_SERVICE_HOST", "10.96.0.1");
    // This machine counts as inside the cluster; unasked, the token is for the SDK's endpoint all the same.
    let get = ["get", "--store", "none", "--endpoint", &server.origin()];
    let output = machine.sandbox.run(&get);
    assert!(!output.stdout.contains(&token), "{}", output.shown());

    for asked in [
        &[][..],
        &["--endpoint", &server.origin(), "--method", "token-file"],
    ] {
        let get = [&["get", "-o", "token"], asked].concat();
        let output = machine.sandbox.run(&get).assert_success();
        assert_eq!(output.stdout.trim(), token);
    }
}
