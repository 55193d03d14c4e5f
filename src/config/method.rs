//! The methods as the configuration knows them: a file for each block, and one list of them all.
//!
//! What a method does is a folder of the same name in [`crate::method`].

pub mod block;
pub(super) mod dex;
pub(super) mod gcp;
mod google;
pub(super) mod iap;
pub(super) mod none;
#[cfg(test)]
mod tests;
pub(super) mod token_file;
pub mod values;

use block::{Block, Found, Key, Values};
pub use dex::Dex;
pub use google::{CredentialFile, Google, ServiceAccount};
pub use iap::Iap;
pub use token_file::TokenFile;

use crate::config::check::Check;
use crate::config::file::ContextEntry;
use crate::config::options::TargetOptions;
use crate::error::Result;

/// How to log in.
#[derive(Debug)]
pub enum Method {
    /// Nothing names one: the endpoint tells. What is known for a Dex login comes along.
    Detect(Dex),
    /// Dex's login form.
    Dex(Dex),
    /// Google Identity-Aware Proxy: an ID token.
    Iap(Iap),
    /// AI Platform Pipelines behind Google's inverse proxy: an access token.
    Gcp(Google),
    /// A bearer token that somebody else keeps fresh in a file.
    TokenFile(TokenFile),
    /// The endpoint asks for no credential.
    None,
}

/// What the configuration knows of a method. Nothing of it has a default: a new method decides all of it.
pub struct Keys {
    /// The method's name, which is its block's key.
    pub name: &'static str,
    /// The method where the block is empty.
    pub empty: fn() -> Method,
    /// Gives a context's block, as written.
    pub written: fn(&ContextEntry) -> Option<&dyn Block>,
    /// Reads a context's block.
    pub meant: fn(&ContextEntry, &Check<'_>) -> Option<Result<Method>>,
    /// Gives the options that belong to this method alone, and which of them are given.
    pub options: fn(&TargetOptions) -> Vec<(&'static str, bool)>,
    /// Gives what `config set-context` writes of the options; of `--username` where that is given too.
    pub set: fn(&TargetOptions, Option<&str>) -> Values,
    /// Whether `--username` stands for a key of this method.
    pub takes_username: bool,
}

impl Keys {
    /// Gives the block's path in a context.
    pub fn path(&'static self) -> Key {
        std::slice::from_ref(&self.name)
    }

    /// Tells whether an option of this method alone is given.
    pub fn is_given(&self, target: &TargetOptions) -> bool {
        let mut options = (self.options)(target).into_iter();
        options.any(|(_, is_given)| is_given)
    }

    /// Tells whether a context has the block.
    pub fn is_in(&self, entry: &ContextEntry) -> bool {
        (self.written)(entry).is_some()
    }
}

/// All methods.
pub static METHODS: [&Keys; 5] = [&DEX, &IAP, &GCP, &TOKEN_FILE, &NONE];

/// The method that `--username` means where nothing says another one.
pub static DEX: Keys = Keys {
    name: "dex",
    empty: || Method::Dex(Dex::default()),
    written: |entry| entry.dex.as_ref().map(|block| block as &dyn Block),
    meant: |entry, check| Some(entry.dex.as_ref()?.meant(check).map(Method::Dex)),
    options: dex::options,
    set: dex::set,
    takes_username: true,
};

static IAP: Keys = Keys {
    name: "iap",
    empty: || Method::Iap(Iap::default()),
    written: |entry| entry.iap.as_ref().map(|block| block as &dyn Block),
    meant: |entry, check| Some(entry.iap.as_ref()?.meant(check).map(Method::Iap)),
    options: iap::options,
    set: iap::set,
    takes_username: true,
};

static GCP: Keys = Keys {
    name: "gcp",
    empty: || Method::Gcp(Google::default()),
    written: |entry| entry.gcp.as_ref().map(|block| block as &dyn Block),
    meant: |entry, check| Some(entry.gcp.as_ref()?.meant(check).map(Method::Gcp)),
    options: |_| Vec::new(),
    set: |_, _| Values::new(),
    takes_username: false,
};

static TOKEN_FILE: Keys = Keys {
    name: "token-file",
    empty: || Method::TokenFile(TokenFile::default()),
    written: |entry| entry.token_file.as_ref().map(|block| block as &dyn Block),
    meant: |entry, check| {
        Some(Ok(Method::TokenFile(
            entry.token_file.as_ref()?.meant(check),
        )))
    },
    options: token_file::options,
    set: token_file::set,
    takes_username: false,
};

static NONE: Keys = Keys {
    name: "none",
    empty: || Method::None,
    written: |entry| entry.none.as_ref().map(|block| block as &dyn Block),
    meant: |entry, _| entry.none.as_ref().map(|_| Ok(Method::None)),
    options: |_| Vec::new(),
    set: |_, _| Values::new(),
    takes_username: false,
};

/// Finds a method by its name.
pub fn by_name(name: &str) -> Option<&'static Keys> {
    METHODS.into_iter().find(|keys| keys.name == name)
}

/// Names all methods in a sentence, with `word` before the last one.
pub fn names(word: &str) -> String {
    let names: Vec<&str> = METHODS.iter().map(|keys| keys.name).collect();
    match names.split_last() {
        Some((last, others)) => format!("{} {word} {last}", others.join(", ")),
        None => String::new(),
    }
}

/// Reads the block of a context, of which there is at most one.
pub(super) fn of_entry(entry: &ContextEntry, check: &Check<'_>) -> Result<Method> {
    let mut blocks = METHODS.iter().filter_map(|keys| (keys.meant)(entry, check));
    match (blocks.next(), blocks.next()) {
        (None, _) => Ok(Method::Detect(Dex::default())),
        (Some(method), None) => method,
        (Some(_), Some(_)) => Err(check.refused(&format!(
            "the context {:?} has more than one of {}",
            entry.name.value,
            names("and")
        ))),
    }
}

impl Method {
    /// Names the method as the configuration file does; `auto` while the endpoint has not told.
    pub fn name(&self) -> &'static str {
        self.keys().map_or("auto", |keys| keys.name)
    }

