//! The methods as the configuration knows them: a file for each block, and one list of them all.
//!
//! What a method does is a folder of the same name in [`crate::method`].

pub mod block;
pub(super) mod dex;
pub(super) mod gcp;
mod google;
pub(super) mod iap;
pub(super) mod none;
pub(super) mod oidc;
#[cfg(test)]
mod tests;
pub(super) mod token_file;
pub mod values;

use block::{Block, Found, Key, Values};
pub use dex::Dex;
pub use google::{CredentialFile, Google, ServiceAccount};
pub use iap::Iap;
pub use oidc::{ClientAssertion, GrantType, Oidc, SubjectToken, TokenKind};
pub use token_file::TokenFile;

use crate::config::check::Check;
use crate::config::file::ContextEntry;
use crate::config::inputs::Inputs;
use crate::config::options::TargetOptions;
use crate::config::sdk_variables::SdkVariables;
use crate::config::source::Source;
use crate::error::{Error, Result, Slug};
use crate::line::listed;

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
    /// A token of an OpenID Connect provider.
    Oidc(Oidc),
    /// The endpoint asks for no credential.
    None,
}

/// Whose password a login takes.
#[derive(Debug, Clone, Copy)]
pub struct Account<'a> {
    /// The user name or e-mail address.
    pub username: Option<&'a str>,
    /// Where the password comes from; `None` leaves what `login --save-password` stored.
    pub password: Option<&'a Source>,
}

/// What the configuration knows of a method. Nothing of it has a default: a new method decides all of it.
pub struct Keys {
    /// The method's name, which is its block's key.
    pub name: &'static str,
    /// The kind of credential that it gives, as the document's `type` has it.
    pub kind: &'static str,
    /// The method where the block is empty.
    pub empty: fn() -> Method,
    /// Gives a context's block, as written.
    pub written: fn(&ContextEntry) -> Option<&dyn Block>,
    /// Reads a context's block.
    pub meant: fn(&ContextEntry, &Check<'_>) -> Option<Result<Method>>,
    /// Gives the options that stand for a key of this method, and which of them are given. One may be several methods':
    /// where nothing names the method, the first of the list that takes all those that are given is meant.
    pub options: fn(&TargetOptions) -> Vec<(&'static str, bool)>,
    /// Gives what `config set-context` writes of the options.
    pub set: fn(&TargetOptions) -> Values,
}

impl Keys {
    /// Gives the block's path in a context.
    pub fn path(&'static self) -> Key {
        std::slice::from_ref(&self.name)
    }

    /// Tells whether an option stands for a key of this method.
    pub fn takes(&self, option: &str) -> bool {
        let options = (self.options)(&TargetOptions::default());
        options.iter().any(|(own, _)| *own == option)
    }

    /// Tells whether a context has the block.
    pub fn is_in(&self, entry: &ContextEntry) -> bool {
        (self.written)(entry).is_some()
    }
}

/// The option that asks for no method by itself: an exec configuration may give it whatever the method is.
pub(super) const AUDIENCE: &str = "--audience";

/// All methods.
pub static METHODS: [&Keys; 6] = [&DEX, &IAP, &GCP, &TOKEN_FILE, &OIDC, &NONE];

/// The method that `--username` means where nothing says another one.
pub static DEX: Keys = Keys {
    name: "dex",
    kind: "cookie",
    empty: || Method::Dex(Dex::default()),
    written: |entry| entry.dex.as_ref().map(|block| block as &dyn Block),
    meant: |entry, check| Some(entry.dex.as_ref()?.meant(check)),
    options: dex::options,
    set: dex::set,
};

static IAP: Keys = Keys {
    name: "iap",
    kind: "bearer",
    empty: || Method::Iap(Iap::default()),
    written: |entry| entry.iap.as_ref().map(|block| block as &dyn Block),
    meant: |entry, check| Some(entry.iap.as_ref()?.meant(check).map(Method::Iap)),
    options: iap::options,
    set: iap::set,
};

static GCP: Keys = Keys {
    name: "gcp",
    kind: "bearer",
    empty: || Method::Gcp(Google::default()),
    written: |entry| entry.gcp.as_ref().map(|block| block as &dyn Block),
    meant: |entry, check| Some(entry.gcp.as_ref()?.meant(check).map(Method::Gcp)),
    options: |_| Vec::new(),
    set: |_| Values::new(),
};

static TOKEN_FILE: Keys = Keys {
    name: "token-file",
    kind: "bearer",
    empty: || Method::TokenFile(TokenFile::default()),
    written: |entry| entry.token_file.as_ref().map(|block| block as &dyn Block),
    meant: |entry, check| {
        Some(Ok(Method::TokenFile(
            entry.token_file.as_ref()?.meant(check),
        )))
    },
    options: token_file::options,
    set: token_file::set,
};

static OIDC: Keys = Keys {
    name: "oidc",
    kind: "bearer",
    empty: || Method::Oidc(Oidc::default()),
    written: |entry| entry.oidc.as_ref().map(|block| block as &dyn Block),
    meant: |entry, check| Some(entry.oidc.as_ref()?.meant(check).map(Method::Oidc)),
    options: oidc::options,
    set: oidc::set,
};

static NONE: Keys = Keys {
    name: "none",
    kind: "none",
    empty: || Method::None,
    written: |entry| entry.none.as_ref().map(|block| block as &dyn Block),
    meant: |entry, _| entry.none.as_ref().map(|_| Ok(Method::None)),
    options: |_| Vec::new(),
    set: |_| Values::new(),
};

/// Gives the options of methods that are given, in the order of the list.
pub fn given(target: &TargetOptions) -> Vec<&'static str> {
    let mut given = Vec::new();
    for (option, is_given) in METHODS.iter().flat_map(|keys| (keys.options)(target)) {
        if is_given && !given.contains(&option) {
            given.push(option);
        }
    }
    given
}

/// Gives the method that these options are meant for: `own` where it takes all of them, else the first that does; `None`
/// where there are none.
pub fn of_options(
    options: &[&'static str],
    own: Option<&'static Keys>,
) -> Result<Option<&'static Keys>> {
    let Some(first) = options.first() else {
        return Ok(None);
    };
    let takes_all = |keys: &&Keys| options.iter().all(|option| keys.takes(option));
    let others = METHODS.into_iter();
    if let Some(found) = own.into_iter().chain(others).find(takes_all) {
        return Ok(Some(found));
    }
    let owner = |option: &str| METHODS.into_iter().find(|keys| keys.takes(option));
    let name = |option: &str| owner(option).map_or("", |keys| keys.name);
    let is_others = |option: &&&str| owner(first).is_some_and(|keys| !keys.takes(option));
    let other = options.iter().find(is_others).unwrap_or(first);
    let what = format!(
        "{first} belongs to the method {}, {other} to {}",
        name(first),
        name(other)
    );
    Err(Error::new(Slug::Usage, what)
        .hint("give options of one method only, or say which with --method"))
}

/// Finds a method by its name.
pub fn by_name(name: &str) -> Option<&'static Keys> {
    METHODS.into_iter().find(|keys| keys.name == name)
}

