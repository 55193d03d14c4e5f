//! Sessions that the server has ended, replaces on use, or is asked to end. (What Kubernetes clients do about a dead
//! token is in `google_user/rerun.rs`.)

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use kfp_credential::config::options::{CommonOptions, ContactOptions, TargetOptions};
use kfp_credential::config::{Inputs, resolve};
use kfp_credential::credential::{Cookie, Credential, ExpirySource, KnownEnd, Material};
use kfp_credential::environment::Environment;
use kfp_credential::get::session_key;
use kfp_credential::method::check::check;
use kfp_credential::run::Run;
use kfp_credential::secret::Secret;
use kfp_credential::store::Entry;
use kfp_credential::trace::Trace;
use testkit::front_door::{FrontDoor, Options, PASSWORD, RelyingParty, USER};
use testkit::http::{Response, Server};
use testkit::peers::curl::Curl;
use testkit::peers::dex;
use testkit::peers::front_door::RealDoor;
use testkit::peers::needs;
use testkit::peers::visitor::{Visitor, header_lines};
use testkit::sandbox::{Output, Sandbox, files_beneath};

// ----------------------------------------------------------- a killed session

#[test]
fn a_killed_session_is_left_aside_by_a_refresh() {
    let mut door = needs!(RealDoor::sign_in_page());
    let (stored, home) = {
        let user = Visitor::new(&door, dex::USER);
        (user.document(&["--store", "file"]), user.home)
    };
    door.forget_sessions();
    let user = Visitor::at_home(home, &door, dex::USER);
    assert_eq!(status(&stored), 403);
    let renewed = user.document(&["--store", "file", "--refresh"]);
    user.assert_opens(&renewed);
    assert_eq!(user.document(&["--store", "file"]), renewed);
    assert_eq!(door.posts(), 2);
}

#[test]
fn a_session_that_is_refused_is_no_answer_where_renewing_fails() {
    let door = FrontDoor::start(Options::default());
    let home = visitor();
    let stored = get(&home, &door);
    let wrong = || {
        let endpoint = door.endpoint();
        let get = ["get", "--store", "file", "--endpoint", &endpoint];
        let get = [&get[..], &["--username", USER, "--min-ttl", "48h"]].concat();
        let run = home.command(&get);
        run.env("KFP_CREDENTIAL_PASSWORD", "a wrong password").run()
    };
    assert_eq!(cookies(&wrong().assert_success().json()), cookies(&stored));
    door.kill_sessions();
    wrong().assert_error(5, "dex-login-rejected");
}

// -------------------------------------------------- deployKF's `cookie_refresh`

/// More life than a session has that is some seconds old, and less than a new one has.
const ALL_BUT_TWO_SECONDS: [&str; 4] = ["--store", "file", "--min-ttl", "86398s"];

#[test]
fn what_the_proxy_sets_anew_on_a_check_is_answered_from_then_on() {
    let door = needs!(RealDoor::rotating_sessions());
    let user = Visitor::new(&door, dex::USER);
    let first = user.document(&["--store", "file"]);
    sleep(Duration::from_millis(2600));
    let run = user.command(&[&ALL_BUT_TWO_SECONDS[..], &["-v"]].concat());
    let anew = run.run().assert_success();
    let anew = anew.assert_says("has renewed the session's cookies");
    let anew = anew.json();
    assert_ne!(cookies(&anew), cookies(&first));
    assert_eq!(door.posts(), 1, "without any login");
    assert_eq!(
        cookies(&user.document(&["--store", "file"])),
        cookies(&anew)
    );
    user.assert_opens(&anew);
}

#[test]
fn a_session_that_died_of_its_successor_is_noticed_by_the_next_check_and_by_a_refresh() {
    for options in [&ALL_BUT_TWO_SECONDS[..], &["--store", "file", "--refresh"]] {
        let door = needs!(RealDoor::rotating_sessions());
        let user = Visitor::new(&door, dex::USER);
        let stored = user.document(&["--store", "file"]);
        // Somebody else uses the cookie, and leaves the new one where it came.
        let dead = (0..6).any(|_| {
            sleep(Duration::from_millis(1500));
            status(&stored) == 403
        });
        assert!(dead, "{}", door.logs());
        let renewed = user.document(options);
        user.assert_opens(&renewed);
        assert_eq!(door.posts(), 2);
    }
}

