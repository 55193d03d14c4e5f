//! A system that leads the names of this machine elsewhere: `localhost` and all below it stay here (RFC 6761 section
//! 6.3).

use std::net::TcpListener;

use super::namespace::Namespace;
use testkit::front_door::{FrontDoor, Options, PASSWORD, USER};
use testkit::http::{Response, Server};
use testkit::peers::needs;
use testkit::sandbox::Sandbox;

#[test]
fn localhost_is_this_machine_whatever_the_resolver_says() {
    let mut home = Sandbox::new();
    let password = home.secret(PASSWORD);
    home.env("KFP_CREDENTIAL_PASSWORD", &password);
    // Stands in for another host: no listener of 127.0.0.1 gets what is sent there.
    let hosts = home.file(
        "hosts",
        "127.0.0.3 localhost kf.localhost deep.kf.localhost proxy.localhost kubeflow.test\n",
    );
    let namespace = needs!(Namespace::start(
        r#"mount --bind "$1" /etc/hosts"#,
        &[&hosts]
    ));
    home.run_with(namespace.binary());

    let door = FrontDoor::start(Options::default());
    let port = door.server.port();
    let stranger = TcpListener::bind(("127.0.0.3", port)).expect("the same port elsewhere");
    let stranger = Server::start_on(stranger, None, |_| Response::new(200));
    let get = |endpoint: &str, more: &[&str]| {
        let own = [
            "get",
            "--endpoint",
            endpoint,
            "--username",
            USER,
            "--store",
            "none",
        ];
        home.run(&[own.as_slice(), more].concat())
    };
    for host in [
        "localhost",
        "kf.localhost",
        "Deep.KF.LocalHost",
        "kf.localhost.",
    ] {
        door.server.clear();
        get(&format!("http://{host}:{port}/pipeline"), &[]).assert_success();
        let shown = format!("{}:{port}", host.to_ascii_lowercase());
        let requests = door.server.requests();
        assert!(!requests.is_empty());
        for request in requests {
            assert_eq!(request.header("host"), Some(shown.as_str()));
        }
    }
    // A proxy on this machine is on this machine, too, however it is named to us.
    let proxy = format!("http://proxy.localhost:{port}");
    let elsewhere = "http://kubeflow.test/pipeline";
    door.server.clear();
    drop(get(
        elsewhere,
        &["--allow-insecure-http", "--proxy-url", &proxy],
    ));
    assert!(!door.server.requests().is_empty());
    home.env("http_proxy", &proxy);
    door.server.clear();
    drop(get(elsewhere, &["--allow-insecure-http"]));
    assert!(!door.server.requests().is_empty());

    assert!(stranger.requests().is_empty(), "{:?}", stranger.requests());
    // The system does lead there, whoever asks it.
    home.env_remove("http_proxy");
    let asked = format!("http://kubeflow.test:{port}/pipeline");
    drop(get(&asked, &["--allow-insecure-http"]));
    assert!(!stranger.requests().is_empty());
}

#[test]
fn localhost_is_found_by_either_family() {
    let home = Sandbox::new();
    let healthy = |_: &_| Response::json(200, r#"{"commit_sha":"a","multi_user":false}"#);
    let Ok(server) = Server::start_v6(healthy) else {
        // No IPv6 on this machine: there is one family only.
        assert!(TcpListener::bind("[::1]:0").is_err());
        return;
    };
    let endpoint = server.origin_as("kf.localhost");
    home.run(&["get", "--endpoint", &endpoint, "--method", "none"])
        .assert_success();
}
