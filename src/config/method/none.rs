//! The empty block `none`: the endpoint asks for no credential.

use serde::Deserialize;

use super::block::{Addresses, Block, Key};
use crate::config::check::Check;
use crate::error::Result;

/// The empty block of the method `none`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoneBlock {}

impl Block for NoneBlock {
    fn check(&self, _check: &Check<'_>) -> Result<()> {
        let Self {} = self;
        Ok(())
    }

    fn addresses(&self) -> Vec<(Key, Addresses<'_>)> {
        Vec::new()
    }
}
