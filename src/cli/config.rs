//! `kfp-credential config`: shows and changes the configuration file. A change keeps comments and order, and is
//! checked before it replaces the file.

mod admin_patch;
mod exec;
mod write;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::{Value, json};

use crate::cli::Setting;
use crate::config::context::Context;
use crate::config::edit::{self, Edit};
use crate::config::file::{self, ConfigFile, ContextEntry};
use crate::config::method::METHODS;
use crate::config::method::block::{Addresses, Block, Key};
use crate::config::options::{CommonOptions, ContactOptions, TargetOptions};
use crate::config::source::HeaderValue;
use crate::config::{Inputs, config_path, of_entry, resolve, resolve_entry};
use crate::error::{Error, Result, Slug};
use crate::sanitize::address::{REDACTED, without_userinfo};
use crate::sdk;
pub(super) use write::{check_saveable, save_client_id, save_context};

/// The verbs of `config`.
#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Print the file's path
    Path,
    /// Print the file, with secrets redacted
    View,
    /// Check the whole file
    Validate,
    /// Make a context the current one
    UseContext {
        /// The context's name
        name: String,
    },
    /// Create a context, or change the given keys of one
    #[command(after_help = "\
Examples:
  kfp-credential config set-context team-a --endpoint https://kubeflow.example.com/pipeline --username user@example.com
  kfp-credential config set-context pod --endpoint http://ml-pipeline-ui.kubeflow --method token-file")]
    SetContext {
        /// The context's name
        name: String,
        #[command(flatten)]
        target: Box<TargetOptions>,
    },
    /// Remove a context; what is stored for it stays (see logout)
    DeleteContext {
        /// The context's name
        name: String,
    },
    /// Set the namespace of the context that --context names, or of the current one
    SetNamespace {
        /// The Kubeflow namespace
        namespace: String,
        /// Write it for the kfp SDK instead: into ~/.config/kfp/context.json, as its `set_user_namespace` does
        #[arg(long)]
        kfp_sdk: bool,
    },
    /// Print the exec configuration with which SDKs run this program for a context (protocol/exec.schema.json)
    Exec {
        /// Write it into ~/.config/kfp/context.json, where clients of the kfp SDK find it
        #[arg(long)]
        kfp_sdk: bool,
    },
    /// Print the kubeconfig user whose exec: stanza runs this program
    Kubeconfig,
    /// Print what an administrator adds to Kubeflow, so that the method oidc lets people or programs in
    AdminPatch {
        /// Who is to be let in [default: whom the context's grant is for]
        #[arg(long = "for", value_name = "WAY")]
        way: Option<admin_patch::Way>,
        #[command(flatten)]
        target: Box<TargetOptions>,
    },
}

/// Runs the command.
pub(super) fn run(setting: &mut Setting<'_, '_>, command: ConfigCommand) -> Result<()> {
    match command {
        ConfigCommand::Path => {
            let path = path(setting)?;
            setting.print(&format!("{}\n", path.display()))
        }
        ConfigCommand::View => view(setting),
        ConfigCommand::Validate => validate(setting),
        ConfigCommand::UseContext { name } => use_context(setting, &name),
        ConfigCommand::SetContext { name, target } => write::set_context(setting, &name, &target),
        ConfigCommand::DeleteContext { name } => delete_context(setting, &name),
        ConfigCommand::SetNamespace { namespace, kfp_sdk } if kfp_sdk => {
            set_sdk_namespace(setting, &namespace)
        }
        ConfigCommand::SetNamespace { namespace, .. } => set_namespace(setting, &namespace),
        ConfigCommand::Exec { kfp_sdk } => exec::print(setting, kfp_sdk),
        ConfigCommand::Kubeconfig => exec::print_kubeconfig(setting),
        ConfigCommand::AdminPatch { way, target } => admin_patch::print(setting, way, &target),
    }
}

/// Gives the path of the configuration file.
pub(super) fn path(setting: &Setting<'_, '_>) -> Result<PathBuf> {
    match config_path(&setting.common, &setting.process.environment) {
        Some((path, _)) => Ok(path),
        None => Err(Error::new(
            Slug::ConfigMissing,
            "there is no home folder to look for a configuration file in",
        )
        .hint("set HOME, or name the file with --config FILE")),
    }
}

