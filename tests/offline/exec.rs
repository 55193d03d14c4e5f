//! The exec form: what Kubernetes clients run and read (KEP-541). `kubernetes.rs` has the real clients.

use std::path::Path;

use serde_json::{Value, json};

use testkit::front_door::{FrontDoor, Options, PASSWORD, USER};
use testkit::http::Server;
use testkit::kfp_api::{self, service_account_token};
use testkit::sandbox::{Output, Sandbox};

const V1: &str = "client.authentication.k8s.io/v1";
const V1BETA1: &str = "client.authentication.k8s.io/v1beta1";
const EXEC_INFO: &str = "KUBERNETES_EXEC_INFO";
const ENDPOINT: &str = "https://kf.example.com/pipeline";

// --------------------------------------------------------------- the answer

#[test]
fn the_version_that_is_asked_for_is_answered() {
    let pod = Pod::new("");
    for version in [V1, V1BETA1] {
        let output = pod.asked(&exec_info(version, &Value::Null), &[]);
        assert_exec(&output, version, &pod.token);
    }
}

#[test]
fn without_exec_info_the_option_says_the_version() {
    let pod = Pod::new("");
    let output = pod.home.run(&["get", "-o", "exec"]);
    assert_exec(&output, V1, &pod.token);
    let output = pod.home.run(&["get", "-o", "exec-v1beta1"]);
    assert_exec(&output, V1BETA1, &pod.token);
}

#[test]
fn the_option_wins_over_the_exec_info() {
    let pod = Pod::new("");
    let v1beta1 = exec_info(V1BETA1, &Value::Null);
    let output = pod.asked(&v1beta1, &["-o", "json"]).assert_success();
    assert_eq!(output.json()["status"]["kfp"]["type"], "bearer");
    assert_exec(&pod.asked(&v1beta1, &["-o", "exec"]), V1BETA1, &pod.token);
    let v1 = exec_info(V1, &Value::Null);
    assert_exec(
        &pod.asked(&v1, &["-o", "exec-v1beta1"]),
        V1BETA1,
        &pod.token,
    );
    let output = pod.asked(&v1, &["-o", "token"]).assert_success();
    assert_eq!(output.stdout, pod.token.clone() + "\n");
}

#[test]
fn exec_info_that_is_malformed_or_foreign_is_ignored() {
    let pod = Pod::new("");
    for foreign in [
        "",
        "not json",
        "[]",
        "null",
        r#"{"apiVersion":"client.authentication.k8s.io/v1"}"#,
        r#"{"apiVersion":"client.authentication.k8s.io/v1alpha1","kind":"ExecCredential"}"#,
        r#"{"apiVersion":"client.authentication.k8s.io/v1","kind":"TokenReview"}"#,
        r#"{"apiVersion":7,"kind":"ExecCredential","spec":{"cluster":{"server":"https://evil"}}}"#,
    ] {
        let output = pod.asked(foreign, &[]).assert_success();
        assert_eq!(
            output.json()["status"]["kfp"]["context"],
            "pod",
            "{foreign}"
        );
        assert_exec(&pod.asked(foreign, &["-o", "exec"]), V1, &pod.token);
    }
}

#[test]
fn exec_info_of_odd_shape_is_answered() {
    let pod = Pod::new("");
    for odd in [
        json!({"apiVersion": V1, "kind": "ExecCredential"}),
        json!({"apiVersion": V1, "kind": "ExecCredential", "spec": null}),
        json!({"apiVersion": V1, "kind": "ExecCredential", "spec": []}),
        json!({"apiVersion": V1, "kind": "ExecCredential", "spec": {"cluster": "text"}}),
        json!({"apiVersion": V1, "kind": "ExecCredential", "spec": {"interactive": true, "more": 1}}),
        json!({"apiVersion": V1, "kind": "ExecCredential", "status": {"token": "another's"}}),
    ] {
        assert_exec(&pod.asked(&odd.to_string(), &[]), V1, &pod.token);
    }
}

#[test]
fn a_new_token_in_the_file_is_the_next_answer() {
    let pod = Pod::new("");
    let info = exec_info(V1, &Value::Null);
    assert_exec(&pod.asked(&info, &[]), V1, &pod.token);
    let renewed = service_account_token("pipelines.kubeflow.org", 7200);
    assert_ne!(renewed, pod.token);
    pod.home.file("token", &renewed);
    assert_exec(&pod.asked(&info, &[]), V1, &renewed);
}

// ------------------------------------------------------------ the cluster's config

#[test]
fn the_clusters_config_names_a_context() {
    let pod = Pod::new("");
    let info = |context: &str| exec_info(V1, &json!({"config": {"context": context}}));
    let output = pod.asked(&info("other"), &[]);
    assert_exec(&output, V1, &pod.other_token);
    let output = pod.asked(&info("other"), &["--context", "pod"]);
    assert_exec(&output, V1, &pod.token);
    pod.asked(&info("unheard-of"), &[])
        .assert_error(3, "config-context-unknown")
        .assert_says("unheard-of")
        .assert_says("exec info");
}

