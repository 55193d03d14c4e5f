//! Google's own clients in Python, in an empty environment but for the way to the stand-ins.
//!
//! Beside `google`, not in it: they need `peers` too.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::google::{Google, IAP_CLIENT, IAP_HOST};
use crate::peers::{self, python};

/// Is a program that lists experiments with the kfp SDK's own login.
pub const KFP_LOGIN: &str = include_str!("kfp_login.py");

/// Runs google-auth with these application default credentials (none: the metadata server).
pub fn google_auth(google: &Google, credentials: Option<&Value>, args: &[&str]) -> Option<String> {
    let python = peers::require(python::google_auth())?;
    let mut command = client(&python, google);
    command.arg("-c").arg(include_str!("clients.py"));
    match credentials {
        Some(file) => {
            let path = google.folder().join("adc.json");
            fs::write(&path, file.to_string()).expect("a credential file");
            command.env("GOOGLE_APPLICATION_CREDENTIALS", path);
        }
        None => {
            command.envs(google.metadata_env());
        }
    }
    Some(stdout(command.args(args)).trim().to_owned())
}

/// Prepares a client in an empty environment but for the way to the stand-ins.
pub fn client(program: &Path, google: &Google) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("HOME", google.folder());
    // Else google-auth asks another host for the name of the project.
    command.env("GOOGLE_CLOUD_PROJECT", "proj");
    command.envs(google.env());
    command
}

#[track_caller]
pub fn stdout(command: &mut Command) -> String {
    let output = command.output().expect("a program");
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{}\n{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}

/// Runs the SDK's own login; its question for the redirected URL is answered as a person would.
pub fn sdk(python: &Path, google: &Google, desktop: [&str; 2]) -> (String, usize) {
    let args = [IAP_CLIENT, desktop[0], desktop[1]];
    let host = format!("https://{IAP_HOST}/pipeline");
    sdk_at(google, client(python, google), &host, args)
}

pub fn sdk_at(
    google: &Google,
    mut command: Command,
    host: &str,
    args: [&str; 3],
) -> (String, usize) {
    command.env("SSH_CONNECTION", "192.0.2.1 50000 192.0.2.2 22");
    command.args(["-u", "-W", "ignore", "-c"]);
    command.arg(KFP_LOGIN);
    command.arg(host).args(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("python");
    let mut answers = child.stdin.take().expect("a pipe");
    let mut said = BufReader::new(child.stdout.take().expect("a pipe"));
    let (mut all, mut asked) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if said.read_line(&mut line).expect("text") == 0 {
            break;
        }
        if line.starts_with("https://accounts.google.com/") {
            let redirected = google.consent(line.trim()).expect("a redirect");
            assert!(
                redirected.starts_with("http://localhost:9901/?"),
                "{redirected}"
            );
            writeln!(answers, "{redirected}").expect("a pipe");
            asked += 1;
        }
        all += &line;
    }
    said.read_to_string(&mut all).expect("text");
    assert!(child.wait().expect("an end").success(), "{all}");
    (all, asked)
}
