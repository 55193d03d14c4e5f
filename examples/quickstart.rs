//! Shows `kfp-credential` at work, on a machine without any Kubeflow: `cargo run --example quickstart`.
//!
//! It builds the real binary, starts a made-up Kubeflow on loopback (Dex, oauth2-proxy and the
//! Pipelines API, see `front_door.rs`) and prints the commands and their output. Everything happens
//! in a temporary home, which is gone at the end. It fails when any step does not end as it should.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "printing is what it is for"
)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use serde_json::Value;

use testkit::front_door::{FrontDoor, Options, PASSWORD, USER};
use testkit::sandbox::Sandbox;

/// Strings longer than this are shortened on the screen.
const SHOWN_LENGTH: usize = 56;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("\nquickstart: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let binary = build_binary()?;
    let token = testkit::kfp_api::service_account_token("pipelines.kubeflow.org", 3600);
    let demo = Demo {
        door: FrontDoor::start(Options {
            bearer_tokens: vec![token.clone()],
            ..Options::default()
        }),
        sandbox: Sandbox::with_binary(binary),
        token,
    };
    demo.sandbox.file("token", &demo.token);
    // Nothing of this demo may end up in the keyring of whoever runs it.
    demo.sandbox.env("KFP_CREDENTIAL_STORE", "none");

    println!("A made-up Kubeflow listens at {}.", demo.door.origin());
    println!("Its one user is {USER}, the password {PASSWORD}.");
    println!("Below, JSON is indented and long values are shortened; nothing is kept.");
    demo.cookies_from_a_password()?;
    demo.bearer_from_a_token_file()?;
    demo.both_through_curl()?;
    println!("\nThat was all. Next: README.md, \"Your Kubeflow\".");
    Ok(())
}

/// Holds what the steps need.
struct Demo {
    door: FrontDoor,
    sandbox: Sandbox,
    token: String,
}

impl Demo {
    fn cookies_from_a_password(&self) -> Result<(), String> {
        println!("\n# 1. A password becomes cookies: Dex's login form, filled in for you");
        let document = self.document(&self.login_args())?;
        let cookie = text(&document, "/status/headers/Cookie/0");
        require(
            text(&document, "/status/kfp/type") == "cookie",
            "a cookie was expected",
        )?;
        require(
            cookie.starts_with("oauth2_proxy_kubeflow="),
            "the session cookie is missing",
        )?;
        require(
            self.door.logins() == 1,
            "one login was expected at the server",
        )
    }

    fn bearer_from_a_token_file(&self) -> Result<(), String> {
        println!("\n# 2. A mounted service account token becomes a bearer, as inside a pod");
        let document = self.document(&self.token_args())?;
        let header = text(&document, "/status/headers/Authorization/0");
        require(
            text(&document, "/status/kfp/type") == "bearer",
            "a bearer was expected",
        )?;
        require(
            text(&document, "/status/token") == self.token,
            "another token was expected",
        )?;
        require(
            header == format!("Bearer {}", self.token),
            "the bearer's header is missing",
        )
    }

    fn both_through_curl(&self) -> Result<(), String> {
        println!("\n# 3. Both with curl, against the Pipelines API behind the front door");
        let found = Command::new("curl").arg("--version").output();
        if !found.is_ok_and(|output| output.status.success()) {
            println!("This step needs curl, which is not installed here.");
            return Ok(());
        }
        let cookies = self.experiments_with_curl(&self.login_args(), "headers", &["-H", "@-"])?;
        println!("{}", indented(&cookies));
        let bearer = self.experiments_with_curl(&self.token_args(), "curl-config", &["-K", "-"])?;
        println!("(the same list)");
        require(
            cookies == bearer,
            "the bearer got another list than the cookies",
        )
    }

    fn login_args(&self) -> Vec<String> {
        words(&[
            "get",
            "--endpoint",
            &self.door.endpoint(),
            "--username",
            USER,
        ])
    }

    fn token_args(&self) -> Vec<String> {
        words(&[
            "get",
            "--token-file",
            "token",
            "--endpoint",
            &self.door.endpoint(),
        ])
    }

    /// Runs `get`, shows the command and its document, and returns that.
    fn document(&self, args: &[String]) -> Result<Value, String> {
        println!("$ {}", command_line(args));
        let output = self.get(args)?;
        println!("{}", indented(&output));
        let document: Value =
            serde_json::from_str(&output).map_err(|error| format!("not a document: {error}"))?;
        let expected = [
            ("/kind", "ExecCredential".to_owned()),
            ("/status/kfp/endpoint", self.door.endpoint()),
        ];
        for (place, value) in expected {
            require(
                text(&document, place) == value,
                &format!("{place} is not {value}"),
            )?;
        }
        require(
            text(&document, "/status/expirationTimestamp").ends_with('Z'),
            "no end is told",
        )?;
        Ok(document)
    }

    /// Pipes `get -o FORMAT` into curl, and returns what the Pipelines API answers.
    fn experiments_with_curl(
        &self,
        args: &[String],
        format: &str,
        curl_args: &[&str],
    ) -> Result<String, String> {
        let mut args = args.to_vec();
        args.extend(words(&["-o", format]));
        let url = format!(
            "{}/apis/v2beta1/experiments?namespace=team-a",
            self.door.endpoint()
        );
        println!(
            "$ {} \\\n    | curl -s {} '{url}'",
            command_line(&args),
            curl_args.join(" ")
        );
        let answer = curl(&self.sandbox.home(), curl_args, &url, &self.get(&args)?)?;
        let list: Value = serde_json::from_str(&answer)
            .map_err(|_| "curl did not get through to the Pipelines API".to_owned())?;
        require(
            list["total_size"] == 2,
            "curl got something else than the experiments",
        )?;
        Ok(answer)
    }

