//! Proves that the stand-ins of Google are faithful, with Google's own clients and the kfp SDK.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use testkit::google::clients::{client, google_auth, sdk, sdk_at, stdout};
use testkit::google::{
    CLOUD_PLATFORM, DESKTOP_CLIENT, DESKTOP_SECRET, Google, IAP_CLIENT, IAP_HOST, MACHINE_ACCOUNT,
    Options, PIPELINES_HOST, Refusal, SERVICE_ACCOUNT, SUBJECT_TOKEN, TARGET_ACCOUNT, USER, files,
    jwt,
};
use testkit::http::Response;
use testkit::peers::oidc_provider::{self, Client, OidcProvider, Proof};
use testkit::peers::{google_oauth2, install, needs, python};

const TOKEN: &str = "POST oauth2.googleapis.com/token";
const GENERATE: &str = "POST iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/";

// ------------------------------------------------------------ google-auth

/// Leaves out what google-auth asks in the background.
fn lines(google: &Google) -> Vec<String> {
    let mut lines = google.lines();
    lines.retain(|line| !line.ends_with("/allowedLocations"));
    lines
}

#[track_caller]
fn claims(token: &str) -> Value {
    jwt::GOOGLE.verify(token).expect("a token of Google's")
}

#[test]
fn a_service_account_gets_its_tokens() {
    let google = Google::default();
    let file = files::service_account(SERVICE_ACCOUNT);
    let args = ["fetch_id_token", IAP_CLIENT];
    let Some(token) = google_auth(&google, Some(&file), &args) else {
        return;
    };
    assert_eq!(claims(&token)["aud"], IAP_CLIENT);
    assert_eq!(claims(&token)["email"], SERVICE_ACCOUNT);
    assert_eq!(lines(&google), [TOKEN]);
    // Google's library takes it for genuine, by our keys.
    let args = ["verified_email", &token, IAP_CLIENT];
    assert_eq!(
        google_auth(&google, Some(&file), &args).as_deref(),
        Some(SERVICE_ACCOUNT)
    );
    google.clear();
    let token = google_auth(&google, Some(&file), &["access_token"]);
    assert!(token.is_some_and(|token| token.starts_with("ya29.")));
    assert_eq!(lines(&google), [TOKEN]);
    assert!(
        google.proxy().refused().is_empty(),
        "{:?}",
        google.proxy().refused()
    );
}

#[test]
fn the_metadata_server_gives_its_tokens() {
    let google = Google::default();
    let args = ["fetch_id_token", IAP_CLIENT];
    let Some(token) = google_auth(&google, None, &args) else {
        return;
    };
    assert_eq!(claims(&token)["email"], MACHINE_ACCOUNT);
    let asked = google.metadata().hops();
    let identity = "GET /computeMetadata/v1/instance/service-accounts/default/identity 200";
    assert!(asked.iter().any(|hop| hop == identity), "{asked:?}");
    let token = google_auth(&google, None, &["access_token"]);
    assert!(token.is_some_and(|token| token.starts_with("ya29.")));
    assert_eq!(lines(&google).len(), 0);
}

#[test]
fn one_account_speaks_for_another() {
    let google = Google::default();
    let source = files::service_account(SERVICE_ACCOUNT);
    let direct = ["impersonated_id_token", IAP_CLIENT, TARGET_ACCOUNT];
    let Some(token) = google_auth(&google, Some(&source), &direct) else {
        return;
    };
    assert_eq!(claims(&token)["email"], TARGET_ACCOUNT);
    let generate = |verb| format!("{GENERATE}{TARGET_ACCOUNT}:{verb}");
    assert_eq!(
        lines(&google),
        [TOKEN.to_owned(), generate("generateIdToken")]
    );

    // By way of a third account, each trusting only the one before.
    google.behave(|behave| {
        behave.token_creators = Some(vec![
            (SERVICE_ACCOUNT, MACHINE_ACCOUNT),
            (MACHINE_ACCOUNT, TARGET_ACCOUNT),
        ]);
    });
    let path = format!("projects/-/serviceAccounts/{MACHINE_ACCOUNT}");
    let by_way = [&direct[..], &[&path]].concat();
    let token = google_auth(&google, Some(&source), &by_way).expect("as before");
    assert_eq!(claims(&token)["email"], TARGET_ACCOUNT);

    // The same from a file: an access token and, newer than the SDKs, an ID token.
    let file = files::impersonated(TARGET_ACCOUNT, &[&path], &source);
    google.clear();
    let token = google_auth(&google, Some(&file), &["access_token"]);
    assert!(token.is_some_and(|token| token.starts_with("ya29.")));
    assert_eq!(
        lines(&google),
        [TOKEN.to_owned(), generate("generateAccessToken")]
    );
    let args = ["fetch_id_token", IAP_CLIENT];
    let token = google_auth(&google, Some(&file), &args).expect("as before");
    assert_eq!(claims(&token)["email"], TARGET_ACCOUNT);
}

