//! The binary: streams in, exit code out.

use std::cell::RefCell;
use std::process::ExitCode;
use std::rc::Rc;

use kfp_credential::environment::Environment;
use kfp_credential::{Process, guard, run};

fn main() -> ExitCode {
    guard::panics();
    let process = Process {
        environment: Environment::of_this_process(),
        stdin: &mut std::io::stdin(),
        stdout: &mut std::io::stdout(),
        stderr: Rc::new(RefCell::new(std::io::stderr())),
        now: chrono::Utc::now,
    };
    ExitCode::from(run(std::env::args_os(), process))
}
