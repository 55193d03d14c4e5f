//! Ory Hydra: machines and people, and how strictly it takes what a client is registered with.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use url::Url;

use testkit::ec_key::EcKey;
use testkit::google::jwt::{claims, now};
use testkit::http::{self, Response, Server};
use testkit::kfp_api::SEEN_USER;
use testkit::oauth::{CLIENT_ASSERTION, VERIFIER, challenge};
use testkit::peers::curl::Curl;
use testkit::peers::envoy::Trusted;
use testkit::peers::hydra::{Client, Hydra, USER};
use testkit::peers::oidc_provider::Proof;
use testkit::peers::stock_door::{Options, StockDoor};
use testkit::peers::{install, needs};

const SECRET: &str = "a secret of a machine";
const AUDIENCE: &str = "kubeflow";

fn client(id: &'static str, proof: Proof) -> Client {
    Client {
        id,
        proof,
        redirect_uris: vec!["http://127.0.0.1/callback"],
        audiences: vec![AUDIENCE],
    }
}

fn discovery(hydra: &Hydra) -> Value {
    let url = format!("{}.well-known/openid-configuration", hydra.issuer());
    http::get(&url, &[]).document()
}

fn token(hydra: &Hydra, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> Response {
    let endpoint = discovery(hydra)["token_endpoint"].clone();
    http::post(endpoint.as_str().expect("an address"), fields, headers)
}

fn by_basic(hydra: &Hydra, id: &str, secret: &str, audience: &str) -> Response {
    let encoded =
        |text: &str| -> String { url::form_urlencoded::byte_serialize(text.as_bytes()).collect() };
    let pair = STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret)));
    let fields = [("grant_type", "client_credentials"), ("audience", audience)];
    let header = format!("Basic {pair}");
    token(hydra, &fields, &[("Authorization", &header)])
}

fn by_form(hydra: &Hydra, id: &str, secret: &str) -> Response {
    let fields = [
        ("grant_type", "client_credentials"),
        ("audience", AUDIENCE),
        ("scope", "pipelines"),
        ("client_id", id),
        ("client_secret", secret),
    ];
    token(hydra, &fields, &[])
}

#[track_caller]
fn assert_refused(answer: &Response, status: u16, error: &str) {
    let document = answer.document();
    let seen = (answer.status, &document["error"]);
    assert_eq!(seen, (status, &json!(error)), "{document}");
}

#[track_caller]
fn good(answer: &Response) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.words());
    answer.document()
}

#[track_caller]
fn claims_of(answer: &Value, key: &str) -> Value {
    claims(answer[key].as_str().expect("a token")).expect("a JWT")
}

#[test]
fn a_machine_asks_for_its_audience_in_its_own_way() {
    let key = EcKey::generate();
    let hydra = needs!(Hydra::start(&[
        client("basic", Proof::Basic(SECRET)),
        client("form", Proof::Form(SECRET)),
        client("key", Proof::Key(key.jwk())),
    ]));
    assert!(hydra.issuer().ends_with('/'));
    let discovery = discovery(&hydra);
    assert_eq!(discovery["issuer"], hydra.issuer());
    assert_eq!(discovery.get("device_authorization_endpoint"), None);

    let answer = good(&by_basic(&hydra, "basic", SECRET, AUDIENCE));
    assert_eq!(answer["token_type"], "bearer");
    let claims = claims_of(&answer, "access_token");
    let seen = (&claims["iss"], &claims["aud"], &claims["sub"]);
    assert_eq!(
        seen,
        (&json!(hydra.issuer()), &json!([AUDIENCE]), &json!("basic"))
    );
    assert_eq!(claims.get("email"), None);
    let claims = claims_of(&good(&by_form(&hydra, "form", SECRET)), "access_token");
    assert_eq!(claims["scp"], json!(["pipelines"]));
    // An audience must be asked for, and allowed.
    let claims = claims_of(
        &good(&by_basic(&hydra, "basic", SECRET, "")),
        "access_token",
    );
    assert_eq!(claims["aud"], json!([]));
    let other = by_basic(&hydra, "basic", SECRET, "another");
    assert_refused(&other, 400, "invalid_request");

    for wrong in [
        by_basic(&hydra, "form", SECRET, AUDIENCE),
        by_form(&hydra, "basic", SECRET),
        by_basic(&hydra, "basic", "wrong", AUDIENCE),
        by_form(&hydra, "nobody", SECRET),
    ] {
        assert_refused(&wrong, 401, "invalid_client");
    }

    let endpoint = discovery["token_endpoint"].as_str().expect("an address");
    let assertion = |audience: &str, id: &str| {
        let assertion = key.sign(&json!({
            "iss": "key", "sub": "key", "aud": audience, "jti": id, "iat": now(), "exp": now() + 60,
        }));
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", CLIENT_ASSERTION),
            ("client_assertion", &assertion),
        ];
        token(&hydra, &fields, &[])
    };
    // It takes the token endpoint as the audience, and not the issuer.
    good(&assertion(endpoint, "1"));
    assert_refused(&assertion(hydra.issuer(), "2"), 401, "invalid_client");
}

