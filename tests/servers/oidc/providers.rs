//! Providers other than Dex: oidc-provider, a certified server, which the gateway trusts beside its Dex; and Dex where it
//! sends people on to another provider.

use serde_json::{Value, json};

use testkit::ec_key::EcKey;
use testkit::google::jwt::ACCOUNT;
use testkit::http;
use testkit::peers::chromium::Person;
use testkit::peers::curl::Curl;
use testkit::peers::dex;
use testkit::peers::envoy::Trusted;
use testkit::peers::hydra::{self, Hydra};
use testkit::peers::oidc_provider::{self, Client, OidcProvider, Proof};
use testkit::peers::stock_door::{self, SingleSignOn, StockDoor};
use testkit::peers::{Found, needs};
use testkit::sandbox::{Output, Sandbox};

use super::{assert_opens, home};

const SECRET: &str = "a secret: with + and %";
const RESOURCE: &str = "https://kubeflow.example.com/";
const ADA: &str = "ada@example.com";

/// A provider, and a gateway that trusts it.
struct Stage {
    provider: OidcProvider,
    door: StockDoor,
}

impl Stage {
    /// `claim` is what the gateway takes the user from.
    fn start(options: &oidc_provider::Options, claim: &'static str) -> Found<Self> {
        let provider = OidcProvider::start(options)?;
        let discovery = format!("{}/.well-known/openid-configuration", provider.origin());
        let keys = http::get(&discovery, &[]).document()["jwks_uri"].clone();
        let trusted = Trusted {
            issuer: provider.issuer().to_owned(),
            keys: keys.as_str().expect("an address").to_owned(),
            audiences: Vec::new(),
            headers: vec![(claim, "kubeflow-userid")],
        };
        let door = StockDoor::start(stock_door::Options {
            trusted: vec![trusted],
            ..stock_door::Options::default()
        })?;
        Ok(Self { provider, door })
    }

    /// Makes a home with a context for this provider.
    fn home(&self, client: &str, keys: &Value) -> Sandbox {
        let mut oidc = json!({"issuer": self.provider.issuer(), "client-id": client});
        for (name, value) in keys.as_object().into_iter().flatten() {
            oidc[name] = value.clone();
        }
        home(&self.door, &oidc)
    }

    /// Logs the provider's one person in.
    fn log_in(&self, home: &Sandbox) -> Output {
        let running = home.command(&["login"]).env("BROWSER", "/bin/true").spawn();
        let url = running.says_word(self.provider.origin());
        let curl = Curl::new(None);
        let page = curl.follow(curl.get(&url));
        assert_eq!(page.status, 200, "{}", page.body);
        running.wait()
    }
}

fn public() -> oidc_provider::Options {
    oidc_provider::Options {
        clients: vec![Client::native("public", Proof::None, &["http://127.0.0.1"])],
        ..oidc_provider::Options::default()
    }
}

#[test]
fn a_person_logs_in_by_pkce_and_each_renewal_replaces_the_refresh_token() {
    let stage = needs!(Stage::start(&public(), "email"));
    let home = stage.home("public", &json!({}));
    stage.log_in(&home).assert_success();
    for arguments in [&["get"][..], &["get", "--refresh"], &["get", "--refresh"]] {
        let got = home.run(arguments).assert_success();
        assert_opens(&stage.door, &got, ADA);
    }
    // A provider that can end a login is asked to.
    home.run(&["logout"])
        .assert_success()
        .assert_says("has ended the login.");
    home.run(&["get"]).assert_error(4, "login-required");
}

#[test]
fn a_refresh_token_that_was_used_elsewhere_asks_for_a_person() {
    let stage = needs!(Stage::start(&public(), "email"));
    let home = stage.home("public", &json!({}));
    stage.log_in(&home).assert_success();
    let store = home.state_folder().join("store");
    let files = testkit::sandbox::files_beneath(&store);
    let before: Vec<_> = files
        .iter()
        .map(|file| std::fs::read(file).expect("a file"))
        .collect();
    home.run(&["get", "--refresh"]).assert_success();
    for (file, text) in files.iter().zip(before) {
        std::fs::write(file, text).expect("a file");
    }
    home.run(&["get", "--refresh"])
        .assert_error(4, "login-required")
        .assert_says("invalid_grant");
}

#[test]
fn an_answer_of_another_provider_is_left_aside() {
    let stage = needs!(Stage::start(&public(), "email"));
    let home = stage.home("public", &json!({}));
    let running = home.command(&["login"]).env("BROWSER", "/bin/true").spawn();
    let url = running.says_word(stage.provider.origin());
    let parsed = url::Url::parse(&url).expect("an address");
    let query = |name: &str| {
        let mut pairs = parsed.query_pairs();
        let found = pairs.find(|(key, _)| key == name);
        found.expect("a parameter").1.into_owned()
    };
    let (back, asked) = (query("redirect_uri"), query("state"));
    for issuer in ["&iss=https%3A%2F%2Fevil.example.com", ""] {
        let answer = http::get(&format!("{back}/?code=c&state={asked}{issuer}"), &[]);
        assert_eq!(answer.status, 404, "{issuer}");
    }
    let curl = Curl::new(None);
    curl.follow(curl.get(&url));
    running.wait().assert_success();
}

