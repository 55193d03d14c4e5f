//! Asks the person at the controlling terminal, never stdin: that belongs to whoever runs us.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};

use crate::error::{Error, Result, Slug};
use crate::secret::Secret;

#[cfg(unix)]
const INPUT: &str = "/dev/tty";
#[cfg(unix)]
const OUTPUT: &str = "/dev/tty";
#[cfg(windows)]
const INPUT: &str = "CONIN$";
#[cfg(windows)]
const OUTPUT: &str = "CONOUT$";

/// Tells whether there is a terminal to ask at.
pub fn is_there() -> bool {
    OpenOptions::new().read(true).open(INPUT).is_ok()
}

/// Asks for a line of text.
pub fn ask(prompt: &str) -> Result<String> {
    match typed(prompt)? {
        line if line.is_empty() => Err(nothing_typed(prompt)),
        line => Ok(line),
    }
}

/// Asks a question; no answer is yes.
pub fn confirm(question: &str) -> Result<bool> {
    let answer = typed(&format!("{question} [Y/n] "))?;
    Ok(matches!(
        answer.trim().to_lowercase().as_str(),
        "" | "y" | "yes"
    ))
}

fn typed(prompt: &str) -> Result<String> {
    let answer = || -> std::io::Result<String> {
        OpenOptions::new()
            .write(true)
            .open(OUTPUT)?
            .write_all(prompt.as_bytes())?;
        let mut line = String::new();
        BufReader::new(OpenOptions::new().read(true).open(INPUT)?).read_line(&mut line)?;
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    };
    answer().map_err(|error| no_terminal(prompt).because(error))
}

/// Asks for a secret, which is not shown while it is typed.
pub fn ask_secret(prompt: &str) -> Result<Secret> {
    modes::remember();
    match rpassword::prompt_password(prompt) {
        Ok(text) if !text.is_empty() => Ok(Secret::new(text)),
        Ok(_) => Err(nothing_typed(prompt)),
        Err(error) if error.kind() == std::io::ErrorKind::Interrupted => Err(Error::new(
            Slug::Interrupted,
            "interrupted while asking for a password",
        )),
        Err(error) => Err(no_terminal(prompt).because(error)),
    }
}

fn nothing_typed(prompt: &str) -> Error {
    Error::new(
        Slug::LoginRequired,
        format!("nothing was typed at {:?}", prompt.trim()),
    )
}

fn no_terminal(prompt: &str) -> Error {
    Error::new(Slug::LoginRequired, format!("there is no terminal to ask {:?} at", prompt.trim()))
        .hint("run it in a terminal, or give the password by --password-stdin, --password-file F or KFP_CREDENTIAL_PASSWORD")
}

/// Shows again what is typed, where a signal ends the process while a secret is asked for.
pub fn give_back() {
    modes::restore();
}

#[cfg(unix)]
mod modes {
    use std::fs::File;
    use std::sync::Mutex;

    use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

    static BEFORE: Mutex<Option<(File, Termios)>> = Mutex::new(None);

    pub(super) fn remember() {
        if let Ok(mut before) = BEFORE.lock() {
            let terminal = File::open(super::INPUT).ok();
            *before = terminal.and_then(|terminal| {
                let modes = tcgetattr(&terminal).ok()?;
                Some((terminal, modes))
            });
        }
    }

    pub(super) fn restore() {
        if let Ok(before) = BEFORE.lock()
            && let Some((terminal, modes)) = &*before
        {
            tcsetattr(terminal, OptionalActions::Now, modes).ok();
        }
    }
}

/// No such care is taken of a Windows console.
#[cfg(not(unix))]
mod modes {
    pub(super) fn remember() {}
    pub(super) fn restore() {}
}
