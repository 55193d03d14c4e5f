//! The exec configuration: which helper to run, and where a user says so.

use std::env;
use std::fmt;
use std::io::ErrorKind;
use std::path::{self, Path, PathBuf};

use serde_json::{Map, Value};

use crate::error::{EXEC_CONFIG_INVALID, HelperError};
use crate::file;

const VARIABLE: &str = "KFP_CREDENTIAL_EXEC";

/// Names the helper to run, in the shape of kubeconfig's `exec`.
#[derive(Clone, PartialEq, Eq)]
pub struct ExecConfig {
    /// A name to look up in `PATH`, or a path.
    pub command: PathBuf,
    /// The arguments.
    pub args: Vec<String>,
    /// Names and values, added to the environment of this process; they may hold secrets.
    pub env: Vec<(String, String)>,
    /// What to say when the command is missing.
    pub install_hint: Option<String>,
    /// Where this comes from, for words to people.
    pub source: String,
}

impl ExecConfig {
    /// Looks where a user says which helper to run: in the variable `KFP_CREDENTIAL_EXEC` (a file's path, or the JSON
    /// itself), then under the key `exec` of the kfp SDK's `context.json`. Without either it is `kfp-credential get`.
    #[allow(
        clippy::disallowed_methods,
        reason = "the one variable that is a client's own"
    )]
    pub fn find() -> Result<Self, HelperError> {
        if let Some(given) = env::var_os(VARIABLE).filter(|given| !given.is_empty()) {
            if let Some(json) = given.to_str().filter(|text| text.starts_with('{')) {
                return Self::parse(json.as_bytes(), VARIABLE, None);
            }
            let path = Path::new(&given);
            let text = file::read(path).map_err(|error| {
                wrong(VARIABLE, format!("cannot read {}: {error}", path.display()))
            })?;
            return Self::parse(&text, &path.display().to_string(), path.parent());
        }
        if let Some(found) = of_kfp_context()? {
            return Ok(found);
        }
        Ok(Self {
            command: "kfp-credential".into(),
            args: vec!["get".to_owned()],
            env: Vec::new(),
            install_hint: None,
            source: "the default".to_owned(),
        })
    }

    /// Reads a JSON object with the key `exec`. The source is for words to people. A relative command is relative to
    /// the folder; without one, to the working directory.
    pub fn parse(text: &[u8], source: &str, folder: Option<&Path>) -> Result<Self, HelperError> {
        let config = read(text).map_err(|what| wrong(source, what))?;
        let command = match folder {
            Some(folder) if has_separator(&config.command) => {
                path::absolute(folder.join(&config.command))
                    .map_err(|error| wrong(source, format!("its folder is not known: {error}")))?
            }
            _ => config.command,
        };
        Ok(Self {
            command,
            source: source.to_owned(),
            ..config
        })
    }
}

/// Leaves out the environment, which may hold secrets.
impl fmt::Debug for ExecConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExecConfig")
            .field("command", &self.command)
            .field("args", &self.args)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

/// Gives `None` where the kfp SDK's file is not there, or says nothing of a helper.
fn of_kfp_context() -> Result<Option<ExecConfig>, HelperError> {
    let Some(home) = env::home_dir() else {
        return Ok(None);
    };
    let path = home.join(".config").join("kfp").join("context.json");
    let source = path.display().to_string();
    let text = match file::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(wrong(&source, format!("cannot be read: {error}"))),
    };
    let says_nothing = object(&text).is_ok_and(|holder| optional(&holder, "exec").is_none());
    if says_nothing {
        return Ok(None);
    }
    ExecConfig::parse(&text, &source, path.parent()).map(Some)
}

fn read(text: &[u8]) -> Result<ExecConfig, &'static str> {
    let holder = object(text)?;
    let exec = holder.get("exec").and_then(Value::as_object);
    let exec = exec.ok_or("exec is missing, or no object")?;
    let command = exec.get("command").and_then(Value::as_str);
    let command = command.filter(|command| !command.is_empty());
    let args = optional(exec, "args").map_or(Some(Vec::new()), strings);
    let env = match optional(exec, "env") {
        Some(env) => {
            let entries = env.as_array().ok_or("exec.env is no array")?;
            entries.iter().map(variable).collect()
        }
        None => Some(Vec::new()),
    };
    let install_hint = match optional(exec, "installHint") {
        Some(hint) => Some(hint.as_str().ok_or("exec.installHint is no string")?),
        None => None,
    };
    Ok(ExecConfig {
        command: command
            .ok_or("exec.command is missing, or no string that names a program")?
            .into(),
        args: args.ok_or("exec.args is no array of strings")?,
        env: env.ok_or("exec.env has an entry without a name and a value that can be set")?,
        install_hint: install_hint.map(str::to_owned),
        source: String::new(),
    })
}

fn object(text: &[u8]) -> Result<Map<String, Value>, &'static str> {
    // The parser's own words would quote the text, which may hold secrets.
    serde_json::from_slice(text).map_err(|_| "it is no JSON object")
}

/// Reads a key that may be missing; null counts as missing.
pub(crate) fn optional<'a>(from: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    from.get(key).filter(|value| !value.is_null())
}

/// Makes strings of an array.
pub(crate) fn strings(value: &Value) -> Option<Vec<String>> {
    let text = |item: &Value| item.as_str().map(str::to_owned);
    value.as_array()?.iter().map(text).collect()
}

fn variable(entry: &Value) -> Option<(String, String)> {
    let name = entry.get("name")?.as_str()?;
    let value = entry.get("value")?.as_str()?;
    let can_be_set = !name.is_empty() && !name.contains(['=', '\0']) && !value.contains('\0');
    can_be_set.then(|| (name.to_owned(), value.to_owned()))
}

fn has_separator(command: &Path) -> bool {
    command.to_string_lossy().contains(std::path::is_separator)
}

fn wrong(source: &str, what: impl std::fmt::Display) -> HelperError {
    HelperError::new(EXEC_CONFIG_INVALID, format!("{source}: {what}"))
}
