//! Proves that the real peers behave as the rest of the tests take for granted, with curl, Python
//! and other people's clients in our place.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use testkit::google::jwt::ACCOUNT;
use testkit::machines::{MachineIssuer, OWNER, REPOSITORY};
use testkit::peers::curl::Curl;
use testkit::peers::dex::{self, Account};
use testkit::peers::front_door::{LDAP, MOCK, RealDoor, SSO};
use testkit::peers::hydra::Hydra;
use testkit::peers::keyring::{Keyring, State};
use testkit::peers::kubectl::{ApiServer, kubectl};
use testkit::peers::stock_door::StockDoor;
use testkit::peers::{Missing, actions_core, apache, needs, oauth2_proxy, python, require, slapd};

// ------------------------------------------------------------ front doors

#[test]
fn the_sign_in_page_leads_to_dex_and_back() {
    let door = needs!(RealDoor::sign_in_page());
    let curl = Curl::new(None);
    let page = curl.login(&door, dex::USER);
    assert_eq!(
        curl.hops(),
        [
            "GET / 403",
            "GET /oauth2/start 302",
            "GET /dex/auth 302",
            "GET /dex/auth/local 302",
            "GET /dex/auth/local/login 200",
            "POST /dex/auth/local/login 303",
            "GET /oauth2/callback 302",
            "GET / 200",
        ]
    );
    assert!(page.body.contains("Central Dashboard"));
    assert_eq!(curl.cookies(), [oauth2_proxy::COOKIE]);
    assert_eq!((door.posts(), door.logins()), (1, 1));
    assert_eq!(
        door.mentions(dex::USER.password),
        ["before Dex: POST /dex/auth/local/login"]
    );
    assert_eq!(curl.echo(&door)["kubeflow-userid"][0], dex::USER.email);
    let health = curl.get(&format!("{}/apis/v2beta1/healthz", door.endpoint()));
    assert_eq!(
        (health.status, health.body.as_str()),
        (200, r#"{"multi_user":true}"#)
    );
}

#[test]
fn without_a_cookie_an_api_path_is_401_and_a_page_403() {
    let door = needs!(RealDoor::sign_in_page());
    let curl = Curl::new(None);
    let api = curl.get(&format!("{}/apis/v2beta1/healthz", door.endpoint()));
    assert_eq!((api.status, api.body.trim()), (401, "{}"));
    assert_eq!(curl.get(&door.endpoint()).status, 403);
    assert!(door.upstream().requests().is_empty());
}

#[test]
fn without_a_sign_in_page_the_first_answer_is_the_redirect() {
    let door = needs!(RealDoor::straight_redirect());
    let curl = Curl::new(None);
    curl.login(&door, dex::ODD);
    assert_eq!(curl.hops().len(), 7);
    assert_eq!(curl.hops()[0], "GET / 302");
    assert_eq!(curl.echo(&door)["kubeflow-userid"][0], dex::ODD.email);
}

#[test]
fn a_wrong_password_is_401_with_the_form_again() {
    let door = needs!(RealDoor::sign_in_page());
    let curl = Curl::new(None);
    let wrong = Account {
        password: "wrong",
        ..dex::USER
    };
    let page = curl.login(&door, wrong);
    assert_eq!(page.status, 401);
    assert!(page.body.contains("Invalid Email Address and password"));
    assert_eq!((door.posts(), door.logins()), (1, 0));
}

#[test]
fn a_directory_knows_its_people() {
    let door = needs!(RealDoor::ldap());
    let curl = Curl::new(None);
    curl.login(&door, slapd::USER);
    assert_eq!(curl.echo(&door)["kubeflow-userid"][0], slapd::USER.email);
    assert_eq!(curl.hops().len(), 9, "{:?}", curl.hops());
    let wrong = Account {
        password: "wrong",
        ..slapd::USER
    };
    let page = Curl::new(None).login(&door, wrong);
    assert_eq!(page.status, 401);
    assert!(page.body.contains("Invalid Username and password"));
    assert_eq!(door.logins(), 1);
}

#[test]
fn a_large_session_is_split() {
    // curl sends no more than 8190 bytes of its jar.
    let python = needs!(python::requests());
    let door = needs!(RealDoor::split_cookie());
    let mut command = Command::new(python);
    command.args(["-c", PYTHON_LOGIN, door.origin()]);
    command.args([slapd::CROWD.login, slapd::CROWD.password]);
    let names = stdout(&mut command);
    let parts: Vec<String> = (0..4)
        .map(|part| format!("{}_{part}", oauth2_proxy::COOKIE))
        .collect();
    assert_eq!(names.trim(), parts.join(" "));
    let seen = door
        .upstream()
        .requests()
        .pop()
        .expect("a request behind the door");
    assert_eq!(seen.header("x-forwarded-email"), Some(slapd::CROWD.email));
    let sent = seen.header("cookie").map_or(0, str::len);
    assert!(
        (12_000..16_000).contains(&sent),
        "a Cookie header of {sent} bytes"
    );
}

/// Logs in with requests, where there is one connector, and prints the names of the cookies.
const PYTHON_LOGIN: &str = r#"
import sys, requests
origin, login, password = sys.argv[1:]
session = requests.Session()
session.trust_env = False
form = session.get(origin + "/oauth2/start", params={"rd": "/"})
end = session.post(form.url, data={"login": login, "password": password})
assert end.status_code == 200 and end.url == origin + "/", (end.status_code, end.url)
print(*sorted(cookie.name for cookie in session.cookies))
"#;

#[test]
fn several_connectors_are_offered_on_a_page() {
    let door = needs!(RealDoor::several_connectors());
    let curl = Curl::new(None);
    let page = curl.start(&door);
    assert_eq!((page.status, page.url.path()), (200, "/dex/auth"));
    for id in ["local", LDAP, SSO, MOCK] {
        assert!(
            page.body.contains(&format!("href=\"/dex/auth/{id}?")),
            "{id}"
        );
    }
    let mut chosen = page.url.clone();
    chosen.set_path("/dex/auth/ldap");
    let form = curl.follow(curl.get(chosen.as_str()));
    let done = curl.submit(&form, slapd::USER);
    assert_eq!(
        done.status,
        200,
        "{:?} {} {}",
        curl.hops(),
        done.body,
        door.logs()
    );
    assert_eq!(curl.echo(&door)["kubeflow-userid"][0], slapd::USER.email);

    // A connector that nobody has heard of.
    chosen.set_path("/dex/auth/nobody");
    let unknown = curl.get(chosen.as_str());
    assert_eq!(unknown.status, 400);
    assert!(unknown.body.contains("Connector failed to initialize"));

    // One that needs no password at all.
    let curl = Curl::new(None);
    let mut chosen = curl.start(&door).url;
    chosen.set_path("/dex/auth/mock");
    assert_eq!(curl.follow(curl.get(chosen.as_str())).status, 200);
    assert_eq!(
        curl.echo(&door)["kubeflow-userid"][0],
        "kilgore@kilgore.trout"
    );
}

#[test]
fn an_identity_provider_is_where_the_browser_ends() {
    let door = needs!(RealDoor::sso_only());
    let curl = Curl::new(None);
    let page = curl.start(&door);
    assert_eq!(
        page.url.origin().ascii_serialization(),
        door.identity_provider().origin()
    );
    assert!(page.body.contains("type=\"password\""));
    assert_eq!(door.identity_provider().hops(), ["GET /login 200"]);
    curl.post(page.url.as_str(), &[("password", "a secret for nobody")]);
    assert_eq!(
        door.mentions("a secret for nobody"),
        ["identity provider: POST /login"]
    );
    assert!(door.logs().contains("a+secret+for+nobody"));
}

#[test]
fn approval_is_two_more_hops() {
    let door = needs!(RealDoor::approval_page());
    let curl = Curl::new(None);
    let page = curl.login(&door, dex::USER);
    assert_eq!((page.status, page.url.path()), (200, "/dex/approval"));
    let approved = curl.post(page.url.as_str(), &[("approval", "approve")]);
    let end = curl.follow(approved);
    assert_eq!(
        (end.status, curl.hops().len()),
        (200, 10),
        "{:?}",
        curl.hops()
    );
    assert_eq!(curl.echo(&door)["kubeflow-userid"][0], dex::USER.email);
}

#[test]
fn an_old_form_is_refused() {
    let door = needs!(RealDoor::expiring_form());
    let curl = Curl::new(None);
    let form = curl.start(&door);
    std::thread::sleep(Duration::from_millis(1200));
    let refused = curl.submit(&form, dex::USER);
    assert_eq!(refused.status, 400);
    assert!(
        refused.body.contains("User session has expired."),
        "{}",
        refused.body
    );
}

#[test]
fn tls_wants_the_ca() {
    let door = needs!(RealDoor::tls());
    let curl = Curl::new(Some(door.certificate_authority()));
    curl.login(&door, dex::USER);
    assert_eq!(curl.cookies(), ["__Secure-oauth2_proxy_kubeflow"]);
    assert_eq!(curl.echo(&door)["kubeflow-userid"][0], dex::USER.email);
    let stranger = Curl::new(None).run(&[door.origin()]);
    assert_eq!(stranger.status.code(), Some(60), "{stranger:?}");
}

#[test]
fn a_path_prefix_holds_for_everything() {
    let door = needs!(RealDoor::path_prefix());
    let curl = Curl::new(None);
    let page = curl.login(&door, dex::USER);
    assert_eq!(
        (page.status, page.url.path()),
        (200, "/kf"),
        "{:?}",
        curl.hops()
    );
    assert!(
        curl.hops().iter().all(|hop| hop.contains(" /kf")),
        "{:?}",
        curl.hops()
    );
    assert_eq!(
        curl.get(&format!("{}/apis/v2beta1/healthz", door.endpoint()))
            .status,
        200
    );
    assert_eq!(
        curl.get(&format!("{}/pipeline/apis/v2beta1/healthz", door.origin()))
            .status,
        403
    );
}

#[test]
fn ipv6_works_too() {
    let door = needs!(RealDoor::ipv6());
    assert!(door.origin().starts_with("http://[::1]:"));
    let curl = Curl::new(None);
    curl.login(&door, dex::USER);
    assert_eq!(curl.echo(&door)["kubeflow-userid"][0], dex::USER.email);
}

#[test]
fn a_session_ends_when_it_is_old_or_forgotten() {
    let mut door = needs!(RealDoor::short_sessions("3s"));
    let curl = Curl::new(None);
    curl.login(&door, dex::USER);
    let cookie = curl.cookie_header();
    let header = format!("Cookie: {cookie}");
    let asked = |door: &RealDoor| {
        Curl::new(None)
            .with_header(&door.endpoint(), &header)
            .status
    };
    assert_eq!(asked(&door), 200);
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(asked(&door), 403, "the session was to live for 3 s");

    let curl = Curl::new(None);
    curl.login(&door, dex::USER);
    door.forget_sessions();
    assert_eq!(curl.get(&door.endpoint()).status, 403);
    let again = Curl::new(None);
    assert_eq!(again.login(&door, dex::USER).status, 200);
}

#[test]
fn a_rotated_session_dies_of_its_successor() {
    let door = needs!(RealDoor::rotating_sessions());
    let curl = Curl::new(None);
    curl.login(&door, dex::USER);
    let header = format!("Cookie: {}", curl.cookie_header());
    let dead = (0..6).any(|_| {
        std::thread::sleep(Duration::from_millis(1500));
        Curl::new(None)
            .with_header(&door.endpoint(), &header)
            .status
            == 403
    });
    assert!(dead, "{}", door.logs());
    assert!(door.dex_log().contains("claimed twice"), "{}", door.logs());
}

#[test]
fn a_bearer_of_the_right_audience_passes() {
    let door = needs!(RealDoor::sign_in_page());
    let bearer = door.bearer(dex::USER);
    let health = format!("{}/apis/v2beta1/healthz", door.endpoint());
    let ask = |token: &str| {
        let header = format!("Authorization: Bearer {token}");
        Curl::new(None).with_header(&health, &header).status
    };
    assert_eq!(ask(&bearer), 200);
    let seen = &door.upstream().requests()[0];
    assert_eq!(
        seen.header("authorization"),
        Some(format!("Bearer {bearer}").as_str())
    );
    assert_eq!(ask("made-up"), 401);
    assert_eq!(ask(&bearer[..bearer.len() - 8]), 401);
    assert_eq!(door.posts(), 0);
}

#[test]
fn apache_is_another_relying_party() {
    let door = needs!(RealDoor::apache());
    let curl = Curl::new(None);
    let page = curl.login(&door, dex::USER);
    assert_eq!(page.status, 200, "{:?}", curl.hops());
    assert_eq!(
        curl.hops(),
        [
            "GET / 302",
            "GET /dex/auth 302",
            "GET /dex/auth/local 302",
            "GET /dex/auth/local/login 200",
            "POST /dex/auth/local/login 303",
            "GET /authservice/oidc/callback 302",
            "GET / 200",
        ]
    );
    assert_eq!(curl.cookies(), [apache::COOKIE]);
    assert_eq!(curl.echo(&door)["kubeflow-userid"][0], dex::USER.email);
    assert_eq!(
        door.mentions(dex::USER.password),
        ["before Dex: POST /dex/auth/local/login"]
    );
}

#[test]
fn istios_gateway_is_envoy() {
    // Its rules have a subject of their own: `stock_door`.
    let door = needs!(StockDoor::stock());
    let refused = door.ask("Basic made-up");
    let seen = (refused.status, refused.find("server"), refused.words());
    let words = "RBAC: access denied".to_owned();
    assert_eq!(seen, (403, Some("istio-envoy"), words));
}

#[test]
fn hydra_starts() {
    // What it does has a subject of its own: `providers`.
    let hydra = needs!(Hydra::start(&[]));
    let keys = format!("{}.well-known/jwks.json", hydra.issuer());
    let keys = testkit::http::get(&keys, &[]).document();
    assert_eq!(keys["keys"][0]["alg"], "RS256", "{}", hydra.log());
}

// ---------------------------------------------------------------- clients

#[test]
fn python_has_requests() {
    let python = needs!(python::requests());
    let script = "import requests; print(requests.__version__)";
    assert_eq!(
        stdout(Command::new(python).args(["-c", script])),
        "2.33.0\n"
    );
}

#[test]
fn the_kfp_sdk_lists_experiments_through_the_front_door() {
    let python = needs!(python::kfp());
    let door = needs!(RealDoor::sign_in_page());
    let curl = Curl::new(None);
    curl.login(&door, dex::USER);
    let home = tempfile::tempdir().expect("a folder");
    let script = "import os, kfp\n\
        kind, value = os.environ['KIND'], os.environ['VALUE']\n\
        client = kfp.Client(host=os.environ['HOST'], namespace='team-a', **{kind: value})\n\
        found = client.list_experiments(namespace='team-a').experiments\n\
        print(kfp.__version__, [one.display_name for one in found])";
    let list = |kind: &str, value: &str| {
        let mut command = Command::new(&python);
        command.args(["-W", "ignore", "-c", script]);
        command.env("HOST", door.endpoint()).env("KIND", kind);
        command.env("HOME", home.path());
        stdout(command.env("VALUE", value))
    };
    let expected = "2.17.3 ['Default', 'taxi fares']\n";
    assert_eq!(list("cookies", &curl.cookie_header()), expected);
    assert_eq!(list("existing_token", &door.bearer(dex::USER)), expected);
}

#[test]
fn kubectl_asks_with_its_token() {
    let kubectl = needs!(kubectl());
    let server = ApiServer::start();
    let folder = tempfile::tempdir().expect("a folder");
    let ca = folder.path().join("ca.pem");
    fs::write(&ca, server.ca_pem()).expect("a CA file");
    let mut command = Command::new(kubectl);
    command.args(["get", "--raw", "/version", "--token", "abc"]);
    command.arg(format!("--server={}", server.origin()));
    command.arg(format!("--certificate-authority={}", ca.display()));
    command
        .env("KUBECONFIG", "/dev/null")
        .env("HOME", folder.path());
    assert!(stdout(&mut command).contains("v1.33.1"));
    // Google's kubectl asks for the version twice, to choose among its own.
    let asked = server.authorizations();
    let token = Some("Bearer abc".to_owned());
    assert!(!asked.is_empty() && asked.iter().all(|one| *one == token));
}

#[test]
fn a_real_actions_client_takes_the_runners_answer() {
    let issuer = MachineIssuer::start();
    let answer = needs!(actions_core::get_id_token(&issuer, "kubeflow & co"));
    let token = answer["token"].as_str().expect("a token");
    let claims = ACCOUNT.verify(token).expect("a token of the issuer's");
    assert_eq!(claims["aud"], "kubeflow & co");
    assert_eq!(claims["iss"], issuer.url());
    assert_eq!(claims["repository"], REPOSITORY);
    let asked = issuer.server().requests();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].query("api-version").as_deref(), Some("2.0"));

    // Without an audience it is the owner's.
    let answer = needs!(actions_core::get_id_token(&issuer, ""));
    let own = format!("https://github.com/{OWNER}");
    let token = answer["token"].as_str().expect("a token");
    let claims = ACCOUNT.verify(token).expect("a token");
    assert_eq!(claims["aud"], own);
}

