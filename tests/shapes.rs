//! Front doors of every shape, and servers that are broken or hostile, met by the real binary.
//!
//! The rule that most of these hold up: the password goes to Dex's own form on the endpoint's own
//! origin, over a way that nobody can listen on, and to nobody else.

mod support;

use std::io::{Read as _, Write as _};
use std::time::Duration;

use serde_json::Value;

use support::front_door::{FrontDoor, Options, PASSWORD, RelyingParty, USER, WrongPassword};
use support::http::{Request, Response, Server, TestCa, forward};
use support::kfp_api;
use support::sandbox::{Output, Run, Sandbox};

const SESSION: &str = "oauth2_proxy_kubeflow";

// ------------------------------------------------------ real servers' shapes

#[test]
fn a_form_of_before_dex_2_29_is_filled_in() {
    let home = home();
    let door = FrontDoor::start(Options {
        old_dex: true,
        sign_in_page: false,
        ..Options::default()
    });
    let output = get(&home, &door.endpoint()).run().assert_success();
    assert_opens(&door.origin(), &output);
    assert_eq!(
        door.server.hops(),
        [
            "GET /pipeline 302",
            "GET /dex/auth 302",
            "GET /dex/auth/local 200",
            "POST /dex/auth/local 303",
            "GET /dex/approval 303",
            "GET /oauth2/callback 302",
            "GET /pipeline 200",
            "GET /pipeline/apis/v2beta1/healthz 200",
            "GET /echo 200",
        ]
    );
}

#[test]
fn a_wrong_password_is_told_in_dexs_words_by_old_and_new_dex() {
    for wrong_password in [WrongPassword::Old200, WrongPassword::New401] {
        let home = home();
        let wrong = home.secret("not the password");
        let door = FrontDoor::start(Options {
            wrong_password,
            ..Options::default()
        });
        get(&home, &door.endpoint())
            .env("KFP_CREDENTIAL_PASSWORD", &wrong)
            .run()
            .assert_error(5, "dex-login-rejected")
            .assert_says("Invalid Email Address and password.")
            .assert_says(USER);
        assert_eq!(posts(&door.server), 1, "{wrong_password:?}");
    }
}

#[test]
fn authservices_state_cookie_stays_behind() {
    let home = home();
    let door = FrontDoor::start(Options {
        relying_party: RelyingParty::Authservice,
        absolute_redirects: true,
        ..Options::default()
    });
    let output = get(&home, &door.endpoint()).run().assert_success();
    assert_eq!(cookie_names(&output), ["authservice_session"]);
    assert_eq!(expiry(&output), ("max-age".into(), 86_400));
    assert_opens(&door.origin(), &output);
    let hops = door.server.hops();
    assert!(
        hops.contains(&"GET /authservice/oidc/callback 302".to_owned()),
        "{hops:?}"
    );
}

#[test]
fn a_session_of_38000_years_is_cut_to_400_days() {
    let home = home();
    let door = altered(Options::default(), |_, response| {
        set_cookies(response, |line| {
            line.replace("Max-Age=86400", "Max-Age=1200000000000")
        });
    });
    let output = get(&home, &door.endpoint()).run().assert_success();
    assert_eq!(expiry(&output), ("max-age".into(), 400 * 86_400));
}

#[test]
fn an_expired_form_is_fetched_anew_once() {
    let home = home();
    let door = FrontDoor::start(Options {
        expired_form: true,
        ..Options::default()
    });
    let output = get(&home, &door.endpoint()).run().assert_success();
    assert_opens(&door.origin(), &output);
    assert_eq!((posts(&door.server), door.logins()), (2, 1));
}

#[test]
fn a_form_that_always_expires_is_given_up() {
    let home = home();
    let door = altered(Options::default(), |request, response| {
        if request.method == "POST" {
            *response = dex_error(400, "User session has expired.");
        }
    });
    get(&home, &door.endpoint())
        .run()
        .assert_error(5, "dex-refused")
        .assert_says("User session has expired.");
    assert_eq!(posts(&door.server), 2);
}

#[test]
fn a_cookie_without_age_gets_the_assumed_hour() {
    let home = home();
    let door = FrontDoor::start(Options {
        session_seconds: 0,
        ..Options::default()
    });
    let output = get(&home, &door.endpoint()).run().assert_success();
    assert_eq!(expiry(&output), ("assumed".into(), 3_600));
    assert!(output.json()["status"]["cookies"][0]["expires"].is_null());
}

#[test]
fn every_part_of_a_split_cookie_is_given() {
    let home = home();
    let door = FrontDoor::start(Options {
        split_cookie: true,
        ..Options::default()
    });
    let output = get(&home, &door.endpoint()).run().assert_success();
    let parts: Vec<String> = (0..4).map(|part| format!("{SESSION}_{part}")).collect();
    assert_eq!(cookie_names(&output), parts);
    assert!(cookie_header(&output).len() > 12_000);
    assert_opens(&door.origin(), &output);
}

#[test]
fn a_login_at_the_origin_gives_the_endpoint_below_pipeline() {
    let home = home();
    let door = FrontDoor::start(Options::default());
    let output = get(&home, &door.origin()).run().assert_success();
    assert_eq!(
        output.json()["status"]["kfp"]["endpoint"],
        door.endpoint().as_str()
    );
    assert_opens(&door.origin(), &output);
}

