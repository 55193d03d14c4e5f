//! Beside the kfp SDK: a person's login and its renewal.

use super::*;

const DESKTOP_KEYS: &str = ", other-client-id: 100-desktop.apps.googleusercontent.com, \
    other-client-secret: { env: DESKTOP_SECRET }";

/// Compares the renewal of the login that `credentials.json` keeps.
#[track_caller]
fn a_login_is_renewed(python: &Path, listed: &[&[Difference]]) {
    let google = Google::default();
    let kept = files::kfp_credentials(&google.refresh_token(USER));
    let folder = google.folder().join(".config/kfp");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("credentials.json"), &kept).expect("a file");
    let (said, questions) = sdk(python, &google, ["", ""]);
    assert!(said.contains("2 experiments") && questions == 0, "{said}");
    let theirs = asked(&google);
    let ours = Ours::new(&google).iap("");
    ours.sandbox.file(".config/kfp/credentials.json", &kept);
    compare(ours.get(), theirs, listed);
}

/// Compares a person's login: the page that the browser is sent to, and what comes after.
#[track_caller]
fn a_person_logs_in(python: &Path, listed: &[&[Difference]]) {
    let google = Google::default();
    let (said, questions) = sdk(python, &google, [DESKTOP_CLIENT, DESKTOP_SECRET]);
    assert!(said.contains("2 experiments") && questions == 1, "{said}");
    let url = |text: &str| -> String {
        let mut lines = text.lines();
        let url = lines.find(|line| line.starts_with("https://accounts.google.com/"));
        url.expect("a URL").trim().to_owned()
    };
    let mut theirs = vec![Asked::page(&url(&said))];
    theirs.extend(asked(&google));

    let ours = Ours::new(&google).iap(DESKTOP_KEYS);
    let browser = google.curl_browser();
    ours.sandbox.env("BROWSER", &browser.to_string_lossy());
    let done = ours.sandbox.run(&["login", "--context", "google"]);
    let done = done.assert_success().assert_says("Logged in");
    let page = Asked::page(&url(&done.stderr));
    let mut rest = asked(&google);
    assert_eq!(rest.remove(0).line, page.line, "the browser's own request");
    rest.insert(0, page);
    compare(rest, theirs, listed);
}

// Where the two ask the endpoint for different things, only how they ask is compared: the kind of
// the token above all.

const LISTS: &str = "the SDK lists experiments, where we try the token";
const API_CLIENT: [Difference; 4] = [
    of_any(
        "header accept-encoding",
        "gzip",
        "identity",
        "two HTTP libraries",
    ),
    of_any(
        "header content-type",
        NONE,
        "application/json",
        "a GET has no content",
    ),
    of_any(
        "header user-agent",
        OUR_AGENT,
        "OpenAPI-Generator/N/python",
        "each says who it is",
    ),
    of_any("query page_size", NONE, "10", LISTS),
];
const HEALTH: &str = "/pipeline/apis/v2beta1/healthz";
const LISTS_2: [Difference; 4] = [
    of_any("path", HEALTH, "/pipeline/apis/v2beta1/experiments", LISTS),
    of_any("query namespace", NONE, "team-a", LISTS),
    of_any("query page_token", NONE, "", LISTS),
    of_any("query sort_by", NONE, "", LISTS),
];
const LISTS_1: [Difference; 5] = [
    of_any("path", HEALTH, "/pipeline/apis/v1beta1/experiments", LISTS),
    of_any("query resource_reference_key.id", NONE, "team-a", LISTS),
    of_any(
        "query resource_reference_key.type",
        NONE,
        "NAMESPACE",
        LISTS,
    ),
    of_any("query page_token", NONE, "", LISTS),
    of_any("query sort_by", NONE, "", LISTS),
];

const DISCOVERED: &str = "the token endpoint of accounts.google.com/.well-known/openid-configuration; theirs is an alias of old";
const TOKEN_ENDPOINT: [Difference; 2] = [
    of_any(
        "host",
        "oauth2.googleapis.com",
        "www.googleapis.com",
        DISCOVERED,
    ),
    of_any("path", "/token", "/oauth2/v4/token", DISCOVERED),
];

const PKCE: &str = "PKCE (RFC 7636), which RFC 8252 section 8.1 wants of every native application";
const LOOPBACK: &str = "a free port in place of a fixed one; the address, as localhost may be another (RFC 8252 section 8.3)";
const LOGIN: [Difference; 7] = [
    of(0, "query code_challenge", "(43 characters)", NONE, PKCE),
    of(0, "query code_challenge_method", "S256", NONE, PKCE),
    of(1, "form code_verifier", "(43 characters)", NONE, PKCE),
    of(
        0,
        "query state",
        "(22 characters)",
        NONE,
        "the answer must be that to our own question (RFC 6749 section 10.12)",
    ),
    of(
        0,
        "query nonce",
        "(22 characters)",
        NONE,
        "the ID token must be the answer to this login (OpenID Connect Core 3.1.2.1)",
    ),
    of(
        0,
        "query redirect_uri",
        "http://127.0.0.1:(free port)",
        "http://localhost:9901",
        LOOPBACK,
    ),
    of(
        1,
        "form redirect_uri",
        "http://127.0.0.1:(free port)",
        "http://localhost:9901",
        LOOPBACK,
    ),
];

const SDK_2: [&[Difference]; 4] = [&REQUESTS, &TOKEN_ENDPOINT, &API_CLIENT, &LISTS_2];
const SDK_1: [&[Difference]; 4] = [&REQUESTS, &TOKEN_ENDPOINT, &API_CLIENT, &LISTS_1];

#[test]
fn kfp_2_renews_a_login() {
    a_login_is_renewed(&needs!(python::kfp()), &SDK_2);
}

#[test]
fn kfp_1_renews_a_login() {
    a_login_is_renewed(&needs!(python::kfp1()), &SDK_1);
}

#[test]
fn kfp_2_logs_a_person_in() {
    let listed = [&SDK_2[..], &[&LOGIN]].concat();
    a_person_logs_in(&needs!(python::kfp()), &listed);
}

#[test]
fn kfp_1_logs_a_person_in() {
    let listed = [&SDK_1[..], &[&LOGIN]].concat();
    a_person_logs_in(&needs!(python::kfp1()), &listed);
}
