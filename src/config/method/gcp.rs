//! The block `gcp`: AI Platform Pipelines.

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::block::{Addresses, Block, Key};
use super::google::{Google, ServiceAccountBlock};
use crate::config::check::Check;
use crate::error::Result;

/// The block of the method `gcp`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct GcpBlock {
    #[serde(default)]
    pub service_account: Option<ServiceAccountBlock>,
    #[serde(default)]
    pub token_uri: Option<Spanned<String>>,
}

impl Block for GcpBlock {
    fn check(&self, check: &Check<'_>) -> Result<()> {
        let Self {
            service_account,
            token_uri,
        } = self;
        ServiceAccountBlock::check(service_account.as_ref(), check)?;
        check.spanned("gcp.token-uri", token_uri.as_ref())
    }

    fn addresses(&self) -> Vec<(Key, Addresses<'_>)> {
        vec![(
            &["gcp", "token-uri"],
            Addresses::One(self.token_uri.as_ref()),
        )]
    }
}

impl GcpBlock {
    /// Reads the block.
    pub(super) fn meant(&self, check: &Check<'_>) -> Result<Google> {
        Google::meant(
            self.service_account.as_ref(),
            self.token_uri.as_ref(),
            check,
        )
    }
}