#[test]
fn a_foreign_identity_is_exchanged() {
    let google = Google::default();
    let subject = google.folder().join("subject-token");
    fs::write(&subject, SUBJECT_TOKEN).expect("a file");
    let source = json!({"file": subject});
    let file = files::external_account(&source, Some(TARGET_ACCOUNT));
    let Some(token) = google_auth(&google, Some(&file), &["access_token"]) else {
        return;
    };
    assert!(token.starts_with("ya29."));
    let exchange = "POST sts.googleapis.com/v1/token";
    let generate = format!("{GENERATE}{TARGET_ACCOUNT}:generateAccessToken");
    assert_eq!(lines(&google), [exchange, &generate]);
    google.clear();
    let alone = files::external_account(&source, None);
    google_auth(&google, Some(&alone), &["access_token"]);
    assert_eq!(lines(&google), [exchange]);
}

#[test]
fn a_person_refreshes() {
    let google = Google::default();
    let refresh = google.refresh_token_for(USER, CLOUD_PLATFORM);
    let file = files::authorized_user(&refresh);
    let Some(token) = google_auth(&google, Some(&file), &["access_token"]) else {
        return;
    };
    assert_eq!(lines(&google), [TOKEN]);
    // It opens AI Platform Pipelines, and not with one letter changed.
    let host = format!("https://{PIPELINES_HOST}/apis/v2beta1/healthz");
    let ask = |token: &str| {
        let bearer = format!("Bearer {token}");
        google
            .ask("GET", &host, &[("Authorization", &bearer)], "")
            .status
    };
    assert_eq!((ask(&token), ask(&token[1..])), (200, 401));
    assert_eq!(google.ask("GET", &host, &[], "").status, 302);
}

#[test]
fn googles_go_library_takes_the_metadata_server() {
    let program = needs!(google_oauth2::client());
    let google = Google::default();
    let mut command = client(&program, &google);
    command.envs(google.metadata_env());
    assert!(stdout(&mut command).starts_with("ya29."));
}

#[test]
fn googles_go_library_takes_the_token_endpoint() {
    let program = needs!(google_oauth2::client());
    let google = Google::default();
    let key = google.folder().join("key.json");
    fs::write(&key, files::service_account(SERVICE_ACCOUNT).to_string()).expect("a key file");
    let mut command = client(&program, &google);
    command.env("GOOGLE_APPLICATION_CREDENTIALS", &key);
    assert!(stdout(&mut command).starts_with("ya29."));
    assert_eq!(google.lines(), ["POST oauth2.googleapis.com/token"]);
}

// ---------------------------------------------------------------- kfp SDK