    /// Runs the binary and returns its stdout.
    fn get(&self, args: &[String]) -> Result<String, String> {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let mut command = self.sandbox.command(&args);
        if args.contains(&"--username") {
            command = command.env("KFP_CREDENTIAL_PASSWORD", PASSWORD);
        }
        let output = command.run();
        if output.status == 0 && output.stderr.is_empty() {
            return Ok(output.stdout);
        }
        Err(format!("this run went wrong\n{}", output.shown()))
    }
}

// ------------------------------------------------------- building and curl

/// Builds `kfp-credential` in the profile and target folder of this example.
fn build_binary() -> Result<PathBuf, String> {
    let (target, profile) = own_target_and_profile()?;
    let mut cargo = Command::new(cargo());
    // With the example itself the features of what both are built on stay the same, and nothing is built twice.
    cargo.args([
        "build",
        "--bin",
        "kfp-credential",
        "--example",
        "quickstart",
        "--profile",
        &profile,
    ]);
    cargo.args([
        "--message-format",
        "json-render-diagnostics",
        "--manifest-path",
    ]);
    cargo.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
    cargo.arg("--target-dir").arg(target);
    testkit::outside::as_from_a_shell(&mut cargo);
    let built = cargo
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo: {error}"))?;
    require(built.status.success(), "the binary could not be built")?;
    let messages = String::from_utf8_lossy(&built.stdout);
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == "kfp-credential")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .ok_or_else(|| "cargo built no kfp-credential".to_owned())
}

/// Takes them from where this example lies: `TARGET/PROFILE/examples/quickstart`.
fn own_target_and_profile() -> Result<(PathBuf, String), String> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let place = this.parent().and_then(Path::parent);
    let target = place
        .and_then(Path::parent)
        .ok_or("start it with `cargo run --example quickstart`")?;
    let profile = match place
        .and_then(Path::file_name)
        .map(|name| name.to_string_lossy())
    {
        None => return Err("start it with `cargo run --example quickstart`".to_owned()),
        Some(folder) if folder == "debug" => "dev".to_owned(),
        Some(folder) => folder.into_owned(),
    };
    Ok((target.to_owned(), profile))
}

#[allow(
    clippy::disallowed_methods,
    reason = "Cargo tells its own path this way"
)]
fn cargo() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}

/// Runs curl without anybody's own settings and proxies, with this on its stdin.
fn curl(home: &Path, args: &[&str], url: &str, stdin: &str) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("curl: {error}");
    let mut child = Command::new("curl")
        .arg("-s")
        .args(args)
        .arg(url)
        .env("HOME", home)
        .env("no_proxy", "127.0.0.1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let mut pipe = child.stdin.take().ok_or("curl has no stdin")?;
    pipe.write_all(stdin.as_bytes()).map_err(failed)?;
    drop(pipe);
    let output = child.wait_with_output().map_err(failed)?;
    require(
        output.status.success(),
        &format!("curl ended with {}", output.status),
    )?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

// ----------------------------------------------------------------- helpers

fn require(condition: bool, otherwise: &str) -> Result<(), String> {
    if condition {
        Ok(())
    } else {
        Err(otherwise.to_owned())
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// Returns the string at a JSON pointer, empty when there is none.
fn text<'a>(document: &'a Value, pointer: &str) -> &'a str {
    document
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Is the line that a reader can type.
fn command_line(args: &[String]) -> String {
    let password = if args.iter().any(|arg| arg == "--username") {
        format!("KFP_CREDENTIAL_PASSWORD={PASSWORD} ")
    } else {
        String::new()
    };
    format!("{password}kfp-credential {}", args.join(" "))
}

/// Indents JSON in the order in which it came, and shortens its long strings.
fn indented(json: &str) -> String {
    let mut shown = String::new();
    let mut depth = 0;
    let mut rest = json.trim().chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '"' => {
                let mut string = String::new();
                while let Some(inner) = rest.next_if(|&inner| inner != '"') {
                    string.push(inner);
                    if inner == '\\' {
                        string.extend(rest.next());
                    }
                }
                rest.next();
                shown.push('"');
                shown.push_str(&shortened(&string));
                shown.push('"');
            }
            '{' | '[' => {
                shown.push(character);
                while rest.next_if(|inner| inner.is_whitespace()).is_some() {}
                if let Some(end) = rest.next_if(|&inner| inner == '}' || inner == ']') {
                    shown.push(end);
                } else {
                    depth += 1;
                    new_line(&mut shown, depth);
                }
            }
            '}' | ']' => {
                depth -= 1;
                new_line(&mut shown, depth);
                shown.push(character);
            }
            ',' => {
                shown.push(character);
                new_line(&mut shown, depth);
            }
            ':' => shown += ": ",
            white if white.is_whitespace() => {}
            other => shown.push(other),
        }
    }
    shown
}

fn new_line(shown: &mut String, depth: usize) {
    shown.push('\n');
    shown.push_str(&"  ".repeat(depth));
}

fn shortened(string: &str) -> String {
    let length = string.chars().count();
    if length <= SHOWN_LENGTH {
        return string.to_owned();
    }
    let start: String = string.chars().take(SHOWN_LENGTH).collect();
    format!("{start}… ({length} characters)")
}
