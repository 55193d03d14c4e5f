//! The targets by their names, which are those of the folders of `corpus`.

mod answer;
mod callback;
mod client;
mod clock;
mod config;
mod cookies;
mod edit;
mod endpoint;
mod entry;
mod exec_info;
mod google;
mod jwt;
mod oidc;
mod page;
mod parted;
mod sdk_context;
mod sdk_credentials;
mod token_file;
mod walk;

use std::sync::LazyLock;

const ALL: [(&str, fn(&[u8])); 19] = [
    ("answer", answer::run),
    ("callback", callback::run),
    ("client", client::run),
    ("clock", clock::run),
    ("config", config::run),
    ("cookies", cookies::run),
    ("edit", edit::run),
    ("endpoint", endpoint::run),
    ("entry", entry::run),
    ("exec_info", exec_info::run),
    ("google", google::run),
    ("jwt", jwt::run),
    ("oidc", oidc::run),
    ("page", page::run),
    ("parted", parted::run),
    ("sdk_context", sdk_context::run),
    ("sdk_credentials", sdk_credentials::run),
    ("token_file", token_file::run),
    ("walk", walk::run),
];

/// Gives the target that `FUZZ_TARGET` names.
pub(crate) fn chosen() -> fn(&[u8]) {
    static CHOSEN: LazyLock<fn(&[u8])> = LazyLock::new(|| {
        let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
        let names = ALL.map(|(name, _)| name).join(", ");
        let found = ALL.iter().find(|(known, _)| *known == name);
        found
            .unwrap_or_else(|| panic!("set FUZZ_TARGET to one of {names}"))
            .1
    });
    *CHOSEN
}
