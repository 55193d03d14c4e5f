//! What servers say, and how little of it is shown.

use super::*;

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
fn a_word_of_a_message_that_was_sent_is_cut_out_and_the_message_stays() {
    let users = [(USER.to_owned(), "another".to_owned())];
    let door = FrontDoor::start(Options {
        users: users.into_iter().collect(),
        ..Options::default()
    });
    get(&Sandbox::new(), &door.endpoint())
        .env("KFP_CREDENTIAL_PASSWORD", "password")
        .run()
        .assert_error(5, "dex-login-rejected")
        .assert_says("Dex says: Invalid Email Address and (withheld).")
        .assert_says(USER);

    let door = altered(Options::default(), |request, response| {
        if request.path() == "/oauth2/start" {
            let cookie = ("Set-Cookie".to_owned(), "at=interaction; Path=/".to_owned());
            response.headers.push(cookie);
        } else if request.method == "POST" {
            *response = Response::redirect(303, "/interaction/7");
        } else if request.path() == "/interaction/7" {
            let page = "<h1>Bad Request</h1><p>The interaction has ended.</p>";
            *response = Response::html(400, page);
        }
    });
    let words = "127.0.0.1 says: Bad Request: The (withheld) has ended.";
    get(&home(), &door.endpoint())
        .run()
        .assert_says("/(withheld)/7 answered 400")
        .assert_says(words);
}

#[test]
fn another_products_error_is_not_quoted_as_dexs() {
    let page = "<title>Sign in to kubeflow</title><h1>We are sorry...</h1>\
                <p class=\"instruction\">Invalid parameter: redirect_uri</p>";
    let server = Server::start(move |request| match request.path() {
        "/pipeline" => Response::redirect(
            302,
            "/realms/r/protocol/openid-connect/auth?client_id=a&redirect_uri=/cb&response_type=code&state=S",
        ),
        _ => Response::html(400, page),
    });
    let output = get(&home(), &(server.origin() + "/pipeline"))
        .run()
        .assert_error(5, "login-not-understood")
        .assert_says("answered 400")
        .assert_says("127.0.0.1 says: We are sorry...: Invalid parameter: redirect_uri");
    assert!(!output.stderr.contains("Dex says"), "{}", output.shown());
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
fn a_hint_with_a_servers_words_is_safe_in_a_shell() {
    for (id, said) in [
        ("%24%28id%3Ex%29", "say --connector '$(id>x)'\n"),
        ("a%27;id;%27", r"say --connector 'a'\'';id;'\'''"),
        ("--help", "say --connector=--help\n"),
        ("a%0aid", "say --connector ID\n"),
        ("%e2%80%aea", "say --connector ID\n"),
    ] {
        let door = altered(Options::default(), move |request, response| {
            if request.path() == "/dex/auth" {
                *response = Response::redirect(302, &format!("/dex/auth/{id}"));
            }
        });
        let endpoint = door.endpoint();
        home()
            .run(&[
                "get",
                "--connector",
                "local",
                "--endpoint",
                &endpoint,
                "--username",
                USER,
            ])
            .assert_error(3, "connector-unknown")
            .assert_says(said);
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

#[test]
fn a_password_in_the_path_of_a_redirect_is_not_shown() {
    for status in [200, 302, 500] {
        let door = altered(Options::default(), move |request, response| {
            if request.method == "POST" {
                *response = Response::redirect(303, &format!("/wrong/{PASSWORD}"));
            } else if request.path().starts_with("/wrong") && status == 302 {
                *response = Response::redirect(302, "ftp://127.0.0.1/");
            } else if request.path().starts_with("/wrong") {
                *response = Response::html(status, "<p>hm</p>");
            }
        });
        let (home, endpoint) = (home(), door.endpoint());
        let output = home.run(&["get", "-v", "--endpoint", &endpoint, "--username", USER]);
        assert!(matches!(output.status, 5 | 6), "{}", output.shown());
        output.assert_says("withheld");
    }
}

#[test]
fn a_secret_header_that_a_server_echoes_is_not_shown() {
    let home = home();
    let secret = home.secret("team-key-4711");
    for status in [403, 404, 200] {
        let server = Server::start(move |request| {
            let key = request.header("x-key").unwrap_or_default();
            Response::html(
                status,
                format!("<h1>{status}</h1><p>your X-Key is {key}</p>"),
            )
        });
        home.config(&format!(
            "apiVersion: kfp-credential/v1\nkind: Config\ncontexts:\n  - name: keyed\n    endpoint: {}\n    \
             headers: {{X-Key: {{env: X_KEY}}}}\n    dex: {{username: {USER}}}\n",
            server.origin()
        ));
        let run = home.command(&["get", "-v", "--context", "keyed"]);
        let output = run.env("X_KEY", &secret).run();
        assert_ne!(output.status, 0, "{}", output.shown());
        assert!(
            server
                .requests()
                .iter()
                .all(|request| request.contains(&secret))
        );
    }
}

#[test]
fn a_cookie_that_a_server_echoes_is_not_shown() {
    let door = altered(Options::default(), |request, response| {
        if request.path() == "/oauth2/callback" {
            let cookies = request.header("cookie").unwrap_or_default();
            *response = Response::html(403, format!("<h1>No</h1><p>{cookies}</p>"));
        }
    });
    let home = home();
    get(&home, &door.endpoint())
        .run()
        .assert_error(5, "login-not-accepted")
        .assert_says("withheld");
}
