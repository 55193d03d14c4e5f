//! What Istio's rules in Envoy do with a bearer, with a cookie, and with neither.

use std::thread;
use std::time::{Duration, Instant};

use testkit::google::jwt::{self, claims, now};
use testkit::http::{self, Response};
use testkit::kfp_api::SEEN_USER;
use testkit::peers::dex::{self, Client};
use testkit::peers::needs;
use testkit::peers::stock_door::{CLIENT_ID, ISSUER, Options, StockDoor, VERIFIER, walk};

use serde_json::json;

use super::{SCOPE, id_token, text};

#[track_caller]
fn assert_words(answer: &Response, status: u16, words: &str) {
    assert_eq!((answer.status, answer.words().as_str()), (status, words));
}

#[test]
fn it_is_one_dex_under_two_names() {
    let door = needs!(StockDoor::stock());
    let discovery = format!("{}/.well-known/openid-configuration", door.base());
    let discovery = http::get(&discovery, &[]).document();
    assert_eq!(discovery["issuer"], ISSUER);
    let below = |path: &str| json!(format!("{ISSUER}/{path}"));
    assert_eq!(discovery["token_endpoint"], below("token"));
    assert_eq!(discovery["authorization_endpoint"], below("auth"));
    let device = &discovery["device_authorization_endpoint"];
    assert_eq!(device, &below("device/code"));
    let grants = [
        "authorization_code",
        "refresh_token",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:ietf:params:oauth:grant-type:token-exchange",
    ];
    assert_eq!(discovery["grant_types_supported"], json!(grants));
    let token = id_token(&door, CLIENT_ID, SCOPE);
    assert_eq!(claims(&token).expect("a JWT")["iss"], ISSUER);
}

#[test]
fn a_token_of_any_client_passes_and_names_its_user() {
    let mut options = Options::default();
    options.dex.clients.push(Client {
        id: "another",
        ..Client::default()
    });
    let door = needs!(StockDoor::start(options));
    let mut bearers = 0;
    for client in [CLIENT_ID, "another"] {
        let answer = door.log_in(client, SCOPE, dex::USER);
        for kind in ["id_token", "access_token"] {
            let token = text(&answer, kind);
            let listed = door.ask(&format!("Bearer {token}"));
            let seen = (listed.status, listed.find(SEEN_USER));
            assert_eq!(seen, (200, Some(dex::USER.email)), "{client} {kind}");
            let request = &door.application().requests()[bearers];
            let forwarded = format!("Bearer {token}");
            assert_eq!(request.header("authorization"), Some(forwarded.as_str()));
            bearers += 1;
        }
    }
}

