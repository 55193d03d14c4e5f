//! `kfp-credential import` and `export`: the kfp SDK's `credentials.json`, which carries IAP logins to cron machines.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use zeroize::Zeroizing;

use crate::cli::{Setting, config};
use crate::config::context::Context;
use crate::config::options::{ContactOptions, TargetOptions};
use crate::error::{Error, Result, Slug};
use crate::method::iap::logins::Logins;
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
            Error::new(Slug::SdkCredentialsInvalid, "stdin could not be read").because(error)
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
        let store = setting.store(context.store);
        let Some(logins) = Logins::of(setting.run(), &context, &store) else {
            continue;
        };
        // A renewal that is under way may replace what the file holds.
        let _alone = logins.lock()?;
        let file = read(&path)?.unwrap_or_else(|| given.clone());
        let Some(grant) = file.grant(logins.client_id()) else {
            continue;
        };
        let place = logins.in_store().keep(&grant, true)?;
        setting.tell(&format!(
            "Imported the login for {}; it is stored in the {place}.",
            context.display_name()
        ));
        imported += 1;
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
    let store = setting.store(context.store);
    let logins = Logins::of(setting.run(), &context, &store);
    let logins = logins.ok_or_else(|| not_of_iap(&context))?;
    // A renewal that is under way may replace it before it is written.
    let alone = logins.lock()?;
    let grant = logins.find()?.ok_or_else(|| {
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
    if let Err(error) = logins.in_store().mark_shared() {
        setting.trace.say(error.one_line());
    }
    if path == Path::new("-") {
        let mut file = SdkCredentials::default();
        file.insert(logins.client_id(), &grant);
        return setting.print(&format!("{}\n", file.text().expose()));
    }
    let run = setting.run();
    let edited = EditedFile::hold(run.environment, &path, context.deadlines.lock, run.trace)?;
    let mut file = SdkCredentials::read(&path)?.unwrap_or_default();
    file.insert(logins.client_id(), &grant);
    file.write(&edited)?;
    drop((edited, alone));
    setting.tell(&format!(
        "Wrote the login for {} to {}: anyone who has this file can act as you.",
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

fn not_of_iap(context: &Context) -> Error {
    let (context, method) = (context.display_name(), context.method.name());
    if method == "iap" {
        let what = format!("{context} names no IAP client");
        return Error::new(Slug::ConfigMissing, what).hint("give it with --client-id ID");
    }
    let what = format!("{context} uses the method {method}; the SDK's file is for iap");
    Error::new(Slug::Usage, what).hint("name a context of the method iap with --context NAME")
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