#[test]
fn an_odd_cookie_beside_the_session_does_no_harm() {
    let home = home();
    let door = altered(Options::default(), |request, response| {
        if request.path() == "/pipeline" {
            let odd = ["lang=français; Path=/", "=; Path=/", "no-equals-sign", ""];
            for line in odd {
                response
                    .headers
                    .push(("Set-Cookie".to_owned(), line.to_owned()));
            }
        }
    });
    let output = get(&home, &door.endpoint()).run().assert_success();
    assert!(cookie_names(&output).contains(&SESSION.to_owned()));
    assert_opens(&door.door.origin(), &output);
}

// --------------------------------------- where the password would go to others

#[test]
fn a_form_that_leads_to_another_origin_is_refused() {
    let thief = recorder();
    let action = format!("{}/dex/auth/local/login", thief.origin());
    let (home, door) = (home(), form_action(&action));
    get(&home, &door.endpoint())
        .run()
        .assert_error(5, "password-origin-refused")
        .assert_says(&thief.origin())
        .assert_says("the password was not sent");
    assert_no_password(&[&thief, &door.server]);
    assert!(thief.requests().is_empty());
}

#[test]
fn a_form_that_leads_to_another_path_is_refused() {
    for action in [
        "/collect",
        "/dex/auth/other/login",
        "/dex/auth/local/login/",
    ] {
        let (home, door) = (home(), form_action(action));
        get(&home, &door.endpoint())
            .run()
            .assert_error(5, "password-origin-refused")
            .assert_says(action);
        assert_no_password(&[&door.server]);
    }
}