#[test]
fn a_token_without_an_email_names_nobody() {
    let door = needs!(StockDoor::stock());
    let bearer = format!("Bearer {}", id_token(&door, CLIENT_ID, "openid"));
    let health = format!("{}/apis/v2beta1/healthz", door.endpoint());
    let health = http::get(&health, &[("Authorization", &bearer)]);
    assert_words(&health, 200, r#"{"multi_user":true}"#);
    let listed = door.ask(&bearer);
    assert_eq!(listed.status, 401);
    let words = listed.words();
    assert!(
        words.contains("there is no user identity header"),
        "{words}"
    );
}

#[test]
fn another_scheme_is_no_bearer() {
    let door = needs!(StockDoor::stock());
    let token = id_token(&door, CLIENT_ID, SCOPE);
    for header in [&format!("bearer {token}"), "Basic dXNlcjpwYXNzd29yZA=="] {
        let answer = door.ask(header);
        assert_words(&answer, 403, "RBAC: access denied");
        assert_eq!(answer.find("www-authenticate"), None);
    }
    assert!(door.application().requests().is_empty());
}

#[test]
fn a_bearer_that_is_not_taken_is_told_why() {
    let door = needs!(StockDoor::stock());
    let foreign = json!({"iss": "https://issuer.example.com", "sub": "a", "exp": now() + 600});
    let unsigned = json!({"iss": ISSUER, "sub": "a", "exp": now() + 600});
    let good = id_token(&door, CLIENT_ID, SCOPE);
    let other_end = if good.ends_with('A') { "E" } else { "A" };
    let spoilt = format!(
        "{}{other_end}{}",
        &good[..good.len() - 9],
        &good[good.len() - 8..]
    );
    for (token, words) in [
        (jwt::GOOGLE.sign(&foreign), "Jwt issuer is not configured"),
        (
            jwt::GOOGLE.sign(&unsigned),
            "Jwks doesn't have key to match kid or alg from Jwt",
        ),
        (
            "opaque".to_owned(),
            "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections",
        ),
        (spoilt, "Jwt verification fails"),
    ] {
        let answer = door.ask(&format!("Bearer {token}"));
        assert_words(&answer, 401, words);
        let challenge = answer.find("www-authenticate").expect("a challenge");
        assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
    }
    assert!(door.application().requests().is_empty());
}

#[test]
fn an_admin_may_ask_for_an_audience() {
    let door = needs!(StockDoor::start(Options {
        audiences: vec![dex::CLIENT_ID.into()],
        ..Options::default()
    }));
    let answer = door.ask(&format!("Bearer {}", id_token(&door, CLIENT_ID, SCOPE)));
    assert_words(&answer, 403, "Audiences in Jwt are not allowed");
    assert!(answer.find("www-authenticate").is_some());
    // The front door's own client is one of them: see below.
    let token = text(&by_the_front_doors_client(&door), "id_token");
    assert_eq!(door.ask(&format!("Bearer {token}")).status, 200);
}

#[test]
fn a_token_has_an_end() {
    let mut options = Options {
        clock_skew: 1,
        ..Options::default()
    };
    options.dex.id_tokens = "2s";
    let door = needs!(StockDoor::start(options));
    let bearer = format!("Bearer {}", id_token(&door, CLIENT_ID, SCOPE));
    assert_eq!(door.ask(&bearer).status, 200);
    let start = Instant::now();
    while door.ask(&bearer).status == 200 {
        assert!(start.elapsed() < Duration::from_secs(20), "it never ends");
        thread::sleep(Duration::from_millis(200));
    }
    assert_words(&door.ask(&bearer), 401, "Jwt is expired");
}

#[test]
fn a_cookie_of_oauth2_proxy_passes_too() {
    let door = needs!(StockDoor::stock());
    let page = http::get(door.origin(), &[]);
    assert_eq!(page.status, 403);
    assert!(
        page.words().contains("action=\"/oauth2/start\""),
        "{}",
        page.words()
    );
    let api = format!("{}/apis/v2beta1/experiments", door.endpoint());
    assert_words(&http::get(&api, &[]), 401, "{}");

    let cookie = cookie(&door);
    let listed = http::get(&api, &[("Cookie", &cookie)]);
    let seen = (listed.status, listed.find(SEEN_USER));
    assert_eq!(seen, (200, Some(dex::USER.email)), "{}", door.logs());
    // A wrong bearer is worse than none.
    let both = [
        ("Cookie", cookie.as_str()),
        ("Authorization", "Bearer opaque"),
    ];
    assert_eq!(http::get(&api, &both).status, 401);
}

/// Logs in at oauth2-proxy, and returns its cookie.
fn cookie(door: &StockDoor) -> String {
    let start = http::get(&format!("{}/oauth2/start?rd=/", door.origin()), &[]);
    let pair = |answer: &Response| {
        let cookies = answer.headers.iter();
        let mut cookies = cookies.filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
        let kept = cookies.find(|(_, value)| !value.contains("Max-Age=0"));
        let (_, value) = kept.expect("a cookie");
        value.split(';').next().unwrap_or_default().to_owned()
    };
    let csrf = pair(&start);
    let login = format!(
        "{}{}",
        door.origin(),
        start.find("location").expect("a redirect")
    );
    let landing = walk(&door.base(), &login, dex::USER);
    assert_eq!(landing.url.path(), "/oauth2/callback");
    pair(&http::get(landing.url.as_str(), &[("Cookie", &csrf)]))
}

/// Takes the code of the front door's own client before its callback is followed.
fn by_the_front_doors_client(door: &StockDoor) -> serde_json::Value {
    let callback = "/oauth2/callback";
    let landing = door.walk(dex::CLIENT_ID, callback, SCOPE, dex::USER);
    let answer = door.token(&[
        ("grant_type", "authorization_code"),
        ("client_id", dex::CLIENT_ID),
        ("client_secret", dex::CLIENT_SECRET),
        ("redirect_uri", callback),
        ("code", &landing.code()),
        ("code_verifier", VERIFIER),
    ]);
    assert_eq!(answer.status, 200, "{}", answer.words());
    answer.document()
}

#[test]
fn who_knows_the_front_doors_secret_needs_no_client_of_their_own() {
    let mut options = Options::default();
    options.dex.clients.clear();
    let door = needs!(StockDoor::start(options));
    let answer = by_the_front_doors_client(&door);
    let listed = door.ask(&format!("Bearer {}", text(&answer, "id_token")));
    let seen = (listed.status, listed.find(SEEN_USER));
    assert_eq!(seen, (200, Some(dex::USER.email)));
    assert!(answer["refresh_token"].is_string(), "{answer}");

    // A browser that has landed there spoils nothing: oauth2-proxy knows nothing of this login.
    let landing = door.walk(dex::CLIENT_ID, "/oauth2/callback", SCOPE, dex::USER);
    let landed = http::get(landing.url.as_str(), &[]);
    assert!([403, 500].contains(&landed.status), "{}", landed.status);
    let answer = door.token(&[
        ("grant_type", "authorization_code"),
        ("client_id", dex::CLIENT_ID),
        ("client_secret", dex::CLIENT_SECRET),
        ("redirect_uri", "/oauth2/callback"),
        ("code", &landing.code()),
        ("code_verifier", VERIFIER),
    ]);
    assert_eq!(answer.status, 200, "{}", answer.words());
}