#[test]
fn the_clusters_config_names_an_audience() {
    let pod = Pod::new("");
    let info = |audience: &str| exec_info(V1, &json!({"config": {"audience": audience}}));
    assert_exec(
        &pod.asked(&info("pipelines.kubeflow.org"), &[]),
        V1,
        &pod.token,
    );
    pod.asked(&info("somebody-else"), &[])
        .assert_error(3, "token-file-audience")
        .assert_says("somebody-else");
}

#[test]
fn the_clusters_config_can_change_nothing_else() {
    let pod = Pod::new("");
    for config in [
        json!({"context": "pod", "proxy-url": "http://evil"}),
        json!({"insecure-skip-tls-verify": true}),
        json!({"endpoint": "https://evil"}),
        json!({"Context": "pod"}),
        json!({"context": 7}),
        json!("pod"),
        json!(["pod"]),
    ] {
        let info = exec_info(V1, &json!({"config": config}));
        pod.asked(&info, &[])
            .assert_error(3, "config-invalid")
            .assert_says("context, namespace and audience");
    }
}

// ---------------------------------------------------------------- the server

#[test]
fn a_server_of_the_endpoints_origin_gets_the_token() {
    let pod = Pod::new("");
    for server in [
        "https://kf.example.com",
        "https://kf.example.com:443/k8s",
        "https://KF.example.com/pipeline",
    ] {
        let info = exec_info(V1, &json!({"server": server}));
        assert_exec(&pod.asked(&info, &[]), V1, &pod.token);
    }
}

#[test]
fn a_server_of_another_origin_is_refused() {
    let pod = Pod::new("");
    for server in [
        "https://10.0.0.1:6443",
        "http://kf.example.com",
        "https://kf.example.com:6443",
        "https://kf.example.com.evil.example",
        "https://kf.example.com@evil.example",
    ] {
        let info = exec_info(V1, &json!({"server": server}));
        pod.asked(&info, &[])
            .assert_error(3, "exec-server-refused")
            .assert_says("servers");
        pod.asked(&info, &["-o", "exec-v1beta1"])
            .assert_error(3, "exec-server-refused");
        // Any other form is for somebody else than that server.
        pod.asked(&info, &["-o", "token"]).assert_success();
    }
    for server in ["", "not a url", "kf.example.com"] {
        let info = exec_info(V1, &json!({"server": server}));
        pod.asked(&info, &[]).assert_error(3, "exec-server-refused");
    }
}

#[test]
fn a_server_that_the_context_lists_gets_the_token() {
    let pod = Pod::new("    servers: [\"https://10.0.0.1:6443\", https://api.example.com]\n");
    for server in ["https://10.0.0.1:6443", "https://api.example.com/with/path"] {
        let info = exec_info(V1, &json!({"server": server}));
        assert_exec(&pod.asked(&info, &[]), V1, &pod.token);
    }
    let info = exec_info(V1, &json!({"server": "https://10.0.0.1"}));
    pod.asked(&info, &[]).assert_error(3, "exec-server-refused");
}

// -------------------------------------------------- what an ExecCredential cannot carry

#[test]
fn a_context_of_cookies_is_refused_before_anybody_is_contacted() {
    let door = FrontDoor::start(Options::default());
    let home = door_home(&door, &format!("dex: {{username: {USER}}}"));
    for info in [exec_info(V1, &Value::Null), String::new()] {
        home.command(&["get", "-o", "exec", "--context", "door"])
            .env(EXEC_INFO, &info)
            .run()
            .assert_error(3, "format-not-available")
            .assert_says("bearer token only")
            .assert_says("-o headers");
    }
    assert!(door.server.requests().is_empty());
}

#[test]
fn a_context_that_turns_out_to_give_cookies_is_refused() {
    let door = FrontDoor::start(Options::default());
    let home = door_home(&door, "namespace: team-a");
    home.command(&["get", "--context", "door"])
        .env(EXEC_INFO, &exec_info(V1, &Value::Null))
        .env("KFP_CREDENTIAL_USERNAME", USER)
        .run()
        .assert_error(3, "format-not-available");
}

#[test]
fn a_context_of_nothing_is_refused() {
    let server = Server::start(kfp_api::standalone);
    let home = Sandbox::new();
    home.config(&config(&server.origin(), "none: {}"));
    for format in ["exec", "exec-v1beta1", "token"] {
        home.run(&["get", "-o", format, "--context", "door"])
            .assert_error(3, "format-not-available");
    }
    assert!(server.requests().is_empty());
    home.command(&["get", "--endpoint", &server.origin_as("localhost")])
        .env(EXEC_INFO, &exec_info(V1, &Value::Null))
        .run()
        .assert_error(3, "format-not-available");
}