#[test]
fn a_form_that_leads_down_to_plain_http_is_refused() {
    let ca = TestCa::generate();
    let hidden = FrontDoor::start(Options::default());
    let origin = hidden.origin();
    let server = Server::start_tls(&ca, &["127.0.0.1"], move |request| {
        let mut response = forward(request, &origin);
        if is_form(request) {
            let host = request.header("host").unwrap_or_default();
            let action = format!(
                "action=\"http://{host}{}",
                "/dex/auth/local/login?back=&amp;"
            );
            let page =
                text(&response).replace(r#"action="/dex/auth/local/login?back=&amp;"#, &action);
            response = Response::html(200, page);
        }
        response
    });
    let home = home();
    get(&home, &(server.origin() + "/pipeline"))
        .env("KFP_CREDENTIAL_CERTIFICATE_AUTHORITY", &ca_file(&home, &ca))
        .run()
        .assert_error(5, "password-origin-refused");
    assert_no_password(&[&server, &hidden.server]);
}

#[test]
fn a_login_form_at_the_authorization_endpoint_itself_is_not_dexs() {
    let server = Server::start(|request| {
        let auth = "/realms/team/protocol/openid-connect/auth";
        if request.path() == auth {
            return login_page(request.path());
        }
        Response::redirect(
            302,
            &format!("{auth}?client_id=a&redirect_uri=/cb&response_type=code&state=s"),
        )
    });
    let home = home();
    get(&home, &server.origin())
        .run()
        .assert_error(5, "login-not-understood")
        .assert_says("the password was not sent");
    assert_no_password(&[&server]);
}

#[test]
fn a_login_form_at_the_endpoint_itself_is_not_dexs() {
    for (status, exit, slug) in [
        (200, 5, "login-not-understood"),
        (401, 6, "endpoint-not-recognised"),
        (403, 6, "endpoint-not-recognised"),
    ] {
        let server = Server::start(move |request| {
            let mut page = login_page(request.path());
            page.status = status;
            page
        });
        let home = home();
        get(&home, &server.origin()).run().assert_error(exit, slug);
        assert_no_password(&[&server]);
        assert_eq!(posts(&server), 0);
    }
}

#[test]
fn a_dex_page_that_no_authorization_request_led_to_is_not_dexs() {
    let server = Server::start(|request| match request.path() {
        "/dex/auth/local/login" => login_page("/dex/auth/local/login"),
        _ => Response::redirect(302, "/dex/auth/local/login?back=&state=abc"),
    });
    let home = home();
    get(&home, &server.origin())
        .run()
        .assert_error(5, "login-not-understood");
    assert_no_password(&[&server]);
}

#[test]
fn dex_on_another_origin_sees_the_password_only_when_allowed() {
    let (front, dex) = door_with_dex_elsewhere();
    let endpoint = front.endpoint();
    let home = home();
    get(&home, &endpoint)
        .run()
        .assert_error(5, "password-origin-refused")
        .assert_says(&dex.origin())
        .assert_says("login-origins");
    assert_no_password(&[&front.server, &dex]);

    home.config(&format!(
        "apiVersion: kfp-credential/v1\nkind: Config\ncontexts:\n  - name: two-origins\n    \
         endpoint: {endpoint}\n    dex:\n      username: {USER}\n      login-origins: [\"{}\"]\n",
        dex.origin()
    ));
    let output = home
        .run(&["get", "--context", "two-origins"])
        .assert_success();
    assert_opens(&front.server.origin(), &output);
    assert!(
        dex.requests()
            .iter()
            .any(|request| request.contains(PASSWORD))
    );
}

#[test]
fn a_form_is_never_sent_a_second_time() {
    for status in [307, 308] {
        let other = recorder();
        let elsewhere = other.origin() + "/dex/auth/local/login";
        let door = altered(Options::default(), move |request, response| {
            if request.method == "POST" {
                *response = Response::redirect(status, &elsewhere);
            }
        });
        let home = home();
        get(&home, &door.endpoint())
            .run()
            .assert_error(5, "redirect-refused")
            .assert_says(&status.to_string());
        assert!(other.requests().is_empty());
        assert_eq!(posts(&door.server), 1);
    }
}

#[test]
fn a_redirect_after_the_form_carries_no_password() {
    let other = recorder();
    let elsewhere = other.origin() + "/stolen";
    let door = altered(Options::default(), move |request, response| {
        if request.method == "POST" {
            *response = Response::redirect(303, &elsewhere);
        }
    });
    let home = home();
    let output = get(&home, &door.endpoint()).run();
    assert_eq!(
        (output.status, output.stdout.as_str()),
        (5, ""),
        "{}",
        output.shown()
    );
    assert_no_password(&[&other]);
    assert!(
        other
            .requests()
            .iter()
            .all(|request| request.method == "GET")
    );
}

#[test]
fn a_step_down_from_https_to_http_is_refused() {
    let ca = TestCa::generate();
    let plain = recorder();
    let down = plain.origin();
    let server = Server::start_tls(&ca, &["127.0.0.1"], move |_| Response::redirect(302, &down));
    let home = home();
    get(&home, &server.origin())
        .env("KFP_CREDENTIAL_CERTIFICATE_AUTHORITY", &ca_file(&home, &ca))
        .run()
        .assert_error(5, "redirect-refused")
        .assert_says("https down to http");
    assert!(plain.requests().is_empty());
}

#[test]
fn a_circle_of_redirects_ends_after_twenty() {
    let server = Server::start(|request| {
        let count: u32 = request.path().trim_matches('/').parse().unwrap_or(0);
        Response::redirect(302, &format!("/{}", count + 1))
    });
    let home = home();
    get(&home, &server.origin())
        .run()
        .assert_error(5, "redirect-refused")
        .assert_says("20");
    assert_eq!(server.requests().len(), 21);
}

#[test]
fn a_redirect_out_of_http_is_refused() {
    for target in [
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "javascript:alert(1)",
        "http://",
        "http://[",
    ] {
        let server = Server::start(|_| Response::redirect(302, target));
        let home = home();
        get(&home, &server.origin())
            .run()
            .assert_error(5, "redirect-refused");
        assert_eq!(server.requests().len(), 1, "{target}");
    }
}

#[test]
fn plain_http_to_another_machine_needs_leave() {
    let door = FrontDoor::start(Options::default());
    let proxy = proxy_to(&door);
    let home = home();
    home.env("KFP_CREDENTIAL_PROXY_URL", &proxy.origin());
    let endpoint = "http://kf.example.com/pipeline";
    get(&home, endpoint)
        .run()
        .assert_error(3, "config-insecure-http")
        .assert_says("--allow-insecure-http");
    assert_no_password(&[&proxy, &door.server]);

    let output = home
        .run(&[
            "get",
            "--endpoint",
            endpoint,
            "--username",
            USER,
            "--allow-insecure-http",
        ])
        .assert_success();
    let status = &output.json()["status"];
    assert_eq!(status["kfp"]["endpoint"], endpoint);
    let shown = format!("{}/", proxy.origin());
    assert_eq!(status["kfp"]["connection"]["proxyUrl"], shown.as_str());
    assert_eq!(status["cookies"][0]["domain"], "kf.example.com");
}

#[test]
fn a_proxys_password_goes_to_the_proxy_only() {
    let door = FrontDoor::start(Options::default());
    let proxy = proxy_to(&door);
    let home = home();
    home.secret("proxy-password-5");
    let url = format!("http://someone:proxy-password-5@127.0.0.1:{}", proxy.port());
    let output = get(&home, "http://kf.example.com/pipeline")
        .env("KFP_CREDENTIAL_PROXY_URL", &url)
        .env("KFP_CREDENTIAL_ALLOW_INSECURE_HTTP", "true")
        .run()
        .assert_success();
    assert!(!output.stdout.contains("proxy-password-5"));
    let sent = |request: &Request| request.header("proxy-authorization").map(str::to_owned);
    let basic = "Basic c29tZW9uZTpwcm94eS1wYXNzd29yZC01";
    assert!(
        proxy
            .requests()
            .iter()
            .all(|request| sent(request).as_deref() == Some(basic))
    );
}

#[test]
fn a_proxy_that_wants_a_password_is_told_apart() {
    let proxy =
        Server::start(|_| Response::new(407).header("Proxy-Authenticate", "Basic realm=\"proxy\""));
    for endpoint in [
        "http://kf.example.com/pipeline",
        "https://kf.example.com/pipeline",
    ] {
        let home = home();
        get(&home, endpoint)
            .env("KFP_CREDENTIAL_PROXY_URL", &proxy.origin())
            .run()
            .assert_error(6, "proxy-auth-required");
    }
    assert_no_password(&[&proxy]);
}

#[test]
fn loopback_is_never_proxied() {
    let proxy = recorder();
    let door = FrontDoor::start(Options::default());
    let home = home();
    home.env("KFP_CREDENTIAL_PROXY_URL", &proxy.origin());
    home.env("HTTP_PROXY", &proxy.origin());
    home.env("http_proxy", &proxy.origin());
    home.env("ALL_PROXY", &proxy.origin());
    get(&home, &door.endpoint()).run().assert_success();
    assert!(proxy.requests().is_empty());
}

// ------------------------------------------------------------- broken servers

#[test]
fn a_body_without_end_is_cut_off() {
    for (pause, timeout, exit, slug) in [
        (Duration::ZERO, "30s", 5, "login-not-understood"),
        (Duration::from_millis(50), "1s", 6, "timeout"),
    ] {
        let server =
            Server::start(move |_| Response::html(200, "<p>more</p>".repeat(64)).endless(pause));
        let home = home();
        let output = get(&home, &server.origin())
            .env("KFP_CREDENTIAL_TIMEOUT", timeout)
            .run()
            .assert_error(exit, slug);
        assert_bounded(&output);
    }
}

#[test]
fn a_page_of_more_than_a_mebibyte_is_not_read() {
    let page = format!("<p>{}</p>", "x".repeat(1024 * 1024));
    let server = Server::start(move |_| Response::html(200, page.as_str()));
    let home = home();
    get(&home, &server.origin())
        .run()
        .assert_error(5, "login-not-understood")
        .assert_says("more than 1 MiB");
}

#[test]
fn an_answer_that_breaks_off_is_unreachable() {
    let server = Server::start(|_| Response::html(200, "<html>").truncated(5_000));
    let home = home();
    get(&home, &server.origin())
        .run()
        .assert_error(6, "unreachable")
        .assert_says("broke off");
}

#[test]
fn a_server_that_says_nothing_is_a_timeout() {
    let server = Server::start(|_| Response::hang());
    let home = home();
    let output = home
        .run(&[
            "get",
            "--endpoint",
            &server.origin(),
            "--username",
            USER,
            "--timeout",
            "1s",
        ])
        .assert_error(6, "timeout")
        .assert_says(&format!(
            "{}/ did not answer within 333ms\n",
            server.origin()
        ));
    assert_bounded(&output);
}

#[test]
fn a_server_that_hangs_up_or_talks_nonsense_is_unreachable() {
    for answer in [
        Response::close(),
        Response::raw("SSH-2.0-OpenSSH_9.2p1\r\n"),
        Response::raw("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"),
        Response::raw(vec![0xff; 300]),
    ] {
        let server = Server::start(move |_| answer.clone());
        let home = home();
        get(&home, &server.origin())
            .run()
            .assert_error(6, "unreachable");
    }
}

#[test]
fn where_nobody_listens_the_port_forward_is_thought_of() {
    let home = home();
    // Port 1 is nobody's, and no test can be given it.
    let output = get(&home, "http://127.0.0.1:1/pipeline")
        .run()
        .assert_error(6, "unreachable")
        .assert_says("port-forward");
    assert_bounded(&output);
}

#[test]
fn https_and_http_are_not_mixed_up_silently() {
    let home = home();
    let refusal = "HTTP/1.0 400 Bad Request\r\n\r\nThis is not https.\n";
    for answer in [refusal, ""] {
        let plain = answers_anything(answer);
        get(&home, &format!("https://127.0.0.1:{plain}"))
            .run()
            .assert_error(6, "unreachable")
            .assert_says("plain http");
    }

    let ca = TestCa::generate();
    let secure = Server::start_tls(&ca, &["127.0.0.1"], |_| Response::new(200));
    get(&home, &format!("http://127.0.0.1:{}", secure.port()))
        .run()
        .assert_error(6, "unreachable");
}

// ------------------------------------------------------------------ certificates

#[test]
fn a_certificate_of_an_unknown_authority_is_untrusted() {
    let (ca, other) = (TestCa::generate(), TestCa::generate());
    let server = Server::start_tls(&ca, &["127.0.0.1"], |_| Response::new(200));
    let home = home();
    get(&home, &server.origin())
        .run()
        .assert_error(6, "tls-untrusted")
        .assert_says("no authority that is trusted here has signed it")
        .assert_says("--certificate-authority");
    get(&home, &server.origin())
        .env(
            "KFP_CREDENTIAL_CERTIFICATE_AUTHORITY",
            &ca_file(&home, &other),
        )
        .run()
        .assert_error(6, "tls-untrusted")
        .assert_says("--certificate-authority");
    assert!(server.requests().is_empty());
}

#[test]
fn a_certificate_for_another_name_is_untrusted() {
    let ca = TestCa::generate();
    let server = Server::start_tls(&ca, &["kf.example.com"], |_| Response::new(200));
    let home = home();
    get(&home, &server.origin())
        .env("KFP_CREDENTIAL_CERTIFICATE_AUTHORITY", &ca_file(&home, &ca))
        .run()
        .assert_error(6, "tls-untrusted")
        .assert_says("tls-server-name")
        .assert_says("kf.example.com");
}

#[test]
fn an_expired_certificate_is_untrusted() {
    let ca = TestCa::generate();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let expired = ca.expired_server_config(&["127.0.0.1"]);
    let server = Server::start_on(listener, Some(expired), |_| Response::new(200));
    let home = home();
    get(&home, &server.origin())
        .env("KFP_CREDENTIAL_CERTIFICATE_AUTHORITY", &ca_file(&home, &ca))
        .run()
        .assert_error(6, "tls-untrusted")
        .assert_says("renewed");
}

#[test]
fn a_door_with_an_own_authority_is_entered() {
    let ca = TestCa::generate();
    let door = FrontDoor::start_tls(Options::default(), &ca, &["127.0.0.1"]);
    let home = home();
    let output = get(&home, &door.endpoint())
        .env("KFP_CREDENTIAL_CERTIFICATE_AUTHORITY", &ca_file(&home, &ca))
        .run()
        .assert_success();
    assert_eq!(cookie_names(&output), [format!("__Secure-{SESSION}")]);
    assert_eq!(output.json()["status"]["cookies"][0]["secure"], true);

    let unverified = get(&home, &door.endpoint())
        .env("KFP_CREDENTIAL_INSECURE_SKIP_TLS_VERIFY", "true")
        .run()
        .assert_success();
    let connection = &unverified.json()["status"]["kfp"]["connection"];
    assert_eq!(connection["insecureSkipTlsVerify"], true);
}

#[test]
fn the_name_to_verify_can_differ_from_the_endpoints() {
    let ca = TestCa::generate();
    let door = FrontDoor::start_tls(Options::default(), &ca, &["kf.example.com"]);
    let home = home();
    ca_file(&home, &ca);
    home.config(&format!(
        "apiVersion: kfp-credential/v1\nkind: Config\ncontexts:\n  - name: by-address\n    \
         endpoint: {}\n    certificate-authority: ~/ca.pem\n    tls-server-name: kf.example.com\n    \
         dex: {{username: {USER}}}\n",
        door.endpoint()
    ));
    let output = home
        .run(&["get", "--context", "by-address"])
        .assert_success();
    let kfp = &output.json()["status"]["kfp"];
    assert_eq!(kfp["endpoint"], door.endpoint().as_str());
    assert_eq!(kfp["connection"]["tlsServerName"], "kf.example.com");
    let hosts = door.server.requests();
    let address = format!("127.0.0.1:{}", door.server.port());
    assert!(
        hosts
            .iter()
            .all(|request| request.header("host") == Some(&address))
    );
    assert_eq!(output.json()["status"]["cookies"][0]["domain"], "127.0.0.1");
}

// ------------------------------------------------------------ what servers say

#[test]
fn a_server_that_repeats_the_password_is_not_quoted() {
    let password = "p&w <7> ü+%";
    let spellings = [
        password.to_owned(),
        "p%26w+%3C7%3E+%C3%BC%2B%25".to_owned(),
        "p%26w%20%3C7%3E%20%C3%BC%2B%25".to_owned(),
        "p&w\n  <7>   ü+%".to_owned(),
        "p&w\u{7}\u{1b} <7> ü+%".to_owned(),
    ];
    for spelling in spellings {
        for kind in ["form", "refusal", "failure", "callback"] {
            let shown = html_escaped(&spelling);
            let users = [(USER.to_owned(), password.to_owned())];
            let options = Options {
                users: users.into_iter().collect(),
                ..Options::default()
            };
            let door = altered(options, move |request, response| {
                let words = format!("so it is {shown} that you typed");
                match (request.method.as_str(), request.path(), kind) {
                    ("POST", _, "form") => {
                        let form = login_page(request.path());
                        let error = format!("<div id=\"login-error\">{words}</div>");
                        *response = Response::html(401, error + &text(&form));
                    }
                    ("POST", _, "refusal") => *response = dex_error(400, &words),
                    ("POST", _, "failure") => *response = dex_error(500, &words),
                    (_, "/oauth2/callback", "callback") => *response = dex_error(403, &words),
                    _ => {}
                }
            });
            let home = home();
            home.secret(spelling.split_whitespace().collect::<Vec<_>>().join(" "));
            let password = home.secret(password);
            let output = get(&home, &door.endpoint())
                .env("KFP_CREDENTIAL_PASSWORD", &password)
                .run();
            assert!(matches!(output.status, 5 | 6), "{}", output.shown());
            output.assert_says("withheld");
        }
    }
}

#[test]
fn control_characters_of_a_server_are_not_shown() {
    const HOSTILE: &str = "\u{1b}[31mred\u{7}\u{9b}2J\u{0}\u{202e}tpircs\u{2028}line\u{7f}";
    for kind in [
        "form",
        "refusal",
        "callback",
        "page",
        "connector",
        "connectors",
    ] {
        let door = altered(Options::default(), move |request, response| {
            match (request.method.as_str(), request.path(), kind) {
                ("POST", _, "form") => {
                    let form = login_page(request.path());
                    let error = format!("<div id=\"login-error\">{HOSTILE}</div>");
                    *response = Response::html(401, error + &text(&form));
                }
                ("POST", _, "refusal") => *response = dex_error(400, HOSTILE),
                (_, "/oauth2/callback", "callback") => *response = dex_error(403, HOSTILE),
                (_, "/pipeline", "page") => *response = dex_error(404, HOSTILE),
                (_, "/dex/auth", "connector") => {
                    *response = Response::redirect(302, "/dex/auth/%1b%5b31m%c2%9b%e2%80%ae");
                }
                (_, "/dex/auth", "connectors") => {
                    let links = "<a href=\"/dex/auth/%1b%5b31m%c2%9b\">a</a><a href=\"/dex/auth/%07b%e2%80%ae\">b</a>";
                    *response = Response::html(200, links);
                }
                _ => {}
            }
        });
        let home = home();
        for verbose in [false, true] {
            let mut args = vec!["get", "--connector", "local", "--endpoint"];
            let endpoint = door.endpoint();
            args.extend([endpoint.as_str(), "--username", USER]);
            args.extend(verbose.then_some("-v"));
            let output = home.run(&args);
            assert_ne!(output.status, 0, "{kind}");
            let bad = |c: &char| (c.is_control() && *c != '\n') || "\u{202e}\u{2028}".contains(*c);
            let found: Vec<char> = output.stderr.chars().filter(bad).collect();
            assert!(found.is_empty(), "{kind}: {found:?}\n{}", output.shown());
        }
    }
}

#[test]
fn a_very_long_reason_is_cut() {
    let door = altered(Options::default(), |request, response| {
        if request.method == "POST" {
            *response = dex_error(400, &"blah ".repeat(10_000));
        }
    });
    let home = home();
    let output = get(&home, &door.endpoint())
        .run()
        .assert_error(5, "dex-refused")
        .assert_says("blah blah");
    assert!(output.stderr.len() < 1_000, "{}", output.shown());
}

#[test]
fn a_dex_that_fails_is_a_server_error() {
    for (method, path) in [
        ("GET", "/dex/auth"),
        ("GET", "/dex/auth/local/login"),
        ("POST", "/dex/auth/local/login"),
    ] {
        for page in [true, false] {
            let door = altered(Options::default(), move |request, response| {
                if (request.method.as_str(), request.path()) == (method, path) {
                    *response = if page {
                        dex_error(500, "Failed to connect to the storage.")
                    } else {
                        Response::text(502, "Bad gateway, says the mesh\n")
                    };
                }
            });
            let home = home();
            let words = if page {
                "Failed to connect to the storage."
            } else {
                "502"
            };
            get(&home, &door.endpoint())
                .run()
                .assert_error(6, "server-error")
                .assert_says(words);
        }
    }
}

#[test]
fn an_endpoint_that_fails_is_a_server_error() {
    let server = Server::start(|_| Response::text(503, "no healthy upstream"));
    let home = home();
    get(&home, &server.origin())
        .run()
        .assert_error(6, "server-error")
        .assert_says("503");
}

#[test]
fn a_relying_party_that_refuses_the_user_is_quoted() {
    // Without its CSRF cookie oauth2-proxy refuses as it does those whom it does not let in: 403.
    let door = altered(Options::default(), |_, response| {
        set_cookies(response, |line| line.replace("_csrf=", "_lost="));
    });
    let home = home();
    get(&home, &door.endpoint())
        .run()
        .assert_error(5, "login-not-accepted")
        .assert_says("403")
        .assert_says("Unable to find a valid CSRF token");
    assert_eq!(posts(&door.server), 1);
}

// ---------------------------------------------------------------------- the proof

#[test]
fn a_web_page_at_every_health_path_is_no_proof() {
    let home = home();
    let door = FrontDoor::start(Options::default());
    get(&home, &(door.origin() + "/dashboard"))
        .run()
        .assert_error(5, "login-not-accepted")
        .assert_says("/dashboard/apis/v2beta1/healthz answers a web page");

    let door = altered(Options::default(), |request, response| {
        if is_health(request) {
            *response = Response::html(200, "<title>Kubeflow</title>");
        }
    });
    get(&home, &door.endpoint())
        .run()
        .assert_error(5, "login-not-accepted")
        .assert_says("/pipeline");
}

#[test]
fn no_health_path_at_all_is_a_word_on_v() {
    let door = altered(Options::default(), |request, response| {
        if is_health(request) {
            *response = Response::text(404, "404 page not found\n");
        }
    });
    let home = home();
    let output = get(&home, &door.endpoint()).run().assert_success();
    assert_opens(&door.door.origin(), &output);
    let endpoint = door.endpoint();
    home.run(&[
        "get",
        "-v",
        "--refresh",
        "--endpoint",
        &endpoint,
        "--username",
        USER,
    ])
    .assert_success()
    .assert_says("unproven")
    .assert_says("no health path");
}

#[test]
fn an_unwell_health_path_leaves_the_session_unproven() {
    for answer in [
        Response::text(503, "upstream"),
        Response::hang(),
        Response::close(),
    ] {
        let door = altered(Options::default(), move |request, response| {
            if is_health(request) {
                *response = answer.clone();
            }
        });
        let (home, endpoint) = (home(), door.endpoint());
        let output = home
            .run(&[
                "get",
                "-v",
                "--timeout",
                "6s",
                "--endpoint",
                &endpoint,
                "--username",
                USER,
            ])
            .assert_success()
            .assert_says("unproven");
        assert_bounded(&output);
        assert_opens(&door.door.origin(), &output);
    }
}

#[test]
fn a_session_that_the_api_refuses_is_not_given_out() {
    for answer in [
        Response::json(401, "{}"),
        Response::text(403, "RBAC: access denied"),
        Response::redirect(302, "/dex/auth?client_id=a&redirect_uri=/cb&state=s"),
    ] {
        let status = answer.status.to_string();
        let door = altered(Options::default(), move |request, response| {
            if is_health(request) {
                *response = answer.clone();
            }
        });
        let home = home();
        get(&home, &door.endpoint())
            .run()
            .assert_error(5, "login-not-accepted")
            .assert_says(&status);
        let asked = door.server.requests();
        assert_eq!(asked.iter().filter(|request| is_health(request)).count(), 1);
    }
}

#[test]
fn without_verification_no_health_path_is_asked() {
    let door = FrontDoor::start(Options::default());
    let (home, endpoint) = (home(), door.endpoint());
    home.run(&[
        "get",
        "--no-verify",
        "--endpoint",
        &endpoint,
        "--username",
        USER,
    ])
    .assert_success();
    assert!(!door.server.requests().iter().any(is_health));
}

#[test]
fn none_wants_a_health_answer_of_kubeflow_pipelines() {
    let not_kfp = [
        Response::json(200, r#"{"status":"UP"}"#),
        Response::json(200, r#"["multi_user"]"#),
        Response::json(200, "not json"),
        Response::html(200, "<title>welcome</title>"),
        Response::text(404, "404 page not found\n"),
        Response::redirect(302, "/login"),
        Response::json(401, "{}"),
    ];
    for answer in not_kfp {
        let server = Server::start(move |_| answer.clone());
        let home = home();
        none(&home, &server.origin())
            .run()
            .assert_error(6, "endpoint-not-recognised")
            .assert_says("/pipeline");
    }
}

#[test]
fn none_fails_where_the_endpoint_is_unwell() {
    let server = Server::start(|_| Response::text(500, "boom"));
    let home = home();
    none(&home, &server.origin())
        .run()
        .assert_error(6, "server-error");
}

#[test]
fn a_standalone_kubeflow_pipelines_needs_nothing() {
    let server = Server::start(kfp_api::standalone);
    let home = home();
    let output = none(&home, &server.origin()).run().assert_success();
    assert_eq!(output.json()["status"]["headers"], serde_json::json!({}));
    assert_eq!(output.json()["status"]["kfp"]["type"], "none");
}

#[test]
fn a_multi_user_api_past_its_gateway_asks_for_an_identity() {
    let server = Server::start(kfp_api::multi_user_direct);
    let home = home();
    none(&home, &server.origin())
        .run()
        .assert_error(3, "identity-required")
        .assert_says("there is no user identity header")
        .assert_says("port-forward")
        .assert_says("pipelines.kubeflow.org")
        .assert_says("kubeflow-userid");
}

#[test]
fn an_endpoint_without_any_login_is_told_on_v() {
    let server = Server::start(kfp_api::standalone);
    let (home, endpoint) = (home(), server.origin());
    let output = home
        .run(&["get", "-v", "--endpoint", &endpoint, "--username", USER])
        .assert_success()
        .assert_says("asks for no login");
    assert_eq!(output.json()["status"]["kfp"]["type"], "none");
    assert_no_password(&[&server]);
}

// ------------------------------------------------------------------------ helpers

/// Makes a sandbox whose runs know the usual password.
fn home() -> Sandbox {
    let home = Sandbox::new();
    let password = home.secret(PASSWORD);
    home.env("KFP_CREDENTIAL_PASSWORD", &password);
    home
}

fn get<'a>(home: &'a Sandbox, endpoint: &str) -> Run<'a> {
    home.command(&["get", "--endpoint", endpoint, "--username", USER])
}

fn none<'a>(home: &'a Sandbox, endpoint: &str) -> Run<'a> {
    home.command(&["get", "--endpoint", endpoint, "--method", "none"])
}

