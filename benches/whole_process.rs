//! What a run of `kfp-credential` costs, as a whole process and beside others:
//!
//! ```sh
//! cargo bench --bench whole_process            # release binaries; needs the peers of the tests
//! cargo bench --bench whole_process -- --once  # one round: does everything still work?
//! ```
//!
//! 1. [`stored`]: a stored credential is read back, beside `/bin/true` and other credential plugins.
//! 2. [`keyring`]: the same from a keyring, beside `secret-tool lookup`.
//! 3. [`crowd`]: the same among 1,000 contexts, and among 10,000 entries.
//! 4. [`login`]: a cold login at real servers, beside Python and curl.
//!
//! The last table has every target beside its figure. A missed target fails nothing; a failed command fails.
#![allow(clippy::print_stdout, clippy::print_stderr)] // printing is what it is for
#![allow(clippy::disallowed_methods)] // hands PATH on

#[path = "whole_process/crowd.rs"]
mod crowd;
#[path = "whole_process/home.rs"]
mod home;
#[path = "whole_process/keyring.rs"]
mod keyring;
#[path = "whole_process/login.rs"]
mod login;
#[path = "whole_process/other_plugins.rs"]
mod other_plugins;
#[path = "whole_process/race.rs"]
mod race;
#[path = "whole_process/stored.rs"]
mod stored;
#[path = "whole_process/targets.rs"]
mod targets;

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::process::ExitCode;

use home::Home;
use targets::{Bound, Targets};
use testkit::peers::Found;
use testkit::peers::front_door::RealDoor;

const STORED_ROUNDS: usize = 50;
const LOGIN_ROUNDS: usize = 15;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    let done = match arguments.split_first() {
        Some((first, command)) if first == "--measure" => race::measure(command),
        _ => bench(arguments.iter().any(|argument| argument == "--once")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("whole_process: {why}");
            ExitCode::FAILURE
        }
    }
}

fn bench(once: bool) -> Result<()> {
    let rounds = |usual| if once { 1 } else { usual };
    println!(
        "Whole processes: medians. Ratios are taken round by round: their median (quartiles)."
    );
    if cfg!(debug_assertions) {
        println!("This is no release build: its figures mean nothing, and no target is looked at.");
    }
    let door = need(RealDoor::ldap())?;
    let home = Home::new(&door)?;
    let mut targets = Targets::default();
    stored::stored(&home, &door, rounds(STORED_ROUNDS), &mut targets)?;
    keyring::keyring(&home, &door, rounds(STORED_ROUNDS), &mut targets)?;
    crowd::crowd(&door, rounds(STORED_ROUNDS), &mut targets)?;
    login::login(&home, &door, rounds(LOGIN_ROUNDS), &mut targets)?;
    size(&mut targets)?;
    targets.print();
    Ok(())
}

/// Prints how large the program is, and notes what became of its target.
fn size(targets: &mut Targets) -> Result<()> {
    let bytes = u32::try_from(fs::metadata(testkit::binary())?.len())?;
    println!("\nThe program has {bytes} bytes.");
    targets.note(
        "the program",
        f64::from(bytes) / 1e6,
        "MB",
        Bound::AtMost(10.0),
    );
    Ok(())
}

fn need<T>(found: Found<T>) -> Result<T> {
    Ok(found.map_err(|missing| format!("needs {missing}"))?)
}
