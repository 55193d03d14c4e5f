//! `kfp-credential logout`: forgets what is stored.

use clap::Args;

use crate::cli::Setting;
use crate::cli::config;
use crate::cli::options::{ContactOptions, TargetOptions};
use crate::config::context::{Method, StoreChoice};
use crate::error::Result;
use crate::get;
use crate::grants::{self, Grants};

/// Options of `logout`.
#[derive(Debug, Args)]
pub(super) struct LogoutOptions {
    /// Forget every session and password of every context
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    target: TargetOptions,
}

/// Runs the command.
pub(super) fn run(setting: &Setting<'_, '_>, options: LogoutOptions) -> Result<()> {
    let environment = &setting.process.environment;
    if options.all {
        let contexts = config::all_contexts(setting, None)?;
        let keys: Vec<_> = contexts
            .iter()
            .filter_map(|(_, context)| context.as_ref().ok())
            .flat_map(|context| {
                let own = [get::session_key(context), get::password_key(context)];
                own.into_iter().chain(grants::key_of(context))
            })
            .collect();
        let store = setting.store(StoreChoice::Auto);
        let count = store.forget_all(&keys)?;
        setting.tell(&format!(
            "Forgot everything that was stored: {count} sessions and passwords."
        ));
        return Ok(());
    }
    let target = options.target.with_environment(environment)?;
    let context = setting.context(&target, &ContactOptions::default(), None)?;
    let store = setting.store(context.store);
    let mut session = store.forget(&get::session_key(&context))?;
    if let Method::Iap(iap) = &context.method {
        let grants = Grants::of(setting.run(), &context, &store);
        session |= grants.forget(iap)?;
        if grants.find(iap).is_ok_and(|grant| grant.is_some()) {
            setting.tell("The kfp SDK's credentials.json still holds a login, which `get` takes.");
        }
    }
    let password = store.forget_password(&get::password_key(&context))?;
    let what = match (session, password) {
        (true, true) => "Forgot the session and the password",
        (true, false) => "Forgot the session",
        (false, true) => "Forgot the password",
        (false, false) => "Nothing was stored",
    };
    setting.tell(&format!("{what} of {}.", context.display_name()));
    Ok(())
}