/// Is a front door behind a server that changes some of its answers.
struct Altered {
    door: FrontDoor,
    server: Server,
}

impl Altered {
    fn endpoint(&self) -> String {
        self.server.origin() + "/pipeline"
    }
}

fn altered(
    options: Options,
    alter: impl Fn(&Request, &mut Response) + Send + Sync + 'static,
) -> Altered {
    let door = FrontDoor::start(options);
    let origin = door.origin();
    let server = Server::start(move |request| {
        let mut response = forward(request, &origin);
        alter(request, &mut response);
        response
    });
    Altered { door, server }
}

/// Starts a door whose login form leads elsewhere.
fn form_action(action: &str) -> Altered {
    let action = format!("action=\"{action}?");
    altered(Options::default(), move |request, response| {
        if is_form(request) {
            let page = text(response).replace("action=\"/dex/auth/local/login?", &action);
            assert!(page.contains(&action), "{page}");
            *response = Response::html(200, page);
        }
    })
}

/// Starts a relying party on one origin and its Dex on another.
fn door_with_dex_elsewhere() -> (Altered, Server) {
    let hidden = FrontDoor::start(Options::default());
    let behind = hidden.origin();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let front_origin = format!("http://{}", listener.local_addr().unwrap());
    let dex = Server::start({
        let behind = behind.clone();
        move |request| {
            let mut response = forward(request, &behind);
            locations(&mut response, "/oauth2/callback", &front_origin);
            response
        }
    });
    let dex_origin = dex.origin();
    let server = Server::start_on(listener, None, move |request| {
        let mut response = forward(request, &behind);
        locations(&mut response, "/dex/", &dex_origin);
        response
    });
    let front = Altered {
        door: hidden,
        server,
    };
    (front, dex)
}