/// Gives every context of the file by its name, as a plain `--context NAME` takes it, with `store` in place of its own.
/// One that makes no sense does not hide the others.
pub(super) fn all_contexts(
    setting: &Setting<'_, '_>,
    store: Option<&str>,
) -> Result<Vec<(String, Result<Context>)>> {
    let Some(file) = load(setting)? else {
        return Ok(Vec::new());
    };
    let target = TargetOptions {
        store: store.map(str::to_owned),
        ..TargetOptions::default()
    };
    let inputs = Inputs {
        common: &setting.common,
        target: &target,
        contact: &ContactOptions::default(),
        exec: None,
        environment: &setting.process.environment,
    };
    let entries = file.config.contexts().iter();
    let resolved = entries.map(|entry| {
        let context = resolve_entry(&file, entry, &inputs);
        (entry.name.value.clone(), context)
    });
    Ok(resolved.collect())
}

/// Gives the name of the file's current context.
pub(super) fn current_context(setting: &Setting<'_, '_>) -> Result<Option<String>> {
    Ok(load(setting)?.and_then(|file| file.config.current_context))
}

/// Gives a context of the file as a plain `--context NAME` takes it.
pub(super) fn load_context(setting: &Setting<'_, '_>, name: &str) -> Result<Context> {
    let common = CommonOptions {
        context: Some(name.to_owned()),
        ..setting.common.clone()
    };
    resolve(&Inputs {
        common: &common,
        target: &TargetOptions::default(),
        contact: &ContactOptions::default(),
        exec: None,
        environment: &setting.process.environment,
    })
}

fn load(setting: &Setting<'_, '_>) -> Result<Option<ConfigFile>> {
    match config_path(&setting.common, &setting.process.environment) {
        Some((path, _)) => file::read(&path),
        None => Ok(None),
    }
}

fn required(setting: &Setting<'_, '_>) -> Result<ConfigFile> {
    let path = path(setting)?;
    load(setting)?.ok_or_else(|| {
        Error::new(
            Slug::ConfigUnreadable,
            format!("the configuration file {} does not exist", path.display()),
        )
        .hint("write a first context: `kfp-credential config set-context NAME --endpoint URL`")
    })
}

/// Values of headers may be secrets, and whoever wrote an address may have put a password into it.
fn view(setting: &mut Setting<'_, '_>) -> Result<()> {
    let file = required(setting)?;
    let mut redactions: Vec<(&str, Vec<&str>, Value)> = Vec::new();
    for entry in file.config.contexts() {
        let name = entry.name.value.as_str();
        for (header, value) in entry.headers.iter().flatten() {
            if matches!(value, HeaderValue::Literal(_)) {
                redactions.push((name, vec!["headers", header], json!(REDACTED)));
            }
        }
        let redacted = redacted_addresses(entry).into_iter();
        redactions.extend(redacted.map(|(path, value)| (name, path, value)));
    }
    let edits: Vec<Edit<'_>> = redactions
        .iter()
        .map(|(context, path, value)| Edit::Set {
            context,
            path,
            value,
        })
        .collect();
    let text = edit::apply(&read_text(&file.path)?, &edits).map_err(|refusal| {
        let what = format!(
            "{} holds values that must not be shown and cannot be redacted",
            file.path.display()
        );
        Error::new(Slug::ConfigNotEditable, what)
            .because(refusal)
            .hint("write the contexts in block style, a key on each line")
    })?;
    // Comments and values that are no addresses of ours may hold one too.
    setting.print(&without_userinfo(&text))
}