/// Names all methods in a sentence, with `word` before the last one.
pub fn names(word: &str) -> String {
    listed(&METHODS.map(|keys| keys.name), word)
}

/// Reads the block of a context, of which there is at most one.
pub(super) fn of_entry(entry: &ContextEntry, check: &Check<'_>) -> Result<Method> {
    let mut there = METHODS.iter().filter(|keys| keys.is_in(entry));
    match (there.next(), there.next()) {
        (None, _) => Ok(Method::Detect(Dex::default())),
        (Some(keys), None) => {
            (keys.meant)(entry, check).unwrap_or_else(|| Ok(Method::Detect(Dex::default())))
        }
        (Some(one), Some(other)) => Err(check.refused(&format!(
            "the context {:?} has more than one method: {} and {}",
            entry.name.value, one.name, other.name
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
            Method::Oidc(_) => Some(&OIDC),
            Method::None => Some(&NONE),
        }
    }

    /// Lets options and variables adjust what the context says.
    pub(super) fn adjust(&mut self, inputs: &Inputs<'_>, sdk: &SdkVariables<'_>) -> Result<()> {
        match self {
            Method::Detect(dex) | Method::Dex(dex) => dex.adjust(inputs),
            Method::TokenFile(file) => file.adjust(inputs, sdk),
            Method::Iap(iap) => iap.adjust(inputs, sdk),
            Method::Gcp(google) => google.settle(inputs.environment),
            Method::Oidc(oidc) => oidc.adjust(inputs)?,
            Method::None => {}
        }
        Ok(())
    }

    /// What `login --save-context` writes of the method's own keys, where it logged in as `found` says.
    pub fn found(&self, found: &Found<'_>) -> Values {
        match self {
            Method::Detect(dex) | Method::Dex(dex) if found.method == DEX.name => dex.found(found),
            Method::Iap(iap) => iap.found(),
            Method::TokenFile(file) => file.found(),
            Method::Oidc(oidc) => oidc.found(found.password_saved),
            Method::Detect(_) | Method::Dex(_) | Method::Gcp(_) | Method::None => Values::new(),
        }
    }

    /// Gives where Google credentials that need no person come from.
    pub fn google(&self) -> Option<&Google> {
        match self {
            Method::Iap(iap) => Some(&iap.google),
            Method::Gcp(google) => Some(google),
            Method::Detect(_)
            | Method::Dex(_)
            | Method::TokenFile(_)
            | Method::Oidc(_)
            | Method::None => None,
        }
    }

    /// Gives whose password a login takes, where it takes one.
    pub fn account(&self) -> Option<Account<'_>> {
        match self {
            Method::Detect(dex) | Method::Dex(dex) => Some(Account {
                username: dex.username.as_deref(),
                password: dex.password.as_ref(),
            }),
            Method::Oidc(oidc) if oidc.may_use_password() => Some(Account {
                username: oidc.username.as_deref(),
                password: oidc.password.as_ref(),
            }),
            Method::Iap(_)
            | Method::Gcp(_)
            | Method::TokenFile(_)
            | Method::Oidc(_)
            | Method::None => None,
        }
    }

    /// Gives the options that name the same login again, with their values and what stands for one that cannot be shown.
    pub fn arguments(&self) -> Vec<(&'static str, Option<String>, &'static str)> {
        match self {
            Method::Detect(dex) | Method::Dex(dex) => {
                vec![("--username", dex.username.clone(), "USER")]
            }
            Method::Iap(iap) => vec![
                ("--client-id", iap.client_id.clone(), "ID"),
                ("--other-client-id", iap.other_client_id.clone(), "ID"),
                ("--username", iap.account.clone(), "USER"),
            ],
            Method::Oidc(oidc) => oidc.arguments(),
            Method::Gcp(_) | Method::TokenFile(_) | Method::None => Vec::new(),
        }
    }

    /// Gives what refresh tokens of people at IAP are kept by.
    pub fn iap(&self) -> Option<&Iap> {
        match self {
            Method::Iap(iap) => Some(iap),
            Method::Detect(_)
            | Method::Dex(_)
            | Method::Gcp(_)
            | Method::TokenFile(_)
            | Method::Oidc(_)
            | Method::None => None,
        }
    }
}
