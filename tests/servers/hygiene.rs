//! No secret in arguments, on stderr, in the words of `-v`, or in a file that others can read.
//!
//! Each scenario runs under strace, with a umask that hides nothing, and every secret of it is
//! searched in the record of what was executed, opened and written. That the search would find a
//! leak is shown by programs that leak on purpose.
#![cfg(target_os = "linux")]

mod of_google;
mod of_oidc;

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use url::form_urlencoded;

use testkit::binary;
use testkit::front_door::{FrontDoor, Options, USER};
use testkit::kfp_api::service_account_token;
use testkit::peers::{Found, Missing, install, needs};
use testkit::sandbox::{Output, Run, Sandbox, files_beneath};

const PASSWORD: &str = "correct horse+battery&staple";
const HEADER: &str = "header-value-of-the-team";

// --------------------------------------------------------------------- scenarios

#[test]
fn a_form_login_with_a_password_of_the_environment() {
    let scene = needs!(Scene::start());
    let output = scene
        .get(&[])
        .env("KFP_CREDENTIAL_PASSWORD", PASSWORD)
        .run();
    scene.assert_clean(&output.assert_success());
    let record = scene.tape.record().calls;
    let sent = record
        .lines()
        .filter(|line| line.contains("<TCP:["))
        .collect::<String>();
    assert!(
        holds(&sent, &[PASSWORD.to_owned()]),
        "the search sees no password at all"
    );
}

#[test]
fn a_form_login_with_a_password_file() {
    let scene = needs!(Scene::start());
    scene.home.file("password", format!("{PASSWORD}\n"));
    let output = scene.get(&["--password-file", "password"]).run();
    scene.assert_clean(&output.assert_success());
}

#[test]
fn a_form_login_with_a_password_that_a_command_prints() {
    let scene = needs!(Scene::start());
    let file = scene.home.file("password", PASSWORD);
    scene.write_context(&format!(
        "    dex: {{username: {USER}, password: {{command: [cat, '{}']}}}}\n",
        file.display()
    ));
    let output = scene.home.run(&["get", "-v", "--context", "traced"]);
    scene.assert_clean(&output.assert_success());
}

#[test]
fn a_login_with_a_password_on_stdin() {
    let scene = needs!(Scene::start());
    let endpoint = scene.door.endpoint();
    let login = [
        "login",
        "-v",
        "--password-stdin",
        "--username",
        USER,
        "--endpoint",
        &endpoint,
    ];
    let output = scene
        .home
        .command(&login)
        .stdin(&format!("{PASSWORD}\n"))
        .run();
    scene.assert_clean(&output.assert_success());
    // What it has stored is answered without a word of it anywhere else.
    scene.assert_clean(&scene.get(&[]).run().assert_success());
    assert_eq!(scene.door.logins(), 1);
}

#[test]
fn an_answer_from_the_file_store_in_every_form() {
    let scene = needs!(Scene::start());
    let first = scene
        .get(&[])
        .env("KFP_CREDENTIAL_PASSWORD", PASSWORD)
        .run();
    scene.assert_clean(&first.assert_success());
    for form in [
        "json",
        "cookie",
        "headers",
        "curl-config",
        "netscape",
        "env",
    ] {
        let output = scene.get(&["-o", form]).run().assert_success();
        assert!(!output.stdout.is_empty());
        scene.assert_clean(&output);
    }
    assert_eq!(scene.door.logins(), 1);
    let state = scene.home.state_folder();
    assert!(!files_beneath(&state).is_empty());
    for file in files_beneath(&state) {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
        let folder = file.parent().expect("a folder");
        assert_eq!(mode(folder), 0o700, "{}", folder.display());
    }
    assert_eq!(mode(&state), 0o700);
}

#[test]
fn a_wrong_password() {
    let scene = needs!(Scene::start());
    scene.keep("the wrong+password");
    let output = scene
        .get(&[])
        .env("KFP_CREDENTIAL_PASSWORD", "the wrong+password")
        .run();
    scene.assert_clean(&output.assert_error(5, "dex-login-rejected"));
}

#[test]
fn extra_headers_from_a_file_and_from_the_configuration() {
    let scene = needs!(Scene::start());
    scene.keep("literal-header-value");
    scene.home.file("header", HEADER);
    scene.write_context(&format!(
        "    headers:\n      X-Team: {{file: ~/header}}\n      X-Literal: literal-header-value\n    dex: {{username: {USER}}}\n"
    ));
    let run = |args: &[&str]| {
        let run = scene.home.command(args);
        run.env("KFP_CREDENTIAL_PASSWORD", PASSWORD)
            .run()
            .assert_success()
    };
    let output = run(&["get", "-v", "--context", "traced"]);
    assert!(output.stdout.contains(HEADER));
    scene.assert_clean(&output);
    scene.assert_clean(&run(&["config", "view"]));
    scene.assert_clean(&run(&["status", "-v"]));
    let requests = scene.door.server.requests();
    assert!(
        requests
            .iter()
            .all(|request| request.header("x-team") == Some(HEADER))
    );
}

