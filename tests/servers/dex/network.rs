//! Ways to the servers: addresses, proxies, plain http, and who is told what on the way.

use super::LOGIN;
use testkit::http::{Request, Response, Server, forward};
use testkit::peers::dex;
use testkit::peers::front_door::RealDoor;
use testkit::peers::needs;
use testkit::peers::visitor::{Visitor, curl, experiments};

/// Is an endpoint on another machine, as far as anybody can tell: only the proxy knows the way.
const ELSEWHERE: &str = "http://kubeflow.test/pipeline";

#[test]
fn ipv6_works_too() {
    let door = needs!(RealDoor::ipv6());
    let user = Visitor::new(&door, dex::USER);
    let document = user.document(&[]);
    user.assert_opens(&document);
    assert!(door.endpoint().starts_with("http://[::1]:"));
    assert_eq!(door.recorder().hops(), LOGIN);
}

#[test]
fn this_machine_is_never_reached_through_a_proxy() {
    let door = needs!(RealDoor::sign_in_page());
    let proxy = forward_proxy(&door);
    let user = Visitor::new(&door, dex::USER);
    let document = user.document(&["--proxy-url", &proxy.origin()]);
    user.assert_opens(&document);
    assert!(document["status"]["kfp"].get("connection").is_none());

    let dead = Server::start(|_| Response::close()).origin();
    let mut run = user.command(&["--refresh"]);
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"] {
        run = run.env(name, &dead);
    }
    user.assert_opens(&run.run().assert_success().json());
    assert!(proxy.requests().is_empty());
}

#[test]
fn other_machines_are_reached_through_the_proxy() {
    let door = needs!(RealDoor::sign_in_page());
    let proxy = forward_proxy(&door);
    let user = Visitor::new(&door, dex::USER);
    let options = ["--proxy-url", &proxy.origin(), "--allow-insecure-http"];
    let got = user.command_at(ELSEWHERE, &options).run();
    let document = got.assert_success().json();
    assert_eq!(document["status"]["kfp"]["endpoint"], ELSEWHERE);
    assert_eq!(document["status"]["cookies"][0]["domain"], "kubeflow.test");
    let connection = &document["status"]["kfp"]["connection"];
    assert_eq!(connection["proxyUrl"], proxy.origin() + "/");
    assert_eq!(door.recorder().hops(), LOGIN);
    assert_went_through(&proxy);

    // curl finds its way by what is printed.
    let options = [options.as_slice(), &["-o", "curl-config"]].concat();
    let config = user.command_at(ELSEWHERE, &options).run();
    let config = config.assert_success().stdout;
    let body = curl(&["-K", "-", &experiments(ELSEWHERE)], &config);
    assert!(body.contains("taxi fares"), "{body}");
    assert_went_through(&proxy);
}

#[test]
fn the_environments_proxy_is_taken() {
    let door = needs!(RealDoor::sign_in_page());
    let proxy = forward_proxy(&door);
    let user = Visitor::new(&door, dex::USER);
    let run = user.command_at(ELSEWHERE, &[]);
    let run = run.env("KFP_CREDENTIAL_ALLOW_INSECURE_HTTP", "true");
    run.env("http_proxy", &proxy.origin())
        .run()
        .assert_success();
    assert_eq!(door.recorder().hops(), LOGIN);
    assert_went_through(&proxy);
}

#[test]
fn a_proxy_that_wants_a_password_is_told_and_gets_it() {
    let door = needs!(RealDoor::sign_in_page());
    let inner = forward_proxy(&door);
    let origin = inner.origin();
    let proxy = Server::start(move |request| match request.header("proxy-authorization") {
        Some("Basic Y29ycDpwcm94eS1zZWNyZXQtOTE=") => through(request, &origin),
        _ => Response::new(407).header("Proxy-Authenticate", "Basic realm=\"corp\""),
    });
    let user = Visitor::new(&door, dex::USER);
    let ask = |proxy: &str| {
        let run = user.command_at(ELSEWHERE, &["-v", "--allow-insecure-http"]);
        run.env("KFP_CREDENTIAL_PROXY_URL", proxy).run()
    };
    ask(&proxy.origin())
        .assert_error(6, "proxy-auth-required")
        .assert_says("http://USER:PASSWORD@HOST:PORT");

    let secret = user.home.secret("proxy-secret-91");
    let with_password = proxy
        .origin()
        .replace("http://", &format!("http://corp:{secret}@"));
    let document = ask(&with_password).assert_success().json();
    let connection = &document["status"]["kfp"]["connection"];
    assert_eq!(connection["proxyUrl"], proxy.origin() + "/");
    assert_eq!(door.posts(), 1);
}

