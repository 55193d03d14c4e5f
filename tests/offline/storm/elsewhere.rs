//! The other origins: front doors as tempting as the first, which must never see a secret of it.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use testkit::front_door::{FrontDoor, Options};
use testkit::http::TestCa;

/// Is the other origins of one door.
pub(crate) struct Elsewhere {
    doors: Vec<(FrontDoor, bool)>,
    /// The cookies that they have set.
    set: Arc<Mutex<Vec<String>>>,
}

impl Elsewhere {
    /// Starts them: one on another port, one on another host and, where the first speaks TLS, one that does not.
    pub(crate) fn start(options: &Options, ca: Option<&TestCa>) -> Self {
        let set: Arc<Mutex<Vec<String>>> = Arc::default();
        let start = |host: &'static str, ca: Option<&TestCa>| {
            let listener = TcpListener::bind((host, 0)).expect("a free port on loopback");
            let tls = ca.map(|ca| ca.server_config(&[host]));
            let seen = Arc::clone(&set);
            let door =
                FrontDoor::start_changed(options.clone(), listener, tls, move |_, answer| {
                    // Another port's cookie is the host's, and so is the session's by right.
                    let answer = match host {
                        "127.0.0.1" => answer,
                        _ => answer.header("Set-Cookie", "elsewhere=planted-elsewhere; Path=/"),
                    };
                    let lines = answer
                        .headers
                        .iter()
                        .filter(|(name, _)| name == "Set-Cookie");
                    let pairs = lines.filter_map(|(_, line)| line.split(';').next());
                    lock(&seen).extend(pairs.map(str::to_owned));
                    answer
                });
            (door, host != "127.0.0.1")
        };
        let mut doors = vec![start("127.0.0.1", ca), start("127.0.0.2", ca)];
        if ca.is_some() {
            doors.push(start("127.0.0.2", None));
        }
        Self { doors, set }
    }

    /// Returns their origins.
    pub(crate) fn origins(&self) -> Vec<String> {
        self.doors.iter().map(|(door, _)| door.origin()).collect()
    }

    /// Counts the requests to them.
    pub(crate) fn visits(&self) -> usize {
        let visits = self
            .doors
            .iter()
            .map(|(door, _)| door.server.requests().len());
        visits.sum()
    }

    /// Asserts that no secret came here: none of these strings, no bearer, and no cookie that was set elsewhere. (Cookies
    /// know no ports, RFC 6265 section 8.5: another port of the same host gets those of the host.)
    #[track_caller]
    pub(crate) fn assert_saw_no_secret(&self, secrets: &[&str]) {
        for (door, is_other_host) in &self.doors {
            for request in door.server.requests() {
                let shown = format!("at {}: {request:#?}\n{}", door.origin(), request.text());
                for secret in secrets {
                    assert!(!request.contains(secret), "the secret {secret:?} {shown}");
                }
                assert_eq!(request.header("authorization"), None, "a bearer {shown}");
                if *is_other_host {
                    let own = lock(&self.set);
                    for (name, value) in request.cookies() {
                        assert!(
                            own.contains(&format!("{name}={value}")),
                            "a cookie of the first {shown}"
                        );
                    }
                }
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
