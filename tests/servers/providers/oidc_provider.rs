//! oidc-provider (npm), a certified server: what it wants of a client, and what it says to a wrong one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use testkit::ec_key::EcKey;
use testkit::google::jwt::{ACCOUNT, claims, now};
use testkit::http::{self, Request, Response, Server};
use testkit::oauth::{CLIENT_ASSERTION, DEVICE_CODE, VERIFIER, challenge};
use testkit::peers::curl::Curl;
use testkit::peers::oidc_provider::{Client, OidcProvider, Options, Pages, Proof};
use testkit::peers::{install, needs};

const SECRET: &str = "a secret: with + and %";

/// Is a server with a place to which a browser is sent back.
struct Stage {
    provider: OidcProvider,
    loopback: Server,
}

impl Stage {
    fn start(options: &Options) -> testkit::peers::Found<Self> {
        install::program("curl", "curl")?;
        let loopback = Server::start(|_| Response::text(200, "done\n"));
        let provider = OidcProvider::start(options)?;
        Ok(Self { provider, loopback })
    }

    fn redirect(&self) -> String {
        format!("{}/callback", self.loopback.origin())
    }

    fn endpoint(&self, name: &str) -> String {
        let discovery = format!(
            "{}/.well-known/openid-configuration",
            self.provider.origin()
        );
        let discovery = http::get(&discovery, &[]).document();
        let endpoint = discovery[name].as_str();
        endpoint
            .unwrap_or_else(|| panic!("{name}: {discovery}"))
            .to_owned()
    }

    /// Goes to the authorization endpoint as a browser, and returns what came back by the redirect.
    #[track_caller]
    fn browse(&self, client: &str, more: &[(&str, &str)]) -> Request {
        let mut url = url::Url::parse(&self.endpoint("authorization_endpoint")).expect("a URL");
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", client)
            .append_pair("redirect_uri", &self.redirect())
            .append_pair("state", "a state")
            .extend_pairs(more);
        self.loopback.clear();
        let curl = Curl::new(None);
        let page = curl.follow(curl.get(url.as_str()));
        let came = self.loopback.requests().pop();
        came.unwrap_or_else(|| panic!("{} {}\n{}", page.status, page.body, self.provider.log()))
    }

