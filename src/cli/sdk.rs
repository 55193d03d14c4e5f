//! `kfp-credential import` and `export`: the kfp SDK's `credentials.json`, which carries IAP logins to cron machines.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use zeroize::Zeroizing;

use crate::cli::{Setting, config};
use crate::config::context::Context;
use crate::config::method::Iap;
use crate::config::options::{ContactOptions, TargetOptions};
use crate::error::{Error, Result, Slug};
use crate::grants::Grants;
use crate::read_file::PATIENCE;
use crate::sdk::SdkCredentials;
use crate::store::EditedFile;

/// More than any such file is long.
const LARGEST: u64 = 1024 * 1024;

/// Options of `import`.
#[derive(Debug, Args)]
pub(super) struct ImportOptions {
    /// The file; `-` for stdin [default: ~/.config/kfp/credentials.json]
    file: Option<PathBuf>,
    #[command(flatten)]
    target: TargetOptions,
}

/// Options of `export`.
#[derive(Debug, Args)]
pub(super) struct ExportOptions {
    /// The file, whose other logins stay; `-` for stdout [default: ~/.config/kfp/credentials.json]
    file: Option<PathBuf>,
    #[command(flatten)]
    target: TargetOptions,
}

/// Takes the logins of the SDK's file into the store of every context that they are for.
pub(super) fn import(setting: &mut Setting<'_, '_>, options: ImportOptions) -> Result<()> {
    let path = path(setting, options.file.as_deref())?;
    let given = if path == Path::new("-") {
        let read = setting.process.stdin.take(PATIENCE, |stream| {
            let mut text = Zeroizing::new(String::new());
            stream.take(LARGEST).read_to_string(&mut text)?;
            Ok(text)
        });
        let text = read.map_err(|error| {
            Error::new(Slug::SdkCredentialsInvalid, "stdin cannot be read").because(error)
        })?;
        SdkCredentials::parse(&text, "stdin")?
    } else {
        read(&path)?.ok_or_else(|| missing(&path))?
    };
    let target = options
        .target
        .with_environment(&setting.process.environment)?;
    let mut imported = 0;
    for context in contexts(setting, &target)? {
        let Some(iap) = context.method.iap() else {
            continue;
        };
        let store = setting.store(context.store);
        let grants = Grants::of(setting.run(), &context, &store);
        // A renewal that is under way may replace what the file holds.
        let _alone = grants.lock(iap)?;
        let file = read(&path)?.unwrap_or_else(|| given.clone());
        let grant = iap.client_id.as_deref();
        let Some(grant) = grant.and_then(|client_id| file.grant(client_id)) else {
            continue;
        };
        if let Some(place) = grants.keep(iap, &grant, true)? {
            setting.tell(&format!(
                "Imported the login for {}; it rests in the {place}.",
                context.display_name()
            ));
            imported += 1;
        }
    }
    if imported > 0 {
        return Ok(());
    }
    let known = given.client_ids().join(", ");
    Err(Error::new(Slug::ConfigMissing, format!("no context is for one of the IAP clients of that file: {known}"))
        .hint("write one: `kfp-credential config set-context NAME --endpoint URL --client-id ID`, then import again"))
}

/// Writes the context's login into the SDK's file.
pub(super) fn export(setting: &mut Setting<'_, '_>, options: ExportOptions) -> Result<()> {
    let path = path(setting, options.file.as_deref())?;
    let target = options
        .target
        .with_environment(&setting.process.environment)?;
    let context = setting.context(&target, &ContactOptions::default(), None)?;
    let (iap, client_id) = iap_of(&context)?;
    let store = setting.store(context.store);
    let grants = Grants::of(setting.run(), &context, &store);
    // A renewal that is under way may replace it before it is written.
    let alone = grants.lock(iap)?;
    let grant = grants.find(iap)?.ok_or_else(|| {
        Error::new(
            Slug::LoginRequired,
            format!("nobody has logged in for {}", context.display_name()),
        )
        .hint(format!(
            "run `kfp-credential login {}`",
            context.as_arguments()
        ))
    })?;
    // A store that fails costs the note alone.
    if let Err(error) = grants.mark_shared(iap) {
        setting.trace.say(error.one_line());
    }
    if path == Path::new("-") {
        let mut file = SdkCredentials::default();
        file.insert(client_id, &grant);
        return setting.print(&format!("{}\n", file.text().expose()));
    }
    let run = setting.run();
    let edited = EditedFile::hold(run.environment, &path, context.deadlines.lock, run.trace)?;
    let mut file = SdkCredentials::read(&path)?.unwrap_or_default();
    file.insert(client_id, &grant);
    file.write(&edited)?;
    drop((edited, alone));
    setting.tell(&format!(
        "Wrote the login for {} to {}: whoever has this file is you.",
        context.display_name(),
        path.display()
    ));
    Ok(())
}

/// Reads the file, where it is one.
fn read(path: &Path) -> Result<Option<SdkCredentials>> {
    if path == Path::new("-") {
        return Ok(None);
    }
    SdkCredentials::read(path)
}

fn iap_of(context: &Context) -> Result<(&Iap, &str)> {
    match context.method.iap() {
        Some(iap) => match iap.client_id.as_deref() {
            Some(client_id) => Ok((iap, client_id)),
            None => Err(Error::new(
                Slug::ConfigMissing,
                format!("{} names no IAP client", context.display_name()),
            )
            .hint("give it with --client-id ID")),
        },
        None => Err(Error::new(
            Slug::Usage,
            format!(
                "{} uses the method {}; the SDK's file is for iap",
                context.display_name(),
                context.method.name()
            ),
        )
        .hint("name a context of the method iap with --context NAME")),
    }
}

fn contexts(setting: &Setting<'_, '_>, target: &TargetOptions) -> Result<Vec<Context>> {
    if setting.common.context.is_some() || target.endpoint.is_some() {
        return Ok(vec![setting.context(
            target,
            &ContactOptions::default(),
            None,
        )?]);
    }
    let all = config::all_contexts(setting, target.store.as_deref())?;
    Ok(all
        .into_iter()
        .filter_map(|(_, context)| context.ok())
        .collect())
}

fn path(setting: &Setting<'_, '_>, given: Option<&Path>) -> Result<PathBuf> {
    let default = || setting.process.environment.kfp_credentials_file();
    given
        .map(Path::to_path_buf)
        .or_else(default)
        .ok_or_else(|| {
            Error::new(
                Slug::ConfigMissing,
                "there is no home folder to look for the SDK's file in",
            )
            .hint("set HOME, or name the file")
        })
}

fn missing(path: &Path) -> Error {
    Error::new(
        Slug::SdkCredentialsInvalid,
        format!("there is no file {}", path.display()),
    )
    .hint("log in with the kfp SDK once, or copy its file here; or run `kfp-credential login`")
}
