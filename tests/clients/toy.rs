//! A toy helper of a few lines of shell, written from the specification alone: the clients work with it as with ours,
//! so the contract stands without our code.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use testkit::clients::driver;
use testkit::clients::stage::write_program;
use testkit::clients::table::{Table, drivers};
use testkit::contract::{assert_valid, closed, read_json};
use testkit::front_door::{FrontDoor, Options, PASSWORD, USER};
use testkit::peers::clients::Driver;
use testkit::peers::{install, require};

const SCRIPT: &str = include_str!("toy_helper.sh");
const TOKEN: &str = "toy-token-4b1f";
const CONTEXTS: &str = "TOY_HELPER_CONTEXTS";

#[test]
fn a_toy_helper_keeps_the_contract() {
    let toy = Toy::new();
    if require(install::program("curl", "curl")).is_none() {
        return;
    }
    let schema = closed(read_json("protocol/document.schema.json"));
    for (context, kind) in [("bearer", "bearer"), ("cookie", "cookie")] {
        let output = toy.run(&["get", "--context", context, "--refresh"]);
        assert!(
            output.status.success() && output.stderr.is_empty(),
            "{output:?}"
        );
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_valid(&schema, &document, context);
        assert_eq!(document["status"]["kfp"]["type"], kind);
    }
    let slugs = read_json("protocol/errors.json");
    for (args, slug, exit) in [
        (&["get", "--context", "wrong"][..], "dex-login-rejected", 5),
        (&["get", "--context", "empty"], "token-file-empty", 3),
        (&["get", "--context", "nobody"], "config-context-unknown", 3),
        (&["put"], "usage", 2),
    ] {
        let output = toy.run(args);
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(words.contains(&format!("error[{slug}]: ")), "{words}");
        assert_eq!(
            (output.status.code(), output.stdout.len()),
            (Some(exit), 0),
            "{words}"
        );
        let known = slugs["errors"].as_array().unwrap().iter();
        assert!(
            known
                .into_iter()
                .any(|row| row["slug"] == slug && row["exit"] == exit),
            "{slug}"
        );
    }
}

#[test]
fn every_client_works_with_the_toy_helper() {
    if require(install::program("curl", "curl")).is_none() {
        return;
    }
    let drivers = drivers();
    let table = Mutex::new(Table::default());
    thread::scope(|scope| {
        for (language, driver) in &drivers {
            let table = &table;
            scope.spawn(move || {
                for (topic, done) in Toy::new().columns(driver) {
                    table
                        .lock()
                        .unwrap()
                        .note(*language, topic, "toy helper", done);
                }
            });
        }
    });
    table.into_inner().unwrap().show("with a toy helper");
}

/// Is a front door, and a home with the toy helper and contexts for that door.
struct Toy {
    door: FrontDoor,
    home: TempDir,
}

/// Is what a client is asked to do with the toy helper, and how many logins that takes.
struct Errand {
    context: &'static str,
    url: String,
    /// How often, one after another; the sessions are killed after the first.
    times: usize,
    parallel: usize,
    logins: usize,
}

impl Toy {
    fn new() -> Self {
        let door = FrontDoor::start(Options {
            bearer_tokens: vec![TOKEN.to_owned()],
            ..Options::default()
        });
        let home = tempfile::tempdir().expect("a temporary folder");
        let folder = home.path().join("contexts");
        fs::create_dir_all(&folder).expect("a folder");
        let file = |name: &str, text: &str| {
            let path = home.path().join(name);
            fs::write(&path, text).expect("a file");
            path.display().to_string()
        };
        let endpoint = door.endpoint();
        let login = format!(
            "login {}/oauth2/start?rd=/pipeline/\nuser {USER}",
            door.origin()
        );
        let password = file("password", &format!("{PASSWORD}\n"));
        let wrong = file("wrong-password", "not the password\n");
        let token = file("token", &format!("{TOKEN}\n"));
        let empty = file("empty", "");
        for (name, how) in [
            ("bearer", format!("token-file {token}")),
            ("empty", format!("token-file {empty}")),
            ("cookie", format!("{login}\npassword-file {password}")),
            ("wrong", format!("{login}\npassword-file {wrong}")),
        ] {
            let context = format!("endpoint {endpoint}\nnamespace team-a\n{how}\n");
            fs::write(folder.join(name), context).expect("a context");
        }
        let bin = home.path().join("bin");
        fs::create_dir_all(&bin).expect("a folder");
        write_program(&bin.join("toy-helper"), SCRIPT);
        Self { door, home }
    }

