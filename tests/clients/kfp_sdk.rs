//! The kfp SDK of today as a client: it lists experiments with what the real binary prints, through
//! a front door of real servers.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use testkit::binary;
use testkit::google::person::Person;
use testkit::google::{IAP_CLIENT, IAP_HOST};
use testkit::http::Server;
use testkit::kfp_api;
use testkit::peers::front_door::RealDoor;
use testkit::peers::{dex, needs, python};
use testkit::sandbox::Sandbox;
use testkit::transcript::blocks;

const FOUND: &str = "2.17.3 ['Default', 'taxi fares']\n";

#[test]
fn the_sdk_lists_experiments_with_the_cookies() {
    let python = needs!(python::kfp());
    let door = needs!(RealDoor::sign_in_page());
    let home = user(&door);
    let cookies = home
        .run(&["get", "-o", "cookie", "--context", "door"])
        .assert_success()
        .stdout;
    door.upstream().clear();
    let listed = list(
        &home,
        &python,
        &door.endpoint(),
        &format!("cookies={:?}", cookies.trim_end()),
    );
    assert_eq!(listed, FOUND);
    assert_eq!(seen_as(&door), [dex::USER.email]);
}

#[test]
fn the_sdk_lists_experiments_with_the_token_of_a_file() {
    let python = needs!(python::kfp());
    let door = needs!(RealDoor::sign_in_page());
    let home = user(&door);
    let token = pod_token(&home, &door);
    let printed = home
        .run(&["get", "-o", "token", "--context", "pod"])
        .assert_success()
        .stdout;
    assert_eq!(printed, token + "\n");
    door.upstream().clear();
    let argument = format!("existing_token={:?}", printed.trim_end());
    assert_eq!(list(&home, &python, &door.endpoint(), &argument), FOUND);
    assert_eq!(seen_as(&door), [dex::USER.email]);
}

#[test]
fn the_sdk_runs_us_for_the_document() {
    let python = needs!(python::kfp());
    let door = needs!(RealDoor::sign_in_page());
    let home = user(&door);
    // What a program of few lines does: every header of the document, whatever they are.
    let script = "import json, subprocess, kfp\n\
        document = json.loads(subprocess.check_output(['kfp-credential', 'get', '--context', 'door']))\n\
        status = document['status']\n\
        client = kfp.Client(host=status['kfp']['endpoint'], namespace=status['kfp']['namespace'],\n\
        \x20                   cookies=status['headers'].get('Cookie', [''])[0])\n\
        found = client.list_experiments(namespace=status['kfp']['namespace']).experiments\n\
        print(kfp.__version__, [one.display_name for one in found])";
    let mut command = outside(&home, &python);
    command.args(["-W", "ignore", "-c", script]);
    command.env("KFP_CREDENTIAL_PASSWORD", dex::USER.password);
    assert_eq!(stdout(&mut command), FOUND);
    assert_eq!((door.posts(), door.logins()), (1, 1));
}

#[test]
fn the_kfp_command_line_reads_our_variables() {
    let python = needs!(python::kfp());
    let door = needs!(RealDoor::sign_in_page());
    let home = user(&door);
    pod_token(&home, &door);
    let kfp = python.with_file_name("kfp");
    assert!(kfp.is_file(), "{} is not there", kfp.display());
    door.upstream().clear();
    let mut shell = outside(&home, Path::new("sh"));
    let script =
        blocks("protocol/guides/kfp-cli.md", "sh")[0].replace("kfp ex", "\"$0\" --output json ex");
    shell
        .args(["-c", &script])
        .arg(&kfp)
        .env("PYTHONWARNINGS", "ignore");
    let listed = stdout(&mut shell);
    assert!(
        listed.contains("taxi fares") && listed.contains("Default"),
        "{listed}"
    );
    assert_eq!(seen_as(&door), [dex::USER.email]);
}

#[test]
fn the_sdk_and_we_share_the_users_namespace() {
    let python = needs!(python::kfp());
    let standalone = Server::start(kfp_api::standalone);
    let home = Sandbox::new();
    let run_sdk = |statement: &str| {
        let host = standalone.origin();
        let script = format!("import kfp\nclient = kfp.Client(host={host:?})\n{statement}");
        let mut command = outside(&home, &python);
        stdout(command.args(["-W", "ignore", "-c", &script]))
    };
    home.run(&["config", "set-namespace", "--kfp-sdk", "team-a"])
        .assert_success();
    assert_eq!(run_sdk("print(client.get_user_namespace())"), "team-a\n");
    run_sdk("client.set_user_namespace('team-b')");
    let document = home
        .run(&["get", "--endpoint", &standalone.origin()])
        .assert_success()
        .json();
    assert_eq!(document["status"]["kfp"]["namespace"], "team-b");
}

