//! The block `iap`: Google Identity-Aware Proxy.

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::block::{Addresses, Block, Key, Values};
use super::google::{Google, ServiceAccountBlock};
use super::values::{file_source, source_value, text};
use crate::config::check::Check;
use crate::config::inputs::Inputs;
use crate::config::options::TargetOptions;
use crate::config::sdk_variables::SdkVariables;
use crate::config::source::Source;
use crate::environment;
use crate::error::Result;

/// The block of the method `iap`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct IapBlock {
    #[serde(default)]
    pub client_id: Option<String>,
    #[serde(default)]
    pub other_client_id: Option<String>,
    #[serde(default)]
    pub other_client_secret: Option<Source>,
    #[serde(default)]
    pub account: Option<String>,
    #[serde(default)]
    pub service_account: Option<ServiceAccountBlock>,
    #[serde(default)]
    pub token_uri: Option<Spanned<String>>,
}

/// What a login at Google Identity-Aware Proxy needs.
#[derive(Debug, Default)]
pub struct Iap {
    /// The OAuth client of IAP itself: the audience of its ID tokens.
    pub client_id: Option<String>,
    /// The desktop client that people log in with.
    pub other_client_id: Option<String>,
    /// Where that client's secret comes from; Google asks for it, and yet it protects nothing (RFC 8252 section 8.5).
    pub other_client_secret: Option<Source>,
    /// The account to log in with, an e-mail address.
    pub account: Option<String>,
    /// Credentials that need no person.
    pub google: Google,
}

impl Block for IapBlock {
    fn check(&self, check: &Check<'_>) -> Result<()> {
        let Self {
            client_id,
            other_client_id,
            other_client_secret,
            account,
            service_account,
            token_uri,
        } = self;
        check.text("iap.client-id", client_id.as_deref())?;
        check.text("iap.other-client-id", other_client_id.as_deref())?;
        check.source("iap.other-client-secret", other_client_secret.as_ref())?;
        check.text("iap.account", account.as_deref())?;
        ServiceAccountBlock::check(service_account.as_ref(), check)?;
        check.spanned("iap.token-uri", token_uri.as_ref())
    }

    fn addresses(&self) -> Vec<(Key, Addresses<'_>)> {
        vec![(
            &["iap", "token-uri"],
            Addresses::One(self.token_uri.as_ref()),
        )]
    }
}

impl IapBlock {
    /// Reads the block.
    pub(super) fn meant(&self, check: &Check<'_>) -> Result<Iap> {
        let secret = self.other_client_secret.as_ref();
        Ok(Iap {
            client_id: self.client_id.clone(),
            other_client_id: self.other_client_id.clone(),
            other_client_secret: secret.map(|source| check.located(source)),
            account: self.account.clone(),
            google: Google::meant(
                self.service_account.as_ref(),
                self.token_uri.as_ref(),
                check,
            )?,
        })
    }
}

/// The options that stand for its keys, and which of them are given; `--username` is the account.
pub(super) fn options(target: &TargetOptions) -> Vec<(&'static str, bool)> {
    let secret = target.other_client_secret_file.is_some();
    vec![
        ("--username", target.username.is_some()),
        ("--client-id", target.client_id.is_some()),
        ("--other-client-id", target.other_client_id.is_some()),
        ("--other-client-secret-file", secret),
    ]
}

/// What `config set-context` writes of the options.
pub(super) fn set(target: &TargetOptions) -> Values {
    let (client, other) = (
        target.client_id.as_deref(),
        target.other_client_id.as_deref(),
    );
    let secret = target.other_client_secret_file.as_ref();
    let mut values = Values::new();
    values.extend(text(&["iap", "client-id"], client));
    values.extend(text(&["iap", "other-client-id"], other));
    values.extend(file_source(&["iap", "other-client-secret"], secret));
    values.extend(text(&["iap", "account"], target.username.as_deref()));
    values
}

impl Iap {
    /// Lets options adjust it, then what the kfp SDK reads for this endpoint.
    pub(in crate::config) fn adjust(&mut self, inputs: &Inputs<'_>, sdk: &SdkVariables<'_>) {
        let target = inputs.target;
        let of_sdk = |name: &str| sdk.get(name).map(str::to_owned);
        let client_id = target.client_id.clone().or_else(|| self.client_id.take());
        self.client_id = client_id.or_else(|| of_sdk(environment::KF_PIPELINES_IAP_CLIENT_ID));
        if target.other_client_id.is_some() && target.other_client_id != self.other_client_id {
            self.other_client_id.clone_from(&target.other_client_id);
            self.other_client_secret = None;
        }
        if let Some(path) = &target.other_client_secret_file {
            self.other_client_secret = Some(Source::File(path.to_string_lossy().into_owned()));
        }
        if self.other_client_id.is_none() {
            self.other_client_id = of_sdk(environment::KF_PIPELINES_APP_CLIENT_ID);
            let name = environment::KF_PIPELINES_APP_CLIENT_SECRET;
            if self.other_client_secret.is_none() && sdk.get(name).is_some() {
                self.other_client_secret = Some(Source::Env(name.to_owned()));
            }
        }
        self.account = target.username.clone().or_else(|| self.account.take());
        // Where the context means a person, no other credentials count.
        if self.google.service_account.is_some() || self.other_client_id.is_none() {
            self.google.settle(inputs.environment);
        }
    }

    /// What `login --save-context` writes.
    pub(super) fn found(&self) -> Values {
        let secret = self.other_client_secret.as_ref();
        let mut values = Values::new();
        values.extend(text(&["iap", "client-id"], self.client_id.as_deref()));
        values.extend(text(
            &["iap", "other-client-id"],
            self.other_client_id.as_deref(),
        ));
        values.extend(text(&["iap", "account"], self.account.as_deref()));
        values.extend(
            secret.map(|source| (&["iap", "other-client-secret"] as Key, source_value(source))),
        );
        values
    }
}