#[test]
fn a_token_file() {
    let scene = needs!(Scene::start());
    let token = service_account_token("pipelines.kubeflow.org", 3600);
    scene.keep(&token);
    scene.home.file("token", &token);
    for form in ["json", "exec", "token", "headers", "env"] {
        let output = scene
            .home
            .run(&["get", "-v", "--token-file", "token", "-o", form])
            .assert_success();
        assert!(output.stdout.contains(&token));
        scene.assert_clean(&output);
    }
    let refused = ["get", "-v", "--token-file", "token", "--audience", "else"];
    let output = scene
        .home
        .run(&refused)
        .assert_error(3, "token-file-audience");
    scene.assert_clean(&output);
}

#[test]
fn an_edit_of_the_configuration() {
    let scene = needs!(Scene::start());
    scene.keep("proxys-password");
    scene.write_context("    proxy-url: http://someone:proxys-password@proxy:3128\n    none: {}\n");
    for args in [
        &[
            "config",
            "set-namespace",
            "team-a",
            "--context",
            "traced",
            "-v",
        ][..],
        &[
            "config",
            "set-context",
            "other",
            "--endpoint",
            "http://localhost:1",
        ],
        &["config", "view"],
        &["config", "validate", "-v"],
        &["status", "-v"],
    ] {
        scene.assert_clean(&scene.home.run(args).assert_success());
    }
}

// -------------------------------------------------------------------- the self-check

#[test]
fn a_planted_leak_is_found() {
    for (leak, found) in [
        ("/bin/true \"$SECRET\"", "argument"),
        ("/bin/true \"--password=$ENCODED\"", "argument"),
        ("(exec /bin/echo \"$SECRET\") >/dev/null", "argument"),
        ("echo \"no: $SECRET\" >&2", "stderr"),
        ("echo \"/login?password=$ENCODED\" >&2", "stderr"),
        ("printf '\"%s\"' \"$SECRET\" >&2", "stderr"),
        ("echo \"$SECRET\" >>\"$KFP_CREDENTIAL_LOG\"", "log"),
        ("echo harmless >state", "others"),
        (
            "umask 077; echo \"$SECRET\" >mine; chmod 644 mine",
            "others can read",
        ),
        (
            "umask 077; echo \"$SECRET\" >mine; umask 0; cat mine >copy; rm copy",
            "others",
        ),
    ] {
        let tape = needs!(Tape::start(&format!(
            "#!/bin/sh\ncat >/dev/null\n{leak}\ntrue\n"
        )));
        let home = Sandbox::with_binary(tape.binary());
        let log = home.home().join("words.log");
        home.env("KFP_CREDENTIAL_LOG", &log.to_string_lossy());
        home.file("words.log", "");
        home.env("SECRET", PASSWORD);
        home.env("ENCODED", &form_encoded(PASSWORD));
        assert_eq!(home.run(&["leak"]).status, 0, "{leak}");
        let leaks = leaks(&tape.record(), &home.home(), &[PASSWORD.to_owned()]);
        let is_found = leaks.iter().any(|leak| leak.contains(found));
        assert!(is_found, "{leak}: not found, only {leaks:?}");
    }
}

#[test]
fn what_leaks_nothing_is_clean() {
    let script = "#!/bin/sh\nread secret\necho \"$secret\"\necho fine >&2\n";
    let tape = needs!(Tape::start(script));
    let home = Sandbox::with_binary(tape.binary());
    home.env("SECRET", PASSWORD);
    let output = home
        .command(&["fine"])
        .stdin(&format!("{PASSWORD}\n"))
        .run();
    assert_eq!(output.stdout, format!("{PASSWORD}\n"));
    let record = tape.record();
    assert!(record.calls.contains("write(1<"), "{}", record.calls);
    assert_eq!(
        leaks(&record, &home.home(), &[PASSWORD.to_owned()]),
        Vec::<String>::new()
    );
}

// ---------------------------------------------------------------------------- helpers

/// Is a front door, and a home whose every run is recorded.
struct Scene {
    door: FrontDoor,
    tape: Tape,
    home: Sandbox,
    secrets: std::cell::RefCell<BTreeSet<String>>,
}