#[track_caller]
fn the_sdk_logs_in(python: &Path, version: &str) {
    let google = Google::default();
    let (said, asked) = sdk(python, &google, [DESKTOP_CLIENT, DESKTOP_SECRET]);
    let listed = format!("listed {version} 2 experiments");
    assert!(said.contains(&listed), "{said}");
    assert_eq!(asked, 1);
    let exchange = "POST www.googleapis.com/oauth2/v4/token";
    let experiments = google.lines().pop().expect("a request");
    assert!(experiments.starts_with(&format!("GET {IAP_HOST}/pipeline/apis/")));
    assert_eq!(google.lines()[..2], [exchange, exchange]);

    // What it leaves is all that the next login needs.
    let file = google.folder().join(".config/kfp/credentials.json");
    let text = fs::read_to_string(&file).expect("a file");
    let kept: Value = serde_json::from_str(&text).expect("JSON");
    let refresh_token = kept[IAP_CLIENT]["refresh_token"].as_str().expect("a token");
    assert_eq!(text, files::kfp_credentials(refresh_token));
    assert!(google.is_live(refresh_token));
    google.clear();
    let (said, asked) = sdk(python, &google, ["", ""]);
    assert!(said.contains(&listed), "{said}");
    assert_eq!((asked, google.refreshes()), (0, 2));
    assert_eq!(google.lines()[0], exchange);
}

#[test]
fn kfp_2_logs_in_by_itself() {
    the_sdk_logs_in(&needs!(python::kfp()), "2.17.3");
}

#[test]
fn kfp_1_logs_in_by_itself() {
    the_sdk_logs_in(&needs!(python::kfp1()), "1.8.22");
}

#[test]
fn kfp_2_takes_service_accounts() {
    let python = needs!(python::kfp());
    let google = Google::default();
    let host = format!("https://{IAP_HOST}/pipeline");
    let with_file = |host: &str, args: [&str; 3]| {
        let file = google.folder().join("adc.json");
        let key = files::service_account(SERVICE_ACCOUNT).to_string();
        fs::write(&file, key).expect("a key file");
        let mut command = client(&python, &google);
        command.env("GOOGLE_APPLICATION_CREDENTIALS", file);
        sdk_at(&google, command, host, args)
    };
    let (said, asked) = with_file(&host, [IAP_CLIENT, "", ""]);
    assert!(said.contains("2 experiments") && asked == 0, "{said}");
    let exchange = "POST www.googleapis.com/oauth2/v4/token";
    assert_eq!(lines(&google)[..2], [TOKEN, exchange]);

    // On a machine without a key it has IAM sign.
    google.clear();
    let mut command = client(&python, &google);
    command.envs(google.metadata_env());
    let (said, _) = sdk_at(&google, command, &host, [IAP_CLIENT, "", ""]);
    assert!(said.contains("2 experiments"), "{said}");
    let sign = format!("{GENERATE}{MACHINE_ACCOUNT}:signBlob");
    assert_eq!(lines(&google)[..2], [sign.as_str(), exchange]);

    // AI Platform Pipelines.
    google.clear();
    let (said, _) = with_file(&format!("https://{PIPELINES_HOST}"), [""; 3]);
    assert!(said.contains("2 experiments"), "{said}");
    let list = format!("GET {PIPELINES_HOST}/apis/v2beta1/experiments");
    assert_eq!(lines(&google), [TOKEN, &list]);
}

// -------------------------------------------------- what Google does alone

const VERIFIER: &str = "made-up-verifier-made-up-verifier-made-up-verifier";
const OTHER_CHALLENGE: &str = "made-up-challenge-of-another-verifier-made-up";

fn authorization_url(challenge: &str, redirect: &str) -> String {
    let mut url = url::Url::parse("https://accounts.google.com/o/oauth2/v2/auth").expect("a URL");
    url.query_pairs_mut()
        .append_pair("client_id", DESKTOP_CLIENT)
        .append_pair("response_type", "code")
        .append_pair("scope", "openid email")
        .append_pair("redirect_uri", redirect)
        .append_pair("state", "a state")
        .append_pair("nonce", "a nonce")
        .append_pair("code_challenge", challenge)
        .append_pair("code_challenge_method", "S256");
    url.into()
}

fn query(url: &str, name: &str) -> String {
    let url = url::Url::parse(url).expect("a URL");
    let found = url.query_pairs().find(|(key, _)| key == name);
    found.expect("a parameter").1.into_owned()
}

const REDIRECT: &str = "http://127.0.0.1:40123/";

fn exchange(google: &Google, code: &str, verifier: &str) -> (u16, Value) {
    google.ask_token(&[
        ("grant_type", "authorization_code"),
        ("client_id", DESKTOP_CLIENT),
        ("client_secret", DESKTOP_SECRET),
        ("redirect_uri", REDIRECT),
        ("code", code),
        ("code_verifier", verifier),
    ])
}