/// Gives what is shown in place of the addresses of a context that are not shown as they are.
fn redacted_addresses(entry: &ContextEntry) -> Vec<(Vec<&'static str>, Value)> {
    let own: [(Key, Addresses<'_>); 3] = [
        (&["endpoint"], Addresses::One(entry.endpoint.as_ref())),
        (&["proxy-url"], Addresses::One(entry.proxy_url.as_ref())),
        (
            &["servers"],
            Addresses::List(entry.servers.as_deref().unwrap_or_default()),
        ),
    ];
    let blocks = METHODS.iter().filter_map(|keys| (keys.written)(entry));
    let addresses = own.into_iter().chain(blocks.flat_map(Block::addresses));
    addresses
        .filter_map(|(path, addresses)| Some((path.to_vec(), addresses.redacted()?)))
        .collect()
}

fn validate(setting: &mut Setting<'_, '_>) -> Result<()> {
    let file = required(setting)?;
    check(&file, setting)?;
    let count = file.config.contexts().len();
    setting.print(&format!(
        "{} is valid: {count} {}\n",
        file.path.display(),
        if count == 1 { "context" } else { "contexts" }
    ))
}

fn check(file: &ConfigFile, setting: &Setting<'_, '_>) -> Result<()> {
    for entry in file.config.contexts() {
        of_entry(file, entry, &setting.process.environment)?;
    }
    match file.config.current_context.as_deref() {
        Some(name) if !name.is_empty() && file.context(name).is_none() => Err(unknown(file, name)),
        _ => Ok(()),
    }
}

fn unknown(file: &ConfigFile, name: &str) -> Error {
    Error::new(
        Slug::ConfigContextUnknown,
        format!("there is no context {name:?} in {}", file.path.display()),
    )
}

fn use_context(setting: &Setting<'_, '_>, name: &str) -> Result<()> {
    let edited = write::held(setting)?;
    let file = required(setting)?;
    if file.context(name).is_none() {
        return Err(unknown(&file, name));
    }
    write::change(setting, &edited, &[Edit::CurrentContext(Some(name))])?;
    setting.tell(&format!("The current context is now {name}."));
    Ok(())
}

fn delete_context(setting: &Setting<'_, '_>, name: &str) -> Result<()> {
    let edited = write::held(setting)?;
    let file = required(setting)?;
    if file.context(name).is_none() {
        return Err(unknown(&file, name));
    }
    let mut edits = vec![Edit::DeleteContext(name)];
    if file.config.current_context.as_deref() == Some(name) {
        edits.push(Edit::CurrentContext(None));
    }
    write::change(setting, &edited, &edits)?;
    setting.tell(&format!("Removed the context {name}."));
    Ok(())
}

fn set_namespace(setting: &Setting<'_, '_>, namespace: &str) -> Result<()> {
    let edited = write::held(setting)?;
    let file = required(setting)?;
    let name = setting
        .common
        .context
        .clone()
        .or(file.config.current_context.clone());
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        return Err(Error::new(
            Slug::ConfigMissing,
            "no context is named, and there is no current context",
        )
        .hint("name it: `kfp-credential config set-namespace NAMESPACE --context NAME`"));
    };
    if file.context(&name).is_none() {
        return Err(unknown(&file, &name));
    }
    write::change(
        setting,
        &edited,
        &[Edit::Set {
            context: &name,
            path: &["namespace"],
            value: &json!(namespace),
        }],
    )?;
    setting.tell(&format!(
        "The namespace of the context {name} is now {namespace}."
    ));
    Ok(())
}

fn set_sdk_namespace(setting: &Setting<'_, '_>, namespace: &str) -> Result<()> {
    let path = sdk_file(setting)?;
    sdk::set_context(&write::hold(setting, &path)?, "namespace", json!(namespace))?;
    let path = path.display();
    setting.tell(&format!(
        "The kfp SDK's namespace is now {namespace}, in {path}."
    ));
    Ok(())
}

/// Gives the path of the kfp SDK's context.json.
fn sdk_file(setting: &Setting<'_, '_>) -> Result<PathBuf> {
    let path = setting.process.environment.kfp_context_file();
    path.ok_or_else(|| {
        let what = "there is no home folder to look for the kfp SDK's file in";
        Error::new(Slug::ConfigMissing, what).hint("set HOME")
    })
}

/// Gives the file's text, which is nothing where there is no file.
fn read_text(path: &Path) -> Result<String> {
    let text = file::read_text(path)?;
    Ok(text.map(|text| text.to_string()).unwrap_or_default())
}