impl Scene {
    fn start() -> Found<Self> {
        let tape = Tape::start_of(Path::new(binary()))?;
        let door = FrontDoor::start(Options {
            users: [(USER.to_owned(), PASSWORD.to_owned())]
                .into_iter()
                .collect(),
            split_cookie: true,
            ..Options::default()
        });
        let home = Sandbox::with_binary(tape.binary());
        home.env("KFP_CREDENTIAL_STORE", "file");
        home.env(
            "KFP_CREDENTIAL_LOG",
            &home.home().join("words.log").to_string_lossy(),
        );
        let scene = Self {
            door,
            tape,
            home,
            secrets: std::cell::RefCell::default(),
        };
        scene.keep(PASSWORD);
        scene.keep(HEADER);
        Ok(scene)
    }

    fn keep(&self, secret: &str) {
        self.home.secret(secret);
        self.secrets.borrow_mut().insert(secret.to_owned());
    }

    fn get(&self, more: &[&str]) -> Run<'_> {
        let endpoint = self.door.endpoint();
        let args = [
            &["get", "-v", "--endpoint", &endpoint, "--username", USER],
            more,
        ]
        .concat();
        self.home.command(&args)
    }

    fn write_context(&self, lines: &str) {
        self.home.config(&format!(
            "apiVersion: kfp-credential/v1\nkind: Config\ncontexts:\n  - name: traced\n    endpoint: {}\n{lines}",
            self.door.endpoint()
        ));
    }

    /// Asserts that the runs so far have leaked nothing, cookies of this answer included.
    #[track_caller]
    fn assert_clean(&self, output: &Output) {
        let document: Value = serde_json::from_str(&output.stdout).unwrap_or_default();
        for cookie in document["status"]["cookies"]
            .as_array()
            .into_iter()
            .flatten()
        {
            self.keep(cookie["value"].as_str().expect("a value"));
        }
        let secrets: Vec<String> = self.secrets.borrow().iter().cloned().collect();
        self.tape.assert_clean(&self.home.home(), &secrets, output);
    }
}

/// Is a program under strace, and the records of its runs.
struct Tape {
    folder: TempDir,
}

impl Tape {
    /// Records the runs of a script.
    fn start(script: &str) -> Found<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("script");
        fs::write(&program, script).expect("a script");
        fs::set_permissions(&program, Permissions::from_mode(0o755)).expect("its mode");
        Self::in_folder(folder, &program)
    }

    /// Records the runs of a program.
    fn start_of(program: &Path) -> Found<Self> {
        Self::in_folder(tempfile::tempdir().expect("a folder"), program)
    }

    fn in_folder(folder: TempDir, program: &Path) -> Found<Self> {
        const CALLS: &str = "?execve,?execveat,?open,?openat,?openat2,?creat,?write,?writev,?pwrite64,\
                             ?pwritev,?pwritev2,?sendto,?sendmsg,?sendmmsg";
        let strace = install::program("strace", "strace")?;
        let tried = Command::new(&strace)
            .args(["-o", "/dev/null", "true"])
            .output();
        if !tried.is_ok_and(|output| output.status.success()) {
            return Err(Missing::new("leave to trace processes (ptrace)"));
        }
        let tape = Self { folder };
        let text = format!(
            "#!/bin/sh\numask 0\nreadlink /proc/$$/fd/2 >{0}/stderr.$$\nexec {1} -f -qq -yy -s 65535 -o {0}/record.$$ -e trace={CALLS} -- {2} \"$@\"\n",
            tape.folder.path().display(),
            strace.display(),
            program.display()
        );
        fs::write(tape.binary(), text).expect("a script");
        fs::set_permissions(tape.binary(), Permissions::from_mode(0o755)).expect("its mode");
        Ok(tape)
    }

    fn binary(&self) -> PathBuf {
        self.folder.path().join("traced")
    }

    /// Returns the record of every run so far.
    fn record(&self) -> Record {
        Record {
            calls: self.read_all("record"),
            stderr: self.read_all("stderr").lines().map(str::to_owned).collect(),
        }
    }

    /// Asserts that the runs so far have leaked none of these.
    #[track_caller]
    fn assert_clean(&self, home: &Path, secrets: &[String], output: &Output) {
        let record = self.record();
        assert!(record.calls.contains("execve("), "nothing was recorded");
        let leaks = leaks(&record, home, secrets);
        assert!(leaks.is_empty(), "{}\n{}", leaks.join("\n"), output.shown());
    }

    fn read_all(&self, stem: &str) -> String {
        let entries = fs::read_dir(self.folder.path()).expect("the folder");
        let files = entries.map(|entry| entry.expect("an entry").path());
        let records = files.filter(|file| file.file_stem().is_some_and(|found| found == stem));
        let texts = records.map(|file| fs::read(file).expect("a record"));
        texts
            .map(|text| String::from_utf8_lossy(&text).into_owned())
            .collect()
    }
}

