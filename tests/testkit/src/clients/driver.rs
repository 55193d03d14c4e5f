//! Runs the conformance driver of a client: JSON in, JSON out, in a home and an environment of the test's own.

use std::collections::BTreeMap;
use std::io::{Read, Write as _};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;

use crate::peers::clients::Driver;

/// Is how long a run may take where its vector does not say.
const DEADLINE: Duration = Duration::from_secs(60);

/// Is what a driver has printed.
pub struct Printed {
    /// One for each request or document.
    pub results: Vec<Value>,
    /// Everything on stdout and stderr.
    pub text: String,
    pub elapsed: Duration,
}

/// Runs a driver in this home, with programs of `bin` in it before those of the system.
pub fn run(
    driver: &Driver,
    home: &Path,
    env: &BTreeMap<String, String>,
    input: &impl Serialize,
) -> Result<Printed, String> {
    let input = serde_json::to_vec(input).expect("JSON");
    let path = format!(
        "{}:/usr/local/bin:/usr/bin:/bin",
        home.join("bin").display()
    );
    let start = Instant::now();
    let mut child = driver
        .command()
        .env_clear()
        .env("PATH", path)
        .env("HOME", home)
        .env("LANG", "C.UTF-8")
        .envs(env)
        .current_dir(home)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("the driver does not start: {error}"))?;
    let mut stdin = child.stdin.take().expect("a pipe");
    let stdout = read_aside(child.stdout.take().expect("a pipe"));
    let stderr = read_aside(child.stderr.take().expect("a pipe"));
    // A driver that ends early says why on stderr.
    stdin.write_all(&input).ok();
    drop(stdin);

    let status = wait(&mut child, start + DEADLINE)?;
    let elapsed = start.elapsed();
    let (stdout, stderr) = (gathered(&stdout)?, gathered(&stderr)?);
    let text = format!("{stdout}{stderr}");
    if !status {
        return Err(format!("the driver failed: {text}"));
    }
    let results = match serde_json::from_str(&stdout) {
        Ok(Value::Array(results)) => results,
        Ok(one) => vec![one],
        Err(error) => return Err(format!("the driver printed no JSON: {error}: {text}")),
    };
    Ok(Printed {
        results,
        text,
        elapsed,
    })
}

/// Waits for the end; tells whether it was a good one.
fn wait(child: &mut Child, deadline: Instant) -> Result<bool, String> {
    loop {
        if let Some(status) = child.try_wait().expect("a child's status") {
            return Ok(status.success());
        }
        if Instant::now() > deadline {
            child.kill().ok();
            child.wait().ok();
            return Err(format!("the driver did not end within {DEADLINE:?}"));
        }
        thread::sleep(Duration::from_millis(5));
    }
}

fn read_aside(mut pipe: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, whole) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).ok();
        sender.send(bytes).ok();
    });
    whole
}

fn gathered(pipe: &Receiver<Vec<u8>>) -> Result<String, String> {
    let bytes = pipe
        .recv_timeout(Duration::from_secs(5))
        .map_err(|_| "a process that the driver has left behind holds its output".to_owned())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
