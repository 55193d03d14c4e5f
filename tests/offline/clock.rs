//! A server whose clock is not ours: what it says of an end is counted by its clock, and told by ours.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use testkit::front_door::{FrontDoor, Options, PASSWORD, USER};
use testkit::http::{Response, Server, forward};
use testkit::sandbox::{Output, Sandbox};

/// Is how the server's answers are made to look.
#[derive(Clone, Copy)]
struct Clock {
    /// Seconds that it is ahead of ours.
    ahead: i64,
    /// Whether a session's end is a date and no age.
    by_date: bool,
}

/// Is a visitor of a front door whose life of a session is an hour.
struct Visit {
    _door: FrontDoor,
    server: Server,
    home: Sandbox,
}

impl Visit {
    fn new(clock: Clock) -> Self {
        let door = FrontDoor::start(Options {
            session_seconds: 3600,
            ..Options::default()
        });
        let origin = door.origin();
        let server = Server::start(move |request| clock.seen_by(forward(request, &origin)));
        let home = Sandbox::new();
        let password = home.secret(PASSWORD);
        home.env("KFP_CREDENTIAL_PASSWORD", &password);
        Self {
            _door: door,
            server,
            home,
        }
    }

    fn run(&self, args: &[&str]) -> Output {
        let endpoint = format!("{}/pipeline", self.server.origin());
        let own = ["--store", "file", "--endpoint", &endpoint];
        let own = [args, &own, &["--username", USER]].concat();
        self.home.run(&own).assert_success()
    }

    /// Returns the minutes that a session is told to live, and what tells.
    fn life(&self) -> (i64, String) {
        let answer = self.run(&["get"]).json();
        let kfp = &answer["status"]["kfp"];
        let end = kfp["expiresAt"].as_str().expect("an end");
        let end: DateTime<Utc> = end.parse().expect("a time");
        let seconds = (end - Utc::now()).num_seconds();
        let source = kfp["expirySource"].as_str().expect("a source");
        ((seconds + 30) / 60, source.to_owned())
    }

    fn status(&self) -> (String, Value) {
        let text = self.run(&["status"]).stdout;
        let json = self.run(&["status", "-o", "json"]).json();
        (text, json[0]["clockAheadSeconds"].clone())
    }
}

impl Clock {
    fn seen_by(self, mut response: Response) -> Response {
        let now = Utc::now() + TimeDelta::seconds(self.ahead);
        let date = |time: DateTime<Utc>| time.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        if self.by_date {
            for (name, value) in &mut response.headers {
                if let Some((cookie, _)) = value.split_once("; Max-Age=3600")
                    && name.eq_ignore_ascii_case("set-cookie")
                {
                    let end = date(now + TimeDelta::hours(1));
                    *value = format!("{cookie}; Expires={end}");
                }
            }
        }
        response.header("Date", &date(now))
    }
}

#[test]
fn a_date_is_counted_by_the_servers_clock() {
    for ahead in [-86_400, -7200, 0, 7200, 86_400] {
        let visit = Visit::new(Clock {
            ahead,
            by_date: true,
        });
        assert_eq!(visit.life(), (60, "expires".to_owned()), "{ahead} s");
    }
}

#[test]
fn an_age_is_counted_by_nobodys_clock() {
    for ahead in [-7200, 7200] {
        let visit = Visit::new(Clock {
            ahead,
            by_date: false,
        });
        assert_eq!(visit.life(), (60, "max-age".to_owned()), "{ahead} s");
    }
}

#[test]
fn a_clock_that_is_off_by_more_than_a_minute_is_told() {
    for (ahead, words) in [
        (-7230, "The server's clock is 2h 0m behind this machine's"),
        (
            7200 + 59,
            "The server's clock is 2h 0m ahead of this machine's",
        ),
    ] {
        let visit = Visit::new(Clock {
            ahead,
            by_date: true,
        });
        let login = visit.run(&["login"]);
        login.assert_says(words);
        let (text, seconds) = visit.status();
        assert!(text.contains(&format!("clock:     {words}")), "{text}");
        let seconds = seconds.as_i64().expect("seconds");
        assert!((seconds - ahead).abs() <= 2, "{seconds}");
        let get = visit.run(&["get", "-v", "--refresh"]);
        get.assert_says("the server's clock is 7")
            .assert_says("expiry times are by this machine's");
    }
}

#[test]
fn a_clock_that_is_right_is_no_news() {
    for ahead in [0, 50, -50] {
        let visit = Visit::new(Clock {
            ahead,
            by_date: true,
        });
        let login = visit.run(&["login", "-v"]);
        assert!(!login.stderr.contains("The server's clock"));
        let said = login.stderr.contains("the server's clock is");
        assert_eq!(said, ahead != 0, "{}", login.shown());
        let (text, seconds) = visit.status();
        assert!(!text.contains("clock:") && seconds.is_null(), "{text}");
    }
}
