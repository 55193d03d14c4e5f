//! Certificates, good and bad.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use testkit::peers::{install, needs};

use super::*;

#[test]
fn a_certificate_of_an_unknown_authority_is_untrusted() {
    let (ca, other) = (TestCa::generate(), TestCa::generate());
    let server = Server::start_tls(&ca, &["127.0.0.1"], |_| Response::new(200));
    let home = home();
    get(&home, &server.origin())
        .run()
        .assert_error(6, "tls-untrusted")
        .assert_says("it is signed by an unknown authority")
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

/// A context's `insecure-skip-tls-verify` does not count for who says whom to trust, and a change of the file takes it
/// away.
#[test]
fn who_names_an_authority_is_verified() {
    let (ca, other) = (TestCa::generate(), TestCa::generate());
    let server = Server::start_tls(&ca, &["127.0.0.1"], kfp_api::standalone);
    let home = home();
    home.config(&format!(
        "apiVersion: kfp-credential/v1\nkind: Config\ncurrent-context: lab\ncontexts:\n  - name: lab\n    endpoint: {}\n    \
         insecure-skip-tls-verify: true\n    none: {{}}\n",
        server.origin()
    ));
    let get = |options: &[&str]| home.run(&[&["get", "--store", "none"], options].concat());
    get(&[]).assert_success();
    let stranger = ca_file(&home, &other);
    get(&["--certificate-authority", &stranger]).assert_error(6, "tls-untrusted");
    let both = [
        "--certificate-authority",
        &stranger,
        "--insecure-skip-tls-verify",
    ];
    get(&both).assert_success();
    let set = [
        "config",
        "set-context",
        "lab",
        "--certificate-authority",
        &stranger,
    ];
    home.run(&set).assert_success();
    let file = fs::read_to_string(home.config_file()).unwrap();
    assert!(!file.contains("insecure-skip-tls-verify"), "{file}");
    get(&[]).assert_error(6, "tls-untrusted");
}

/// Whoever answered then may be somebody whom the next call does not trust.
#[test]
fn a_session_is_answered_only_to_those_who_trust_the_same() {
    let ca = TestCa::generate();
    let server = Server::start_tls(&ca, &["127.0.0.1", "kf.example.com"], kfp_api::standalone);
    let home = home();
    let file = ca_file(&home, &ca);
    let get = |options: &[&str]| home.run(&[&["get", "--store", "file"], options].concat());
    let origin = server.origin();
    let by_option = ["--endpoint", &origin, "--certificate-authority", &file];
    let data = STANDARD.encode(fs::read(home.home().join(&file)).unwrap());
    let with_data = format!("certificate-authority-data: {data}");
    let with_name = format!("{with_data}\n    tls-server-name: kf.example.com");
    let context = |trust: &str| {
        home.config(&format!(
            "apiVersion: kfp-credential/v1\nkind: Config\ncurrent-context: lab\ncontexts:\n  - name: lab\n    \
             endpoint: {origin}\n    {trust}\n    none: {{}}\n"
        ));
    };
    get(&by_option).assert_success();
    get(&[&by_option[..2], &["--method", "none"]].concat()).assert_error(6, "tls-untrusted");
    let mut requests = server.requests().len();
    for trust in [&with_data, &with_name] {
        context(trust);
        get(&[]).assert_success();
        assert!(server.requests().len() > requests, "{trust}");
        requests = server.requests().len();
        get(&[]).assert_success();
        assert_eq!(server.requests().len(), requests, "{trust}");
    }
    context("allow-insecure-http: false");
    get(&[]).assert_error(6, "tls-untrusted");
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

/// `openssl req -x509` says of what it makes that it is an authority. It is how most test gateways get their
/// certificate, and curl takes one for the server's own.
#[test]
fn a_certificate_of_openssl_req_x509_that_is_named_is_the_servers_own() {
    needs!(install::program("curl", "curl"));
    needs!(install::program("openssl", "openssl"));
    let home = home();
    let made = SelfMade::with(
        &home,
        "gate",
        &["subjectAltName=DNS:kf.localhost,IP:127.0.0.1"],
    );
    let server = made.serve();
    for host in ["127.0.0.1", "kf.localhost"] {
        none(&home, &server.origin_as(host))
            .env("KFP_CREDENTIAL_CERTIFICATE_AUTHORITY", &made.file())
            .run()
            .assert_success();
    }
    let curl = Command::new("curl")
        .args(["-sf", "--cacert", &made.file(), &server.origin()])
        .status();
    assert!(curl.expect("curl (Debian package curl)").success());

    // Without being named, and beside another of the same name, it is nobody's.
    server.clear();
    let twin = SelfMade::with(
        &home,
        "twin",
        &["subjectAltName=DNS:kf.localhost,IP:127.0.0.1"],
    );
    let unnamed = get(&home, &server.origin());
    let beside =
        get(&home, &server.origin()).env("KFP_CREDENTIAL_CERTIFICATE_AUTHORITY", &twin.file());
    for run in [unnamed, beside] {
        in_plain_words(run.run())
            .assert_says("it is self-signed")
            .assert_says("CN=kfp-credential gate, O=Example")
            .assert_says("valid from 20")
            .assert_says("get this certificate itself from the server's administrator");
    }
    assert!(server.requests().is_empty());
}

#[test]
fn a_named_certificate_that_does_not_fit_is_refused_with_the_reason() {
    needs!(install::program("openssl", "openssl"));
    let home = home();
    let no_authority = "basicConstraints=critical,CA:FALSE";
    let address = "subjectAltName=IP:127.0.0.1";
    for (name, extensions, words) in [
        (
            "elsewhere",
            &["subjectAltName=DNS:kf.example.com,IP:10.9.8.7"] as &[&str],
            "it is valid for kf.example.com, 10.9.8.7, not for 127.0.0.1",
        ),
        ("nameless", &[], "-addext subjectAltName=IP:127.0.0.1"),
        (
            "for-clients",
            &[address, no_authority, "extendedKeyUsage=clientAuth"],
            "it is not a server certificate",
        ),
    ] {
        let made = SelfMade::with(&home, name, extensions);
        let server = made.serve();
        let run =
            get(&home, &server.origin()).env("KFP_CREDENTIAL_CERTIFICATE_AUTHORITY", &made.file());
        in_plain_words(run.run()).assert_says(words);
        assert!(server.requests().is_empty(), "{name}");
    }
    // A server's certificate without the mark of an authority is its own, too.
    let made = SelfMade::with(&home, "plain", &[address, no_authority]);
    let server = made.serve();
    none(&home, &server.origin())
        .env("KFP_CREDENTIAL_CERTIFICATE_AUTHORITY", &made.file())
        .run()
        .assert_success();
}

#[test]
fn an_address_as_the_name_to_verify_is_never_connected_to() {
    let ca = TestCa::generate();
    let home = home();
    ca_file(&home, &ca);
    // Addresses of documents, which are nobody's (RFC 5737, RFC 3849), and one where somebody else listens.
    for name in ["192.0.2.7", "127.0.0.9", "[2001:db8::7]"] {
        let bare = name.trim_matches(['[', ']']);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let taken = TcpListener::bind(("127.0.0.9", port));
        let server = Server::start_on(listener, Some(ca.server_config(&[bare])), |_| healthy());
        let by_another_name = |name: &str| {
            home.config(&format!(
                "apiVersion: kfp-credential/v1\nkind: Config\ncontexts:\n  - name: a\n    endpoint: {}\n    \
                 certificate-authority: ~/ca.pem\n    tls-server-name: \"{name}\"\n    none: {{}}\n",
                server.origin()
            ));
            home.run(&["get", "--context", "a", "--refresh"])
        };
        let document = by_another_name(name).assert_success().json();
        assert_eq!(
            document["status"]["kfp"]["connection"]["tlsServerName"],
            bare
        );
        let host = format!("127.0.0.1:{port}");
        let requests = server.requests();
        assert!(!requests.is_empty());
        assert!(
            requests
                .iter()
                .all(|request| request.header("host") == Some(&host))
        );
        // Nothing came to the address itself.
        if let Ok(taken) = taken {
            taken.set_nonblocking(true).expect("a listener");
            assert!(taken.accept().is_err(), "{name} was connected to");
        }
        in_plain_words(by_another_name("192.0.2.8")).assert_says(bare);
    }
}

#[test]
fn a_name_to_verify_may_be_one_of_localhost_and_no_address_with_a_port() {
    let ca = TestCa::generate();
    let home = home();
    ca_file(&home, &ca);
    let config = ca.server_config(&["kf.localhost"]);
    let listener = TcpListener::bind("127.0.0.2:0").expect("a port");
    let server = Server::start_on(listener, Some(config), |_| healthy());
    let named = |name: &str| {
        home.config(&format!(
            "apiVersion: kfp-credential/v1\nkind: Config\ncontexts:\n  - name: a\n    endpoint: {}\n    \
             certificate-authority: ~/ca.pem\n    tls-server-name: \"{name}\"\n    none: {{}}\n",
            server.origin()
        ));
        home.run(&["get", "--context", "a", "--refresh"])
    };
    named("kf.localhost").assert_success();
    assert!(!server.requests().is_empty());
    for wrong in [
        "kf.example.com:443",
        "https://kf.example.com",
        "10.0.0.1:443",
        "*.example.com",
        "a b",
        "[kf]",
        "",
    ] {
        named(wrong)
            .assert_error(3, "config-invalid")
            .assert_says("tls-server-name");
    }
}

fn healthy() -> Response {
    Response::json(200, r#"{"commit_sha":"a","multi_user":false}"#)
}

/// Holds that a refusal says it in words of ours, none of a library's.
#[track_caller]
fn in_plain_words(output: Output) -> Output {
    let output = output.assert_error(6, "tls-untrusted");
    for word in [
        "CaUsed",
        "UnknownIssuer",
        "OtherError",
        "NotValid",
        "DnsName",
        "IpAddress(",
    ] {
        assert!(!output.stderr.contains(word), "{word}: {}", output.stderr);
    }
    output
}

/// Is a certificate that has signed itself, and its key, made by openssl.
struct SelfMade {
    certificate: PathBuf,
    key: PathBuf,
}

impl SelfMade {
    fn with(home: &Sandbox, name: &str, extensions: &[&str]) -> Self {
        let certificate = home.home().join(format!("{name}.pem"));
        let key = home.home().join(format!("{name}.key"));
        let mut openssl = Command::new("openssl");
        openssl
            .args([
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            ])
            .args(["-subj", &format!("/CN=kfp-credential {name}/O=Example")])
            .args(extensions.iter().flat_map(|one| ["-addext", one]))
            .arg("-out")
            .arg(&certificate)
            .arg("-keyout")
            .arg(&key);
        let made = openssl.output().expect("openssl (Debian package openssl)");
        assert!(made.status.success(), "{made:?}");
        Self { certificate, key }
    }

    fn file(&self) -> String {
        self.certificate.to_string_lossy().into_owned()
    }

    fn serve(&self) -> Server {
        let read = |path| std::fs::read(path).expect("a file of openssl");
        let config = TestCa::server_config_of(&read(&self.certificate), &read(&self.key));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        Server::start_on(listener, Some(config), |_| healthy())
    }
}
