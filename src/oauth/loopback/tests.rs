use super::*;

/// What is awaited of the login with this state.
fn state(state: &str) -> Awaited<'_> {
    Awaited {
        state,
        issuer: None,
        names_issuer: false,
    }
}

#[test]
fn anything_else_gets_404_and_the_wait_goes_on() {
    let loopback = Loopback::listen(None).unwrap();
    let address = loopback.redirect_uri().replace("http://", "");
    let browser = std::thread::spawn(move || {
        let ask = |target: &str| {
            let mut connection = TcpStream::connect(&address).unwrap();
            connection
                .write_all(format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())
                .unwrap();
            let mut text = String::new();
            connection.read_to_string(&mut text).unwrap();
            text.lines().next().unwrap().to_owned()
        };
        let garbage = TcpStream::connect(&address).unwrap();
        drop(garbage);
        [
            "/favicon.ico",
            "/?code=x&state=other",
            "/?code=right&state=mine",
        ]
        .map(ask)
    });
    let deadline = Instant::now() + Duration::from_secs(10);
    let heard = loopback.wait(state("mine"), deadline, &|| false).unwrap();
    assert_eq!(heard, Some(Response::Code("right".to_owned().into())));
    assert_eq!(
        browser.join().unwrap(),
        [
            "HTTP/1.1 404 Not Found",
            "HTTP/1.1 404 Not Found",
            "HTTP/1.1 200 OK"
        ]
    );
}

#[test]
fn another_logins_answer_alone_is_a_state_mismatch() {
    let loopback = Loopback::listen(None).unwrap();
    let mut browser = TcpStream::connect((Ipv4Addr::LOCALHOST, loopback.port)).unwrap();
    let request = b"GET /?code=x&state=other HTTP/1.1\r\nHost: x\r\n\r\n";
    browser.write_all(request).unwrap();
    let soon = Instant::now() + Duration::from_millis(500);
    let heard = loopback.wait(state("mine"), soon, &|| false);
    assert_eq!(heard.unwrap_err().slug(), Slug::StateMismatch);
}

#[test]
fn a_browser_that_never_comes_is_a_timeout_and_a_port_in_use_an_error() {
    let loopback = Loopback::listen(None).unwrap();
    let soon = Instant::now() + Duration::from_millis(50);
    assert_eq!(
        loopback
            .wait(state("s"), soon, &|| false)
            .unwrap_err()
            .slug(),
        Slug::Timeout
    );
    let again = Loopback::listen(Some(loopback.port));
    assert_eq!(again.err().unwrap().slug(), Slug::LoopbackUnavailable);
}

/// Asks for the right page, and gives the first line of the answer and how long it took.
fn browse(address: &str) -> (String, Duration) {
    let start = Instant::now();
    let mut connection = TcpStream::connect(address).unwrap();
    let request = b"GET /?code=right&state=mine HTTP/1.1\r\nHost: x\r\n\r\n";
    connection.write_all(request).unwrap();
    let mut text = String::new();
    connection.read_to_string(&mut text).unwrap();
    let first = text.lines().next().unwrap_or_default();
    (first.to_owned(), start.elapsed())
}

#[test]
fn connections_that_are_silent_or_dribble_keep_no_browser_waiting() {
    let loopback = Loopback::listen(None).unwrap();
    let address = loopback.redirect_uri().replace("http://", "");
    let browser = std::thread::spawn(move || {
        let connect = |_| TcpStream::connect(&address).unwrap();
        let silent: Vec<_> = (0..30).map(connect).collect();
        let mut dribbling: Vec<_> = (0..30).map(connect).collect();
        for connection in &mut dribbling {
            connection.write_all(b"G").unwrap();
        }
        let asked = browse(&address);
        drop((silent, dribbling));
        asked
    });
    let deadline = Instant::now() + Duration::from_secs(30);
    let heard = loopback.wait(state("mine"), deadline, &|| false).unwrap();
    assert_eq!(heard, Some(Response::Code("right".to_owned().into())));
    let (first, took) = browser.join().unwrap();
    assert_eq!(first, "HTTP/1.1 200 OK");
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[test]
fn a_connection_that_dribbles_has_one_deadline_for_all_it_says() {
    let loopback = Loopback::listen(None).unwrap();
    let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, loopback.port)).unwrap();
    let dribbling = std::thread::spawn(move || {
        let start = Instant::now();
        // The second write after the other end was closed fails.
        while connection.write_all(b"a").is_ok() && start.elapsed() < PATIENCE * 5 {
            std::thread::sleep(Duration::from_millis(200));
        }
        start.elapsed()
    });
    let deadline = Instant::now() + PATIENCE * 6;
    let heard = loopback.wait(state("mine"), deadline, &|| dribbling.is_finished());
    assert_eq!(heard.unwrap(), None);
    let took = dribbling.join().unwrap();
    assert!(PATIENCE <= took && took < PATIENCE * 3, "{took:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn another_users_connection_is_closed_unread() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let loopback = Loopback::listen(None).unwrap();
    let address = loopback.redirect_uri().replace("http://", "");
    let port = loopback.port;
    let browser = std::thread::spawn(move || {
        // Who closes at once has a socket that shows uid 0 from then on.
        let answers = ["; cat <&3", "; sleep 1", ""].map(|end| {
            let script = format!(
                "exec 3<>/dev/tcp/127.0.0.1/{port}; printf 'GET /?error=x&state=mine HTTP/1.1\\r\\n\\r\\n' >&3{end}"
            );
            let mut stranger = std::process::Command::new("setpriv");
            stranger.args(["--reuid=65533", "--regid=65533", "--clear-groups"]);
            let output = stranger.args(["bash", "-c", &script]).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        });
        (answers, browse(&address).0)
    });
    let deadline = Instant::now() + Duration::from_secs(20);
    let heard = loopback.wait(state("mine"), deadline, &|| false).unwrap();
    assert_eq!(heard, Some(Response::Code("right".to_owned().into())));
    let (answers, first) = browser.join().unwrap();
    assert_eq!(answers, ["", "", ""]);
    assert_eq!(first, "HTTP/1.1 200 OK");
}

#[test]
fn a_redirect_uri_that_the_provider_insists_on_is_kept_to_the_letter() {
    let port = Loopback::listen(None).unwrap().port;
    for (written, port_at_hand, used) in [
        (
            format!("http://localhost:{port}"),
            None,
            format!("http://localhost:{port}"),
        ),
        (
            format!("http://127.0.0.1:{port}/callback"),
            Some(1),
            format!("http://127.0.0.1:{port}/callback"),
        ),
        (
            "http://localhost/callback?a=b".to_owned(),
            Some(port),
            format!("http://localhost:{port}/callback?a=b"),
        ),
    ] {
        let loopback = Loopback::listen_for(&written, port_at_hand)
            .unwrap()
            .unwrap();
        assert_eq!((loopback.redirect_uri(), loopback.port), (&*used, port));
    }
    let free = Loopback::listen_for("http://127.0.0.1/", None)
        .unwrap()
        .unwrap();
    assert_eq!(
        free.redirect_uri(),
        format!("http://127.0.0.1:{}/", free.port)
    );
    for elsewhere in [
        "urn:ietf:wg:oauth:2.0:oob",
        "https://localhost:1/",
        "http://localhost.example.com/",
        "http://127.0.0.1@x/",
        "http://[::1]:1/",
        "/oauth2/callback",
    ] {
        assert!(
            Loopback::listen_for(elsewhere, None).is_none(),
            "{elsewhere}"
        );
    }
}
