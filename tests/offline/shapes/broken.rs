//! Servers that hang, break off, or talk nonsense.

use super::*;

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
        .assert_says("was closed in the middle of the answer");
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
        .assert_error(6, "unreachable")
        .assert_says(&format!("https://127.0.0.1:{}", secure.port()));
}

/// What is missing is missing here, and no server is to blame.
#[cfg(unix)]
#[test]
fn no_open_files_left_is_said_as_what_it_is() {
    let ca = TestCa::generate();
    let secure = Server::start_tls(&ca, &["127.0.0.1", "kf.localhost"], |_| {
        Response::json(200, r#"{"commit_sha":"a","multi_user":false}"#)
    });
    let plain = Server::start(|_| Response::json(200, r#"{"commit_sha":"a","multi_user":false}"#));
    let mut home = home();
    let file = home.file("ca.pem", ca.pem());
    let wrapped = home.file("wrapped", "");
    home.run_with(&wrapped);
    let (mut refused, mut answered) = (0, 0);
    for limit in [
        5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 20, 24, 32, 64,
    ] {
        let script = format!(
            "#!/bin/sh\nulimit -n {limit}\nexec {} \"$@\"\n",
            testkit::binary()
        );
        std::fs::write(&wrapped, script).expect("a script");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(&wrapped, mode).expect("mode 0700");
        for endpoint in [
            secure.origin(),
            secure.origin_as("kf.localhost"),
            plain.origin(),
        ] {
            let run = none(&home, &endpoint)
                .env(
                    "KFP_CREDENTIAL_CERTIFICATE_AUTHORITY",
                    &file.to_string_lossy(),
                )
                .env("KFP_CREDENTIAL_STORE", "none")
                .run();
            assert_bounded(&run);
            if run.status == 0 {
                answered += 1;
            } else {
                run.assert_error(1, "system-limit").assert_says("ulimit -n");
                refused += 1;
            }
        }
    }
    assert!(
        refused > 3 && answered > 3,
        "{refused} refused, {answered} answered"
    );
}
