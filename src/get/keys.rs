//! The store's keys of a context: what is kept for it, and what of that an answer may be taken from.

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::config::Context;
use crate::method::{self, LoginMethod};
use crate::store::{Identity, Key, Trusted, Weakened};

/// Names what the store keeps for this context.
pub fn session_key(context: &Context) -> Key {
    Key::of_session(&Texts::of(context).identity(context))
}

/// Names what the store may keep for this context, however its way is weakened and whether or not its authorities were
/// named: all of it is to be forgotten.
pub fn session_keys(context: &Context) -> Vec<Key> {
    let texts = Texts::of(context);
    let own = texts.identity(context);
    let mut keys = Vec::new();
    for trusted in [own.trusted, Trusted::default()] {
        for (insecure_skip_tls_verify, allow_insecure_http) in
            [(false, false), (true, false), (false, true), (true, true)]
        {
            let weakened = Weakened {
                insecure_skip_tls_verify,
                allow_insecure_http,
            };
            let key = Key::of_session(&Identity {
                weakened,
                trusted,
                ..own
            });
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
    }
    keys
}

/// Names the password that the store may keep for this context.
pub fn password_key(context: &Context) -> Key {
    Key::of_password(&Texts::of(context).identity(context))
}

/// What of an identity the context has in another form.
struct Texts<'c> {
    method: Box<dyn LoginMethod + 'c>,
    endpoint: String,
    authority: Option<String>,
    authority_data: Option<String>,
}

impl<'c> Texts<'c> {
    /// A file of authorities stands by its path: an answer from the store reads none.
    fn of(context: &'c Context) -> Self {
        let connection = &context.connection;
        let endpoint = context.endpoint.as_ref();
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.into());
        let authority = connection.certificate_authority.as_deref().map(absolute);
        let data = connection.certificate_authority_data.as_ref();
        Self {
            method: method::of(&context.method),
            endpoint: endpoint.map(ToString::to_string).unwrap_or_default(),
            authority: authority.map(|path| path.display().to_string()),
            authority_data: data.map(|pem| format!("sha256:{:x}", Sha256::digest(pem))),
        }
    }

    /// Gives what tells this context's sessions from others: each method's own part, how its way is weakened, and who
    /// else is trusted on it.
    fn identity<'a>(&'a self, context: &'a Context) -> Identity<'a> {
        let connection = &context.connection;
        Identity {
            endpoint: &self.endpoint,
            method: context.method.name(),
            weakened: Weakened {
                insecure_skip_tls_verify: connection.insecure_skip_tls_verify,
                allow_insecure_http: connection.allow_insecure_http,
            },
            trusted: Trusted {
                certificate_authority: self.authority.as_deref(),
                certificate_authority_data: self.authority_data.as_deref(),
                tls_server_name: connection.tls_server_name.as_deref(),
            },
            ..self.method.identity()
        }
    }
}