#[test]
fn a_person_is_sent_to_any_port_and_a_used_token_ends_the_login() {
    needs!(install::program("curl", "curl"));
    let hydra = needs!(Hydra::start(&[client("public", Proof::None)]));
    let loopback = Server::start(|_| Response::text(200, "done\n"));
    let redirect = format!("{}/callback", loopback.origin());
    let browse = |state: &str| {
        let endpoint = discovery(&hydra)["authorization_endpoint"].clone();
        let mut url = Url::parse(endpoint.as_str().expect("an address")).expect("a URL");
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", "public")
            .append_pair("redirect_uri", &redirect)
            .append_pair("scope", "openid offline_access email")
            .append_pair("state", state)
            .append_pair("code_challenge", &challenge())
            .append_pair("code_challenge_method", "S256");
        let curl = Curl::new(None);
        curl.follow(curl.get(url.as_str()));
        loopback.requests().pop().expect("a redirect")
    };
    assert_eq!(
        browse("short").query("error").as_deref(),
        Some("invalid_state")
    );
    let code = browse("long enough").query("code").expect("a code");
    let answer = good(&token(
        &hydra,
        &[
            ("grant_type", "authorization_code"),
            ("client_id", "public"),
            ("redirect_uri", &redirect),
            ("code", &code),
            ("code_verifier", VERIFIER),
        ],
        &[],
    ));
    let person = claims_of(&answer, "id_token");
    assert_eq!(
        (&person["sub"], &person["email"]),
        (&json!(USER), &json!(USER))
    );
    // What the consent adds to an access token lies a floor below.
    let access = claims_of(&answer, "access_token");
    assert_eq!(
        (access.get("email"), &access["ext"]["email"]),
        (None, &json!(USER))
    );

    let refresh = |token_: &Value| {
        let fields = [
            ("grant_type", "refresh_token"),
            ("client_id", "public"),
            ("refresh_token", token_.as_str().expect("a token")),
        ];
        token(&hydra, &fields, &[])
    };
    let first = &answer["refresh_token"];
    let second = &good(&refresh(first))["refresh_token"];
    assert_refused(&refresh(first), 400, "invalid_grant");
    assert_refused(&refresh(second), 400, "invalid_grant");
}

#[test]
fn a_gateway_that_trusts_hydra_takes_its_machines() {
    let hydra = needs!(Hydra::start(&[client("machine", Proof::Basic(SECRET))]));
    let keys = discovery(&hydra)["jwks_uri"].clone();
    let door = needs!(StockDoor::start(Options {
        trusted: vec![Trusted {
            issuer: hydra.issuer().into(),
            keys: keys.as_str().expect("an address").into(),
            audiences: vec![AUDIENCE.into()],
            headers: vec![("sub", "kubeflow-userid")],
        }],
        ..Options::default()
    }));
    let ask = |audience: &str| {
        let answer = good(&by_basic(&hydra, "machine", SECRET, audience));
        let token = answer["access_token"].as_str().expect("a token");
        door.ask(&format!("Bearer {token}"))
    };
    let listed = ask(AUDIENCE);
    assert_eq!(
        (listed.status, listed.find(SEEN_USER)),
        (200, Some("machine"))
    );
    assert_eq!(ask("").words(), "Audiences in Jwt are not allowed");
}
