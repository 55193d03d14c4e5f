//! Certificates, good and bad.

use super::*;

#[test]
fn a_certificate_of_an_unknown_authority_is_untrusted() {
    let (ca, other) = (TestCa::generate(), TestCa::generate());
    let server = Server::start_tls(&ca, &["127.0.0.1"], |_| Response::new(200));
    let home = home();
    get(&home, &server.origin())
        .run()
        .assert_error(6, "tls-untrusted")
        .assert_says("no authority that is trusted here has signed it")
        .assert_says("--certificate-authority");
    get(&home, &server.origin())
        .env(
            "KFP_CREDENTIAL_CERTIFICATE_AUTHORITY",
            &ca_file(&home, &other),
        )
        .run()
        .assert_error(6, "tls-untrusted")
        .assert_says("--certificate-authority");
    assert!(server.requests().is_empty());
}

#[test]
fn a_certificate_for_another_name_is_untrusted() {
    let ca = TestCa::generate();
    let server = Server::start_tls(&ca, &["kf.example.com"], |_| Response::new(200));
    let home = home();
    get(&home, &server.origin())
        .env("KFP_CREDENTIAL_CERTIFICATE_AUTHORITY", &ca_file(&home, &ca))
        .run()
        .assert_error(6, "tls-untrusted")
        .assert_says("tls-server-name")
        .assert_says("kf.example.com");
}

#[test]
fn an_expired_certificate_is_untrusted() {
    let ca = TestCa::generate();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let expired = ca.expired_server_config(&["127.0.0.1"]);
    let server = Server::start_on(listener, Some(expired), |_| Response::new(200));
    let home = home();
    get(&home, &server.origin())
        .env("KFP_CREDENTIAL_CERTIFICATE_AUTHORITY", &ca_file(&home, &ca))
        .run()
        .assert_error(6, "tls-untrusted")
        .assert_says("renewed");
}

#[test]
fn a_door_with_an_own_authority_is_entered() {
    let ca = TestCa::generate();
    let door = FrontDoor::start_tls(Options::default(), &ca, &["127.0.0.1"]);
    let home = home();
    let output = get(&home, &door.endpoint())
        .env("KFP_CREDENTIAL_CERTIFICATE_AUTHORITY", &ca_file(&home, &ca))
        .run()
        .assert_success();
    assert_eq!(cookie_names(&output), [format!("__Secure-{SESSION}")]);
    assert_eq!(output.json()["status"]["cookies"][0]["secure"], true);

    let unverified = get(&home, &door.endpoint())
        .env("KFP_CREDENTIAL_INSECURE_SKIP_TLS_VERIFY", "true")
        .run()
        .assert_success();
    let connection = &unverified.json()["status"]["kfp"]["connection"];
    assert_eq!(connection["insecureSkipTlsVerify"], true);
}

#[test]
fn the_name_to_verify_can_differ_from_the_endpoints() {
    let ca = TestCa::generate();
    let door = FrontDoor::start_tls(Options::default(), &ca, &["kf.example.com"]);
    let home = home();
    ca_file(&home, &ca);
    home.config(&format!(
        "apiVersion: kfp-credential/v1\nkind: Config\ncontexts:\n  - name: by-address\n    \
         endpoint: {}\n    certificate-authority: ~/ca.pem\n    tls-server-name: kf.example.com\n    \
         dex: {{username: {USER}}}\n",
        door.endpoint()
    ));
    let output = home
        .run(&["get", "--context", "by-address"])
        .assert_success();
    let kfp = &output.json()["status"]["kfp"];
    assert_eq!(kfp["endpoint"], door.endpoint().as_str());
    assert_eq!(kfp["connection"]["tlsServerName"], "kf.example.com");
    let hosts = door.server.requests();
    let address = format!("127.0.0.1:{}", door.server.port());
    assert!(
        hosts
            .iter()
            .all(|request| request.header("host") == Some(&address))
    );
    assert_eq!(output.json()["status"]["cookies"][0]["domain"], "127.0.0.1");
}
