//! The run vectors: each is played without words and with those of `-v`, in which no secret may be.

use std::path::PathBuf;

use libtest_mimic::Trial;
use testkit::contract::{files_of, stem};
use testkit::runs::format::{Tag, Vector};
use testkit::runs::stage;

pub(crate) fn trials() -> Vec<Trial> {
    let (helper, tags) = helper();
    let files = files_of("protocol/vectors/runs", "json").into_iter();
    files
        .map(|file| {
            let name = format!("runs/{}", stem(&file));
            // One that cannot be read fails as a test, under its name.
            let vector = Vector::read(&file);
            let is_for_helper = match &vector {
                Ok(vector) => tags.contains(&vector.tag),
                Err(_) => true,
            };
            let helper = helper.clone();
            let trial = crate::trial(name, move || {
                let vector = vector.unwrap_or_else(|why| panic!("{}: {why}", file.display()));
                for is_verbose in [false, true] {
                    stage::play(&vector, &helper, is_verbose);
                }
            });
            trial.with_ignored_flag(!is_for_helper)
        })
        .collect()
}

/// Returns the helper to run, and the tags of the vectors that are for it.
#[allow(
    clippy::disallowed_methods,
    reason = "the program under test does not read this variable"
)]
fn helper() -> (PathBuf, Vec<Tag>) {
    match std::env::var_os("KFP_CREDENTIAL_VECTORS_HELPER") {
        Some(helper) => (helper.into(), vec![Tag::Contract]),
        None => (
            testkit::binary().into(),
            vec![Tag::Contract, Tag::KfpCredential],
        ),
    }
}