fn refresh(google: &Google, token: &str) -> (u16, Value) {
    google.ask_token(&[
        ("grant_type", "refresh_token"),
        ("client_id", DESKTOP_CLIENT),
        ("client_secret", DESKTOP_SECRET),
        ("refresh_token", token),
        ("audience", IAP_CLIENT),
    ])
}

fn challenge() -> String {
    use base64::Engine as _;
    use sha2::Digest as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(VERIFIER))
}

#[test]
fn a_code_is_good_once_and_with_its_verifier() {
    let google = Google::default();
    let back = google.consent(&authorization_url(&challenge(), REDIRECT));
    let back = back.expect("a redirect");
    assert_eq!(query(&back, "state"), "a state");
    let code = query(&back, "code");
    let (status, answer) = exchange(&google, &code, VERIFIER);
    assert_eq!(status, 200, "{answer}");
    let person = claims(answer["id_token"].as_str().expect("a token"));
    assert_eq!(person["nonce"], "a nonce");
    assert_eq!(person["aud"], DESKTOP_CLIENT);
    let token = answer["refresh_token"].as_str().expect("a token");
    assert_eq!(refresh(&google, token).0, 200);
    // Once more: the code is refused, and all that came of it is dead.
    assert_eq!(
        exchange(&google, &code, VERIFIER).1["error"],
        "invalid_grant"
    );
    assert_eq!(google.replays(), 1);
    assert_eq!(refresh(&google, token).1["error"], "invalid_grant");

    let back = google.consent(&authorization_url(OTHER_CHALLENGE, REDIRECT));
    let code = query(&back.expect("a redirect"), "code");
    let (status, answer) = exchange(&google, &code, VERIFIER);
    assert_eq!((status, &answer["error"]), (400, &json!("invalid_grant")));
}

