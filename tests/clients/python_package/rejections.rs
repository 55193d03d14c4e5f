//! The faces of an ended session: each is renewed or is an error, never an empty answer, and what stays
//! rejected is asked for no more.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{build, home, script, token_context};
use testkit::http::{Request, Response, Server};
use testkit::kfp_api::{self, service_account_token};
use testkit::peers::{needs, python};
use testkit::sandbox::Sandbox;

#[test]
fn kfp_2_sees_no_empty_answer() {
    no_empty_answer(&needs!(python::kfp()));
}

#[test]
fn kfp_1_sees_no_empty_answer() {
    no_empty_answer(&needs!(python::kfp1()));
}

#[test]
fn kfp_2_waits_in_no_hot_loop() {
    no_hot_loop(&needs!(python::kfp()));
}

#[test]
fn kfp_1_waits_in_no_hot_loop() {
    no_hot_loop(&needs!(python::kfp1()));
}

fn no_empty_answer(python: &Path) {
    let environment = needs!(build::from_wheel(python));
    let scene = Scene::start(home(&environment, ""));
    let faces = [
        ("unauthorized", Response::json(401, "{}")),
        ("redirect", Response::redirect(302, &scene.login.origin())),
        ("page", Response::html(200, "<title>Log in</title>")),
        ("sign-in", Response::html(403, "<title>Sign in</title>")),
    ];
    let mut contexts = String::new();
    let mut doors = Vec::new();
    for (face, response) in faces {
        for kind in ["renewed", "rejected", "uploads", "starts"] {
            let name = format!("{kind}-{face}");
            let (door, context) = scene.door(&name, response.clone(), kind != "rejected", 0);
            contexts += &context;
            doors.push((name, door));
        }
    }
    // The constructor of the SDK would try five times, with pauses.
    let (door, context) = scene.door("starts", Response::json(401, "{}"), false, 0);
    contexts += &context;
    doors.push(("starts".to_owned(), door));
    scene.write(&contexts);
    let names: Vec<&str> = doors.iter().map(|(name, _)| name.as_str()).collect();
    let output = script(&scene.home, "rejections.py", &names).assert_success();
    for ((name, door), said) in doors.iter().zip(output.stdout.lines()) {
        let expected = match name.split_once('-') {
            Some(("renewed", _)) => "['Default', 'taxi fares']",
            Some(("uploads", _)) => "uploaded greeting",
            Some(("starts", _)) => "started",
            _ => "credential-rejected",
        };
        assert_eq!(said, format!("{name}: {expected}"), "{}", output.shown());
        let requests = door.requests();
        assert_eq!(requests.len(), 2, "{name}: {:?}", door.hops());
        // What is sent once more is the same.
        assert_eq!(multipart(&requests[0]), multipart(&requests[1]));
        assert_eq!(
            name.starts_with("uploads"),
            requests[1].text().contains("of the test")
        );
    }
    assert!(
        scene.login.requests().is_empty(),
        "{:?}",
        scene.login.hops()
    );
}

fn no_hot_loop(python: &Path) {
    let environment = needs!(build::from_wheel(python));
    let scene = Scene::start(home(&environment, ""));
    let mut contexts = String::new();
    let mut doors = Vec::new();
    for (name, renews) in [
        ("waits-in-vain", false),
        ("waits-with-a-token-in-vain", false),
        ("waits-with-a-token", true),
    ] {
        let (door, context) = scene.door(name, Response::json(401, "{}"), renews, 1);
        contexts += &context;
        doors.push((name, door));
    }
    scene.write(&contexts);
    let names: Vec<&str> = doors.iter().map(|(name, _)| *name).collect();
    let output = script(&scene.home, "rejections.py", &names).assert_success();
    for ((name, door), said) in doors.iter().zip(output.stdout.lines()) {
        let renewed = name.ends_with("token");
        let expected = if renewed {
            "ended"
        } else {
            "credential-rejected"
        };
        assert_eq!(said, format!("{name}: {expected}"), "{}", output.shown());
        // One that was answered, one that was rejected, one with the renewed credential; then the next poll.
        let count = door.requests().len();
        assert_eq!(count, 3, "{name}: {:?}", door.hops());
    }
}

struct Scene {
    home: Sandbox,
    login: Server,
}

impl Scene {
    fn start(home: Sandbox) -> Self {
        let login = Server::start(|_| Response::html(200, "<title>Log in</title>"));
        Self { home, login }
    }

    /// Starts an API that takes a context's first token this often and then answers it with this
    /// response. The second token lies in the context's file from then on if `renews`, and is good.
    fn door(&self, name: &str, response: Response, renews: bool, good: usize) -> (Server, String) {
        let token = |seconds| service_account_token("pipelines.kubeflow.org", seconds);
        let (first, second) = (token(3000), self.home.secret(token(3600)));
        let file = self.home.home().join(name);
        let asked = AtomicUsize::new(0);
        let accepted = (format!("Bearer {first}"), format!("Bearer {second}"));
        let server = Server::start(move |request| {
            let bearer = request.header("authorization").unwrap_or_default();
            let is_good = bearer == accepted.0 && asked.fetch_add(1, Ordering::SeqCst) < good;
            if is_good || bearer == accepted.1 {
                return run_of_the_test(request, !is_good)
                    .unwrap_or_else(|| kfp_api::kubeflow(request));
            }
            if renews {
                fs::write(&file, &second).expect("the file of the token");
            }
            response.clone()
        });
        let endpoint = server.origin() + "/pipeline";
        let context = token_context(&self.home, name, &endpoint, &first);
        (server, context)
    }

    fn write(&self, contexts: &str) {
        self.home.config(&format!(
            "apiVersion: kfp-credential/v1\nkind: Config\ncontexts:\n{contexts}"
        ));
        self.home.file("pipeline.yaml", "a pipeline of the test\n");
    }
}

/// Is a run that ends when the test wants it to, in both versions of the API.
fn run_of_the_test(request: &Request, has_ended: bool) -> Option<Response> {
    if !request.path().ends_with("/runs/of-the-test") {
        return None;
    }
    let state = if has_ended { "SUCCEEDED" } else { "RUNNING" };
    let body = format!(
        r#"{{"run_id":"of-the-test","state":"{state}","run":{{"id":"of-the-test","status":"{state}"}}}}"#
    );
    Some(Response::json(200, body))
}

/// Returns the body without the boundary, which is another one each time.
fn multipart(request: &Request) -> String {
    let lines = request.text();
    let lines = lines.lines().filter(|line| !line.starts_with("--"));
    lines.collect::<Vec<_>>().join("\n")
}