#[test]
fn a_session_lifetime_below_the_refresh_avoids_it() {
    let door = needs!(RealDoor::refreshing_sessions("6s"));
    let user = Visitor::new(&door, dex::USER);
    user.home.config(&format!(
        "apiVersion: kfp-credential/v1\nkind: Config\ncontexts:\n  - name: deploykf\n    endpoint: {}\n    \
         store: file\n    session-lifetime: 3s\n    dex: {{username: {}}}\n",
        door.endpoint(),
        dex::USER.login
    ));
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(13) {
        let get = user.home.run(&["get", "--context", "deploykf"]);
        let answer = get.assert_success().json();
        let (status, set) = ask(&answer);
        assert_eq!(status, 200, "after {:?}", start.elapsed());
        assert!(set.is_empty(), "one in its place: {set:?}");
        sleep(Duration::from_millis(400));
    }
    assert!((4..=6).contains(&door.posts()), "{}", door.posts());
}

// ---------------------------------------------------------------------- logout

#[test]
fn oauth2_proxy_is_asked_to_end_the_session() {
    for (door, path) in [
        (RealDoor::sign_in_page(), "/oauth2/sign_out"),
        (RealDoor::path_prefix(), "/kf/oauth2/sign_out"),
    ] {
        let door = needs!(door);
        let user = Visitor::new(&door, dex::USER);
        let session = user.document(&["--store", "file"]);
        let said = logout(&user.home, &door.endpoint(), &[dex::USER.login]);
        // It keeps a session in its cookie alone, as Kubeflow's manifests have it.
        let said = said.assert_says("was asked to end the session, and still accepts a copy");
        let end = session["status"]["kfp"]["expiresAt"].as_str();
        said.assert_says(end.expect("an end"));
        let log = door.front_log();
        let asked = log.lines().find(|line| line.contains(path));
        assert!(asked.is_some_and(|line| line.contains(" 302 ")), "{log}");
        assert_eq!(status(&session), 200);
        user.home
            .command(&["get", "--store", "file", "--endpoint", &door.endpoint()])
            .env_remove("KFP_CREDENTIAL_PASSWORD")
            .run()
            .assert_error(4, "login-required");
    }
}

#[test]
fn authservice_ends_the_session() {
    let door = FrontDoor::start(Options {
        relying_party: RelyingParty::Authservice,
        ..Options::default()
    });
    let home = visitor();
    let session = get(&home, &door);
    assert_eq!(status(&session), 200);
    logout(&home, &door.endpoint(), &[USER]).assert_says("has ended the session");
    assert_eq!(status(&session), 302);
    assert!(stored(&home).is_empty());
}

#[test]
fn a_logout_forgets_whatever_the_server_says() {
    for (words, status) in [
        ("still accepts a copy", 404),
        ("still accepts a copy", 500),
        ("is not known: [unreachable]", 0),
        ("is not known: [timeout]", 1),
    ] {
        let answer = move || match status {
            0 => Response::close(),
            1 => Response::hang(),
            status => Response::text(status, "it is none of oauth2-proxy"),
        };
        let door = FrontDoor::start_with(Options::default(), move |request| {
            (request.path() == "/oauth2/sign_out").then(answer)
        });
        let home = visitor();
        get(&home, &door);
        let said = logout(&home, &door.endpoint(), &[USER]).assert_says(words);
        assert!(said.elapsed < Duration::from_secs(8), "{}", said.shown());
        assert!(stored(&home).is_empty());
    }
    let door = FrontDoor::start(Options::default());
    let (home, endpoint) = (visitor(), door.endpoint());
    get(&home, &door);
    drop(door);
    logout(&home, &endpoint, &[USER]).assert_says("is not known: [unreachable]");
    assert!(stored(&home).is_empty());
}

