//! The vectors for clients as they lie in `protocol/vectors`: its README says what they mean.

use std::collections::BTreeMap;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::support::contract::{files_of, stem};

const VECTORS: &str = "protocol/vectors";

/// Reads every vector of a folder of `protocol/vectors`, by name.
pub(crate) fn read_all<Vector: DeserializeOwned>(folder: &str) -> BTreeMap<String, Vector> {
    let files = files_of(&format!("{VECTORS}/{folder}"), "json").into_iter();
    files.map(|file| (stem(&file), read(&file))).collect()
}

/// Reads one vector; a key that the format does not know is a fault.
fn read<Vector: DeserializeOwned>(file: &Path) -> Vector {
    let text = std::fs::read(file).expect("a vector");
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

// -------------------------------------------------------------- documents

/// Is what a helper prints, and what becomes of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DocumentVector {
    pub(crate) comment: String,
    pub(crate) stdout: Option<String>,
    pub(crate) document: Option<Value>,
    /// Names of fields that are no part of the protocol, on purpose.
    #[serde(default)]
    pub(crate) unknown: Vec<String>,
    pub(crate) expect: DocumentExpectation,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DocumentExpectation {
    pub(crate) schema: SchemaSays,
    pub(crate) clients: ClientsSay,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SchemaSays {
    Valid,
    Invalid,
    /// There is no JSON to hold against it.
    NoJson,
    /// There is nothing at all.
    Nothing,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum ClientsSay {
    InWord(Verdict),
    Read(Reading),
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verdict {
    Refuse,
    MayAccept,
}

/// Is what a client takes from a document.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reading {
    pub(crate) endpoint: String,
    pub(crate) headers: BTreeMap<String, Vec<String>>,
    pub(crate) expiration: String,
    pub(crate) namespace: Option<String>,
}

// ----------------------------------------------------- exec configurations

/// Is a machine with exec configurations, and the one that a client finds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExecVector {
    pub(crate) comment: String,
    /// The value of `KFP_CREDENTIAL_EXEC`.
    pub(crate) variable: Option<String>,
    #[serde(default)]
    pub(crate) files: BTreeMap<String, Value>,
    #[serde(default)]
    pub(crate) unknown: Vec<String>,
    pub(crate) expect: ExecExpectation,
    #[serde(default)]
    pub(crate) secrets: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExecExpectation {
    pub(crate) schema: SchemaSays,
    pub(crate) clients: ExecFound,
}

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub(crate) enum ExecFound {
    Command { command: String, args: Vec<String> },
    Error { error: String, says: Vec<String> },
}

// ------------------------------------------------------------------ clients

/// Is a helper, a server, what a client is asked to do with them, and what comes of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClientVector {
    pub(crate) comment: String,
    pub(crate) topic: String,
    /// The names in the server's certificate; absent where the server speaks plain HTTP.
    pub(crate) tls: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) certificate: CertificateBy,
    #[serde(default)]
    pub(crate) files: BTreeMap<String, Value>,
    #[serde(default)]
    pub(crate) env: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) unknown: Vec<String>,
    /// Answer after answer; without any there is no helper.
    pub(crate) helper: Vec<Answer>,
    #[serde(default)]
    pub(crate) server: Vec<Rule>,
    pub(crate) client: Asked,
    pub(crate) expect: ClientExpectation,
    #[serde(default)]
    pub(crate) secrets: Vec<String>,
}

/// Says who has signed the server's certificate.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CertificateBy {
    #[default]
    Authority,
    Itself,
    /// By itself, and it ended long ago.
    ItselfLongAgo,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Answer {
    pub(crate) document: Option<Value>,
    pub(crate) stdout: Option<String>,
    pub stdout_base64: Option<String>,
    #[serde(default)]
    pub(crate) stderr: String,
    #[serde(default)]
    pub(crate) exit: u8,
    pub(crate) signal: Option<String>,
    /// Seconds before anything is printed.
    #[serde(default)]
    pub(crate) sleep: f64,
    /// Seconds that the helper hangs for, in place of an answer.
    pub(crate) hang: Option<f64>,
    /// A process that the helper has started hangs with it.
    #[serde(default)]
    pub(crate) grandchild: bool,
    /// Seconds that the helper hangs for after its answer.
    pub(crate) linger: Option<f64>,
    #[serde(default)]
    pub(crate) endless: bool,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    #[serde(default)]
    pub(crate) when: Condition,
    /// How often the rule counts; absent where it always does.
    pub(crate) times: Option<usize>,
    /// Seconds before the reply.
    #[serde(default)]
    pub(crate) delay: f64,
    pub(crate) reply: Reply,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Condition {
    pub(crate) method: Option<String>,
    pub(crate) path: Option<String>,
    /// Path and query as they are sent.
    pub(crate) target: Option<String>,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, HeaderWanted>,
    pub(crate) body: Option<String>,
}

#[derive(Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum HeaderWanted {
    One(String),
    Several(Vec<String>),
    Absent(()),
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) body: String,
    /// The body is sent over and over, with so many seconds between.
    pub(crate) endless: Option<f64>,
}

/// Is the input of a conformance driver.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Asked {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) exec: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) context: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timeout_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_pause_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) request_timeout_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parallel: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pause_seconds: Option<f64>,
    pub(crate) requests: Vec<RequestAsked>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RequestAsked {
    pub(crate) method: String,
    pub(crate) url: String,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) body: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClientExpectation {
    pub(crate) results: Vec<Outcome>,
    /// The arguments of each run.
    pub(crate) runs: Vec<Vec<String>>,
    /// `METHOD /path STATUS` of each request; in any order where requests are made at once.
    pub(crate) requests: Option<Vec<String>>,
    /// Variables of every run; null stands for one that is not there.
    #[serde(default)]
    pub(crate) environment: BTreeMap<String, Option<String>>,
    /// How long everything may take.
    pub(crate) seconds: Option<f64>,
}

/// Describes a result, or several of the same kind.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Outcome {
    pub(crate) status: Option<u16>,
    #[serde(rename = "contentType")]
    pub(crate) content_type: Option<String>,
    pub(crate) body: Option<String>,
    /// The slug; `*` stands for any error, also one without a slug.
    pub(crate) error: Option<String>,
    pub(crate) exit: Option<i64>,
    /// What the message holds.
    pub(crate) says: Vec<String>,
    /// What the hint holds.
    pub(crate) hint: Vec<String>,
    pub(crate) times: Option<usize>,
    pub(crate) any_of: Vec<Outcome>,
}
