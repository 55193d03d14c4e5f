//! What Dex grants to which client: redirects, the device flow, passwords and refresh tokens.

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use testkit::http::{self, Response};
use testkit::kfp_api::SEEN_USER;
use testkit::peers::dex::{self, Account, Client, Connector, RefreshTokens};
use testkit::peers::needs;
use testkit::peers::stock_door::{
    CLIENT_ID, DEVICE_CODE, ISSUER, Options, StockDoor, VERIFIER, walk,
};

use super::{SCOPE, assert_refused, refresh, refresh_token, text};

const OUT_OF_BAND: &str = "urn:ietf:wg:oauth:2.0:oob";

// --------------------------------------------------------------- redirects

#[test]
fn a_public_client_is_sent_to_each_loopback_address() {
    let door = needs!(StockDoor::stock());
    for redirect in [
        "http://127.0.0.1:4711/",
        "http://localhost:4711/callback",
        "http://[::1]:4711/any/path",
        "http://127.0.0.2:4711",
    ] {
        let landing = door.walk(CLIENT_ID, redirect, SCOPE, dex::USER);
        let landed = landing.url.as_str();
        assert!(landed.starts_with(redirect), "{redirect}: {landed}");
        assert_eq!(landing.query("state").as_deref(), Some("a state"));
        assert_eq!(landing.query("iss"), None);
        assert!(!landing.code().is_empty());
    }
    for redirect in ["https://127.0.0.1:4711/", "http://example.com/"] {
        let landing = door.walk(CLIENT_ID, redirect, SCOPE, dex::USER);
        let words = landing.answer.words();
        assert_eq!(landing.answer.status, 400, "{redirect}");
        assert!(words.contains("Unregistered redirect_uri."), "{words}");
    }
    let nobody = door.walk("nobody", "http://127.0.0.1:4711/", SCOPE, dex::USER);
    assert_eq!(nobody.answer.status, 404);
    assert!(nobody.answer.words().contains("Invalid client_id."));
}

#[test]
fn the_out_of_band_page_shows_a_code() {
    let door = needs!(StockDoor::stock());
    let landing = door.walk(CLIENT_ID, OUT_OF_BAND, SCOPE, dex::USER);
    let page = landing.answer.words();
    assert_eq!(landing.answer.status, 200, "{page}");
    let code = page.split("value=\"").nth(1).expect("a field");
    let code = code.split('"').next().expect("a code");
    let answer = exchange(&door, CLIENT_ID, OUT_OF_BAND, code, VERIFIER);
    assert_eq!(answer.status, 200, "{page} {}", answer.words());
}

#[test]
fn other_clients_are_sent_where_they_are_registered() {
    let mut options = Options::default();
    let redirect = "http://127.0.0.1:8000/callback";
    let exact = |id, secret| Client {
        id,
        secret,
        redirect_uris: vec![redirect.into()],
    };
    options.dex.clients = vec![
        exact("public", None),
        exact("confidential", Some("made-up")),
    ];
    let door = needs!(StockDoor::start(options));
    for client in ["public", "confidential"] {
        assert!(
            !door
                .walk(client, redirect, SCOPE, dex::USER)
                .code()
                .is_empty()
        );
        for other in ["http://127.0.0.1:8001/callback", OUT_OF_BAND] {
            let landing = door.walk(client, other, SCOPE, dex::USER);
            assert_eq!(landing.answer.status, 400, "{client} {other}");
        }
    }
    let code = door.walk("confidential", redirect, SCOPE, dex::USER).code();
    let without_secret = exchange(&door, "confidential", redirect, &code, VERIFIER);
    assert_refused(&without_secret, 401, "invalid_client");
}

fn exchange(
    door: &StockDoor,
    client: &str,
    redirect: &str,
    code: &str,
    verifier: &str,
) -> Response {
    door.token(&[
        ("grant_type", "authorization_code"),
        ("client_id", client),
        ("redirect_uri", redirect),
        ("code", code),
        ("code_verifier", verifier),
    ])
}

