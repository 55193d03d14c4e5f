//! Front doors of every shape, and servers that are broken or hostile, met by the real binary.
//!
//! The rule that most of these hold up: the password goes to Dex's own form on the endpoint's own
//! origin, over a way that nobody can listen on, and to nobody else.

mod broken;
mod certificates;
mod front_doors;
mod password;
mod proof;
mod words;

use std::io::{Read as _, Write as _};
use std::time::Duration;

use serde_json::Value;

use testkit::front_door::{FrontDoor, Options, PASSWORD, RelyingParty, USER, WrongPassword};
use testkit::http::{Request, Response, Server, TestCa, forward};
use testkit::kfp_api;
use testkit::sandbox::{Output, Run, Sandbox};

const SESSION: &str = "oauth2_proxy_kubeflow";

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
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let front_origin = format!("http://{}", listener.local_addr().expect("an address"));
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
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().expect("a client");
        assert!(socket.read(&mut [0; 4096]).expect("bytes") > 0);
        socket
            .write_all(bytes.as_bytes())
            .expect("a client that reads");
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
        .map(|cookie| cookie["name"].as_str().expect("a name").to_owned())
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
    (
        kfp["expirySource"].as_str().expect("a source").to_owned(),
        life,
    )
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
