//! The vectors for clients as they lie in `protocol/vectors`: its README says what they mean.

use std::collections::BTreeMap;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::bases::with_documents;
use crate::contract::{files_of, stem};

const VECTORS: &str = "protocol/vectors";

/// Reads every vector of a folder of `protocol/vectors`, by name.
pub fn read_all<Vector: DeserializeOwned>(folder: &str) -> BTreeMap<String, Vector> {
    let files = files_of(&format!("{VECTORS}/{folder}"), "json").into_iter();
    files.map(|file| (stem(&file), read(&file))).collect()
}

/// Reads one vector; a key that the format does not know is a fault.
fn read<Vector: DeserializeOwned>(file: &Path) -> Vector {
    let text = std::fs::read(file).expect("a vector");
    serde_json::from_slice(&text)
        .and_then(|vector| serde_json::from_value(with_documents(vector)))
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

// -------------------------------------------------------------- documents

/// Is what a helper prints, and what becomes of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DocumentVector {
    pub comment: String,
    pub stdout: Option<String>,
    pub document: Option<Value>,
    /// Names of fields that are no part of the protocol, on purpose.
    #[serde(default)]
    pub unknown: Vec<String>,
    pub expect: DocumentExpectation,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DocumentExpectation {
    pub schema: SchemaSays,
    pub clients: ClientsSay,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum SchemaSays {
    Valid,
    Invalid,
    /// There is no JSON to hold against it.
    NoJson,
    /// There is nothing at all.
    Nothing,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub enum ClientsSay {
    InWord(Verdict),
    Read(Reading),
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Refuse,
    MayAccept,
}

/// Is what a client takes from a document.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    pub endpoint: String,
    pub headers: BTreeMap<String, Vec<String>>,
    pub expiration: String,
    pub namespace: Option<String>,
}

// ----------------------------------------------------- exec configurations

/// Is a machine with exec configurations, and the one that a client finds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecVector {
    pub comment: String,
    /// The value of `KFP_CREDENTIAL_EXEC`.
    pub variable: Option<String>,
    #[serde(default)]
    pub files: BTreeMap<String, Value>,
    #[serde(default)]
    pub unknown: Vec<String>,
    pub expect: ExecExpectation,
    #[serde(default)]
    pub secrets: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecExpectation {
    pub schema: SchemaSays,
    pub clients: ExecFound,
}

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum ExecFound {
    Command { command: String, args: Vec<String> },
    Error { error: String, says: Vec<String> },
}

// ------------------------------------------------------------------ clients

/// Is a helper, a server, what a client is asked to do with them, and what comes of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientVector {
    pub comment: String,
    pub topic: String,
    /// The names in the server's certificate; absent where the server speaks plain HTTP.
    pub tls: Option<Vec<String>>,
    #[serde(default)]
    pub certificate: CertificateBy,
    #[serde(default)]
    pub files: BTreeMap<String, Value>,
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    #[serde(default)]
    pub unknown: Vec<String>,
    /// Answer after answer; without any there is no helper.
    pub helper: Vec<Answer>,
    #[serde(default)]
    pub server: Vec<Rule>,
    pub client: Asked,
    pub expect: ClientExpectation,
    #[serde(default)]
    pub secrets: Vec<String>,
}

/// Says who has signed the server's certificate.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CertificateBy {
    #[default]
    Authority,
    Itself,
    /// By itself, and it ended long ago.
    ItselfLongAgo,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    pub document: Option<Value>,
    pub stdout: Option<String>,
    pub stdout_base64: Option<String>,
    #[serde(default)]
    pub stderr: String,
    #[serde(default)]
    pub exit: u8,
    pub signal: Option<String>,
    /// Seconds before anything is printed.
    #[serde(default)]
    pub sleep: f64,
    /// Seconds that the helper hangs for, in place of an answer.
    pub hang: Option<f64>,
    /// A process that the helper has started hangs with it.
    #[serde(default)]
    pub grandchild: bool,
    /// Seconds that the helper hangs for after its answer.
    pub linger: Option<f64>,
    #[serde(default)]
    pub endless: bool,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    #[serde(default)]
    pub when: Condition,
    /// How often the rule counts; absent where it always does.
    pub times: Option<usize>,
    /// Seconds before the reply.
    #[serde(default)]
    pub delay: f64,
    pub reply: Reply,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    pub method: Option<String>,
    pub path: Option<String>,
    /// Path and query as they are sent.
    pub target: Option<String>,
    #[serde(default)]
    pub headers: BTreeMap<String, HeaderWanted>,
    pub body: Option<String>,
}

#[derive(Clone, Deserialize)]
#[serde(untagged)]
pub enum HeaderWanted {
    One(String),
    Several(Vec<String>),
    Absent(()),
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    pub status: u16,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    #[serde(default)]
    pub body: String,
    /// The body is sent over and over, with so many seconds between.
    pub endless: Option<f64>,
}

/// Is the input of a conformance driver.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Asked {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exec: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_pause_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_timeout_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallel: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause_seconds: Option<f64>,
    pub requests: Vec<RequestAsked>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RequestAsked {
    pub method: String,
    pub url: String,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientExpectation {
    pub results: Vec<Outcome>,
    /// The arguments of each run.
    pub runs: Vec<Vec<String>>,
    /// `METHOD /path STATUS` of each request; in any order where requests are made at once.
    pub requests: Option<Vec<String>>,
    /// Variables of every run; null stands for one that is not there.
    #[serde(default)]
    pub environment: BTreeMap<String, Option<String>>,
    /// How long everything may take.
    pub seconds: Option<f64>,
}

/// Describes a result, or several of the same kind.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Outcome {
    pub status: Option<u16>,
    #[serde(rename = "contentType")]
    pub content_type: Option<String>,
    pub body: Option<String>,
    /// The slug; `*` stands for any error, also one without a slug.
    pub error: Option<String>,
    pub exit: Option<i64>,
    /// What the message holds.
    pub says: Vec<String>,
    /// What the hint holds.
    pub hint: Vec<String>,
    pub times: Option<usize>,
    pub any_of: Vec<Outcome>,
}
