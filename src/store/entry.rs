//! What rests in a store: a session, a grant or a password, as JSON that carries its key and its version.
//!
//! Whatever cannot be read back whole is discarded with a word: a store saves a login, it never stands in the way of
//! one. Unknown fields are ignored, so an older binary reads what a newer one wrote.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::credential::{Credential, Grant};
use crate::secret::{Secret, exposed};
use crate::store::key::Key;

/// The version of what is written; anything else is left alone.
const VERSION: u32 = 1;

/// A stored session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    version: u32,
    key: String,
    /// The method that made it: the one that was found where the key says `auto`.
    pub method: String,
    /// The base URL that it is good for: the endpoint, or `<endpoint>/pipeline` where only that answered.
    pub endpoint: String,
    /// Whether the endpoint has been seen to accept it.
    #[serde(default)]
    pub proven: bool,
    /// By how many seconds the server's clock was ahead of ours when it was made, where it told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_ahead: Option<i64>,
    /// What goes onto requests, and until when.
    pub credential: Credential,
}

impl Entry {
    /// Makes the entry of a new session.
    pub fn new(
        key: &Key,
        method: impl Into<String>,
        endpoint: impl Into<String>,
        proven: bool,
        credential: Credential,
    ) -> Self {
        Self {
            version: VERSION,
            key: key.text().to_owned(),
            method: method.into(),
            endpoint: endpoint.into(),
            proven,
            clock_ahead: None,
            credential,
        }
    }
}

/// A stored password, with the name to type it in for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredPassword {
    version: u32,
    key: String,
    /// The user name.
    pub username: String,
    /// The password.
    #[serde(serialize_with = "exposed")]
    pub password: Secret,
}

impl StoredPassword {
    /// Makes the entry of a password.
    pub fn new(key: &Key, username: impl Into<String>, password: Secret) -> Self {
        Self {
            version: VERSION,
            key: key.text().to_owned(),
            username: username.into(),
            password,
        }
    }
}

/// What renews a person's logins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredGrant {
    version: u32,
    key: String,
    /// What renews them.
    pub grant: Grant,
    /// Whether others live on a copy of it, which was exported or imported.
    #[serde(default)]
    pub shared: bool,
    /// What the kfp SDK's file holds in its place, where that could not take it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_place_of: Option<InPlaceOf>,
}

/// A refresh token that Google has replaced, and that still rests in the kfp SDK's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InPlaceOf {
    /// The SHA-256 of that token, in hex.
    sha256: String,
    /// Whether the login is the SDK's: then the file decides, and this counts only while that token is in it.
    pub is_of_sdk: bool,
    /// Why the file could not take the new one.
    pub why: String,
}

impl InPlaceOf {
    /// Makes the note of a replaced token.
    pub fn new(token: &Secret, is_of_sdk: bool, why: impl Into<String>) -> Self {
        Self {
            sha256: sha256(token),
            is_of_sdk,
            why: why.into(),
        }
    }

    /// Tells whether a token is the one that was replaced.
    pub fn is(&self, token: &Secret) -> bool {
        self.sha256 == sha256(token)
    }
}

fn sha256(token: &Secret) -> String {
    format!("{:x}", Sha256::digest(token.expose()))
}

impl StoredGrant {
    /// Makes the entry of a grant.
    pub fn new(key: &Key, grant: Grant, shared: bool) -> Self {
        Self {
            version: VERSION,
            key: key.text().to_owned(),
            grant,
            shared,
            in_place_of: None,
        }
    }
}

/// What all kinds of entries say of themselves.
#[derive(Deserialize)]
struct Head {
    version: u32,
    key: String,
}

/// Writes an entry as it rests in a store.
pub(super) fn to_json(entry: &impl Serialize) -> Secret {
    Secret::new(serde_json::to_string(entry).expect("entries are plain data"))
}

/// Reads what rested under a key, or tells why it is of no use.
pub(super) fn from_json<'de, T: Deserialize<'de>>(key: &Key, json: &'de [u8]) -> Result<T, String> {
    // Only where the error is and of what kind: serde's own words quote what they meet, and that may be a secret.
    let unreadable = |error: serde_json::Error| {
        format!(
            "it is not a valid entry ({:?} error at column {})",
            error.classify(),
            error.column()
        )
    };
    let head: Head = serde_json::from_slice(json).map_err(unreadable)?;
    if head.version != VERSION {
        return Err(format!(
            "it has version {}, this program knows {VERSION}",
            head.version
        ));
    }
    if head.key != key.text() {
        return Err("it belongs to another key".to_owned());
    }
    serde_json::from_slice(json).map_err(unreadable)
}