    /// Gives what the configuration knows of the method; `None` while the endpoint has not told.
    pub fn keys(&self) -> Option<&'static Keys> {
        match self {
            Method::Detect(_) => None,
            Method::Dex(_) => Some(&DEX),
            Method::Iap(_) => Some(&IAP),
            Method::Gcp(_) => Some(&GCP),
            Method::TokenFile(_) => Some(&TOKEN_FILE),
            Method::None => Some(&NONE),
        }
    }

    /// What `login --save-context` writes of the method's own keys, where it logged in as `found` says.
    pub fn found(&self, found: &Found<'_>) -> Values {
        match self {
            Method::Detect(dex) | Method::Dex(dex) if found.method == DEX.name => dex.found(found),
            Method::Iap(iap) => iap.found(),
            Method::TokenFile(file) => file.found(),
            Method::Detect(_) | Method::Dex(_) | Method::Gcp(_) | Method::None => Values::new(),
        }
    }

    /// Gives where Google credentials that need no person come from.
    pub fn google(&self) -> Option<&Google> {
        match self {
            Method::Iap(iap) => Some(&iap.google),
            Method::Gcp(google) => Some(google),
            Method::Detect(_) | Method::Dex(_) | Method::TokenFile(_) | Method::None => None,
        }
    }

    /// Gives what a login at Dex's form may use.
    pub fn dex(&self) -> Option<&Dex> {
        match self {
            Method::Detect(dex) | Method::Dex(dex) => Some(dex),
            Method::Iap(_) | Method::Gcp(_) | Method::TokenFile(_) | Method::None => None,
        }
    }

    /// Gives what refresh tokens are kept by: no other method has any.
    pub fn iap(&self) -> Option<&Iap> {
        match self {
            Method::Iap(iap) => Some(iap),
            Method::Detect(_)
            | Method::Dex(_)
            | Method::Gcp(_)
            | Method::TokenFile(_)
            | Method::None => None,
        }
    }
}