    /// Runs the toy helper alone.
    fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(self.home.path().join("bin/toy-helper"));
        command.args(args).env(CONTEXTS, self.contexts());
        command.output().expect("the toy helper")
    }

    fn contexts(&self) -> PathBuf {
        self.home.path().join("contexts")
    }

    /// Does with a client what each column is about, as far as it is the helper's business.
    fn columns(&self, driver: &Driver) -> [(&'static str, Result<(), String>); 7] {
        let api = format!(
            "{}/apis/v2beta1/experiments?namespace=team-a",
            self.door.endpoint()
        );
        let errand = |context, url: &str, times, parallel, logins| Errand {
            context,
            url: url.to_owned(),
            times,
            parallel,
            logins,
        };
        // Not a path of the API: a dead session gets the sign-in page there, in HTML with 403.
        let echo = format!("{}/echo", self.door.origin());
        [
            (
                "bearer",
                self.sends(driver, &errand("bearer", &api, 2, 1, 0)),
            ),
            (
                "cookie",
                self.sends(driver, &errand("cookie", &api, 1, 1, 1)),
            ),
            (
                "renewal on 401",
                self.sends(driver, &errand("cookie", &api, 2, 1, 2)),
            ),
            (
                "renewal on HTML",
                self.sends(driver, &errand("cookie", &echo, 2, 1, 2)),
            ),
            (
                "single flight",
                self.sends(driver, &errand("cookie", &api, 1, 20, 1)),
            ),
            (
                "helper failing",
                self.fails(driver, "wrong", "dex-login-rejected", 5),
            ),
            (
                "helper failing",
                self.fails(driver, "empty", "token-file-empty", 3),
            ),
        ]
    }

    fn sends(&self, driver: &Driver, errand: &Errand) -> Result<(), String> {
        self.door.server.clear();
        let before = self.door.logins();
        let requests = vec![json!({"method": "GET", "url": errand.url}); errand.times];
        let input = json!({"requests": requests, "parallel": errand.parallel, "pauseSeconds": 1});
        let results = thread::scope(|scope| {
            let asking = scope.spawn(|| self.ask(driver, errand.context, input));
            if errand.times > 1 {
                while !asking.is_finished() && !self.was_let_through(&errand.url) {
                    thread::sleep(Duration::from_millis(5));
                }
                self.door.kill_sessions();
            }
            asking.join().expect("no panic")
        })?;
        let good = results
            .iter()
            .filter(|result| result["status"] == 200)
            .count();
        let logins = self.door.logins() - before;
        if (good, logins) == (errand.times * errand.parallel, errand.logins) {
            return Ok(());
        }
        Err(format!(
            "{logins} logins, not {}: {results:?}",
            errand.logins
        ))
    }

    fn was_let_through(&self, url: &str) -> bool {
        let (_, target) = url.split_at(self.door.origin().len());
        let path = target.split('?').next().unwrap_or(target);
        self.door.server.hops().contains(&format!("GET {path} 200"))
    }

    fn fails(&self, driver: &Driver, context: &str, slug: &str, exit: i32) -> Result<(), String> {
        let input = json!({"requests": [{"method": "GET", "url": "/apis/v2beta1/healthz"}]});
        let results = self.ask(driver, context, input)?;
        if results[0]["error"] == slug && results[0]["exit"] == exit {
            return Ok(());
        }
        Err(format!("{results:?}"))
    }

    fn ask(&self, driver: &Driver, context: &str, mut input: Value) -> Result<Vec<Value>, String> {
        input["exec"] = json!({"command": "toy-helper", "args": ["get"]});
        input["context"] = context.into();
        let contexts = self.contexts().display().to_string();
        let env = BTreeMap::from([(CONTEXTS.to_owned(), contexts)]);
        let printed = driver::run(driver, self.home.path(), &env, &input)?;
        Ok(printed.results)
    }
}