#[test]
fn a_redirect_goes_to_loopback_alone() {
    let google = Google::default();
    for good in ["http://localhost:9901", "http://[::1]:1/", REDIRECT] {
        assert!(
            google
                .consent(&authorization_url(OTHER_CHALLENGE, good))
                .is_ok(),
            "{good}"
        );
    }
    for (bad, error) in [
        ("https://127.0.0.1/", "redirect_uri_mismatch"),
        ("http://example.com/", "redirect_uri_mismatch"),
        ("urn:ietf:wg:oauth:2.0:oob", "invalid_request"),
    ] {
        let (status, page) = google
            .consent(&authorization_url(OTHER_CHALLENGE, bad))
            .expect_err("a page");
        assert_eq!(status, 400);
        assert!(page.contains(&format!("Error 400: {error}")), "{page}");
    }
    google.behave(|behave| behave.consent_page = true);
    let (status, page) = google
        .consent(&authorization_url(OTHER_CHALLENGE, REDIRECT))
        .expect_err("a page");
    assert_eq!(status, 200);
    let link = page
        .split("href=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let link = link.expect("a link").replace("&amp;", "&");
    let back = google.consent(&format!("https://accounts.google.com{link}"));
    assert!(back.is_ok_and(|back| back.starts_with(REDIRECT)));
}

#[test]
fn a_rotated_refresh_token_is_dead() {
    let google = Google::default();
    google.behave(|behave| behave.rotation = true);
    let first = google.refresh_token(USER);
    let (_, answer) = refresh(&google, &first);
    assert_eq!(
        claims(answer["id_token"].as_str().expect("a token"))["aud"],
        IAP_CLIENT
    );
    let second = answer["refresh_token"]
        .as_str()
        .expect("a token")
        .to_owned();
    assert!(google.is_live(&second) && !google.is_live(&first));
    assert_eq!((google.refreshes(), google.reuses()), (1, 0));
    assert_eq!(refresh(&google, &first).0, 400);
    assert_eq!((google.refreshes(), google.reuses()), (1, 1));
    assert!(!google.is_live(&second), "a thief may have it");

    google.behave(|behave| behave.refuse = Some(Refusal::InvalidRapt));
    let (status, answer) = refresh(&google, &google.refresh_token(USER));
    assert_eq!(
        (status, &answer["error_subtype"]),
        (400, &json!("invalid_rapt"))
    );
}

// ------------------------------------------------------------- front door

fn iap(google: &Google, header: &str, token: &str) -> Response {
    let url = format!("https://{IAP_HOST}/pipeline/apis/v2beta1/healthz");
    google.ask("GET", &url, &[(header, &format!("Bearer {token}"))], "")
}

#[track_caller]
fn assert_words(response: &Response, status: u16, words: &str) {
    let text = String::from_utf8_lossy(&response.body);
    assert_eq!((response.status, text.as_ref()), (status, words));
    let mark = (
        "x-goog-iap-generated-response".to_owned(),
        "true".to_owned(),
    );
    assert!(response.headers.contains(&mark));
}

#[test]
fn the_front_door_speaks_as_iap() {
    let google = Google::default();
    let good = google.id_token(USER, IAP_CLIENT);
    assert_eq!(iap(&google, "Authorization", &good).status, 200);
    assert_eq!(iap(&google, "Proxy-Authorization", &good).status, 200);
    let url = format!("https://{IAP_HOST}/echo");
    let nobody = google.ask("GET", &url, &[], "");
    assert_words(&nobody, 302, "Invalid IAP credentials: empty token");
    let both = [
        ("Proxy-Authorization", format!("Bearer {good}")),
        ("Authorization", "Basic YTpi".to_owned()),
        ("X-Goog-Authenticated-User-Email", "made-up".to_owned()),
    ];
    let both: Vec<(&str, &str)> = both.iter().map(|(name, value)| (*name, &**value)).collect();
    let seen: Value = serde_json::from_slice(&google.ask("GET", &url, &both, "").body).unwrap();
    assert_eq!(seen["headers"]["authorization"], json!(["Basic YTpi"]));
    let user = format!("accounts.google.com:{USER}");
    assert_eq!(
        seen["headers"]["x-goog-authenticated-user-email"],
        json!([user])
    );

    let refused = |token: &str, words: &str| {
        let words = format!("Invalid IAP credentials: {words}");
        assert_words(&iap(&google, "Authorization", token), 401, &words);
    };
    refused("made-up", "Unable to parse JWT");
    let audience = "Invalid bearer token. Invalid JWT audience.";
    refused(&google.id_token(USER, DESKTOP_CLIENT), audience);
    google.behave(|behave| behave.forged = true);
    refused(
        &google.id_token(USER, IAP_CLIENT),
        "JWT signature is invalid",
    );
    google.behave(|behave| behave.unsigned = true);
    refused(
        &google.id_token(USER, IAP_CLIENT),
        "JWT signature is invalid",
    );
    google.behave(|behave| {
        (behave.forged, behave.unsigned) = (false, false);
        behave.lifetime = -1;
    });
    refused(&google.id_token(USER, IAP_CLIENT), "Expired JWT");
    google.behave(|behave| {
        behave.lifetime = 3599;
        behave.claims.insert("email".into(), Value::Null);
    });
    let no_email = "JWT 'email' claim isn't a string";
    refused(&google.id_token(USER, IAP_CLIENT), no_email);
    google.behave(|behave| behave.permitted = Some(vec![SERVICE_ACCOUNT]));
    let refused = iap(&google, "Authorization", &good);
    assert_words(&refused, 403, "You don't have access");
}

#[test]
fn a_service_account_signs_for_itself() {
    let google = Google::default();
    let ask = |audience: &str, seconds: i64| {
        let now = jwt::now();
        let token = jwt::ACCOUNT.sign(&json!({
            "iss": SERVICE_ACCOUNT, "sub": SERVICE_ACCOUNT, "aud": audience,
            "iat": now, "exp": now + seconds,
        }));
        iap(&google, "Authorization", &token).status
    };
    assert_eq!(ask(&format!("https://{IAP_HOST}/*"), 3600), 200);
    assert_eq!(ask(&format!("https://{IAP_HOST}/pipeline/*"), 3600), 200);
    let exact = format!("https://{IAP_HOST}/pipeline/apis/v2beta1/healthz");
    assert_eq!(ask(&exact, 3600), 200);
    assert_eq!(ask(&format!("https://{IAP_HOST}/pipeline"), 3600), 401);
    assert_eq!(ask("https://elsewhere.example.com/*", 3600), 401);
    assert_eq!(ask(IAP_CLIENT, 3600), 401);
    assert_eq!(ask(&format!("https://{IAP_HOST}/*"), 7200), 401);
}

// -------------------------------------------------------------- the proxy

#[test]
fn nobody_gets_past_the_proxy() {
    let curl = needs!(install::program("curl", "curl"));
    let google = Google::default();
    let ask = |url: &str| {
        let mut command = client(&curl, &google);
        command.args([
            "-sS",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code} %{http_connect}",
        ]);
        let output = command
            .args(["--cacert"])
            .arg(google.ca_file())
            .arg(url)
            .output();
        String::from_utf8_lossy(&output.expect("curl").stdout).into_owned()
    };
    assert_eq!(ask("https://sts.googleapis.com/"), "404 200");
    assert_eq!(google.lines(), ["GET sts.googleapis.com/"]);
    assert_eq!(ask("https://example.com/"), "000 403");
    assert_eq!(google.proxy().refused(), ["CONNECT example.com"]);
    let tunnels = ["sts.googleapis.com:443", "example.com:443"];
    assert_eq!(google.proxy().connects(), tunnels);
}