    /// Logs in with PKCE, and returns the code.
    #[track_caller]
    fn code(&self, client: &str, scope: &str, more: &[(&str, &str)]) -> String {
        let challenge = challenge();
        let own = [
            ("scope", scope),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        let came = self.browse(client, &[&own, more].concat());
        came.query("code")
            .unwrap_or_else(|| panic!("{}", came.target))
    }

    fn token(&self, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> Response {
        http::post(&self.endpoint("token_endpoint"), fields, headers)
    }

    /// Exchanges a code of the client `public`.
    fn exchange(&self, code: &str, more: &[(&str, &str)]) -> Response {
        let redirect = self.redirect();
        let own = [
            ("grant_type", "authorization_code"),
            ("client_id", "public"),
            ("redirect_uri", &redirect),
            ("code", code),
            ("code_verifier", VERIFIER),
        ];
        self.token(&[&own, more].concat(), &[])
    }

    fn refresh(&self, token: &str) -> Response {
        let fields = [
            ("grant_type", "refresh_token"),
            ("client_id", "public"),
            ("refresh_token", token),
        ];
        self.token(&fields, &[])
    }
}

fn public() -> Client {
    Client::native("public", Proof::None, &["http://127.0.0.1/callback"])
}

fn with_public() -> Options {
    Options {
        clients: vec![public()],
        ..Options::default()
    }
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

// -------------------------------------------------------------------- code

#[test]
fn the_callback_names_the_issuer_and_pkce_is_wanted() {
    let stage = needs!(Stage::start(&with_public()));
    let issuer = stage.provider.issuer().to_owned();
    let came = stage.browse("public", &[("scope", "openid")]);
    assert_eq!(came.query("error").as_deref(), Some("invalid_request"));
    assert_eq!(came.query("iss"), Some(issuer.clone()));
    let plain = [("scope", "openid"), ("code_challenge", VERIFIER)];
    let came = stage.browse(
        "public",
        &[&plain[..], &[("code_challenge_method", "plain")]].concat(),
    );
    assert_eq!(came.query("error").as_deref(), Some("invalid_request"));

    let code = stage.code("public", "openid email", &[("nonce", "a nonce")]);
    let came = stage.loopback.requests().pop().expect("a redirect");
    assert_eq!(came.query("iss"), Some(issuer.clone()));
    assert_eq!(came.query("state").as_deref(), Some("a state"));
    let answer = good(&stage.exchange(&code, &[]));
    let token = claims(answer["id_token"].as_str().expect("a token")).expect("a JWT");
    assert_eq!(
        (&token["iss"], &token["aud"]),
        (&json!(issuer), &json!("public"))
    );
    assert_eq!(
        (&token["nonce"], &token["email"]),
        (&json!("a nonce"), &json!("ada@example.com"))
    );

    // A code that comes again ends what it has given.
    let refresh_token = answer["refresh_token"].as_str().expect("a token");
    assert_refused(&stage.exchange(&code, &[]), 400, "invalid_grant");
    assert_refused(&stage.refresh(refresh_token), 400, "invalid_grant");
}

#[test]
fn an_unknown_scope_is_left_out_and_a_person_may_be_wanted() {
    let stage = needs!(Stage::start(&with_public()));
    let code = stage.code("public", "openid groups", &[]);
    assert_eq!(good(&stage.exchange(&code, &[]))["scope"], "openid");
    let challenge = challenge();
    let came = stage.browse(
        "public",
        &[
            ("scope", "openid"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("prompt", "none"),
        ],
    );
    assert_eq!(came.query("error").as_deref(), Some("login_required"));
}

#[test]
fn a_redirect_may_have_to_be_exact() {
    let exact = Client {
        exact_redirects: true,
        redirect_uris: vec!["http://127.0.0.1:8000/callback".into()],
        ..public()
    };
    let stage = needs!(Stage::start(&Options {
        clients: vec![exact],
        ..Options::default()
    }));
    let ask = |redirect: &str| {
        let mut url = url::Url::parse(&stage.endpoint("authorization_endpoint")).expect("a URL");
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", "public")
            .append_pair("redirect_uri", redirect);
        http::get(url.as_str(), &[])
    };
    let refused = ask("http://127.0.0.1:8001/callback");
    assert_eq!(refused.status, 400);
    assert!(
        refused.words().contains("redirect_uri"),
        "{}",
        refused.words()
    );
    // Here it is told by the redirect itself what else is missing.
    assert_eq!(ask("http://127.0.0.1:8000/callback").status, 303);
}

#[test]
fn refresh_tokens_are_replaced_and_a_dead_one_ends_the_login() {
    let stage = needs!(Stage::start(&with_public()));
    let code = stage.code("public", "openid", &[]);
    let answer = good(&stage.exchange(&code, &[]));
    let first = answer["refresh_token"]
        .as_str()
        .expect("a token")
        .to_owned();
    let answer = good(&stage.refresh(&first));
    let second = answer["refresh_token"].as_str().expect("a token");
    assert_refused(&stage.refresh(&first), 400, "invalid_grant");
    assert_refused(&stage.refresh(second), 400, "invalid_grant");

    let stage = needs!(Stage::start(&Options {
        rotation: false,
        ..with_public()
    }));
    let code = stage.code("public", "openid", &[]);
    let answer = good(&stage.exchange(&code, &[]));
    let token = answer["refresh_token"].as_str().expect("a token");
    for _ in 0..2 {
        assert_eq!(good(&stage.refresh(token))["refresh_token"], token);
    }
}

#[test]
fn offline_access_may_have_to_be_asked_for_with_consent() {
    let stage = needs!(Stage::start(&Options {
        offline_access: true,
        ..with_public()
    }));
    let with = |scope: &str, more: &[(&str, &str)]| {
        let code = stage.code("public", scope, more);
        good(&stage.exchange(&code, &[]))
            .get("refresh_token")
            .is_some()
    };
    assert!(!with("openid", &[]));
    assert!(!with("openid offline_access", &[]));
    assert!(with("openid offline_access", &[("prompt", "consent")]));
}

// ----------------------------------------------------------------- clients

#[test]
fn a_client_proves_itself_in_its_own_way() {
    let key = EcKey::generate();
    let client = |id, proof| Client::native(id, proof, &[]);
    let stage = needs!(Stage::start(&Options {
        clients: vec![
            client("basic", Proof::Basic(SECRET)),
            client("form", Proof::Form(SECRET)),
            client("rsa", Proof::Key(ACCOUNT.jwk())),
            client("ec", Proof::Key(key.jwk())),
        ],
        ..Options::default()
    }));
    let grant = ("grant_type", "client_credentials");
    let basic = |id: &str, secret: &str| {
        let encoded = |text: &str| -> String {
            url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
        };
        // RFC 6749 section 2.3.1: both are encoded as in a form before.
        let pair = STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret)));
        let header = format!("Basic {pair}");
        stage.token(&[grant], &[("Authorization", &header)])
    };
    let form = |id: &str, secret: &str| {
        stage.token(&[grant, ("client_id", id), ("client_secret", secret)], &[])
    };
    let token = good(&basic("basic", SECRET));
    assert_eq!(
        (&token["token_type"], token.get("refresh_token")),
        (&json!("Bearer"), None)
    );
    good(&form("form", SECRET));
    // It does not matter which of the two was registered: Hydra is stricter.
    good(&basic("form", SECRET));
    good(&form("basic", SECRET));
    let wrong = basic("basic", "wrong");
    assert_refused(&wrong, 401, "invalid_client");
    let challenge = wrong.find("www-authenticate").unwrap_or_default();
    assert!(challenge.starts_with("Basic "), "{challenge}");
    assert_refused(&form("form", "wrong"), 401, "invalid_client");
    assert_refused(&form("rsa", SECRET), 401, "invalid_client");

    let issuer = stage.provider.issuer();
    let assertion = |id: &str, audience: &str, sign: &dyn Fn(&Value) -> String| {
        let jti: String = format!("{id} {audience} {}", sign(&json!({})).len());
        let assertion = sign(&json!({
            "iss": id, "sub": id, "aud": audience, "jti": jti, "iat": now(), "exp": now() + 60,
        }));
        stage.token(
            &[
                grant,
                ("client_id", id),
                ("client_assertion_type", CLIENT_ASSERTION),
                ("client_assertion", &assertion),
            ],
            &[],
        )
    };
    good(&assertion("rsa", issuer, &|claims| ACCOUNT.sign(claims)));
    good(&assertion("ec", issuer, &|claims| key.sign(claims)));
    let token_endpoint = stage.endpoint("token_endpoint");
    good(&assertion("ec", &token_endpoint, &|claims| {
        key.sign(claims)
    }));
    // One is good once; another's key; another's audience.
    let replayed = assertion("ec", issuer, &|claims| key.sign(claims));
    assert_refused(&replayed, 401, "invalid_client");
    let other = EcKey::generate();
    let forged = assertion("ec", "https://a.example", &|claims| other.sign(claims));
    assert_refused(&forged, 401, "invalid_client");
    let elsewhere = assertion("ec", "https://b.example", &|claims| key.sign(claims));
    assert_refused(&elsewhere, 401, "invalid_client");
}

#[test]
fn a_resource_becomes_the_audience() {
    const RESOURCE: &str = "https://kubeflow.example.com/";
    let confidential = Client::native("form", Proof::Form(SECRET), &[]);
    let stage = needs!(Stage::start(&Options {
        clients: vec![public(), confidential],
        resources: vec![(RESOURCE, "pipelines")],
        ..Options::default()
    }));
    let ask = |resource: &str| {
        stage.token(
            &[
                ("grant_type", "client_credentials"),
                ("client_id", "form"),
                ("client_secret", SECRET),
                ("resource", resource),
                ("scope", "pipelines"),
            ],
            &[],
        )
    };
    let answer = good(&ask(RESOURCE));
    let token = claims(answer["access_token"].as_str().expect("a token")).expect("a JWT");
    assert_eq!(
        (&token["aud"], &token["sub"]),
        (&json!(RESOURCE), &json!("form"))
    );
    assert_eq!(
        (&token["scope"], token.get("email")),
        (&json!("pipelines"), None)
    );
    assert_refused(&ask("https://other.example.com/"), 400, "invalid_target");

    let resource = [("resource", RESOURCE)];
    let code = stage.code("public", "openid pipelines", &resource);
    let answer = good(&stage.exchange(&code, &resource));
    let token = claims(answer["access_token"].as_str().expect("a token")).expect("a JWT");
    assert_eq!(
        (&token["aud"], &token["sub"]),
        (&json!(RESOURCE), &json!("ada@example.com"))
    );
}

// ------------------------------------------------------------------ device

#[test]
fn a_device_waits_for_a_person_and_is_told_to_slow_down() {
    let stage = needs!(Stage::start(&Options {
        interval: Some(1),
        ..with_public()
    }));
    let fields = [("client_id", "public"), ("scope", "openid email")];
    let endpoint = stage.endpoint("device_authorization_endpoint");
    let started = good(&http::post(&endpoint, &fields, &[]));
    assert_eq!(
        (&started["interval"], &started["expires_in"]),
        (&json!(1), &json!(600))
    );
    let poll = || {
        let code = started["device_code"].as_str().expect("a code");
        let fields = [
            ("grant_type", DEVICE_CODE),
            ("client_id", "public"),
            ("device_code", code),
        ];
        stage.token(&fields, &[])
    };
    assert_refused(&poll(), 400, "authorization_pending");
    assert_refused(&poll(), 400, "slow_down");

    // The person: two forms, each with a hidden field against forgery, then the login.
    let page = start_with_code(&started);
    assert!(
        page.contains("Sign-in Success"),
        "{page}\n{}",
        stage.provider.log()
    );
    // The interval is six seconds by now.
    std::thread::sleep(std::time::Duration::from_millis(6100));
    let answer = good(&poll());
    let token = claims(answer["id_token"].as_str().expect("a token")).expect("a JWT");
    assert_eq!(token["email"], "ada@example.com");
}

/// Opens the address with the code in it, and says yes.
fn start_with_code(started: &Value) -> String {
    let curl = Curl::new(None);
    let complete = started["verification_uri_complete"]
        .as_str()
        .expect("a URL");
    let mut page = curl.get(complete);
    let user_code = started["user_code"].as_str().expect("a code");
    // The first one is sent by a script of the page.
    for more in [vec![], vec![("confirm", "yes")]] {
        let xsrf = page
            .body
            .split("name=\"xsrf\" value=\"")
            .nth(1)
            .expect("a field");
        let xsrf = xsrf.split('"').next().expect("a value");
        let fields = [vec![("xsrf", xsrf), ("user_code", user_code)], more].concat();
        let action = page.url.join("/device").expect("an address");
        page = curl.post(action.as_str(), &fields);
    }
    curl.follow(page).body
}

#[test]
fn a_server_need_not_tell_an_interval() {
    let stage = needs!(Stage::start(&with_public()));
    let endpoint = stage.endpoint("device_authorization_endpoint");
    let fields = [("client_id", "public"), ("scope", "openid")];
    assert_eq!(
        good(&http::post(&endpoint, &fields, &[])).get("interval"),
        None
    );
    let unknown = [("client_id", "nobody"), ("scope", "openid")];
    let refused = http::post(&endpoint, &unknown, &[]);
    assert_refused(&refused, 401, "invalid_client");
}

// ------------------------------------------------------------------ logout

#[test]
fn a_token_can_be_revoked_and_a_session_ended() {
    let after = "http://127.0.0.1/after";
    let stage = needs!(Stage::start(&Options {
        clients: vec![Client {
            after_logout: vec![after.into()],
            ..public()
        }],
        ..Options::default()
    }));
    let code = stage.code("public", "openid", &[]);
    let answer = good(&stage.exchange(&code, &[]));
    let token = answer["refresh_token"].as_str().expect("a token");
    let revoke = |token: &str| {
        let endpoint = stage.endpoint("revocation_endpoint");
        http::post(&endpoint, &[("client_id", "public"), ("token", token)], &[])
    };
    assert_eq!(revoke(token).status, 200);
    assert_refused(&stage.refresh(token), 400, "invalid_grant");
    assert_eq!(revoke("unknown").status, 200);

    let mut url = url::Url::parse(&stage.endpoint("end_session_endpoint")).expect("a URL");
    let hint = answer["id_token"].as_str().expect("a token");
    url.query_pairs_mut()
        .append_pair("id_token_hint", hint)
        .append_pair("post_logout_redirect_uri", after);
    let page = http::get(url.as_str(), &[]);
    assert_eq!(page.status, 200, "{}", page.words());
    // Nobody is logged in at this "browser": the page sends its form by itself.
    assert!(
        page.words().contains("/session/end/confirm"),
        "{}",
        page.words()
    );
}

#[test]
fn the_package_has_pages_of_its_own() {
    let stage = needs!(Stage::start(&Options {
        pages: Pages::Own,
        ..with_public()
    }));
    let challenge = challenge();
    let mut url = url::Url::parse(&stage.endpoint("authorization_endpoint")).expect("a URL");
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", "public")
        .append_pair("redirect_uri", &stage.redirect())
        .append_pair("scope", "openid email")
        .append_pair("code_challenge", &challenge)
        .append_pair("code_challenge_method", "S256");
    let curl = Curl::new(None);
    let form = curl.follow(curl.get(url.as_str()));
    assert!(form.body.contains("name=\"password\""), "{}", form.body);
    let fields = [
        ("prompt", "login"),
        ("login", "eve@example.com"),
        ("password", "any"),
    ];
    let consent = curl.follow(curl.post(form.url.as_str(), &fields));
    assert!(
        consent.body.contains("value=\"consent\""),
        "{}",
        consent.body
    );
    curl.follow(curl.post(consent.url.as_str(), &[("prompt", "consent")]));
    let came = stage.loopback.requests().pop().expect("a redirect");
    let code = came.query("code").expect("a code");
    let answer = good(&stage.exchange(&code, &[]));
    let token = claims(answer["id_token"].as_str().expect("a token")).expect("a JWT");
    assert_eq!(token["email"], "eve@example.com");
}
