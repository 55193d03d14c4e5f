//! `kfp-credential config`: shows and changes the configuration file. A change keeps comments and order, and is
//! checked before it replaces the file.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::{Value, json};

use crate::cli::Setting;
use crate::cli::options::{ContactOptions, TargetOptions};
use crate::config::context::{Context, Method, StoreChoice};
use crate::config::edit::{self, Edit};
use crate::config::file::{self, ConfigFile, HeaderValue};
use crate::config::{Inputs, config_path, of_entry, resolve};
use crate::error::{Error, Result, Slug};
use crate::http::shown;
use crate::store::private_file::write_private_durably;

/// The verbs of `config`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
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
    /// Write a context, or change the given keys of one
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
    },
    /// Print the kubeconfig user whose exec: stanza runs this program
    Kubeconfig,
}

/// Runs the command.
pub fn run(setting: &mut Setting<'_, '_>, command: ConfigCommand) -> Result<()> {
    match command {
        ConfigCommand::Path => {
            let path = path(setting)?;
            setting.print(&format!("{}\n", path.display()))
        }
        ConfigCommand::View => view(setting),
        ConfigCommand::Validate => validate(setting),
        ConfigCommand::UseContext { name } => use_context(setting, &name),
        ConfigCommand::SetContext { name, target } => set_context(setting, &name, &target),
        ConfigCommand::DeleteContext { name } => delete_context(setting, &name),
        ConfigCommand::SetNamespace { namespace } => set_namespace(setting, &namespace),
        ConfigCommand::Kubeconfig => kubeconfig(setting),
    }
}

/// Gives the path of the configuration file.
pub fn path(setting: &Setting<'_, '_>) -> Result<PathBuf> {
    match config_path(&setting.common, &setting.process.environment) {
        Some((path, _)) => Ok(path),
        None => Err(Error::new(
            Slug::ConfigMissing,
            "there is no home folder to look for a configuration file in",
        )
        .hint("set HOME, or name the file with --config FILE")),
    }
}

/// Gives every context of the file, validated; none when there is no file.
pub fn all_contexts(setting: &Setting<'_, '_>) -> Result<Vec<Context>> {
    let Some(file) = load(setting)? else {
        return Ok(Vec::new());
    };
    file.config
        .contexts()
        .iter()
        .map(|entry| load_context(setting, &entry.name.value))
        .collect()
}

/// Gives the name of the file's current context.
pub fn current_context(setting: &Setting<'_, '_>) -> Result<Option<String>> {
    Ok(load(setting)?.and_then(|file| file.config.current_context))
}