// ---------------------------------------------------------- oidc-provider

#[test]
fn a_certified_server_can_do_the_work() {
    let provider = needs!(OidcProvider::start(&oidc_provider::Options {
        issuer: Some("https://accounts.google.com".into()),
        clients: vec![Client::native(
            DESKTOP_CLIENT,
            Proof::Form(DESKTOP_SECRET),
            &["http://127.0.0.1/"],
        )],
        account: USER,
        ..oidc_provider::Options::default()
    }));
    let google = Google::start(Options {
        oauth_server: Some(provider.origin().to_owned()),
        ..Options::default()
    });
    needs!(install::program("curl", "curl"));
    let loopback = testkit::http::Server::start(|_| Response::text(200, "done\n"));
    let redirect = format!("{}/", loopback.origin());
    let browse = |challenge: &str| {
        loopback.clear();
        let mut browser = client(&google.curl_browser(), &google);
        stdout(browser.arg(authorization_url(challenge, &redirect)));
        let request = loopback.requests().pop().expect("a redirect");
        assert_eq!(request.query("state").as_deref(), Some("a state"));
        request
    };
    let code = browse(&challenge()).query("code").expect("a code");
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", DESKTOP_CLIENT),
        ("client_secret", DESKTOP_SECRET),
        ("redirect_uri", &redirect),
        ("code", &code),
        ("code_verifier", VERIFIER),
    ];
    let (status, answer) = google.ask_token(&form);
    assert_eq!(status, 200, "{answer}\n{}", provider.log());
    let person = claims(answer["id_token"].as_str().expect("a token"));
    assert_eq!(person["iss"], "https://accounts.google.com");
    assert_eq!(
        (&person["nonce"], &person["email"]),
        (&json!("a nonce"), &json!(USER))
    );
    let first = answer["refresh_token"].as_str().expect("a token");
    let (_, answer) = refresh(&google, first);
    let token = answer["id_token"].as_str().expect("a token");
    assert_eq!(claims(token)["aud"], IAP_CLIENT);
    assert_eq!(iap(&google, "Authorization", token).status, 200);
    // The old one again: refused, and the grant is dead.
    let second = answer["refresh_token"].as_str().expect("a token");
    assert_eq!(refresh(&google, first).1["error"], "invalid_grant");
    assert_eq!(refresh(&google, second).1["error"], "invalid_grant");
    // A verifier of another challenge.
    let code = browse(OTHER_CHALLENGE).query("code").expect("a code");
    let wrong = form.map(|(name, value)| (name, if name == "code" { &*code } else { value }));
    assert_eq!(google.ask_token(&wrong).1["error"], "invalid_grant");
}
