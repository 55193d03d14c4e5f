//! A front door whose certificate comes from an authority that nobody trusts unless told to.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::LOGIN;
use testkit::peers::dex;
use testkit::peers::front_door::RealDoor;
use testkit::peers::needs;
use testkit::peers::visitor::{Visitor, cookie_names, curl, experiments};
use testkit::sandbox::files_beneath;

#[test]
fn the_authoritys_file_makes_it_trusted() {
    let door = needs!(RealDoor::tls());
    let user = Visitor::new(&door, dex::USER);
    let ca = door.certificate_authority().to_str().expect("a path");
    let document = user.document(&["--certificate-authority", ca]);
    user.assert_opens(&document);
    assert_eq!(cookie_names(&document), ["__Secure-oauth2_proxy_kubeflow"]);
    assert_eq!(document["status"]["cookies"][0]["secure"], true);
    let connection = &document["status"]["kfp"]["connection"];
    assert_eq!(connection["certificateAuthority"], ca);
    assert_eq!(door.recorder().hops(), LOGIN);

    let config = ["--certificate-authority", ca, "-o", "curl-config"];
    let config = user.get(&config).assert_success().stdout;
    let body = curl(&["-K", "-", &experiments(&door.endpoint())], &config);
    assert!(body.contains("taxi fares"), "{body}");
}

#[test]
fn the_authoritys_text_makes_it_trusted() {
    let door = needs!(RealDoor::tls());
    let user = Visitor::new(&door, dex::USER);
    let pem = std::fs::read(door.certificate_authority()).expect("the authority");
    let data = STANDARD.encode(pem);
    user.home.config(&format!(
        "apiVersion: kfp-credential/v1\nkind: Config\ncurrent-context: a\ncontexts:\n  - name: a\n    endpoint: {}\n    \
         certificate-authority-data: {data}\n    dex: {{username: {}}}\n",
        door.endpoint(),
        dex::USER.login
    ));
    let document = user.home.run(&["get"]).assert_success().json();
    user.assert_opens(&document);
    let connection = &document["status"]["kfp"]["connection"];
    assert_eq!(connection["certificateAuthorityData"], data);
    user.home
        .run(&["get", "-o", "curl-config"])
        .assert_error(3, "format-not-available")
        .assert_says("certificate-authority-data");
}

#[test]
fn without_the_authority_nothing_is_sent() {
    let door = needs!(RealDoor::tls());
    Visitor::new(&door, dex::USER)
        .get(&[])
        .assert_error(6, "tls-untrusted")
        .assert_says("--certificate-authority F");
    assert!(door.recorder().requests().is_empty());
    assert!(door.mentions(dex::USER.password).is_empty());
}

#[test]
fn verification_can_be_switched_off() {
    let door = needs!(RealDoor::tls());
    let user = Visitor::new(&door, dex::USER);
    let document = user.document(&["--insecure-skip-tls-verify"]);
    user.assert_opens(&document);
    let connection = &document["status"]["kfp"]["connection"];
    assert_eq!(connection["insecureSkipTlsVerify"], true);
    let again = user.command(&["-o", "curl-config", "--refresh"]);
    let again = again.env("KFP_CREDENTIAL_INSECURE_SKIP_TLS_VERIFY", "true");
    let config = again.run().assert_success().stdout;
    let body = curl(&["-K", "-", &experiments(&door.endpoint())], &config);
    assert!(body.contains("taxi fares"), "{body}");
}

/// Whoever answered then may have been somebody else.
#[test]
fn a_session_taken_without_verification_is_no_answer_to_a_verified_call() {
    let door = needs!(RealDoor::tls());
    let user = Visitor::new(&door, dex::USER);
    let skipping = ["--store", "file", "--insecure-skip-tls-verify"];
    let first = user.get(&skipping).assert_success().stdout;
    assert_eq!(user.get(&skipping).assert_success().stdout, first);
    user.get(&["--store", "file"])
        .assert_error(6, "tls-untrusted");
    let ca = door.certificate_authority().to_str().expect("a path");
    let verified = ["--store", "file", "--certificate-authority", ca];
    assert_ne!(user.get(&verified).assert_success().stdout, first);
    // Nor the other way round; and a logout leaves neither behind.
    assert_eq!(user.get(&skipping).assert_success().stdout, first);
    let endpoint = door.endpoint();
    let target = ["--endpoint", &endpoint, "--username", dex::USER.login];
    let logout = ["logout", "--store", "file", "--certificate-authority", ca];
    user.home
        .run(&[logout.as_slice(), &target].concat())
        .assert_success();
    let store = user.home.state_folder().join("store");
    assert_eq!(files_beneath(&store), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_file_that_is_no_authority_is_told() {
    let door = needs!(RealDoor::tls());
    let user = Visitor::new(&door, dex::USER);
    let file = user.home.file("ca.pem", "nothing of the kind");
    let file = file.to_str().expect("a path");
    user.get(&["--certificate-authority", file])
        .assert_error(3, "config-certificate-authority")
        .assert_says(file);
    user.get(&["--certificate-authority", "/nonexistent/ca.pem"])
        .assert_error(3, "config-unreadable")
        .assert_says("/nonexistent/ca.pem");
}