/// Starts a proxy which takes every host for the door.
fn proxy_to(door: &FrontDoor) -> Server {
    let origin = door.origin();
    Server::start(move |request| {
        let mut request = request.clone();
        let query = request.query_string().to_owned();
        let path = request.path().to_owned();
        request.target = if query.is_empty() {
            path
        } else {
            format!("{path}?{query}")
        };
        forward(&request, &origin)
    })
}

/// Puts an origin before the redirects to a path.
fn locations(response: &mut Response, path: &str, origin: &str) {
    for (name, value) in &mut response.headers {
        if name.eq_ignore_ascii_case("location") && value.starts_with(path) {
            value.insert_str(0, origin);
        }
    }
}

fn set_cookies(response: &mut Response, change: impl Fn(&str) -> String) {
    for (name, value) in &mut response.headers {
        if name.eq_ignore_ascii_case("set-cookie") {
            *value = change(value);
        }
    }
}

fn recorder() -> Server {
    Server::start(|_| Response::html(200, "<p>thank you</p>"))
}

/// Starts something that answers these bytes to whatever comes first, and returns its port.
fn answers_anything(bytes: &'static str) -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        assert!(socket.read(&mut [0; 4096]).unwrap() > 0);
        socket.write_all(bytes.as_bytes()).unwrap();
    });
    port
}