#[test]
fn extra_headers_have_no_room() {
    for extra in [
        "    headers: {X-Team: a}\n",
        "    header: proxy-authorization\n",
    ] {
        let pod = Pod::new(extra);
        pod.asked(&exec_info(V1, &Value::Null), &[])
            .assert_error(3, "format-not-available")
            .assert_says("-o headers");
        pod.home.run(&["get"]).assert_success();
    }
}

// ------------------------------------------------------------------------- words

#[test]
fn the_words_of_v_go_to_the_log_only() {
    let pod = Pod::new("");
    let log = pod.home.home().join("words.log");
    let run = |args: &[&str], info: &str| {
        pod.home
            .command(args)
            .env(EXEC_INFO, info)
            .env("KFP_CREDENTIAL_LOG", &log.to_string_lossy())
            .run()
    };
    let token_file = pod.home.home().join("token");
    let output = run(&["get", "-v"], &exec_info(V1, &Value::Null));
    assert_exec(&output, V1, &pod.token);
    assert_eq!(output.stderr, "");
    let output = run(&["get", "-v", "-o", "exec"], "");
    assert_eq!(output.stderr, "", "{}", output.shown());
    let words = std::fs::read_to_string(&log).expect("a log");
    assert!(
        words.contains(&*token_file.to_string_lossy()),
        "the log says nothing of the file that was read: {words:?}"
    );
    assert_eq!(mode(&log), 0o600);

    let output = run(&["get", "-v"], "");
    assert!(
        output.stderr.contains(&*token_file.to_string_lossy()),
        "{}",
        output.shown()
    );
}

#[test]
fn a_failure_is_told_on_stderr_all_the_same() {
    let pod = Pod::new("");
    pod.home.file("token", "");
    pod.asked(&exec_info(V1, &Value::Null), &["-v"])
        .assert_error(3, "token-file-empty");
}

// ----------------------------------------------------------------------- helpers

/// Is a home with token files and contexts for them.
struct Pod {
    home: Sandbox,
    token: String,
    other_token: String,
}

impl Pod {
    /// Makes one; `extra` goes into the context `pod`, which is the current one.
    fn new(extra: &str) -> Self {
        let home = Sandbox::new();
        let token = home.secret(service_account_token("pipelines.kubeflow.org", 3600));
        let other_token = home.secret("opaque-token-of-another-context");
        home.file("token", format!("{token}\n"));
        home.file("other-token", &other_token);
        home.config(&format!(
            "apiVersion: kfp-credential/v1\nkind: Config\ncurrent-context: pod\ncontexts:\n\
             \x20 - name: pod\n    endpoint: {ENDPOINT}\n    token-file: {{path: ~/token}}\n{extra}\
             \x20 - name: other\n    endpoint: {ENDPOINT}\n    token-file: {{path: ~/other-token}}\n\
             \x20 - name: cookies\n    endpoint: {ENDPOINT}\n    dex: {{username: {USER}}}\n"
        ));
        Self {
            home,
            token,
            other_token,
        }
    }

    /// Runs `get` as a Kubernetes client does, with this exec info.
    fn asked(&self, info: &str, more: &[&str]) -> Output {
        let args = [&["get"], more].concat();
        self.home.command(&args).env(EXEC_INFO, info).run()
    }
}

fn door_home(door: &FrontDoor, method: &str) -> Sandbox {
    let home = Sandbox::new();
    let password = home.secret(PASSWORD);
    home.env("KFP_CREDENTIAL_PASSWORD", &password);
    home.config(&config(&door.endpoint(), method));
    home
}

fn config(endpoint: &str, line: &str) -> String {
    format!(
        "apiVersion: kfp-credential/v1\nkind: Config\ncontexts:\n  - name: door\n    \
         endpoint: {endpoint}\n    {line}\n"
    )
}

fn exec_info(version: &str, cluster: &Value) -> String {
    let mut spec = json!({"interactive": false});
    if !cluster.is_null() {
        spec["cluster"] = cluster.clone();
    }
    json!({"apiVersion": version, "kind": "ExecCredential", "spec": spec}).to_string()
}

/// Asserts a plain `ExecCredential`, with nothing of ours in it.
#[track_caller]
fn assert_exec(output: &Output, version: &str, token: &str) {
    let output = output.clone().assert_success();
    let mut document = output.json();
    let status = document["status"].as_object_mut().expect("a status");
    let end = status.remove("expirationTimestamp").expect("an end");
    let end = chrono::DateTime::parse_from_rfc3339(end.as_str().expect("text")).expect("a time");
    assert!(end > chrono::Utc::now());
    assert_eq!(
        document,
        json!({
            "apiVersion": version,
            "kind": "ExecCredential",
            "spec": {"interactive": false},
            "status": {"token": token},
        })
    );
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path)
        .expect("a file")
        .permissions()
        .mode()
        & 0o777
}
