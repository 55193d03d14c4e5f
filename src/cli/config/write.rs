//! Writes contexts: from the options of `set-context`, or from what a login used and found.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{check, load, path, read_text};
use crate::cli::Setting;
use crate::config::edit::{self, Edit};
use crate::config::file::{self, ConfigFile, ContextEntry};
use crate::config::method::block::{Found, Key};
use crate::config::method::{Keys, METHODS, by_name, given, names, of_options, values};
use crate::config::options::TargetOptions;
use crate::config::{
    self,
    context::{Context, Deadlines, StoreChoice},
};
use crate::endpoint::{Endpoint, Origin};
use crate::error::{Error, Result, Slug};
use crate::sanitize::address::without_userinfo;
use crate::shell;
use crate::store::EditedFile;

const SKIP_VERIFY: Key = &["insecure-skip-tls-verify"];
const INSECURE_HTTP: Key = &["allow-insecure-http"];

/// What is to be written into a context.
#[derive(Default)]
struct Writing {
    method: Option<&'static Keys>,
    values: Vec<(Key, Value)>,
    /// What is to be gone.
    unset: Vec<Key>,
}

impl Writing {
    fn text(&mut self, key: Key, value: Option<&str>) {
        self.values.extend(values::text(key, value));
    }

    fn file(&mut self, key: Key, path: Option<&PathBuf>) {
        self.values.extend(values::file(key, path));
    }

    fn flag(&mut self, key: Key, value: Option<bool>) {
        self.values.extend(value.map(|value| (key, json!(value))));
    }

    fn method(&mut self, name: &str) -> Result<()> {
        self.method = Some(by_name(name).ok_or_else(|| {
            Error::new(Slug::ConfigInvalid, format!("unknown method {name:?}"))
                .hint(format!("the methods are {}", names("and")))
        })?);
        Ok(())
    }

    fn fills(&self, method: &Keys) -> bool {
        self.values.iter().any(|(key, _)| key[0] == method.name)
    }

    /// Takes what the options say of a method: of the one that is named, else of that which the context has, else of the
    /// first that they belong to.
    fn options(&mut self, target: &TargetOptions, own: Option<&'static Keys>) -> Result<()> {
        let given = given(target);
        let meant = match self.method {
            Some(named) => Some(named),
            None => of_options(&given, own)?,
        };
        let Some(meant) = meant else { return Ok(()) };
        if let Some(option) = given.into_iter().find(|option| !meant.takes(option)) {
            let what = format!("{option} does not belong to the method {}", meant.name);
            return Err(Error::new(Slug::Usage, what).hint("give options of one method only"));
        }
        self.values.extend((meant.set)(target));
        if self.fills(meant) {
            self.method = Some(meant);
        }
        Ok(())
    }
}

/// Writes the options of the command line; those of the environment are for runs, not for the file.
pub(super) fn set_context(
    setting: &Setting<'_, '_>,
    name: &str,
    target: &TargetOptions,
) -> Result<()> {
    config::check_options(target)?;
    let mut writing = Writing::default();
    if let Some(method) = &target.method {
        writing.method(method)?;
    }
    writing.text(&["endpoint"], target.endpoint.as_deref());
    writing.text(&["namespace"], target.namespace.as_deref());
    writing.text(&["store"], target.store.as_deref());
    writing.text(&["proxy-url"], target.proxy_url.as_deref());
    writing.file(
        &["certificate-authority"],
        target.certificate_authority.as_ref(),
    );
    writing.flag(SKIP_VERIFY, target.insecure_skip_tls_verify);
    if target.certificate_authority.is_some() && target.insecure_skip_tls_verify.is_none() {
        writing.unset.push(SKIP_VERIFY);
    }
    writing.flag(INSECURE_HTTP, target.allow_insecure_http);
    let edited = held(setting)?;
    let file = load(setting)?;
    let entry = file.as_ref().and_then(|file| file.context(name));
    let own = METHODS
        .into_iter()
        .find(|keys| entry.is_some_and(|entry| keys.is_in(entry)));
    writing.options(target, own)?;

    let is_new = write(setting, &edited, name, &writing)?;
    let verb = if is_new { "Wrote" } else { "Changed" };
    setting.tell(&format!(
        "{verb} the context {name} in {}.",
        path(setting)?.display()
    ));
    Ok(())
}

/// Writes what a login used and found as a context.
pub(in crate::cli) fn save_context(
    setting: &Setting<'_, '_>,
    name: &str,
    context: &Context,
    found: &Found<'_>,
) -> Result<()> {
    let connection = &context.connection;
    let mut writing = Writing::default();
    writing.method(found.method)?;
    let endpoint = context.endpoint.as_ref().map(ToString::to_string);
    writing.text(&["endpoint"], endpoint.as_deref());
    writing.text(&["namespace"], context.namespace.as_deref());
    let store = Some(context.store).filter(|store| *store != StoreChoice::Auto);
    writing.text(&["store"], store.map(StoreChoice::name));
    writing.text(
        &["proxy-url"],
        connection.proxy_url.as_ref().map(url::Url::as_str),
    );
    writing.file(
        &["certificate-authority"],
        connection.certificate_authority.as_ref(),
    );
    // What worked without them is not written with them, also where a context of this name had them.
    for (key, value) in [
        (SKIP_VERIFY, connection.insecure_skip_tls_verify),
        (INSECURE_HTTP, connection.allow_insecure_http),
    ] {
        if value {
            writing.flag(key, Some(true));
        } else {
            writing.unset.push(key);
        }
    }
    writing.values.extend(context.method.found(found));
    let edited = held(setting)?;
    check_saveable(setting, name, context)?;
    write(setting, &edited, name, &writing)?;
    setting.tell(&format!(
        "Wrote the context {name} to {}.",
        path(setting)?.display()
    ));
    Ok(())
}

