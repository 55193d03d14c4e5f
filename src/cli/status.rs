//! `kfp-credential status`: every context, who, until when, and where that is stored. Contacts no server.

use chrono::TimeDelta;
use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::cli::{Setting, config, words};
use crate::config::context::{Context, StoreChoice};
use crate::config::method::Method;
use crate::config::options::{ContactOptions, TargetOptions};
use crate::credential::{Credential, Material, wire_time};
use crate::error::{Error, Result, Slug};
use crate::get;
use crate::method::iap::logins::Logins;
use crate::method::token_file;
use crate::store::Store;

/// Options of `status`.
#[derive(Debug, Args)]
pub(super) struct StatusOptions {
    /// Output format
    #[arg(short, long, value_name = "FORM", default_value = "text")]
    output: StatusForm,
    #[command(flatten)]
    target: TargetOptions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum StatusForm {
    /// A block of lines for each context
    Text,
    /// A list of objects
    Json,
}

/// What is known of one context without contacting anybody.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<String>,
    current: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    clock_ahead_seconds: Option<i64>,
    #[serde(skip)]
    end: Option<String>,
    #[serde(skip)]
    clock: Option<String>,
}

/// Runs the command.
pub(super) fn run(setting: &mut Setting<'_, '_>, options: StatusOptions) -> Result<()> {
    let environment = &setting.process.environment;
    let target = options.target.with_environment(environment)?;
    let asked_for_one = setting.common.context.is_some()
        || target.endpoint.is_some()
        || target.token_file.is_some();
    let current = config::current_context(setting)?;
    let store = Store::new(StoreChoice::Auto, environment, &setting.trace, false);
    let rows: Vec<Row> = if asked_for_one {
        let context = setting.context(&target, &ContactOptions::default(), None)?;
        vec![row(setting, &store, &context, current.as_deref())]
    } else {
        config::all_contexts(setting, target.store.as_deref())?
            .iter()
            .map(|(name, context)| match context {
                Ok(context) => row(setting, &store, context, current.as_deref()),
                Err(error) => invalid(name, error, current.as_deref()),
            })
            .collect()
    };
    let text = match options.output {
        StatusForm::Json => {
            let json = serde_json::to_string_pretty(&rows);
            json.map_err(|error| {
                Error::new(Slug::Internal, "the status could not be written").because(error)
            })? + "\n"
        }
        StatusForm::Text if rows.is_empty() => no_contexts(setting),
        StatusForm::Text => rows.iter().map(lines).collect::<Vec<_>>().join("\n"),
    };
    setting.print(&text)
}

fn row(
    setting: &Setting<'_, '_>,
    store: &Store<'_>,
    context: &Context,
    current: Option<&str>,
) -> Row {
    let now = (setting.process.now)();
    let mut row = Row {
        context: context.name.clone(),
        current: context.name.is_some() && context.name.as_deref() == current,
        endpoint: context.endpoint.as_ref().map(ToString::to_string),
        namespace: context.namespace.clone(),
        method: Some(context.method.name().to_owned()),
        state: "not logged in",
        ..Row::default()
    };
    let credential: Option<Credential> = if let Method::TokenFile(file) = &context.method {
        row.store = Some(file.path.display().to_string());
        let limit = context.deadlines.for_reading();
        match token_file::read(file, context.session_lifetime, limit, now) {
            Ok(credential) => Some(credential),
            Err(error) => {
                row.state = "unusable";
                row.trouble = Some(error.one_line());
                None
            }
        }
    } else {
        let found = store
            .for_choice(context.store)
            .status(&get::session_key(context));
        row.store = Some(found.place.to_string());
        let store = store.for_choice(context.store);
        let logins = Logins::of(setting.run(), context, &store);
        let behind = logins.and_then(|logins| logins.behind());
        let troubles: Vec<String> = found.problem.into_iter().chain(behind).collect();
        row.trouble = Some(troubles.join("; ")).filter(|troubles| !troubles.is_empty());
        found.entry.map(|entry| {
            row.method = Some(entry.method);
            let ahead = entry.clock_ahead.and_then(TimeDelta::try_seconds);
            row.clock = words::clock(ahead);
            row.clock_ahead_seconds = entry.clock_ahead.filter(|_| row.clock.is_some());
            entry.credential
        })
    };
    if let Some(credential) = credential {
        row.state = match (&credential.material, &context.method) {
            _ if !credential.is_live(now) => "expired",
            (Material::None, _) => "no login needed",
            // Nobody is asked here whether the endpoint takes it.
            (_, Method::TokenFile(_)) => "not tried",
            (Material::Bearer(_) | Material::Cookies(_), _) => "logged in",
        };
        row.end = Some(words::end_of(&credential, now));
        row.expires_at = Some(wire_time(credential.expires_at));
        row.principal = credential.principal;
    }
    row
}

fn invalid(name: &str, error: &Error, current: Option<&str>) -> Row {
    Row {
        context: Some(name.to_owned()),
        current: current == Some(name),
        state: "invalid",
        trouble: Some(error.one_line()),
        ..Row::default()
    }
}

fn lines(row: &Row) -> String {
    let mark = if row.current { " (current)" } else { "" };
    let title = row
        .context
        .as_deref()
        .or(row.endpoint.as_deref())
        .unwrap_or("(no context)");
    let mut text = format!("{title}{mark}\n");
    let mut line = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            text.push_str(&format!("  {:<11}{value}\n", format!("{name}:")));
        }
    };
    line("endpoint", row.endpoint.as_deref());
    line("namespace", row.namespace.as_deref());
    line("method", row.method.as_deref());
    line("state", Some(row.state));
    line("user", row.principal.as_deref());
    line("expires", row.end.as_deref());
    line("store", row.store.as_deref());
    line("clock", row.clock.as_deref());
    line("problem", row.trouble.as_deref());
    text
}

fn no_contexts(setting: &Setting<'_, '_>) -> String {
    let file = config::path(setting)
        .map(|path| path.display().to_string())
        .unwrap_or_default();
    format!(
        "No contexts in {file}.\n\
         Write one with `kfp-credential config set-context NAME --endpoint URL --username USER`,\n\
         or ask for an endpoint: `kfp-credential status --endpoint URL --username USER`.\n"
    )
}
