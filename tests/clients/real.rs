//! Every client with the real binary, through a front door of real servers: Dex behind oauth2-proxy.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::thread;

use serde_json::{Value, json};

use testkit::binary;
use testkit::clients::driver;
use testkit::clients::table::{Table, drivers};
use testkit::peers::clients::{Driver, Language};
use testkit::peers::front_door::RealDoor;
use testkit::peers::{dex, require};
use testkit::sandbox::Sandbox;

const EXPERIMENTS: &str = "/apis/v2beta1/experiments?namespace=team-a";
const WRONG_PASSWORD: &str = "not-the-password-5d1e";

#[test]
fn every_client_passes_a_real_front_door() {
    let drivers = drivers();
    let table = Mutex::new(Table::default());
    run(&drivers, &table);
    let table = table.into_inner().unwrap();
    table.show("through a real front door");
}

/// Notes in the table what each client does.
fn run(drivers: &[(Language, Driver)], table: &Mutex<Table>) {
    let Some(door_with_tls) = require(RealDoor::tls()) else {
        return;
    };
    thread::scope(|scope| {
        for (language, driver) in drivers {
            let door_with_tls = &door_with_tls;
            scope.spawn(move || {
                let Some(door) = require(RealDoor::sign_in_page()) else {
                    return;
                };
                let mut visit = Visit::new(driver, door, door_with_tls);
                for (topic, name, done) in visit.tries() {
                    let mut table = table.lock().unwrap_or_else(PoisonError::into_inner);
                    table.note(*language, topic, name, done);
                }
            });
        }
    });
}

/// Is a client at a front door.
struct Visit<'a> {
    driver: &'a Driver,
    door: RealDoor,
    home: Sandbox,
}

/// Is what a column of the table gets: its topic, what was tried, and what came of it.
type Tried = (&'static str, &'static str, Result<(), String>);

impl<'a> Visit<'a> {
    /// Does one thing after another; each finds what the one before has left.
    fn tries(&mut self) -> Vec<Tried> {
        let mut tried = vec![
            ("cookie", "a real session", self.lists("door", 1)),
            ("cookie", "a stored real session", self.lists("door", 0)),
        ];
        self.door.forget_sessions();
        let renewed = self.lists("door", 1);
        tried.push(("renewal on 401", "a real session that was killed", renewed));
        self.door.forget_sessions();
        tried.extend([
            (
                "renewal on HTML",
                "a real sign-in page",
                self.passes_the_sign_in_page(),
            ),
            ("bearer", "a real token in a file", self.lists("pod", 0)),
            (
                "single flight",
                "twenty first requests and one real login",
                self.lists_at_once(),
            ),
            ("helper failing", "a wrong password", self.is_refused()),
            // Another door: this one counts nothing.
            (
                "connection",
                "a real door with an authority of its own",
                self.lists("tls", 0),
            ),
        ]);
        tried
    }

    fn new(driver: &'a Driver, door: RealDoor, door_with_tls: &RealDoor) -> Self {
        let home = Sandbox::new();
        home.file("password", home.secret(dex::USER.password));
        home.file("wrong-password", home.secret(WRONG_PASSWORD));
        home.file("token", home.secret(door.bearer(dex::USER)));
        home.config(&format!(
            "apiVersion: kfp-credential/v1\nkind: Config\ncontexts:\n\
             - {{name: door, endpoint: '{0}', store: file, dex: {{username: {1}, password: {{file: ~/password}}}}}}\n\
             - {{name: not-stored, endpoint: '{0}', store: none, dex: {{username: {1}, password: {{file: ~/password}}}}}}\n\
             - {{name: wrong, endpoint: '{0}', store: none, dex: {{username: {1}, password: {{file: ~/wrong-password}}}}}}\n\
             - {{name: pod, endpoint: '{0}', token-file: {{path: ~/token}}}}\n\
             - {{name: tls, endpoint: '{2}', certificate-authority: {3}, store: none,\n\
             \x20  dex: {{username: {1}, password: {{file: ~/password}}}}}}\n",
            door.endpoint(),
            dex::USER.login,
            door_with_tls.endpoint(),
            door_with_tls.certificate_authority().display(),
        ));
        Self { driver, door, home }
    }

    /// Lists the experiments twice, with this number of logins on the way.
    fn lists(&self, context: &str, logins: usize) -> Result<(), String> {
        let request = json!({"method": "GET", "url": EXPERIMENTS});
        let replies = self.ask(context, &json!({"requests": [request, request]}), logins)?;
        is(&json!(replies.len()), 2, &replies)?;
        replies.iter().try_for_each(experiments)
    }

    fn lists_at_once(&self) -> Result<(), String> {
        let request = json!({"method": "GET", "url": EXPERIMENTS});
        let input = json!({"requests": [request], "parallel": 20});
        let replies = self.ask("not-stored", &input, 1)?;
        is(&json!(replies.len()), 20, &replies)?;
        replies.iter().try_for_each(experiments)
    }

    /// Asks for what is no part of the API: without a session, that is the sign-in page.
    fn passes_the_sign_in_page(&self) -> Result<(), String> {
        let echo = format!("{}/echo", self.door.origin());
        let input = json!({"requests": [{"method": "GET", "url": echo}]});
        let replies = self.ask("door", &input, 1)?;
        let seen = &body_of(&replies[0])?["headers"]["kubeflow-userid"][0];
        is(seen, dex::USER.email, &replies)
    }

    fn is_refused(&self) -> Result<(), String> {
        let input = json!({"requests": [{"method": "GET", "url": EXPERIMENTS}]});
        let replies = self.ask("wrong", &input, 1)?;
        is(&replies[0]["error"], "dex-login-rejected", &replies)?;
        is(&replies[0]["exit"], 5, &replies)
    }

    /// Runs the driver with the real binary, and counts the login forms that come to Dex.
    fn ask(&self, context: &str, input: &Value, logins: usize) -> Result<Vec<Value>, String> {
        let mut input = input.clone();
        input["exec"] = json!({"command": binary(), "args": ["get", "--context", context]});
        let before = self.door.posts();
        let nowhere = format!("unix:path={}", self.home.home().join("no-bus").display());
        let env = BTreeMap::from([("DBUS_SESSION_BUS_ADDRESS".to_owned(), nowhere)]);
        let printed = driver::run(self.driver, &self.home.home(), &env, &input)?;
        let passwords = [dex::USER.password, WRONG_PASSWORD];
        if passwords
            .iter()
            .any(|password| printed.text.contains(password))
        {
            return Err(format!("a password is in {}", printed.text));
        }
        let posts = self.door.posts() - before;
        if posts != logins {
            return Err(format!(
                "{posts} logins, not {logins}: {:?}",
                printed.results
            ));
        }
        Ok(printed.results)
    }
}

fn experiments(reply: &Value) -> Result<(), String> {
    is(&reply["status"], 200, reply)?;
    is(&body_of(reply)?["total_size"], 2, reply)
}

fn body_of(reply: &Value) -> Result<Value, String> {
    let body = reply["body"].as_str().unwrap_or_default();
    serde_json::from_str(body).map_err(|error| format!("{error}: {reply}"))
}

fn is(found: &Value, wanted: impl Into<Value>, shown: &impl std::fmt::Debug) -> Result<(), String> {
    let wanted = wanted.into();
    if *found == wanted {
        return Ok(());
    }
    Err(format!("{found} is not {wanted}: {shown:?}"))
}