/// Is what was done in some runs.
struct Record {
    /// What strace wrote.
    calls: String,
    /// What stderr was at the start of each run, as `/proc` names it: `pipe:[123]`.
    stderr: Vec<String>,
}

/// Finds every leak in a record and in the files that are left: one line for each.
fn leaks(record: &Record, home: &Path, secrets: &[String]) -> Vec<String> {
    let calls = record.calls.lines().filter_map(Call::parse);
    let mut leaks: BTreeSet<String> = calls
        .flat_map(|call| call.leaks(secrets, &record.stderr))
        .collect();
    for file in files_beneath(home) {
        let contents = fs::read(&file).unwrap_or_default();
        let contents = String::from_utf8_lossy(&contents);
        if mode(&file) & 0o077 != 0 && holds(&contents, secrets) {
            leaks.insert(format!("others can read a secret in {}", file.display()));
        }
    }
    leaks.into_iter().collect()
}

/// Is one line of strace's record: `PID name(arguments) = result`.
struct Call<'a> {
    name: &'a str,
    arguments: &'a str,
}

impl<'a> Call<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (_, call) = line.trim_start().split_once(' ')?;
        let (name, arguments) = call.trim_start().split_once('(')?;
        Some(Self { name, arguments })
    }

    fn leaks(&self, secrets: &[String], stderr: &[String]) -> Vec<String> {
        let has_secret = holds(self.arguments, secrets);
        let mut leaks = Vec::new();
        match self.name {
            "execve" | "execveat" if has_secret => leaks.push("an argument".to_owned()),
            "open" | "openat" | "openat2" | "creat" if self.makes_a_file_for_others() => {
                leaks.push("a file that others can open".to_owned());
            }
            _ => {}
        }
        if let Some((descriptor, target)) = self.descriptor().filter(|_| has_secret) {
            let is_terminal = target.starts_with("/dev/tty") || target.starts_with("/dev/pts");
            let is_stderr = descriptor == "2" || stderr.iter().any(|one| one == target);
            if is_stderr || is_terminal {
                leaks.push("stderr, or a terminal".to_owned());
            }
            if target.ends_with("/words.log") {
                leaks.push("the log".to_owned());
            }
            if target.starts_with("UNIX") {
                leaks.push("another process".to_owned());
            }
        }
        let shown: String = self.arguments.chars().take(160).collect();
        let tell = |leak: String| format!("{leak}: {}({shown}…", self.name);
        leaks.into_iter().map(tell).collect()
    }

    /// Tells whether a file is made that is not its owner's alone; the umask is 0.
    fn makes_a_file_for_others(&self) -> bool {
        if !(self.name == "creat"
            || self.arguments.contains("O_CREAT")
            || self.arguments.contains("O_TMPFILE"))
        {
            return false;
        }
        // A device is not made, only opened.
        if self.arguments.contains("\"/dev/null\"") {
            return false;
        }
        let mode = self.arguments.split(", 0").nth(1).unwrap_or("666");
        let digits: String = mode.chars().take_while(char::is_ascii_digit).collect();
        u32::from_str_radix(&digits, 8).is_ok_and(|mode| mode & 0o077 != 0)
    }

    /// Returns the file descriptor that is written to, and what it stands for (`-yy`).
    fn descriptor(&self) -> Option<(&'a str, &'a str)> {
        let (descriptor, rest) = self.arguments.split_once('<')?;
        let is_number = !descriptor.is_empty() && descriptor.chars().all(|c| c.is_ascii_digit());
        let end = rest.find(">, ")?;
        is_number.then_some((descriptor, &rest[..end]))
    }
}

/// Tells whether a secret is in a text, however it is spelled.
fn holds(text: &str, secrets: &[String]) -> bool {
    secrets.iter().any(|secret| {
        let form = form_encoded(secret);
        let percent = form.replace('+', "%20");
        let html = secret.replace('&', "&amp;");
        let escaped = secret.replace('\\', "\\\\").replace('"', "\\\"");
        [secret, &form, &percent, &html, &escaped]
            .into_iter()
            .any(|spelling| text.contains(spelling.as_str()))
    })
}

fn form_encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").permissions().mode() & 0o777
}
