//! The block as written, and the reading of it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use serde_saphyr::Spanned;
use url::Url;

use super::{ClientAssertion, GrantType, Oidc, SubjectToken, TokenKind};
use crate::config::check::Check;
use crate::config::inputs::wrong_value;
use crate::config::method::block::{Addresses, Block, Key};
use crate::config::source::{Source, only_a_map};
use crate::endpoint::{Endpoint, Origin};
use crate::error::Result;

/// The block of the method `oidc`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct OidcBlock {
    #[serde(default)]
    pub issuer: Option<Spanned<String>>,
    #[serde(default)]
    pub base_url: Option<Spanned<String>>,
    #[serde(default)]
    pub client_id: Option<String>,
    #[serde(default)]
    pub client_secret: Option<Source>,
    #[serde(default)]
    client_assertion: Option<AssertionBlock>,
    #[serde(default)]
    pub grant: Option<Spanned<String>>,
    #[serde(default)]
    pub scopes: Option<Vec<Spanned<String>>>,
    #[serde(default)]
    pub token: Option<Spanned<String>>,
    #[serde(default)]
    pub audience: Option<String>,
    #[serde(default)]
    pub resource: Option<Spanned<String>>,
    #[serde(default)]
    pub connector: Option<String>,
    #[serde(default)]
    pub redirect_uri: Option<Spanned<String>>,
    #[serde(default)]
    pub username: Option<String>,
    #[serde(default)]
    pub password: Option<Source>,
    #[serde(default)]
    pub login_origins: Option<Vec<Spanned<String>>>,
    #[serde(default)]
    subject_token: Option<SubjectTokenBlock>,
    #[serde(default)]
    pub subject_token_type: Option<String>,
    #[serde(default)]
    pub parameters: Option<BTreeMap<String, String>>,
}

/// `client-assertion`: the key to sign with, or where a signed JWT comes from.
#[derive(Debug)]
enum AssertionBlock {
    Key { file: String, id: Option<String> },
    From(Source),
}

/// `subject-token`: a source, or the runner of GitHub Actions.
#[derive(Debug)]
enum SubjectTokenBlock {
    From(Source),
    GithubActions(Option<String>),
}

const ASSERTION: &str =
    "one of {key-file: PATH}, {file: PATH}, {env: NAME}, {command: [PROGRAM, ARGUMENT]}";
const SUBJECT_TOKEN: &str = "one of {file: PATH}, {env: NAME}, {command: [PROGRAM, ARGUMENT]}, {github-actions: {audience: AUDIENCE}}";

impl<'de> Deserialize<'de> for AssertionBlock {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields)]
        struct Written {
            key_file: Option<String>,
            key_id: Option<String>,
            env: Option<String>,
            file: Option<String>,
            command: Option<Vec<String>>,
        }
        let written: Written = only_a_map(deserializer, ASSERTION)?;
        let source = source_of(written.env, written.file, written.command);
        match (written.key_file, written.key_id, source) {
            (Some(file), id, Ok(None)) => Ok(Self::Key { file, id }),
            (None, None, Ok(Some(source))) => Ok(Self::From(source)),
            _ => Err(D::Error::custom(format!("it is {ASSERTION}"))),
        }
    }
}

impl<'de> Deserialize<'de> for SubjectTokenBlock {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields)]
        struct Written {
            env: Option<String>,
            file: Option<String>,
            command: Option<Vec<String>>,
            github_actions: Option<GithubActions>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields)]
        struct GithubActions {
            #[serde(default)]
            audience: Option<String>,
        }
        let written: Written = only_a_map(deserializer, SUBJECT_TOKEN)?;
        let source = source_of(written.env, written.file, written.command);
        match (source, written.github_actions) {
            (Ok(Some(source)), None) => Ok(Self::From(source)),
            (Ok(None), Some(runner)) => Ok(Self::GithubActions(runner.audience)),
            _ => Err(D::Error::custom(format!("it is {SUBJECT_TOKEN}"))),
        }
    }
}

