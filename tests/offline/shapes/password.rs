//! Servers that would lead the password, or us, elsewhere.

use super::*;

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
fn what_a_redirect_has_before_its_host_is_not_sent_as_a_password() {
    let door = altered(Options::default(), |request, response| {
        if request.target == "/pipeline" {
            let host = request.header("host").unwrap_or_default();
            let again = format!("http://user:planted@{host}/pipeline?again=1");
            *response = Response::redirect(302, &again);
        }
    });
    let home = home();
    get(&home, &door.endpoint()).run().assert_success();
    let requests = door.server.requests();
    assert!(
        requests
            .iter()
            .any(|request| request.target == "/pipeline?again=1")
    );
    let sent = requests
        .iter()
        .find_map(|request| request.header("authorization"));
    assert_eq!(sent, None);
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
        .assert_says("redirects from https to http");
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
    assert!(proxy.requests().is_empty());

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
            .env("KFP_CREDENTIAL_ALLOW_INSECURE_HTTP", "true")
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
