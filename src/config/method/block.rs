//! What every method's block in the file answers for.

use serde_json::{Value, json};
use serde_saphyr::Spanned;

use crate::config::check::Check;
use crate::error::Result;
use crate::sanitize::address::redacted_address;

/// The path of a key inside a context, such as `["dex", "username"]`.
pub type Key = &'static [&'static str];

/// Keys of a context with what is written there.
pub type Values = Vec<(Key, Value)>;

/// A block as written.
pub trait Block {
    /// Refuses values that are no lines.
    fn check(&self, check: &Check<'_>) -> Result<()>;

    /// Gives the values that are addresses, which may hold a password that somebody wrote there.
    fn addresses(&self) -> Vec<(Key, Addresses<'_>)>;
}

/// Addresses as written.
pub enum Addresses<'a> {
    /// One, where it is there.
    One(Option<&'a Spanned<String>>),
    /// A list of them.
    List(&'a [Spanned<String>]),
}

impl Addresses<'_> {
    /// Gives what is shown in their place; `None` where they are shown as they are.
    pub fn redacted(&self) -> Option<Value> {
        match self {
            Addresses::One(address) => Some(json!(redacted_address(&address.as_ref()?.value)?)),
            Addresses::List(addresses) => {
                let texts = addresses.iter().map(|address| address.value.as_str());
                let redacted: Vec<_> = texts.clone().map(redacted_address).collect();
                let is_any = redacted.iter().any(Option::is_some);
                let shown = redacted.into_iter().zip(texts);
                let shown = shown.map(|(redacted, text)| redacted.unwrap_or(text.to_owned()));
                is_any.then(|| json!(shown.collect::<Vec<_>>()))
            }
        }
    }
}

/// What a login found out beyond its context.
pub struct Found<'a> {
    /// The method that made the credential.
    pub method: &'a str,
    /// Who logged in.
    pub username: Option<&'a str>,
    /// Whether the password rests in the keyring now.
    pub password_saved: bool,
}
