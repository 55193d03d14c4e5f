//! Where a context says that a secret is, and the reading of it there.

mod written;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::environment::Environment;
use crate::error::{Error, Result, Slug};
use crate::program;
use crate::read_file::{self, Kind, PATIENCE};
use crate::secret::Secret;
use crate::shell;
use crate::trace::Trace;

pub use written::{HeaderValue, Source, only_a_map};

/// More than any secret is long.
const LARGEST: u64 = 64 * 1024;

/// Reads the secret `what` (such as "the password"); `None` for the keyring, which is the store's business.
pub fn read(
    source: &Source,
    what: &str,
    environment: &Environment,
    trace: &Trace,
) -> Result<Option<Secret>> {
    read_within(PATIENCE, source, what, environment, trace)
}

/// Reads the same; a program or pipe has so long, where that is less than usual.
pub fn read_within(
    limit: Duration,
    source: &Source,
    what: &str,
    environment: &Environment,
    trace: &Trace,
) -> Result<Option<Secret>> {
    let limit = limit.min(PATIENCE);
    let secret = match source {
        Source::Env(name) => from_variable(name, what, environment)?,
        Source::File(path) => from_file(Path::new(path), what, limit, trace)?,
        Source::Command(command) => from_command(command, what, limit)?,
        Source::Keyring => return Ok(None),
    };
    Ok(Some(secret))
}

/// Names where a secret comes from, for a person who has to correct it there; `None` for the keyring, where `login` does.
pub fn place(source: &Source) -> Option<String> {
    match source {
        Source::Env(name) => Some(format!("the variable {name}")),
        Source::File(path) => Some(format!("the file {path}")),
        Source::Command(command) => {
            let program = command.first().map(String::as_str);
            Some(format!("the program {}", program.unwrap_or_default()))
        }
        Source::Keyring => None,
    }
}

fn from_variable(name: &str, what: &str, environment: &Environment) -> Result<Secret> {
    environment.get(name).map(Secret::new).ok_or_else(|| {
        unavailable(what, &format!("the variable {name} is not set, or empty")).hint(format!(
            "set {name} for the process that runs kfp-credential"
        ))
    })
}

fn from_file(path: &Path, what: &str, limit: Duration, trace: &Trace) -> Result<Secret> {
    let shown = path.display();
    let bytes = read_file::read(path, Kind::FileOrPipe(limit), LARGEST)
        .map_err(|error| unavailable(what, &format!("{shown} could not be read")).because(error))?;
    if can_be_read_by_others(path) {
        trace.say(format_args!(
            "{shown}, which holds {what}, can be read by others: `chmod 600 {}`",
            shell::word(&shown.to_string(), "FILE")
        ));
    }
    one_line(&bytes, what, &shown.to_string())
}

/// Runs a program whose stdout is the secret.
fn from_command(command: &[String], what: &str, limit: Duration) -> Result<Secret> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(unavailable(what, "its command is empty"));
    };
    let shown = format!("the command {program:?}");
    let ran = program::output(Command::new(program).args(arguments), limit, LARGEST)
        .map_err(|error| unavailable(what, &format!("{shown} could not be run")).because(error))?;
    let Some((status, bytes)) = ran else {
        return Err(unavailable(
            what,
            &format!("{shown} did not end within {:.0} s", limit.as_secs_f64()),
        ));
    };
    if !status.success() {
        return Err(unavailable(what, &format!("{shown} failed: {status}"))
            .hint(format!("run {program:?} by hand to see what it says")));
    }
    one_line(&Zeroizing::new(bytes), what, &shown)
}

/// Drops one newline at the end: editors add it, and no password ends in one.
fn one_line(bytes: &[u8], what: &str, from: &str) -> Result<Secret> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| unavailable(what, &format!("{from} gave no valid UTF-8")))?;
    let text = text
        .strip_suffix('\n')
        .map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
    if text.is_empty() {
        return Err(unavailable(what, &format!("{from} gave nothing")));
    }
    Ok(Secret::new(text))
}

fn unavailable(what: &str, why: &str) -> Error {
    Error::new(
        Slug::ConfigSecretUnavailable,
        format!("{what} is not available: {why}"),
    )
}

/// Tells whether other users may read a file.
#[cfg(unix)]
pub fn can_be_read_by_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o044 != 0)
}

/// Tells whether other users may read a file.
#[cfg(not(unix))]
pub fn can_be_read_by_others(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_from(source: &Source) -> Result<Option<Secret>> {
        let environment: Environment = [("FILLED", "from env"), ("EMPTY", "")]
            .into_iter()
            .collect();
        read(source, "the password", &environment, &Trace::default())
    }

    fn command(words: &[&str]) -> Source {
        Source::Command(words.iter().map(|word| (*word).to_owned()).collect())
    }

    #[test]
    fn each_source_gives_its_secret() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "from file\n").unwrap();
        for (source, expected) in [
            (Source::Env("FILLED".into()), "from env"),
            (
                Source::File(file.path().to_string_lossy().into_owned()),
                "from file",
            ),
            (
                command(&["printf", "%s\\n", "from command"]),
                "from command",
            ),
        ] {
            assert_eq!(read_from(&source).unwrap().unwrap().expose(), expected);
        }
        assert!(read_from(&Source::Keyring).unwrap().is_none());
    }

    #[test]
    fn only_one_newline_is_dropped() {
        assert_eq!(
            read_from(&command(&["printf", " a\\r\\n"]))
                .unwrap()
                .unwrap()
                .expose(),
            " a"
        );
        assert_eq!(
            read_from(&command(&["printf", "a\\n\\n"]))
                .unwrap()
                .unwrap()
                .expose(),
            "a\n"
        );
    }

    #[test]
    fn a_source_without_a_secret_says_why() {
        for source in [
            Source::Env("UNSET".into()),
            Source::Env("EMPTY".into()),
            Source::File("/nonexistent/file".into()),
            Source::File("/".into()),
            Source::File("/dev/zero".into()),
            command(&["false"]),
            command(&["true"]),
            command(&["/nonexistent/program"]),
        ] {
            let error = read_from(&source).unwrap_err();
            assert_eq!(
                error.slug(),
                Slug::ConfigSecretUnavailable,
                "{source:?}: {error}"
            );
        }
    }
}