#[test]
fn a_code_is_good_once_and_for_its_verifier() {
    let door = needs!(StockDoor::stock());
    let redirect = "http://127.0.0.1:4711/";
    let code = || door.walk(CLIENT_ID, redirect, SCOPE, dex::USER).code();
    let first = code();
    assert_eq!(
        exchange(&door, CLIENT_ID, redirect, &first, VERIFIER).status,
        200
    );
    let again = exchange(&door, CLIENT_ID, redirect, &first, VERIFIER);
    assert_refused(&again, 400, "invalid_grant");
    let other_verifier = exchange(
        &door,
        CLIENT_ID,
        redirect,
        &code(),
        &VERIFIER.to_uppercase(),
    );
    assert_refused(&other_verifier, 400, "invalid_grant");
    let other_place = exchange(&door, CLIENT_ID, "http://127.0.0.1:1/", &code(), VERIFIER);
    assert_refused(&other_place, 400, "invalid_request");
}

// -------------------------------------------------------------- connectors

#[test]
fn a_connector_sends_the_browser_back_to_the_issuer() {
    let with_mock = |public_issuer| {
        let mut options = Options {
            public_issuer,
            ..Options::default()
        };
        options.dex.static_passwords = false;
        options.dex.connectors = vec![Connector::mock_callback("mock", "Mock")];
        StockDoor::start(options)
    };
    // A name inside the cluster, which no browser can resolve.
    let door = needs!(with_mock(false));
    let landing = door.walk(CLIENT_ID, "http://127.0.0.1:1/", SCOPE, dex::USER);
    assert!(
        landing
            .url
            .as_str()
            .starts_with(&format!("{ISSUER}/callback?"))
    );
    // Hence the issuer that an admin sets.
    let door = needs!(with_mock(true));
    assert_eq!(door.issuer(), door.base());
    let token = text(&door.log_in(CLIENT_ID, SCOPE, dex::USER), "id_token");
    let listed = door.ask(&format!("Bearer {token}"));
    assert_eq!(listed.find(SEEN_USER), Some("kilgore@kilgore.trout"));
}

#[test]
fn a_connector_can_be_chosen_beforehand() {
    let mut options = Options::default();
    options.dex.connectors = vec![Connector::mock_password("other", "Other", dex::ODD)];
    let door = needs!(StockDoor::start(options));
    let url = door.authorization_url(CLIENT_ID, "http://127.0.0.1:1/", SCOPE);
    let list = walk(&door.base(), &url, dex::USER);
    assert_eq!(list.url.path(), "/dex/auth");
    let chosen = walk(&door.base(), &format!("{url}&connector_id=other"), dex::ODD);
    assert!(!chosen.code().is_empty());
}

// ------------------------------------------------------------------ device

fn device_code(door: &StockDoor, client: &str) -> Value {
    let fields = [("client_id", client), ("scope", SCOPE)];
    let answer = http::post(&format!("{}/device/code", door.base()), &fields, &[]);
    assert_eq!(answer.status, 200, "{}", answer.words());
    answer.document()
}

fn poll(door: &StockDoor, device_code: &str) -> Response {
    door.token(&[
        ("grant_type", DEVICE_CODE),
        ("client_id", CLIENT_ID),
        ("device_code", device_code),
    ])
}

/// Types the user's code in, and logs in.
fn approve(door: &StockDoor, user_code: &str) -> Response {
    let typed = [("user_code", user_code)];
    let url = format!("{}/device/auth/verify_code", door.base());
    let answer = http::post(&url, &typed, &[]);
    let login = answer.find("location").map(|location| {
        let url = url::Url::parse(&url).expect("an address");
        // To the issuer's own address, where that is absolute.
        let login = url.join(location).expect("an address").to_string();
        login.replace(ISSUER, &door.base())
    });
    match login {
        Some(login) => walk(&door.base(), &login, dex::USER).answer,
        None => answer,
    }
}