#[test]
fn a_logout_sends_the_session_nowhere_else() {
    let elsewhere = Server::start(|_| Response::text(200, "thank you"));
    let target = elsewhere.origin();
    let door = FrontDoor::start_with(Options::default(), move |request| {
        let is_ours = request.path() == "/oauth2/sign_out";
        is_ours.then(|| Response::redirect(307, &target))
    });
    let home = visitor();
    get(&home, &door);
    logout(&home, &door.endpoint(), &[USER]).assert_says("still accepts a copy");
    assert!(elsewhere.requests().is_empty());
}

#[test]
fn a_logout_of_all_asks_each_server() {
    let home = visitor();
    let doors = [RelyingParty::Authservice, RelyingParty::Oauth2Proxy].map(|relying_party| {
        FrontDoor::start(Options {
            relying_party,
            ..Options::default()
        })
    });
    let mut config = "apiVersion: kfp-credential/v1\nkind: Config\ncontexts:\n".to_owned();
    for (number, door) in doors.iter().enumerate() {
        config += &format!(
            "  - name: door-{number}\n    endpoint: {}\n    store: file\n    dex: {{username: {USER}}}\n",
            door.endpoint()
        );
    }
    home.config(&config);
    for door in &doors {
        get(&home, door);
    }
    let said = home.run(&["logout", "--all"]).assert_success();
    said.assert_says(&format!("{} has ended the session", doors[0].endpoint()))
        .assert_says(&format!("{} was asked to end", doors[1].endpoint()));
    assert!(stored(&home).is_empty());
}

// ------------------------------------------- what has ended is not sent again

#[test]
fn a_session_that_the_server_has_just_ended_is_not_sent_again() {
    let door = FrontDoor::start(Options {
        relying_party: RelyingParty::Authservice,
        ..Options::default()
    });
    let home = visitor();
    let session = session_value(&get(&home, &door));
    door.server.clear();
    logout(&home, &door.endpoint(), &[USER]).assert_says("has ended the session");
    let sent = door.server.requests();
    let paths: Vec<&str> = sent
        .iter()
        .filter(|request| request.contains(&session))
        .map(testkit::http::Request::path)
        .collect();
    assert_eq!(paths, ["/authservice/logout"]);
}

#[test]
fn a_session_that_ends_before_its_turn_in_a_logout_is_not_sent() {
    let slow = FrontDoor::start_with(Options::default(), |request| {
        if request.path() == "/oauth2/sign_out" {
            sleep(Duration::from_millis(3200));
        }
        None
    });
    let short = FrontDoor::start(Options {
        relying_party: RelyingParty::Authservice,
        session_seconds: 3,
        ..Options::default()
    });
    let home = visitor();
    let mut config = "apiVersion: kfp-credential/v1\nkind: Config\ncontexts:\n".to_owned();
    for (name, door) in [("slow", &slow), ("short", &short)] {
        config += &format!(
            "  - name: {name}\n    endpoint: {}\n    store: file\n    dex: {{username: {USER}}}\n",
            door.endpoint()
        );
    }
    home.config(&config);
    get(&home, &slow);
    let session = session_value(&get(&home, &short));
    short.server.clear();
    home.run(&["logout", "--all"]).assert_success();
    let sent = short.server.requests();
    assert!(
        !sent.iter().any(|request| request.contains(&session)),
        "{sent:?}"
    );
}