#[test]
fn the_sdk_needs_nothing_for_a_standalone_kubeflow_pipelines() {
    let python = needs!(python::kfp());
    let server = Server::start(kfp_api::standalone);
    let home = Sandbox::new();
    let endpoint = server.origin();
    let cookies = home
        .run(&["get", "-o", "cookie", "--endpoint", &endpoint])
        .assert_success()
        .stdout;
    assert_eq!(cookies, "\n");
    let argument = format!("cookies={:?}", cookies.trim_end());
    assert_eq!(list(&home, &python, &endpoint, &argument), FOUND);
}

#[test]
fn without_a_credential_the_door_stays_shut() {
    let python = needs!(python::kfp());
    let door = needs!(RealDoor::sign_in_page());
    let home = user(&door);
    let mut command = listing(&home, &python, &door.endpoint(), "cookies=''");
    let output = command.output().expect("Python");
    assert!(!output.status.success(), "{output:?}");
    assert!(door.upstream().requests().is_empty());
}

// ---------------------------------------------------------------------------- helpers

/// Makes the home of somebody who has contexts for the door.
fn user(door: &RealDoor) -> Sandbox {
    let home = Sandbox::new();
    let password = home.secret(dex::USER.password);
    home.env("KFP_CREDENTIAL_PASSWORD", &password);
    home.config(&format!(
        "apiVersion: kfp-credential/v1\nkind: Config\ncontexts:\n\
         \x20 - name: door\n    endpoint: {0}\n    namespace: team-a\n    dex: {{username: {1}}}\n\
         \x20 - name: pod\n    endpoint: {0}\n    namespace: team-a\n    token-file: {{path: ~/token}}\n",
        door.endpoint(),
        dex::USER.login
    ));
    home
}

/// Puts a token that the door lets pass where a pod has it.
fn pod_token(home: &Sandbox, door: &RealDoor) -> String {
    let token = home.secret(door.bearer(dex::USER));
    home.file("token", format!("{token}\n"));
    token
}

/// Lists the experiments of `team-a` with a client made with this argument.
fn list(home: &Sandbox, python: &Path, endpoint: &str, argument: &str) -> String {
    stdout(&mut listing(home, python, endpoint, argument))
}

fn listing(home: &Sandbox, python: &Path, endpoint: &str, argument: &str) -> Command {
    let script = format!(
        "import kfp\n\
         client = kfp.Client(host={endpoint:?}, namespace='team-a', {argument})\n\
         found = client.list_experiments(namespace='team-a').experiments\n\
         print(kfp.__version__, [one.display_name for one in found])"
    );
    let mut command = outside(home, python);
    command.args(["-W", "ignore", "-c", &script]);
    command
}

/// Prepares a program that is not ours, with us on its `PATH`.
fn outside(home: &Sandbox, program: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", path_with_binary())
        .env("HOME", home.home())
        .env("XDG_CONFIG_HOME", home.home().join(".config"))
        .current_dir(home.home())
        .stdin(Stdio::null());
    command
}

/// Names the users whom the application has seen, each once.
fn seen_as(door: &RealDoor) -> Vec<String> {
    let requests = door.upstream().requests();
    let users = requests.iter().map(|request| {
        let user = request.header("x-forwarded-email");
        user.unwrap_or("nobody").to_owned()
    });
    let mut users: Vec<String> = users.collect();
    users.dedup();
    users
}

fn stdout(command: &mut Command) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("a program that runs");
    assert!(
        status.success(),
        "{status}\n{}",
        String::from_utf8_lossy(&stderr)
    );
    String::from_utf8_lossy(&stdout).into_owned()
}

#[allow(clippy::disallowed_methods, reason = "the SDK's users find us on PATH")]
fn path_with_binary() -> OsString {
    let folder = PathBuf::from(binary())
        .parent()
        .expect("a folder")
        .to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder).chain(std::env::split_paths(&path));
    std::env::join_paths(folders.collect::<Vec<_>>()).expect("a PATH")
}

#[test]
fn the_sdk_reads_an_export() {
    for python in [needs!(python::kfp()), needs!(python::kfp1())] {
        let person = Person::new();
        person.is_logged_in();
        person.run(&["export"]).assert_success();
        let output = std::process::Command::new(python)
            .args([
                "-u",
                "-W",
                "ignore",
                "-c",
                testkit::google::clients::KFP_LOGIN,
            ])
            .args([&format!("https://{IAP_HOST}/pipeline"), IAP_CLIENT, "", ""])
            .env_clear()
            .env("HOME", person.sandbox.home())
            .envs(person.google.env())
            .output()
            .expect("python");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            said.contains("2 experiments"),
            "{said}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