/// Gives a context of the file as a plain `--context NAME` takes it.
pub fn load_context(setting: &Setting<'_, '_>, name: &str) -> Result<Context> {
    let mut common = setting.common.clone();
    common.context = Some(name.to_owned());
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

/// Values of headers may be secrets, and a proxy's URL may hold a password.
fn view(setting: &mut Setting<'_, '_>) -> Result<()> {
    let file = required(setting)?;
    let text = read_text(&file.path)?;
    let redacted = json!("REDACTED");
    let mut proxies: Vec<(&str, Value)> = Vec::new();
    let mut edits = Vec::new();
    let mut header_paths: Vec<(&str, [&str; 2])> = Vec::new();
    for entry in file.config.contexts() {
        let name = entry.name.value.as_str();
        for (header, value) in entry.headers.iter().flatten() {
            if matches!(value, HeaderValue::Literal(_)) {
                header_paths.push((name, ["headers", header]));
            }
        }
        let proxy = entry
            .proxy_url
            .as_ref()
            .and_then(|text| url::Url::parse(&text.value).ok());
        if let Some(url) = proxy.filter(|url| url.password().is_some()) {
            proxies.push((name, json!(shown(&url))));
        }
    }
    edits.extend(header_paths.iter().map(|(context, path)| Edit::Set {
        context,
        path,
        value: &redacted,
    }));
    edits.extend(proxies.iter().map(|(context, value)| Edit::Set {
        context,
        path: &["proxy-url"],
        value,
    }));
    let text = edit::apply(&text, &edits).map_err(|refusal| {
        Error::new(
            Slug::ConfigNotEditable,
            format!(
                "{} holds values that are not shown, and cannot be redacted",
                file.path.display()
            ),
        )
        .because(refusal)
        .hint("write the contexts in block style, a key on each line")
    })?;
    setting.print(&text)
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
    let file = required(setting)?;
    if file.context(name).is_none() {
        return Err(unknown(&file, name));
    }
    change(setting, &[Edit::CurrentContext(Some(name))])?;
    setting.tell(&format!("The current context is now {name}."));
    Ok(())
}

fn delete_context(setting: &Setting<'_, '_>, name: &str) -> Result<()> {
    let file = required(setting)?;
    if file.context(name).is_none() {
        return Err(unknown(&file, name));
    }
    let mut edits = vec![Edit::DeleteContext(name)];
    if file.config.current_context.as_deref() == Some(name) {
        edits.push(Edit::CurrentContext(None));
    }
    change(setting, &edits)?;
    setting.tell(&format!("Removed the context {name}."));
    Ok(())
}

fn set_namespace(setting: &Setting<'_, '_>, namespace: &str) -> Result<()> {
    let file = required(setting)?;
    let name = setting
        .common
        .context
        .clone()
        .or(file.config.current_context.clone());
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        return Err(Error::new(
            Slug::ConfigMissing,
            "no context is named, and none is the current one",
        )
        .hint("name it: `kfp-credential config set-namespace NAMESPACE --context NAME`"));
    };
    if file.context(&name).is_none() {
        return Err(unknown(&file, &name));
    }
    change(
        setting,
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

/// Writes the options of the command line; those of the environment are for runs, not for the file.
fn set_context(setting: &Setting<'_, '_>, name: &str, target: &TargetOptions) -> Result<()> {
    let mut keys = Keys::default();
    keys.text("endpoint", target.endpoint.as_deref());
    keys.text("namespace", target.namespace.as_deref());
    keys.text("store", target.store.as_deref());
    keys.text("proxy-url", target.proxy_url.as_deref());
    keys.text(
        "certificate-authority",
        absolute(target.certificate_authority.as_ref()).as_deref(),
    );
    keys.flag("insecure-skip-tls-verify", target.insecure_skip_tls_verify);
    keys.flag("allow-insecure-http", target.allow_insecure_http);
    let is_dex =
        target.username.is_some() || target.password_file.is_some() || target.connector.is_some();
    let is_token_file = target.token_file.is_some() || target.audience.is_some();
    let implied = match (is_dex, is_token_file) {
        (true, true) => {
            return Err(Error::new(
                Slug::Usage,
                "the options belong to different methods, dex and token-file",
            ));
        }
        (true, false) => Some("dex"),
        (false, true) => Some("token-file"),
        (false, false) => None,
    };
    let method = target.method.as_deref().or(implied);
    if let (Some(method), Some(implied)) =
        (method, implied.filter(|implied| method != Some(*implied)))
    {
        return Err(Error::new(
            Slug::Usage,
            format!("the options belong to the method {implied}, not to {method}"),
        ));
    }
    match method {
        None => {}
        Some("dex") => {
            keys.block("dex");
            keys.nested("dex", "username", target.username.clone().map(Value::from));
            let file = absolute(target.password_file.as_ref());
            keys.nested("dex", "password", file.map(|file| json!({ "file": file })));
            keys.nested(
                "dex",
                "connector",
                target.connector.clone().map(Value::from),
            );
        }
        Some("token-file") => {
            keys.block("token-file");
            keys.nested(
                "token-file",
                "path",
                absolute(target.token_file.as_ref()).map(Value::from),
            );
            keys.nested(
                "token-file",
                "audience",
                target.audience.clone().map(Value::from),
            );
        }
        Some("none") => keys.block("none"),
        Some(other) => {
            return Err(
                Error::new(Slug::ConfigInvalid, format!("there is no method {other:?}"))
                    .hint("the methods are dex, token-file and none"),
            );
        }
    }
    let created = write_context(setting, name, &keys)?;
    let file = path(setting)?;
    let verb = if created { "Wrote" } else { "Changed" };
    setting.tell(&format!("{verb} the context {name} in {}.", file.display()));
    Ok(())
}

/// Writes what a login used and found as a context.
pub fn save_context(
    setting: &Setting<'_, '_>,
    name: &str,
    context: &Context,
    method: &str,
    username: Option<&str>,
    password_saved: bool,
) -> Result<()> {
    let connection = &context.connection;
    let mut keys = Keys::default();
    keys.text(
        "endpoint",
        context
            .endpoint
            .as_ref()
            .map(ToString::to_string)
            .as_deref(),
    );
    keys.text("namespace", context.namespace.as_deref());
    keys.text(
        "store",
        Some(context.store.name()).filter(|_| context.store != StoreChoice::Auto),
    );
    keys.text(
        "proxy-url",
        connection.proxy_url.as_ref().map(url::Url::as_str),
    );
    keys.text(
        "certificate-authority",
        absolute(connection.certificate_authority.as_ref()).as_deref(),
    );
    keys.flag(
        "insecure-skip-tls-verify",
        connection.insecure_skip_tls_verify.then_some(true),
    );
    keys.flag(
        "allow-insecure-http",
        connection.allow_insecure_http.then_some(true),
    );
    keys.block(method);
    match (&context.method, context.method.dex()) {
        (Method::TokenFile(file), _) => {
            keys.nested(
                "token-file",
                "path",
                absolute(Some(&file.path)).map(Value::from),
            );
            keys.nested(
                "token-file",
                "audience",
                file.audience.clone().map(Value::from),
            );
        }
        (_, Some(dex)) if method == "dex" => {
            keys.nested("dex", "username", username.map(Value::from));
            keys.nested("dex", "connector", dex.connector.clone().map(Value::from));
            keys.nested(
                "dex",
                "password",
                password_saved.then(|| json!({ "keyring": true })),
            );
        }
        _ => {}
    }
    write_context(setting, name, &keys)?;
    setting.tell(&format!(
        "Wrote the context {name} to {}.",
        path(setting)?.display()
    ));
    Ok(())
}

/// The keys to write into a context, in order.
#[derive(Default)]
struct Keys {
    method: Option<String>,
    values: Vec<(Vec<String>, Value)>,
}

impl Keys {
    fn text(&mut self, key: &str, value: Option<&str>) {
        self.values
            .extend(value.map(|value| (vec![key.to_owned()], json!(value))));
    }

    fn flag(&mut self, key: &str, value: Option<bool>) {
        self.values
            .extend(value.map(|value| (vec![key.to_owned()], json!(value))));
    }

    fn block(&mut self, method: &str) {
        self.method = Some(method.to_owned());
    }

    fn nested(&mut self, block: &str, key: &str, value: Option<Value>) {
        self.values
            .extend(value.map(|value| (vec![block.to_owned(), key.to_owned()], value)));
    }
}

/// Writes keys into a context, which becomes the current one where it is the first; tells whether it is new.
fn write_context(setting: &Setting<'_, '_>, name: &str, keys: &Keys) -> Result<bool> {
    let file = load(setting)?;
    let entry = file.as_ref().and_then(|file| file.context(name));
    let methods = entry.map_or([false; 3], |entry| {
        [
            entry.dex.is_some(),
            entry.token_file.is_some(),
            entry.none.is_some(),
        ]
    });
    let present = |block: &str| {
        ["dex", "token-file", "none"]
            .iter()
            .zip(methods)
            .any(|(name, there)| *name == block && there)
    };
    let empty = json!({});
    let name_value = json!(name);
    let mut edits = vec![Edit::Set {
        context: name,
        path: &["name"],
        value: &name_value,
    }];
    const METHODS: [&[&str]; 3] = [&["dex"], &["token-file"], &["none"]];
    if let Some(method) = &keys.method {
        edits.extend(
            METHODS
                .iter()
                .filter(|path| path[0] != method && present(path[0]))
                .map(|path| Edit::Unset {
                    context: name,
                    path,
                }),
        );
    }
    let paths: Vec<(Vec<&str>, &Value)> = keys
        .values
        .iter()
        .map(|(path, value)| (path.iter().map(String::as_str).collect(), value))
        .collect();
    edits.extend(paths.iter().map(|(path, value)| Edit::Set {
        context: name,
        path,
        value,
    }));
    if let Some(method) = &keys.method {
        let has_keys = paths.iter().any(|(path, _)| path[0] == method);
        let path = METHODS.iter().find(|path| path[0] == method);
        edits.extend(
            path.filter(|_| !has_keys && !present(method))
                .map(|path| Edit::Set {
                    context: name,
                    path,
                    value: &empty,
                }),
        );
    }
    let is_first = file.as_ref().is_none_or(|file| {
        file.config.contexts().is_empty()
            && file
                .config
                .current_context
                .as_deref()
                .unwrap_or_default()
                .is_empty()
    });
    if is_first {
        edits.push(Edit::CurrentContext(Some(name)));
    }
    change(setting, &edits)?;
    Ok(entry.is_none())
}

/// Applies edits to the file: all or none, checked before the file is replaced.
fn change(setting: &Setting<'_, '_>, edits: &[Edit<'_>]) -> Result<()> {
    let path = path(setting)?;
    let before = if path.exists() {
        read_text(&path)?
    } else {
        String::new()
    };
    let after = edit::apply(&before, edits).map_err(|refusal| {
        let error = Error::new(
            Slug::ConfigNotEditable,
            format!("{} is not edited", path.display()),
        )
        .because(&refusal);
        if refusal.paste.is_empty() {
            return error.hint("make the change by hand");
        }
        error.hint(format!(
            "paste these lines where they belong:\n{}",
            refusal.paste
        ))
    })?;
    let config = file::parse(&path, &after)?;
    check(
        &ConfigFile {
            path: path.clone(),
            config,
        },
        setting,
    )?;
    write_private_durably(&path, after.as_bytes()).map_err(|error| {
        Error::new(
            Slug::ConfigWriteFailed,
            format!("cannot write {}; it is as it was", path.display()),
        )
        .because(error)
    })
}

fn read_text(path: &std::path::Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| {
        Error::new(
            Slug::ConfigUnreadable,
            format!("cannot read {}", path.display()),
        )
        .because(error)
    })
}

/// A path of the command line is relative to where the command runs, one of the file to the file.
fn absolute(path: Option<&PathBuf>) -> Option<String> {
    path.map(|path| {
        std::path::absolute(path)
            .unwrap_or_else(|_| path.clone())
            .to_string_lossy()
            .into_owned()
    })
}

/// Kubernetes clients that set no exec info (Node, Java) need `-o exec`; those that do need no more.
fn kubeconfig(setting: &mut Setting<'_, '_>) -> Result<()> {
    let file = required(setting)?;
    let name = setting
        .common
        .context
        .clone()
        .or(file.config.current_context.clone())
        .unwrap_or_default();
    let Some(entry) = file.context(&name) else {
        return Err(unknown(&file, &name));
    };
    let context = of_entry(&file, entry, &setting.process.environment)?;
    if matches!(context.method, Method::Dex(_) | Method::None) {
        setting.tell(&format!(
            "Note: the method {} gives no bearer token, and Kubernetes clients take nothing else; they will show this program's error.",
            context.method.name()
        ));
    }
    let quoted = Value::from(name.as_str());
    let mut arguments = vec!["get", "-o", "exec", "--context", &name];
    let config = setting
        .common
        .config
        .as_ref()
        .and_then(|path| absolute(Some(path)));
    if let Some(path) = &config {
        arguments.extend(["--config", path]);
    }
    let arguments: String = arguments
        .iter()
        .map(|argument| format!("      - {}\n", Value::from(*argument)))
        .collect();
    setting.print(&format!(
        "users:\n\
         - name: {quoted}\n\
         \x20 user:\n\
         \x20   exec:\n\
         \x20     apiVersion: client.authentication.k8s.io/v1\n\
         \x20     command: kfp-credential\n\
         \x20     args:\n{arguments}\
         \x20     interactiveMode: IfAvailable\n\
         \x20     provideClusterInfo: true\n\
         \x20     installHint: kfp-credential is needed to log in; install it and run `kfp-credential status`\n"
    ))
}
