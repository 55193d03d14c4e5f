//! What no vector can say, as it is about one language: forks and interruptions in Python, signals and streams in
//! JavaScript. Each program tries its client and says on stderr what is wrong.

use std::path::Path;
use std::process::Command;

use testkit::peers::clients::folder;
use testkit::peers::{install, needs};

#[test]
fn the_python_client_bears_forks_interruptions_and_floods() {
    let python = needs!(install::python());
    succeeds(Command::new(python).arg("-B"), "python.py", "python");
}

#[test]
fn the_javascript_client_reads_no_body_itself_and_lets_callers_leave() {
    let node = needs!(install::program("node", "nodejs"));
    succeeds(&mut Command::new(node), "javascript.mjs", "js");
}

/// Runs a program of this folder, which is told where the client lies.
fn succeeds(command: &mut Command, program: &str, client: &str) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/own");
    let command = command.arg(here.join(program)).arg(folder(client));
    let output = command.output().expect("the program starts");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {words}");
    // That it has tried something, and not nothing.
    assert!(words.contains("Ran "), "{program}: {words}");
}