#[test]
fn a_device_gets_a_token_once_a_person_has_logged_in() {
    let door = needs!(StockDoor::stock());
    let started = device_code(&door, CLIENT_ID);
    assert_eq!(
        (&started["interval"], &started["expires_in"]),
        (&json!(5), &json!(300))
    );
    let user_code = text(&started, "user_code");
    assert_eq!(started["verification_uri"], format!("{ISSUER}/device"));
    let complete = format!("{ISSUER}/device?user_code={user_code}");
    assert_eq!(started["verification_uri_complete"], complete);

    let device_code = text(&started, "device_code");
    assert_refused(&poll(&door, &device_code), 400, "authorization_pending");
    // Each early one is told so, and makes the interval longer.
    assert_refused(&poll(&door, &device_code), 400, "slow_down");
    let page = approve(&door, &user_code);
    assert_eq!(page.status, 200, "{}", page.words());
    assert!(
        page.words().contains("Login Successful for"),
        "{}",
        page.words()
    );
    let answer = poll(&door, &device_code);
    assert_eq!(answer.status, 200, "{}", answer.words());
    let token = text(&answer.document(), "id_token");
    let listed = door.ask(&format!("Bearer {token}"));
    assert_eq!(listed.find(SEEN_USER), Some(dex::USER.email));
}

#[test]
fn a_client_with_redirects_lets_no_device_in_unless_it_names_dexs_own() {
    let client = |id, secret, redirects: &[&str]| Client {
        id,
        secret,
        redirect_uris: redirects.iter().map(|&uri| uri.to_owned()).collect(),
    };
    let loopback = "http://127.0.0.1:8000/callback";
    let mut options = Options::default();
    options.dex.clients = vec![
        client("without", None, &[loopback]),
        client("with", None, &[loopback, "/device/callback"]),
    ];
    let door = needs!(StockDoor::start(options));
    for (id, is_let_in) in [("without", false), ("with", true)] {
        let started = device_code(&door, id);
        let page = approve(&door, &text(&started, "user_code"));
        let words = page.words();
        let seen = (page.status, words.contains("Login Successful for"));
        let wanted = if is_let_in { (200, true) } else { (400, false) };
        assert_eq!(seen, wanted, "{id}: {words}");
        let poll = door.token(&[
            ("grant_type", DEVICE_CODE),
            ("client_id", id),
            ("device_code", &text(&started, "device_code")),
        ]);
        if is_let_in {
            assert_eq!(poll.status, 200, "{}", poll.words());
        } else {
            assert!(words.contains("Unregistered redirect_uri"), "{words}");
            assert_refused(&poll, 400, "authorization_pending");
        }
    }
}

#[test]
fn of_many_refreshes_at_once_one_succeeds() {
    let door = needs!(StockDoor::stock());
    let token = refresh_token(&door);
    let answers: Vec<Response> = thread::scope(|scope| {
        let runs: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| refresh(&door, &token)))
            .collect();
        let answers = runs.into_iter().map(|run| run.join().expect("an answer"));
        answers.collect()
    });
    let (good, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|one| one.status == 200);
    assert_eq!(good.len(), 1, "{answers:?}");
    for answer in refused {
        assert_refused(answer, 400, "invalid_request");
    }
    let next = text(&good[0].document(), "refresh_token");
    assert_eq!(refresh(&door, &next).status, 200);
}

#[test]
fn the_pauses_between_polls_are_seen_and_answers_may_be_changed() {
    let door = needs!(StockDoor::stock());
    let device_code = text(&device_code(&door, CLIENT_ID), "device_code");
    let pause = Duration::from_millis(300);
    for _ in 0..3 {
        poll(&door, &device_code);
        thread::sleep(pause);
    }
    let pauses = door.pauses();
    assert!(
        pauses.len() == 2 && pauses.iter().all(|one| *one >= pause),
        "{pauses:?}"
    );

    let denied = r#"{"error":"access_denied"}"#;
    door.intercept(move |request| {
        let is_poll = request.path() == "/dex/token";
        is_poll.then(|| Response::json(400, denied))
    });
    assert_refused(&poll(&door, &device_code), 400, "access_denied");
    assert_eq!(door.pauses().len(), 3);
}