#[test]
fn a_client_is_let_in_by_what_it_shows() {
    let key = EcKey::generate();
    let client = |id, proof| Client::native(id, proof, &[]);
    let options = oidc_provider::Options {
        clients: vec![
            client("basic", Proof::Basic(SECRET)),
            client("form", Proof::Form(SECRET)),
            client("rsa", Proof::Key(ACCOUNT.jwk())),
            client("ec", Proof::Key(key.jwk())),
        ],
        resources: vec![(RESOURCE, "pipelines")],
        ..oidc_provider::Options::default()
    };
    let stage = needs!(Stage::start(&options, "sub"));
    let keys =
        json!({"grant": "client-credentials", "resource": RESOURCE, "scopes": ["pipelines"]});
    let with = |name: &str, value: Value| {
        let mut keys = keys.clone();
        keys[name] = value;
        keys
    };
    for id in ["basic", "form"] {
        let home = stage.home(id, &with("client-secret", json!({"env": "CLIENT_SECRET"})));
        home.env("CLIENT_SECRET", &home.secret(SECRET));
        let got = home.run(&["get"]).assert_success();
        assert_opens(&stage.door, &got, id);
        home.env("CLIENT_SECRET", "another-secret");
        home.run(&["get", "--refresh"])
            .assert_error(5, "oauth-client-refused")
            .assert_says("invalid_client");
    }
    for (id, pem) in [("rsa", ACCOUNT.pem), ("ec", key.pem.as_str())] {
        let home = Sandbox::new();
        let file = home.file("client.pem", pem);
        let assertion = json!({"key-file": file});
        let mut oidc = with("client-assertion", assertion);
        oidc["issuer"] = stage.provider.issuer().into();
        oidc["client-id"] = id.into();
        super::configure(&home, &stage.door, &oidc);
        let got = home.run(&["get"]).assert_success();
        assert_opens(&stage.door, &got, id);
        // Each request has a JWT of its own.
        let got = home.run(&["get", "--refresh"]).assert_success();
        assert_opens(&stage.door, &got, id);
    }
    let home = stage.home("basic", &keys);
    home.run(&["get"]).assert_error(3, "config-missing");
}

#[test]
fn a_token_of_a_client_that_names_no_user_is_told() {
    let options = oidc_provider::Options {
        clients: vec![Client::native("form", Proof::Form(SECRET), &[])],
        resources: vec![(RESOURCE, "pipelines")],
        ..oidc_provider::Options::default()
    };
    let stage = needs!(Stage::start(&options, "email"));
    let keys = json!({
        "grant": "client-credentials", "resource": RESOURCE, "client-secret": {"env": "CLIENT_SECRET"},
    });
    let home = stage.home("form", &keys);
    home.env("CLIENT_SECRET", &home.secret(SECRET));
    home.run(&["get"])
        .assert_error(5, "bearer-without-identity")
        .assert_says("no email");
}

#[test]
fn a_person_at_a_real_browser_gets_in_where_dex_sends_them_on() {
    let sso = needs!(SingleSignOn::start());
    let person = needs!(Person::start(dex::USER));
    let home = home(&sso.door, &json!({}));
    let program = person.program().display().to_string();
    let login = home.command(&["login"]).env("BROWSER", &program).run();
    login.assert_success().assert_says(dex::USER.email);
    assert!(person.page(1).text.contains("You are logged in"));
    for arguments in [&["get"][..], &["get", "--refresh"]] {
        let got = home.run(arguments).assert_success();
        assert_opens(&sso.door, &got, dex::USER.email);
    }
}

#[test]
fn a_machine_gets_in_by_ory_hydra() {
    const AUDIENCE: &str = "kubeflow";
    let client = |id, proof| hydra::Client {
        id,
        proof,
        redirect_uris: vec!["http://127.0.0.1/callback"],
        audiences: vec![AUDIENCE],
    };
    let clients = [
        client("basic", Proof::Basic(SECRET)),
        client("form", Proof::Form(SECRET)),
    ];
    let hydra = needs!(Hydra::start(&clients));
    let trusted = Trusted {
        issuer: hydra.issuer().to_owned(),
        keys: format!("{}.well-known/jwks.json", hydra.issuer()),
        audiences: vec![AUDIENCE.to_owned()],
        headers: vec![("sub", "kubeflow-userid")],
    };
    let door = needs!(StockDoor::start(stock_door::Options {
        trusted: vec![trusted],
        ..stock_door::Options::default()
    }));
    let keys = json!({
        "issuer": hydra.issuer(), "client-id": "basic", "client-secret": {"env": "CLIENT_SECRET"},
        "grant": "client-credentials", "audience": AUDIENCE,
    });
    let machine = home(&door, &keys);
    machine.env("CLIENT_SECRET", &machine.secret(SECRET));
    let got = machine.run(&["get"]).assert_success();
    assert_opens(&door, &got, "basic");

    // Without an audience the gateway says what it misses.
    let mut without = keys.clone();
    without["audience"] = json!(null);
    super::configure(&machine, &door, &without);
    machine
        .run(&["get"])
        .assert_error(5, "bearer-audience-refused");
    // The slash at the end of its name counts.
    let mut other = keys;
    other["issuer"] = hydra.issuer().trim_end_matches('/').into();
    super::configure(&machine, &door, &other);
    machine
        .run(&["get"])
        .assert_error(3, "issuer-mismatch")
        .assert_says(hydra.issuer());
}
