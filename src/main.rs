//! The binary: streams in, exit code out.

use std::cell::RefCell;
use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::rc::Rc;

use kfp_credential::environment::Environment;
use kfp_credential::read_file::Stdin;
use kfp_credential::{Process, guard, run};

#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    guard::panics();
    guard::file_size_limits();
    let process = Process {
        environment: Environment::of_this_process(),
        stdin: Stdin {
            stream: Box::new(std::io::stdin()),
            is_terminal: std::io::stdin().is_terminal(),
        },
        stdout: &mut std::io::stdout(),
        stderr: Rc::new(RefCell::new(std::io::stderr())),
        now: chrono::Utc::now,
    };
    ExitCode::from(run(std::env::args_os(), process))
}