/// Refuses to save a login over a context of another origin: its headers, its password and the ways that it allows would
/// be the new one's.
pub(in crate::cli) fn check_saveable(
    setting: &Setting<'_, '_>,
    name: &str,
    context: &Context,
) -> Result<()> {
    let file = load(setting)?;
    let before = file
        .as_ref()
        .and_then(|file| origin_of(file.context(name)?));
    match (before, &context.endpoint) {
        (Some(before), Some(endpoint)) if before != endpoint.origin() => Err(Error::new(
            Slug::EndpointChanged,
            format!(
                "there is a context {name:?} for {before} already, and its secrets are for that endpoint"
            ),
        )
        .hint("give another name with `--save-context NAME`")
        .hint(format!(
            "or remove that one first: `kfp-credential config delete-context {}`",
            shell::word(name, "NAME")
        ))),
        _ => Ok(()),
    }
}

fn origin_of(entry: &ContextEntry) -> Option<Origin> {
    let endpoint = Endpoint::parse(&entry.endpoint.as_ref()?.value).ok()?;
    Some(endpoint.origin())
}

/// Writes the IAP client that an endpoint named into its context. A file that cannot be edited is no reason to stop a
/// login: the lines to paste are shown.
pub(in crate::cli) fn save_client_id(setting: &Setting<'_, '_>, name: &str, client_id: &str) {
    let value = json!(client_id);
    let edit = Edit::Set {
        context: name,
        path: &["iap", "client-id"],
        value: &value,
    };
    match held(setting).and_then(|edited| change(setting, &edited, &[edit])) {
        Ok(()) => setting.tell(&format!("Wrote it into the context {name}.")),
        Err(error) => setting.tell(&format!(
            "It was not written into the context {name}: {}",
            error.one_line()
        )),
    }
}

/// Writes into a context, which becomes the current one where it is the first; tells whether it is new.
fn write(
    setting: &Setting<'_, '_>,
    edited: &EditedFile,
    name: &str,
    writing: &Writing,
) -> Result<bool> {
    let file = load(setting)?;
    let entry = file.as_ref().and_then(|file| file.context(name));
    let has_block = |keys: &Keys| entry.is_some_and(|entry| keys.is_in(entry));
    let (name_value, empty_block) = (json!(name), json!({}));

    let mut edits = vec![Edit::Set {
        context: name,
        path: &["name"],
        value: &name_value,
    }];
    if let Some(method) = writing.method {
        let others = METHODS
            .iter()
            .filter(|keys| keys.name != method.name && has_block(keys));
        edits.extend(others.map(|keys| Edit::Unset {
            context: name,
            path: keys.path(),
        }));
        if !has_block(method) && !writing.fills(method) {
            edits.push(Edit::Set {
                context: name,
                path: method.path(),
                value: &empty_block,
            });
        }
    }
    edits.extend(writing.values.iter().map(|(path, value)| Edit::Set {
        context: name,
        path,
        value,
    }));
    if entry.is_some() {
        edits.extend(writing.unset.iter().map(|path| Edit::Unset {
            context: name,
            path,
        }));
    }
    if file
        .as_ref()
        .is_none_or(|file| file.config.contexts().is_empty())
    {
        edits.push(Edit::CurrentContext(Some(name)));
    }
    change(setting, edited, &edits)?;
    Ok(entry.is_none())
}

/// Holds the file, before anything in it is looked at that decides what to change.
pub(super) fn held(setting: &Setting<'_, '_>) -> Result<EditedFile> {
    hold(setting, &path(setting)?)
}

/// Holds a file that other runs of this program may edit at this moment.
pub(super) fn hold(setting: &Setting<'_, '_>, path: &Path) -> Result<EditedFile> {
    let patience = Deadlines::default().lock;
    EditedFile::hold(&setting.process.environment, path, patience, &setting.trace)
}

/// Applies edits to the file: all or none, checked before the file is replaced.
pub(super) fn change(
    setting: &Setting<'_, '_>,
    edited: &EditedFile,
    edits: &[Edit<'_>],
) -> Result<()> {
    let path = edited.path();
    let before = read_text(path)?;
    let after = edit::apply(&before, edits).map_err(|refusal| not_editable(path, &refusal))?;
    checked(setting, path, &after).map_err(|error| not_sound(path, &error))?;
    edited.write(after.as_bytes())
}

fn checked(setting: &Setting<'_, '_>, path: &Path, text: &str) -> Result<()> {
    let config = file::parse(path, text)?;
    let path = path.to_path_buf();
    check(&ConfigFile { path, config }, setting)
}

/// The line and column of a file that was never written would only mislead.
fn not_sound(path: &Path, error: &Error) -> Error {
    let why = error.message();
    let why = why.split_once(": ").map_or(why, |(_place, why)| why);
    let what = format!(
        "{} would be invalid after this change, and was not changed",
        path.display()
    );
    Error::new(error.slug(), what)
        .because(why)
        .hint("correct the option's value")
}

fn not_editable(path: &Path, refusal: &edit::NotEditable) -> Error {
    let error = Error::new(
        Slug::ConfigNotEditable,
        format!("{} was not edited", path.display()),
    );
    let error = error.because(refusal);
    if refusal.paste.is_empty() {
        return error.hint("make the change by hand");
    }
    error.hint(format!(
        "add these lines:\n{}",
        without_userinfo(&refusal.paste)
    ))
}
