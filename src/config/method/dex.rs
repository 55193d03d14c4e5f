//! The block `dex`: a login at Dex's form.

use serde::Deserialize;
use serde_json::json;
use serde_saphyr::Spanned;

use super::block::{Addresses, Block, Found, Key, Values};
use super::oidc::parse_redirect;
use super::values::{file_source, source_value, text};
use super::{GrantType, Method, Oidc};
use crate::config::check::Check;
use crate::config::inputs::Inputs;
use crate::config::options::TargetOptions;
use crate::config::source::Source;
use crate::endpoint::Origin;
use crate::environment;
use crate::error::Result;

/// The block of the method `dex`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DexBlock {
    #[serde(default)]
    pub username: Option<String>,
    #[serde(default)]
    pub password: Option<Source>,
    #[serde(default)]
    pub connector: Option<String>,
    #[serde(default)]
    pub login_origins: Option<Vec<Spanned<String>>>,
    #[serde(default)]
    pub client_id: Option<String>,
    #[serde(default)]
    pub client_secret: Option<Source>,
    #[serde(default)]
    pub redirect_uri: Option<Spanned<String>>,
}

/// What a login at Dex's form needs.
#[derive(Debug, Default)]
pub struct Dex {
    /// The user name or e-mail address to type in.
    pub username: Option<String>,
    /// Where the password comes from; `None` leaves what `login --save-password` stored.
    pub password: Option<Source>,
    /// The connector's id; `None` takes the only one, else `local`.
    pub connector: Option<String>,
    /// Further origins that may see the password.
    pub login_origins: Vec<Origin>,
}

impl Block for DexBlock {
    fn check(&self, check: &Check<'_>) -> Result<()> {
        let Self {
            username,
            password,
            connector,
            login_origins,
            client_id,
            client_secret,
            redirect_uri,
        } = self;
        check.text("dex.username", username.as_deref())?;
        check.source("dex.password", password.as_ref())?;
        check.text("dex.connector", connector.as_deref())?;
        check.text("dex.client-id", client_id.as_deref())?;
        check.source("dex.client-secret", client_secret.as_ref())?;
        check.spanned("dex.redirect-uri", redirect_uri.as_ref())?;
        check.list("dex.login-origins", login_origins.as_deref())
    }

    fn addresses(&self) -> Vec<(Key, Addresses<'_>)> {
        let origins = self.login_origins.as_deref().unwrap_or_default();
        vec![
            (&["dex", "login-origins"], Addresses::List(origins)),
            (
                &["dex", "redirect-uri"],
                Addresses::One(self.redirect_uri.as_ref()),
            ),
        ]
    }
}

impl DexBlock {
    /// Reads the block. With a client of its own the login ends with that one's tokens, and not with cookies.
    pub(super) fn meant(&self, check: &Check<'_>) -> Result<Method> {
        let dex = self.form(check)?;
        let redirect_uri =
            check.parsed(self.redirect_uri.as_ref(), "redirect-uri", parse_redirect)?;
        let Some(client_id) = &self.client_id else {
            if self.client_secret.is_some() || redirect_uri.is_some() {
                return Err(
                    check.refused("dex has a client-secret or redirect-uri and no client-id")
                );
            }
            return Ok(Method::Dex(dex));
        };
        let secret = self.client_secret.as_ref();
        Ok(Method::Oidc(Oidc {
            client_id: Some(client_id.clone()),
            client_secret: secret.map(|source| check.located(source)),
            grant: Some(GrantType::Form),
            redirect_uri,
            username: dex.username,
            password: dex.password,
            connector: dex.connector,
            login_origins: dex.login_origins,
            ..Oidc::default()
        }))
    }

    fn form(&self, check: &Check<'_>) -> Result<Dex> {
        Ok(Dex {
            username: self.username.clone(),
            password: self.password.as_ref().map(|source| check.located(source)),
            connector: self.connector.clone(),
            login_origins: check.all_parsed(
                self.login_origins.as_deref(),
                "login-origins",
                Origin::parse,
            )?,
        })
    }
}

/// The options that stand for its keys, and which of them are given.
pub(super) fn options(target: &TargetOptions) -> Vec<(&'static str, bool)> {
    vec![
        ("--username", target.username.is_some()),
        ("--password-file", target.password_file.is_some()),
        ("--connector", target.connector.is_some()),
    ]
}

/// What `config set-context` writes of the options.
pub(super) fn set(target: &TargetOptions) -> Values {
    let mut values = Values::new();
    values.extend(text(&["dex", "username"], target.username.as_deref()));
    values.extend(file_source(
        &["dex", "password"],
        target.password_file.as_ref(),
    ));
    values.extend(text(&["dex", "connector"], target.connector.as_deref()));
    values
}

impl Dex {
    /// Lets options and variables adjust it; the context's password is its own user's, and no other's.
    pub(in crate::config) fn adjust(&mut self, inputs: &Inputs<'_>) {
        let target = inputs.target;
        if target.username.is_some() && target.username != self.username {
            self.username.clone_from(&target.username);
            self.password = None;
        }
        self.connector = target.connector.clone().or_else(|| self.connector.take());
        if inputs.environment.get(environment::PASSWORD).is_some() {
            self.password = Some(Source::Env(environment::PASSWORD.to_owned()));
        }
        if let Some(path) = &target.password_file {
            self.password = Some(Source::File(path.to_string_lossy().into_owned()));
        }
    }

    /// What `login --save-context` writes; the variable of one run is none of the file's.
    pub(super) fn found(&self, found: &Found<'_>) -> Values {
        let mut values = Values::new();
        values.extend(text(&["dex", "username"], found.username));
        values.extend(text(&["dex", "connector"], self.connector.as_deref()));
        let password = match &self.password {
            _ if found.password_saved => Some(json!({ "keyring": true })),
            Some(Source::Env(name)) if name == environment::PASSWORD => None,
            Some(Source::Keyring) | None => None,
            Some(source) => Some(source_value(source)),
        };
        values.extend(password.map(|source| (&["dex", "password"] as Key, source)));
        values
    }
}