#[test]
fn a_check_sends_no_cookie_that_has_ended() {
    let server = Server::start(|_| Response::json(200, r#"{"multi_user":true}"#));
    let now = chrono::Utc::now();
    let cookie = |name: &str, seconds: i64| Cookie {
        name: name.into(),
        value: Secret::new(format!("value-of-{name}")),
        domain: "127.0.0.1".into(),
        host_only: true,
        path: "/".into(),
        secure: false,
        http_only: true,
        expires: Some(now + chrono::TimeDelta::seconds(seconds)),
    };
    let material = Material::Cookies(vec![cookie("ended", -5), cookie("live", 600)]);
    for (life, sent) in [(600, Some("live=value-of-live")), (-1, None)] {
        server.clear();
        let end = KnownEnd {
            at: now + chrono::TimeDelta::seconds(life),
            source: ExpirySource::MaxAge,
        };
        let issued = now - chrono::TimeDelta::hours(1);
        let credential = Credential::new(material.clone(), None, issued, Some(end), None);
        checked(&server.origin(), credential);
        let heard = server.requests();
        let cookies: Vec<_> = heard
            .iter()
            .map(|request| request.header("cookie"))
            .collect();
        assert_eq!(cookies, sent.map(Some).into_iter().collect::<Vec<_>>());
    }
    let token = Material::Bearer(Secret::new("an-ended-token"));
    let end = KnownEnd {
        at: now - chrono::TimeDelta::seconds(1),
        source: ExpirySource::Jwt,
    };
    server.clear();
    checked(
        &server.origin(),
        Credential::new(token, None, now, Some(end), None),
    );
    assert!(server.requests().is_empty());
}

/// Checks a credential at an endpoint, whatever comes of it.
fn checked(endpoint: &str, credential: Credential) {
    let (environment, trace) = (Environment::default(), Trace::default());
    let target = TargetOptions {
        endpoint: Some(endpoint.to_owned()),
        username: Some(USER.to_owned()),
        ..TargetOptions::default()
    };
    let context = resolve(&Inputs {
        common: &CommonOptions::default(),
        target: &target,
        contact: &ContactOptions::default(),
        exec: None,
        environment: &environment,
    });
    let context = context.expect("a context");
    let run = Run {
        environment: &environment,
        trace: &trace,
        now: chrono::Utc::now,
    };
    let key = session_key(&context);
    let entry = Entry::new(&key, "dex", endpoint, true, credential);
    check(run, &context, &[], &entry, context.deadlines.login).expect("a verdict");
}

fn session_value(document: &Value) -> String {
    let cookie = &document["status"]["cookies"][0]["value"];
    cookie.as_str().expect("a session").to_owned()
}

#[test]
fn without_a_session_nobody_is_asked() {
    let door = FrontDoor::start(Options::default());
    let home = visitor();
    logout(&home, &door.endpoint(), &[USER]).assert_says("Nothing was stored of");
    assert!(door.server.requests().is_empty());
}

// -------------------------------------------------------------------- helpers

fn visitor() -> Sandbox {
    let home = Sandbox::new();
    let password = home.secret(PASSWORD);
    home.env("KFP_CREDENTIAL_PASSWORD", &password);
    home
}

#[track_caller]
fn get(home: &Sandbox, door: &FrontDoor) -> Value {
    let endpoint = door.endpoint();
    let get = ["get", "--store", "file", "--endpoint", &endpoint];
    let get = [get.as_slice(), &["--username", USER]].concat();
    home.run(&get).assert_success().json()
}

#[track_caller]
fn logout(home: &Sandbox, endpoint: &str, user: &[&str]) -> Output {
    let logout = ["logout", "--endpoint", endpoint, "--store", "file"];
    let logout = [logout.as_slice(), &["--username"], user].concat();
    let output = home.run(&logout).assert_success();
    assert_eq!(output.stdout, "");
    output
}

fn stored(home: &Sandbox) -> Vec<std::path::PathBuf> {
    files_beneath(&home.state_folder().join("store"))
}

fn cookies(document: &Value) -> &Value {
    &document["status"]["headers"]["Cookie"]
}

/// Asks with a document's headers; gives the status, and the names of the cookies that are set.
fn ask(document: &Value) -> (u16, Vec<String>) {
    let endpoint = document["status"]["kfp"]["endpoint"].as_str();
    let curl = Curl::new(None);
    let headers = header_lines(document);
    let page = curl.with_header(endpoint.expect("an endpoint"), headers.trim_end());
    (page.status, curl.cookies())
}

fn status(document: &Value) -> u16 {
    ask(document).0
}