/// Gives the one source that is written; an error where there are more.
fn source_of(
    env: Option<String>,
    file: Option<String>,
    command: Option<Vec<String>>,
) -> Result<Option<Source>, ()> {
    match (env, file, command) {
        (None, None, None) => Ok(None),
        (Some(name), None, None) => Ok(Some(Source::Env(name))),
        (None, Some(path), None) => Ok(Some(Source::File(path))),
        (None, None, Some(command)) if !command.is_empty() => Ok(Some(Source::Command(command))),
        _ => Err(()),
    }
}

impl Block for OidcBlock {
    fn check(&self, check: &Check<'_>) -> Result<()> {
        let Self {
            issuer,
            base_url,
            client_id,
            client_secret,
            client_assertion,
            grant,
            scopes,
            token,
            audience,
            resource,
            connector,
            redirect_uri,
            username,
            password,
            login_origins,
            subject_token,
            subject_token_type,
            parameters,
        } = self;
        check.spanned("oidc.issuer", issuer.as_ref())?;
        check.spanned("oidc.base-url", base_url.as_ref())?;
        check.text("oidc.client-id", client_id.as_deref())?;
        check.source("oidc.client-secret", client_secret.as_ref())?;
        match client_assertion {
            Some(AssertionBlock::Key { file, id }) => {
                check.text("oidc.client-assertion.key-file", Some(file))?;
                check.text("oidc.client-assertion.key-id", id.as_deref())?;
            }
            Some(AssertionBlock::From(source)) => {
                check.source("oidc.client-assertion", Some(source))?;
            }
            None => {}
        }
        check.spanned("oidc.grant", grant.as_ref())?;
        check.list("oidc.scopes", scopes.as_deref())?;
        check.spanned("oidc.token", token.as_ref())?;
        check.text("oidc.audience", audience.as_deref())?;
        check.spanned("oidc.resource", resource.as_ref())?;
        check.text("oidc.connector", connector.as_deref())?;
        check.spanned("oidc.redirect-uri", redirect_uri.as_ref())?;
        check.text("oidc.username", username.as_deref())?;
        check.source("oidc.password", password.as_ref())?;
        check.list("oidc.login-origins", login_origins.as_deref())?;
        match subject_token {
            Some(SubjectTokenBlock::From(source)) => {
                check.source("oidc.subject-token", Some(source))?;
            }
            Some(SubjectTokenBlock::GithubActions(audience)) => {
                check.text(
                    "oidc.subject-token.github-actions.audience",
                    audience.as_deref(),
                )?;
            }
            None => {}
        }
        check.text("oidc.subject-token-type", subject_token_type.as_deref())?;
        for (name, value) in parameters.iter().flatten() {
            check.text("oidc.parameters", Some(name))?;
            check.text("oidc.parameters", Some(value))?;
        }
        Ok(())
    }

    fn addresses(&self) -> Vec<(Key, Addresses<'_>)> {
        let origins = self.login_origins.as_deref().unwrap_or_default();
        vec![
            (&["oidc", "issuer"], Addresses::One(self.issuer.as_ref())),
            (
                &["oidc", "base-url"],
                Addresses::One(self.base_url.as_ref()),
            ),
            (
                &["oidc", "resource"],
                Addresses::One(self.resource.as_ref()),
            ),
            (
                &["oidc", "redirect-uri"],
                Addresses::One(self.redirect_uri.as_ref()),
            ),
            (&["oidc", "login-origins"], Addresses::List(origins)),
        ]
    }
}

