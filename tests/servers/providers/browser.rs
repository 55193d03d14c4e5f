//! A person in a real Chromium: at Dex's pages, at oidc-provider's, and at both where Dex asks the other one.

use std::process::Command;

use url::Url;

use testkit::google::jwt::claims;
use testkit::http::{self, Response, Server};
use testkit::peers::chromium::{Chromium, Page, Person};
use testkit::peers::dex::{self, Account};
use testkit::peers::needs;
use testkit::peers::oidc_provider::{self, Client, OidcProvider, Pages, Proof};
use testkit::peers::stock_door::{
    CLIENT_ID, DEVICE_CODE, Options, SingleSignOn, StockDoor, VERIFIER,
};

const SCOPE: &str = "openid email profile offline_access";

/// Is a client's own page, to which the browser is sent back.
fn client() -> Server {
    Server::start(|_| Response::html(200, "<!doctype html><title>A client</title><p>Done.</p>"))
}

/// Asserts that the page is the client's, and returns the code that came to it.
#[track_caller]
fn code(client: &Server, page: &Page) -> String {
    assert_eq!(
        (page.title.as_str(), page.text.as_str()),
        ("A client", "Done."),
        "{page:?}"
    );
    assert!(page.url.starts_with(&client.origin()), "{page:?}");
    let url = Url::parse(&page.url).expect("an address");
    let mut pairs = url.query_pairs();
    let code = pairs.find(|(name, _)| name == "code").expect("a code").1;
    // A favicon is no second redirect.
    let came = client.requests().into_iter();
    let codes: Vec<_> = came.filter_map(|request| request.query("code")).collect();
    assert_eq!(codes, [code.as_ref()]);
    code.into_owned()
}

#[track_caller]
fn email(door: &StockDoor, redirect: &str, code: &str) -> String {
    let answer = door.token(&[
        ("grant_type", "authorization_code"),
        ("client_id", CLIENT_ID),
        ("redirect_uri", redirect),
        ("code", code),
        ("code_verifier", VERIFIER),
    ]);
    assert_eq!(answer.status, 200, "{}\n{}", answer.words(), door.logs());
    let token = answer.document()["id_token"].clone();
    let claims = claims(token.as_str().expect("a token")).expect("a JWT");
    claims["email"].as_str().expect("an email").to_owned()
}

#[test]
fn a_person_logs_in_and_approves_at_a_stock_kubeflow() {
    let mut options = Options::default();
    options.dex.approval = true;
    let door = needs!(StockDoor::start(options));
    let person = needs!(Person::start(dex::ODD));
    let client = client();
    let redirect = format!("{}/callback", client.origin());
    // As a program opens it.
    let url = door.authorization_url(CLIENT_ID, &redirect, SCOPE);
    let opened = Command::new(person.program()).arg(url).status();
    assert!(opened.expect("a browser").success());
    let code = code(&client, &person.page(1));
    assert_eq!(email(&door, &redirect, &code), dex::ODD.email);
}

#[test]
fn a_wrong_password_ends_at_the_form() {
    let door = needs!(StockDoor::stock());
    let browser = needs!(Chromium::start());
    let client = client();
    let url = door.authorization_url(CLIENT_ID, &client.origin(), SCOPE);
    let wrong = Account {
        password: "wrong",
        ..dex::USER
    };
    let page = browser.log_in(&url, wrong);
    assert!(
        page.text.contains("Invalid Email Address and password"),
        "{page:?}"
    );
    assert!(client.requests().is_empty());
}

#[test]
fn a_person_lets_a_device_in() {
    let door = needs!(StockDoor::stock());
    let browser = needs!(Chromium::start());
    let fields = [("client_id", CLIENT_ID), ("scope", SCOPE)];
    let started = http::post(&format!("{}/device/code", door.base()), &fields, &[]).document();
    let user_code = started["user_code"].as_str().expect("a code");
    let url = format!("{}/device?user_code={user_code}", door.base());
    let page = browser.log_in(&url, dex::USER);
    assert!(page.text.contains("Login Successful"), "{page:?}");
    let answer = door.token(&[
        ("grant_type", DEVICE_CODE),
        ("client_id", CLIENT_ID),
        (
            "device_code",
            started["device_code"].as_str().expect("a code"),
        ),
    ]);
    assert_eq!(answer.status, 200, "{}", answer.words());
}

#[test]
fn the_pages_of_oidc_provider_are_understood() {
    let client = client();
    let redirect = format!("{}/callback", client.origin());
    let provider = needs!(OidcProvider::start(&oidc_provider::Options {
        clients: vec![Client::native(
            "public",
            Proof::None,
            &["http://127.0.0.1/callback"]
        )],
        pages: Pages::Own,
        pkce: false,
        ..oidc_provider::Options::default()
    }));
    let browser = needs!(Chromium::start());
    let mut url = Url::parse(&format!("{}/o/oauth2/v2/auth", provider.origin())).expect("a URL");
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", "public")
        .append_pair("redirect_uri", &redirect)
        .append_pair("scope", "openid email")
        .append_pair("code_challenge", &testkit::peers::stock_door::challenge())
        .append_pair("code_challenge_method", "S256");
    let page = browser.log_in(url.as_str(), dex::USER);
    code(&client, &page);

    let fields = [("client_id", "public"), ("scope", "openid")];
    let started = http::post(&format!("{}/device/auth", provider.origin()), &fields, &[]);
    let complete = started.document()["verification_uri_complete"].clone();
    let page = browser.log_in(complete.as_str().expect("a URL"), dex::USER);
    assert_eq!(page.title, "Sign-in Success", "{page:?}");
}

#[test]
fn dex_sends_the_person_on_to_another_provider() {
    let sso = needs!(SingleSignOn::start());
    let door = &sso.door;
    let client = client();
    let redirect = format!("{}/callback", client.origin());
    let browser = needs!(Chromium::start());
    let url = door.authorization_url(CLIENT_ID, &redirect, SCOPE);
    let page = browser.log_in(&url, dex::USER);
    let code = code(&client, &page);
    assert_eq!(email(door, &redirect, &code), dex::USER.email);
}
