//! kubelogin as a yardstick: at a stock Kubeflow it ends before the login, as the issuer of Dex is not the address at
//! which Dex is reached. What it says is quoted here.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use testkit::google::jwt::claims;
use testkit::peers::kubelogin::kubelogin;
use testkit::peers::stock_door::{CLIENT_ID, ISSUER, Options, StockDoor};
use testkit::peers::{dex, needs};

/// Asks for a token by one of its grants.
fn get_token(kubelogin: &Path, door: &StockDoor, grant: &str) -> Output {
    let cache = tempfile::tempdir().expect("a folder");
    let option = |name: &str, value: &str| format!("--{name}={value}");
    let mut command = Command::new("timeout");
    command.arg("60").arg(kubelogin).arg("get-token").args([
        option("oidc-issuer-url", &door.base()),
        option("oidc-client-id", CLIENT_ID),
        option("oidc-extra-scope", "email"),
        option("grant-type", grant),
        option("username", dex::USER.login),
        option("password", dex::USER.password),
        option("token-cache-dir", &cache.path().to_string_lossy()),
        "--skip-open-browser".into(),
    ]);
    command.env("HOME", cache.path()).output().expect("timeout")
}

fn with_passwords(public_issuer: bool) -> Options {
    let mut options = Options {
        public_issuer,
        ..Options::default()
    };
    options.dex.password_connector = Some("local");
    options
}

#[test]
fn kubelogin_cannot_log_in_at_an_issuer_inside_the_cluster() {
    let kubelogin = needs!(kubelogin());
    let door = needs!(StockDoor::start(with_passwords(false)));
    for grant in ["authcode", "device-code", "password"] {
        let ended = get_token(&kubelogin, &door, grant);
        let stderr = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(1), "{grant}: {stderr}");
        let words = format!(
            "oidc: issuer URL provided to client (\"{}\") did not match the issuer URL returned by provider (\"{ISSUER}\")",
            door.base()
        );
        assert!(stderr.contains(&words), "{grant}: {stderr}");
    }
    let asked = door.recorder().hops();
    let discovery = "GET /dex/.well-known/openid-configuration 200";
    assert!(asked.iter().all(|hop| hop == discovery), "{asked:?}");
}

#[test]
fn kubelogin_logs_in_where_an_admin_has_changed_the_issuer() {
    let kubelogin = needs!(kubelogin());
    let door = needs!(StockDoor::start(with_passwords(true)));
    let done = get_token(&kubelogin, &door, "password");
    assert!(done.status.success(), "{done:?}");
    let document: Value = serde_json::from_slice(&done.stdout).expect("an ExecCredential");
    let token = document["status"]["token"].as_str().expect("a token");
    assert_eq!(claims(token).expect("a JWT")["email"], dex::USER.email);
    assert_eq!(door.ask(&format!("Bearer {token}")).status, 200);
}