#[test]
fn a_keyring_is_open_locked_absent_or_hung() {
    let secret_tool = needs!(testkit::peers::install::program(
        "secret-tool",
        "libsecret-tools"
    ));
    let tool = secret_tool.to_str().expect("a path");
    let lookup = |keyring: &Keyring| {
        let mut command = keyring.command("timeout");
        command.args(["3", tool, "lookup", "service", "smoke"]);
        command.output().expect("timeout")
    };
    let keyring = needs!(Keyring::start(State::Unlocked));
    let mut store = keyring.command(tool);
    store
        .args(["store", "--label=smoke", "service", "smoke"])
        .stdin(Stdio::piped());
    let mut storing = store.spawn().expect("secret-tool");
    let mut pipe = storing.stdin.take().expect("a pipe");
    std::io::Write::write_all(&mut pipe, b"stored secret").expect("its stdin");
    drop(pipe);
    assert!(
        storing.wait().expect("its end").success(),
        "{}",
        keyring.log()
    );
    assert_eq!(lookup(&keyring).stdout, b"stored secret");

    keyring.lock();
    let locked = lookup(&keyring);
    assert!(locked.stdout.is_empty(), "{locked:?}");
    keyring.hang();
    assert_eq!(lookup(&keyring).status.code(), Some(124));
    keyring.wake();

    for (state, code) in [(State::Absent, Some(1)), (State::Hung, Some(124))] {
        let keyring = needs!(Keyring::start(state));
        let found = lookup(&keyring);
        assert_eq!(found.status.code(), code, "{state:?}: {found:?}");
    }
    let keyring = needs!(Keyring::start(State::Locked));
    assert!(lookup(&keyring).stdout.is_empty());
}

#[test]
fn what_is_missing_is_said() {
    let ask = || require::<()>(Err(Missing::new("nothing: this line is part of a test")));
    #[allow(clippy::disallowed_methods)]
    let ci = std::env::var_os("CI").is_some_and(|ci| ci == "true");
    assert_eq!(std::panic::catch_unwind(ask).is_err(), ci);
}

fn stdout(command: &mut Command) -> String {
    let output = command.output().expect("a program that runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