fn ca_file(home: &Sandbox, ca: &TestCa) -> String {
    home.file("ca.pem", ca.pem()).to_string_lossy().into_owned()
}

fn is_form(request: &Request) -> bool {
    request.method == "GET" && request.path() == "/dex/auth/local/login"
}

fn is_health(request: &Request) -> bool {
    request.path().ends_with("/healthz")
}

fn text(response: &Response) -> String {
    String::from_utf8_lossy(&response.body).into_owned()
}

fn login_page(action: &str) -> Response {
    Response::html(
        200,
        format!(
            "<title>Sign in</title><form method=\"post\" action=\"{action}\">\
             <input name=\"login\"><input type=\"password\" name=\"password\"></form>"
        ),
    )
}

fn dex_error(status: u16, reason: &str) -> Response {
    let page = format!("<h2 class=\"theme-heading\">Bad Request</h2><p>{reason}</p>");
    Response::html(status, page)
}

fn html_escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

fn posts(server: &Server) -> usize {
    let requests = server.requests();
    requests
        .iter()
        .filter(|request| request.method == "POST")
        .count()
}

#[track_caller]
fn assert_no_password(servers: &[&Server]) {
    for request in servers.iter().flat_map(|server| server.requests()) {
        assert!(!request.contains(PASSWORD), "{request:?}");
    }
}