#[test]
fn a_devices_code_has_an_end() {
    let mut options = Options::default();
    options.dex.device_requests = Some("2s");
    let door = needs!(StockDoor::start(options));
    let started = device_code(&door, CLIENT_ID);
    assert_eq!(started["expires_in"], 2);
    thread::sleep(Duration::from_millis(2500));
    let late = poll(&door, &text(&started, "device_code"));
    assert_refused(&late, 400, "expired_token");
    assert_refused(&poll(&door, "unknown"), 400, "invalid_request");
    // Whoever asks gets a code, and its page tells a stranger.
    let started = device_code(&door, "nobody");
    let page = approve(&door, &text(&started, "user_code"));
    assert_eq!(page.status, 404, "{}", page.words());
}

// --------------------------------------------------------------- passwords

#[test]
fn passwords_are_taken_where_an_admin_allows_them() {
    let ask = |door: &StockDoor, account: Account| {
        door.token(&[
            ("grant_type", "password"),
            ("client_id", CLIENT_ID),
            ("scope", SCOPE),
            ("username", account.login),
            ("password", account.password),
        ])
    };
    let door = needs!(StockDoor::stock());
    assert_refused(&ask(&door, dex::USER), 400, "unsupported_grant_type");

    let mut options = Options::default();
    options.dex.password_connector = Some("local");
    let door = needs!(StockDoor::start(options));
    for account in [dex::USER, dex::ODD] {
        let token = text(&ask(&door, account).document(), "id_token");
        let listed = door.ask(&format!("Bearer {token}"));
        assert_eq!(listed.find(SEEN_USER), Some(account.email));
    }
    let wrong = Account {
        password: "wrong",
        ..dex::USER
    };
    assert_refused(&ask(&door, wrong), 401, "access_denied");
}

// ---------------------------------------------------------- refresh tokens

#[test]
fn a_refresh_token_is_replaced_and_its_forerunner_dead() {
    let door = needs!(StockDoor::stock());
    let first = refresh_token(&door);
    let answer = refresh(&door, &first);
    assert_eq!(answer.status, 200, "{}", answer.words());
    let second = text(&answer.document(), "refresh_token");
    assert_ne!(first, second);
    let dead = refresh(&door, &first);
    assert_refused(&dead, 400, "invalid_request");
    let why = text(&dead.document(), "error_description");
    assert!(why.contains("has already been claimed"), "{why}");
    // That killed nothing.
    assert_eq!(refresh(&door, &second).status, 200);
}

#[test]
fn a_second_login_ends_the_first_ones_session() {
    let door = needs!(StockDoor::stock());
    let first = refresh_token(&door);
    let second = refresh_token(&door);
    assert_refused(&refresh(&door, &first), 400, "invalid_request");
    assert_eq!(refresh(&door, &second).status, 200);
}

#[test]
fn an_admin_may_let_refresh_tokens_live() {
    let with = |refresh_tokens| {
        let mut options = Options::default();
        options.dex.refresh_tokens = refresh_tokens;
        StockDoor::start(options)
    };
    let door = needs!(with(RefreshTokens {
        reuse_interval: Some("2s"),
        ..RefreshTokens::default()
    }));
    let first = refresh_token(&door);
    let next = |token: &str| text(&refresh(&door, token).document(), "refresh_token");
    // The login counts as a use.
    assert_eq!(next(&first), first);
    thread::sleep(Duration::from_millis(2500));
    let second = next(&first);
    assert_ne!(first, second);
    assert_eq!(next(&first), second);

    let door = needs!(with(RefreshTokens {
        disable_rotation: true,
        ..RefreshTokens::default()
    }));
    let token = refresh_token(&door);
    for _ in 0..2 {
        let answer = refresh(&door, &token).document();
        assert_eq!(text(&answer, "refresh_token"), token);
    }
}