#[test]
fn plain_http_to_another_machine_needs_permission_before_the_password_goes() {
    let door = needs!(RealDoor::sign_in_page());
    let proxy = forward_proxy(&door);
    let user = Visitor::new(&door, dex::USER);
    user.command_at(ELSEWHERE, &["--proxy-url", &proxy.origin()])
        .run()
        .assert_error(3, "config-insecure-http")
        .assert_says("--allow-insecure-http");
    assert!(proxy.requests().is_empty());

    // Where nothing tells the method the endpoint is asked, and still gets no password.
    let proxy_url = proxy.origin();
    user.home
        .run(&["get", "--endpoint", ELSEWHERE, "--proxy-url", &proxy_url])
        .assert_error(3, "config-insecure-http");
    assert_eq!((door.posts(), proxy.requests().is_empty()), (0, false));
    assert!(door.mentions(dex::USER.password).is_empty());
}

#[test]
fn extra_headers_go_to_the_endpoints_origin_only() {
    let door = needs!(RealDoor::sign_in_page());
    let split = SplitDoor::start(&door);
    let user = Visitor::new(&door, dex::USER);
    let key = user.home.secret("gateway-key-92");
    user.home.env("GATEWAY_KEY", &key);
    user.home.config(&format!(
        "apiVersion: kfp-credential/v1\nkind: Config\ncontexts:\n  - name: split\n    endpoint: {}/pipeline\n    \
         headers:\n      X-Team: blue\n      X-Gateway-Key: {{env: GATEWAY_KEY}}\n    \
         dex:\n      username: {}\n      login-origins: [\"{}\"]\n",
        split.gateway.origin(),
        dex::USER.login,
        split.provider(),
    ));
    let got = user.home.run(&["get", "--context", "split"]);
    let document = got.assert_success().json();
    user.assert_opens(&document);
    let headers = &document["status"]["headers"];
    assert_eq!(
        (&headers["X-Team"][0], &headers["X-Gateway-Key"][0]),
        (&"blue".into(), &key.as_str().into())
    );

    for request in split.gateway.requests() {
        assert_eq!(request.header("x-team"), Some("blue"), "{request:?}");
        assert_eq!(request.header("x-gateway-key"), Some(key.as_str()));
    }
    let elsewhere = split.provider.requests();
    assert_eq!(elsewhere.len(), LOGIN.len());
    for request in elsewhere {
        let told = request.contains(&key) || request.header("x-team").is_some();
        assert!(!told, "{request:?}");
        assert!(request.cookies().is_empty(), "{request:?}");
    }
}

#[test]
fn a_login_form_at_another_origin_gets_the_password_only_when_allowed() {
    let door = needs!(RealDoor::sign_in_page());
    let split = SplitDoor::start(&door);
    let user = Visitor::new(&door, dex::USER);
    let endpoint = split.gateway.origin() + "/pipeline";
    let refused = user.command_at(&endpoint, &[]).run();
    refused
        .assert_error(5, "password-origin-refused")
        .assert_says(&format!("login-origins: [\"{}\"]", split.provider()));
    assert_eq!(door.posts(), 0);
    assert!(door.mentions(dex::USER.password).is_empty());
}

// -------------------------------------------------------------------- helpers

/// Starts a proxy (RFC 9110 section 3.7) that knows one place behind every name: the door.
fn forward_proxy(door: &RealDoor) -> Server {
    let origin = door.origin().to_owned();
    Server::start(move |request| through(request, &origin))
}

fn through(request: &Request, origin: &str) -> Response {
    let mut inner = request.clone();
    let query = request.query_string();
    inner.target = match query {
        "" => request.path().to_owned(),
        query => format!("{}?{query}", request.path()),
    };
    forward(&inner, origin)
}

/// Asserts that every request came as to a proxy, and for the one place.
#[track_caller]
fn assert_went_through(proxy: &Server) {
    let requests = proxy.requests();
    assert!(!requests.is_empty());
    for request in requests {
        assert!(
            request.target.starts_with("http://kubeflow.test/"),
            "{}",
            request.target
        );
    }
}

/// Is a front door whose Dex lies at another origin: both pass everything on to the real one, and
/// send the browser to each other.
struct SplitDoor {
    gateway: Server,
    provider: Server,
}

impl SplitDoor {
    fn start(door: &RealDoor) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let gateway_origin = format!("http://{address}");
        let dex = door.recorder().origin();
        let provider = Server::start(move |request| {
            leading_to("/oauth2/", &gateway_origin, forward(request, &dex))
        });
        let (front, provider_origin) = (door.origin().to_owned(), provider.origin_as("localhost"));
        let gateway = Server::start_on(listener, None, move |request| {
            leading_to("/dex/", &provider_origin, forward(request, &front))
        });
        Self { gateway, provider }
    }

    /// Returns Dex's origin: a host of its own, as cookies are not told apart by port.
    fn provider(&self) -> String {
        self.provider.origin_as("localhost")
    }
}

/// Makes a redirect to a path lead to that path at another origin.
fn leading_to(path: &str, origin: &str, mut response: Response) -> Response {
    for (name, value) in &mut response.headers {
        if name.eq_ignore_ascii_case("location") && value.starts_with(path) {
            *value = format!("{origin}{value}");
        }
    }
    response
}