/// Asserts that an answer did not wait for anything but its own deadline.
#[track_caller]
fn assert_bounded(output: &Output) {
    assert!(
        output.elapsed < Duration::from_secs(15),
        "{}",
        output.shown()
    );
}

fn cookie_names(output: &Output) -> Vec<String> {
    let document = output.json();
    let cookies = document["status"]["cookies"].as_array().expect("cookies");
    cookies
        .iter()
        .map(|cookie| cookie["name"].as_str().unwrap().to_owned())
        .collect()
}

fn cookie_header(output: &Output) -> String {
    let header = &output.json()["status"]["headers"]["Cookie"][0];
    header.as_str().expect("a Cookie header").to_owned()
}

/// Returns how the end is known, and the life in seconds.
fn expiry(output: &Output) -> (String, i64) {
    let kfp = &output.json()["status"]["kfp"];
    let time = |value: &Value| {
        let text = value.as_str().expect("a time");
        let time = chrono::DateTime::parse_from_rfc3339(text).expect("a time");
        time.timestamp()
    };
    let life = time(&kfp["expiresAt"]) - time(&kfp["issuedAt"]);
    (kfp["expirySource"].as_str().unwrap().to_owned(), life)
}

/// Asserts that the cookies of a document open what lies behind the door.
#[track_caller]
fn assert_opens(origin: &str, output: &Output) {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let host = origin.trim_start_matches("http://");
    let request = Request {
        method: "GET".to_owned(),
        target: "/echo".to_owned(),
        headers: vec![
            header("Host", host),
            header("Cookie", &cookie_header(output)),
        ],
        body: Vec::new(),
    };
    let seen = forward(&request, origin);
    assert_eq!(seen.status, 200, "{}", text(&seen));
    let seen: Value = serde_json::from_slice(&seen.body).expect("JSON");
    assert_eq!(seen["headers"]["kubeflow-userid"][0], USER);
}
