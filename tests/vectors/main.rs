//! Each vector of `protocol/vectors` as a test of its own, named for its file: `runs/NAME`, `configs/valid/NAME`,
//! `documents/invalid/NAME` and so on. `protocol/vectors/README.md` says what they mean.
//!
//! ```sh
//! cargo test --test vectors                                    # all of them
//! cargo test --test vectors runs/                              # those of a folder
//! cargo test --test vectors -- --skip clients/                 # those that need no client
//! cargo test --test vectors -- --exact runs/account-mismatch   # one
//! ```
//!
//! With `KFP_CREDENTIAL_VECTORS_HELPER=PROGRAM` another helper is run, over the run vectors tagged `contract`. Those in
//! `clients/` are played with the clients of all languages that this machine has; a table tells at the end what each of
//! them can do. What holds of the vectors together is in `tests/offline/vectors.rs`.
#![cfg(unix)]

mod clients;
mod configs;
mod documents;
mod exec;
mod runs;

use std::process::ExitCode;
use std::thread;

use libtest_mimic::{Arguments, Failed, Trial};

/// How many vectors are played at once: most of them wait for processes and sockets.
const PLAYERS: usize = 6;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(PLAYERS);
    let kinds = [
        runs::trials(),
        configs::trials(),
        documents::trials(),
        exec::trials(),
        clients::trials(),
    ];
    assert!(
        kinds.iter().all(|kind| !kind.is_empty()),
        "a folder is empty"
    );
    let trials = kinds.into_iter().flatten().collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    clients::show();
    conclusion.exit_code()
}

/// Makes a test that fails where `play` panics; what a thread of its name says on stderr is the vector's.
fn trial(name: String, play: impl FnOnce() + Send + 'static) -> Trial {
    Trial::test(name.clone(), move || {
        let played = thread::Builder::new().name(name).spawn(play);
        let played = played.expect("a thread").join();
        played.map_err(|_| Failed::from("its words are on stderr, above"))
    })
}
