//! A run vector, as `protocol/vectors/README.md` describes it. Unknown keys are errors: a misspelt expectation would
//! expect nothing.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::bases::with_documents;
use crate::contract;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vector {
    pub comment: String,
    pub tag: Tag,
    /// The configuration file: its text, or an object that is written as JSON, which is YAML too.
    pub config: Option<Value>,
    #[serde(default)]
    pub files: BTreeMap<String, File>,
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// `KUBERNETES_EXEC_INFO`: its text, or an object.
    pub exec_info: Option<Value>,
    /// The claims of JWTs, by name.
    #[serde(default)]
    pub tokens: BTreeMap<String, Value>,
    #[serde(default)]
    pub server: Server,
    pub stored: Option<Earlier>,
    pub args: Vec<String>,
    pub stdin: Option<String>,
    #[serde(default)]
    pub when: When,
    #[serde(default)]
    pub exchanges: Vec<Step>,
    pub expect: Expect,
    #[serde(default)]
    pub secrets: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tag {
    Contract,
    KfpCredential,
}

/// A file below the home folder: its text, or more of it.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum File {
    Text(String),
    Other(FileKind),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileKind {
    /// Its contents as JSON.
    pub json: Option<Value>,
    pub text: Option<String>,
    /// Its permissions, in octal digits; `0600` where nothing is said.
    pub mode: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// The scripted server speaks TLS, with a certificate of the authority in `{{ca}}`.
    #[serde(default)]
    pub tls: bool,
    /// Host names that lead to it too, by https through a proxy.
    #[serde(default)]
    pub hosts: Vec<String>,
}

/// A run that came before, and went well.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Earlier {
    pub args: Option<Vec<String>>,
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    #[serde(default)]
    pub exchanges: Vec<Step>,
    /// Seconds between its end and the run.
    #[serde(default)]
    pub pause: u64,
}

/// What is special about the surroundings.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// Where stdout leads.
    pub stdout: Option<String>,
    /// A signal that is sent when the last exchange hangs.
    pub signal: Option<Signal>,
    /// Another run that is going on: its last exchange hangs.
    pub beside: Option<Beside>,
    /// What a person does at the terminal.
    pub terminal: Option<Typing>,
    /// What the browser, when it is opened, sends back to the redirect URI, beside the `state`.
    pub browser: Option<String>,
    /// The state of the session's keyring.
    pub keyring: Option<Keyring>,
}

#[derive(Clone, Copy, Deserialize)]
pub enum Signal {
    #[serde(rename = "INT")]
    Interrupt,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Beside {
    pub args: Vec<String>,
    pub exchanges: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Typing {
    /// A prompt that hides what is typed.
    pub prompt: String,
    pub types: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keyring {
    Locked,
}

/// One exchange, or the name of a list of them in `parts/`.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Step {
    Part(String),
    Exchange(Box<Exchange>),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    pub request: Asked,
    pub reply: Reply,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// One of the server's further hosts.
    pub host: Option<String>,
    pub method: String,
    /// With the query.
    pub path: String,
    /// Values that must be there; `null`: there is no such header.
    #[serde(default)]
    pub headers: BTreeMap<String, Option<String>>,
    /// The fields of the form, all of them.
    pub form: Option<BTreeMap<String, String>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Reply {
    Fault(Fault),
    Answer(Answer),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// Never answers.
    Hang,
    /// Closes the connection.
    Close,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    pub status: u16,
    #[serde(default)]
    pub headers: BTreeMap<String, Values>,
    /// A body with its content type.
    pub json: Option<Value>,
    pub html: Option<String>,
    pub text: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Values {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    pub exit: i32,
    pub slug: Option<String>,
    /// Words that stderr holds.
    #[serde(default)]
    pub says: Vec<String>,
    /// A pattern of the JSON on stdout.
    pub document: Option<Value>,
    /// A pattern of the text on stdout.
    pub stdout: Option<String>,
    pub stored_after: Option<StoredAfter>,
    #[serde(default)]
    pub browser_opened: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum StoredAfter {
    #[serde(rename = "nothing")]
    Nothing,
    #[serde(rename = "the answer")]
    TheAnswer,
    #[serde(rename = "what was stored")]
    WhatWasStored,
}

impl Vector {
    /// Reads a vector and checks that it says what it must.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
        Self::parse(&text)
    }

    pub fn parse(text: &str) -> Result<Self, String> {
        let vector: Self = serde_json::from_str(text)
            .and_then(|vector| serde_json::from_value(with_documents(vector)))
            .map_err(|error| error.to_string())?;
        vector.check()?;
        Ok(vector)
    }

    fn check(&self) -> Result<(), String> {
        let expect = &self.expect;
        let prints = [expect.document.is_some(), expect.stdout.is_some()];
        let says = match (expect.exit, &expect.slug) {
            (0, None) => (prints != [false, false]).then_some(()),
            (1.., Some(_)) => (prints == [false, false]).then_some(()),
            _ => None,
        };
        if says.is_none() {
            return Err("exit 0 goes with a document or stdout, another one with a slug".into());
        }
        if self.comment.trim().is_empty() {
            return Err("no comment".into());
        }
        if expect.stored_after == Some(StoredAfter::WhatWasStored) && self.stored.is_none() {
            return Err("nothing was stored".into());
        }
        Ok(())
    }
}

/// Puts the lists of `parts/` in the place of their names.
pub fn exchanges(steps: &[Step]) -> Vec<Exchange> {
    let mut found = Vec::new();
    for step in steps {
        match step {
            Step::Exchange(exchange) => found.push((**exchange).clone()),
            Step::Part(name) => {
                let path = format!("protocol/vectors/runs/parts/{name}.json");
                let part: Vec<Exchange> = serde_json::from_value(contract::read_json(&path))
                    .unwrap_or_else(|error| panic!("{path}: {error}"));
                found.extend(part);
            }
        }
    }
    found
}
