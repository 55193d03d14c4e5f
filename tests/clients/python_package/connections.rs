//! What a context says of the way to its endpoint, and what stays the client's own.

use std::path::Path;

use super::{build, home, script, token_context};
use testkit::http::{Request, Server, TestCa};
use testkit::kfp_api::{self, service_account_token};
use testkit::peers::{needs, python};

#[test]
fn kfp_2_reaches_the_endpoint_as_the_context_says() {
    reached_as_the_context_says(&needs!(python::kfp()));
}

#[test]
fn kfp_1_reaches_the_endpoint_as_the_context_says() {
    reached_as_the_context_says(&needs!(python::kfp1()));
}

fn reached_as_the_context_says(python: &Path) {
    let environment = needs!(build::from_wheel(python));
    let home = home(&environment, "");
    let ca = TestCa::generate();
    let encrypted = Server::start_tls(&ca, &["127.0.0.1"], kfp_api::kubeflow);
    let named = Server::start_tls(&ca, &["kubeflow.example.com"], kfp_api::kubeflow);
    let plain = Server::start(kfp_api::kubeflow);
    let proxy = Server::start(kfp_api::kubeflow);
    home.shared_file("ca.pem", ca.pem());
    let token = service_account_token("pipelines.kubeflow.org", 3600);
    let context = |name: &str, origin: &str, more: &str| {
        let text = token_context(&home, name, &format!("{origin}/pipeline"), &token);
        text + "    namespace: team-a\n" + more
    };
    let authority = "    certificate-authority: ~/ca.pem\n";
    let server_name = format!("{authority}    tls-server-name: kubeflow.example.com\n");
    let skip = "    insecure-skip-tls-verify: true\n";
    let proxied = format!("    proxy-url: {}\n", proxy.origin());
    let contexts = [
        context("authority", &encrypted.origin(), authority),
        context("no-authority", &encrypted.origin(), ""),
        context("server-name", &named.origin(), &server_name),
        context("no-server-name", &named.origin(), authority),
        context("skip-verify", &named.origin(), skip),
        context("proxy", "http://kubeflow.invalid", &proxied),
        context("no-proxy-on-loopback", &plain.origin(), &proxied),
        context(
            "socks",
            "http://kubeflow.invalid",
            "    proxy-url: socks5://127.0.0.1:9\n",
        ),
    ];
    home.config(&format!(
        "apiVersion: kfp-credential/v1\nkind: Config\ncontexts:\n{}",
        contexts.concat()
    ));
    let output = script(&home, "connections.py", &[]).assert_success();
    let found = "['Default', 'taxi fares']";
    let expected = [
        ("authority", found),
        ("no-authority", "certificate not verified"),
        ("server-name", found),
        ("no-server-name", "certificate not verified"),
        ("skip-verify", found),
        ("proxy", found),
        ("no-proxy-on-loopback", found),
        ("socks", "connection-unsupported"),
    ];
    let expected: String = expected
        .iter()
        .map(|(name, result)| format!("{name}: {result}\n"))
        .collect();
    assert_eq!(output.stdout, expected, "{}", output.shown());
    let asked = |server: &Server| {
        let requests = server.requests().into_iter();
        let places = requests.map(|request| {
            request
                .target
                .split("/apis/")
                .next()
                .unwrap_or_default()
                .to_owned()
        });
        places.collect::<Vec<_>>()
    };
    assert_eq!(asked(&proxy), ["http://kubeflow.invalid/pipeline"; 2]);
    assert_eq!(asked(&plain), ["/pipeline"; 2]);
}

#[test]
fn kfp_2_keeps_what_is_its_own() {
    keeps_what_is_its_own(&needs!(python::kfp()));
}

#[test]
fn kfp_1_keeps_what_is_its_own() {
    keeps_what_is_its_own(&needs!(python::kfp1()));
}

fn keeps_what_is_its_own(python: &Path) {
    let environment = needs!(build::from_wheel(python));
    let home = home(&environment, "");
    let server = Server::start(kfp_api::multi_user_direct);
    let token = service_account_token("pipelines.kubeflow.org", 3600);
    let context = token_context(&home, "token", &server.origin(), &token);
    home.config(&format!(
        "apiVersion: kfp-credential/v1\nkind: Config\ncurrent-context: token\ncontexts:\n{context}    namespace: of-context\n"
    ));
    home.file(
        ".config/kfp/context.json",
        r#"{"namespace": "of-file", "client_authentication_cookie": "stale=1",
            "client_authentication_header_name": "X-Team", "client_authentication_header_value": "a"}"#,
    );
    let output = home
        .command(&[&format!(
            "{}/tests/clients/python_package/ownership.py",
            build::ROOT
        )])
        // A variable that sends the SDK to a browser by itself.
        .env(
            "KF_PIPELINES_IAP_OAUTH2_CLIENT_ID",
            "none.apps.googleusercontent.com",
        )
        .run()
        .assert_success();
    assert_eq!(output.stdout, "ok\n", "{}", output.shown());
    let requests = server.requests();
    let of_team = |request: &&Request| request.header("x-team") == Some("a");
    // The PipelinesClient of kfp 2 reads no context.json.
    let of_team = requests.iter().filter(of_team).count();
    assert_eq!(of_team, 5, "{:?}", server.hops());
    for request in requests {
        let bearer = format!("Bearer {token}");
        assert_eq!(request.header("authorization"), Some(&*bearer));
        assert_eq!(request.header("cookie"), None);
    }
}