impl OidcBlock {
    /// Reads the block.
    pub(in crate::config::method) fn meant(&self, check: &Check<'_>) -> Result<Oidc> {
        if self.client_secret.is_some() && self.client_assertion.is_some() {
            return Err(check.refused(
                "oidc has a client-secret and a client-assertion: a client shows one of them",
            ));
        }
        let scopes = check.all_parsed(self.scopes.as_deref(), "scopes", parse_scope)?;
        let oidc = Oidc {
            issuer: check.parsed(self.issuer.as_ref(), "issuer", parse_issuer)?,
            base_url: check.parsed(self.base_url.as_ref(), "base-url", Endpoint::parse)?,
            client_id: self.client_id.clone(),
            client_secret: self.client_secret.as_ref().map(|one| check.located(one)),
            client_assertion: self.client_assertion.as_ref().map(|one| match one {
                AssertionBlock::Key { file, id } => ClientAssertion::Key {
                    file: check.path(file),
                    id: id.clone(),
                },
                AssertionBlock::From(source) => ClientAssertion::From(check.located(source)),
            }),
            grant: check.parsed(self.grant.as_ref(), "grant", GrantType::parse)?,
            scopes: self.scopes.is_some().then_some(scopes),
            token: check.parsed(self.token.as_ref(), "token", TokenKind::parse)?,
            audience: self.audience.clone(),
            resource: check.parsed(self.resource.as_ref(), "resource", parse_resource)?,
            connector: self.connector.clone(),
            redirect_uri: check.parsed(
                self.redirect_uri.as_ref(),
                "redirect-uri",
                parse_redirect,
            )?,
            username: self.username.clone(),
            password: self.password.as_ref().map(|one| check.located(one)),
            login_origins: check.all_parsed(
                self.login_origins.as_deref(),
                "login-origins",
                Origin::parse,
            )?,
            subject_token: self.subject_token.as_ref().map(|one| match one {
                SubjectTokenBlock::From(source) => SubjectToken::From(check.located(source)),
                SubjectTokenBlock::GithubActions(audience) => {
                    SubjectToken::GithubActions(audience.clone())
                }
            }),
            subject_token_type: self.subject_token_type.clone(),
            parameters: self
                .parameters
                .iter()
                .flatten()
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            told_apart: Vec::new(),
        };
        let is_exchange = oidc
            .grant()
            .is_none_or(|grant| grant == GrantType::TokenExchange);
        if oidc.subject_token.is_some() && !is_exchange {
            return Err(check
                .refused("oidc has a subject-token, which only the grant token-exchange takes"));
        }
        Ok(oidc)
    }
}

/// Reads `--issuer`.
pub(super) fn issuer_option(text: Option<&str>) -> Result<String> {
    let text = text.unwrap_or_default();
    parse_issuer(text).map_err(|what| wrong_value("--issuer", text, &what))
}

/// Reads an issuer, which counts to the letter; its address is what an endpoint's is.
fn parse_issuer(text: &str) -> Result<String, String> {
    Endpoint::parse(text).map(|_| text.trim().to_owned())
}

/// One word of visible characters (RFC 6749 section 3.3).
fn parse_scope(text: &str) -> Result<String, String> {
    let is_word = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    let is_scope = is_word && !text.contains(['"', '\\']);
    is_scope.then(|| text.to_owned()).ok_or_else(|| {
        "a scope is one word: write a list of them, such as [openid, email]".to_owned()
    })
}

/// An absolute URI without a fragment (RFC 8707 section 2).
fn parse_resource(text: &str) -> Result<String, String> {
    match Url::parse(text) {
        Ok(url) if url.fragment().is_none() && url.password().is_none() => Ok(text.to_owned()),
        Ok(_) => Err("it has a fragment (#…) or a password".to_owned()),
        Err(_) => Err("it is not an absolute URI".to_owned()),
    }
}

/// An absolute URI without a fragment (RFC 6749 section 3.1.2), or a path, which Dex takes.
pub(in crate::config::method) fn parse_redirect(text: &str) -> Result<String, String> {
    match Url::parse(text) {
        Ok(url) if url.fragment().is_none() && url.password().is_none() => Ok(text.to_owned()),
        Ok(_) => Err("it has a fragment (#…) or a password".to_owned()),
        // A path of Dex's own host.
        Err(_) if text.starts_with('/') => Ok(text.to_owned()),
        Err(_) => Err("it is not an absolute URI, such as http://localhost:8000".to_owned()),
    }
}
