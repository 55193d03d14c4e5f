//! `kfp-credential get`: the answer, in the form that was asked for.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use clap::Args;

use crate::cli::Setting;
use crate::config::context::{Connection, Context};
use crate::config::options::{ContactOptions, TargetOptions};
use crate::endpoint::is_loopback;
use crate::environment;
use crate::error::{Error, Result, Slug};
use crate::get::{self, Wish};
use crate::protocol::document::{Answer, ConnectionView};
use crate::protocol::format::{self, Format};
use crate::protocol::request::ExecInfo;
use crate::secret::Secret;
use crate::store::Entry;

/// Options of `get`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct GetOptions {
    /// Output format
    #[arg(short, long, value_name = "FORM")]
    output: Option<Format>,
    /// Ignore the stored credential and get a new one, as after a 401
    #[arg(long, overrides_with = "refresh")]
    refresh: bool,
    /// Get a new credential when the stored one expires sooner than this, e.g. 10m
    #[arg(long, value_name = "DURATION")]
    min_ttl: Option<String>,
    /// Prompt at the terminal for what is missing
    #[arg(long)]
    interactive: bool,
    #[command(flatten)]
    target: TargetOptions,
    #[command(flatten)]
    contact: ContactOptions,
}

const EXAMPLES: &str = "\
Examples:
  kfp-credential get --context team-a
  kfp-credential get --endpoint https://kubeflow.example.com/pipeline --username user@example.com
  kfp-credential get -o headers | curl -H @- \"$ENDPOINT/apis/v2beta1/experiments\"
  kfp-credential get -o curl-config | curl -K - \"$ENDPOINT/apis/v2beta1/experiments\"
  eval \"$(kfp-credential get -o env)\"";

/// Runs the command.
pub(super) fn run(mut setting: Setting<'_, '_>, options: GetOptions) -> Result<()> {
    let environment = &setting.process.environment;
    let target = options.target.with_environment(environment)?;
    let contact = options.contact.with_environment(environment)?;
    let exec = environment
        .get(environment::KUBERNETES_EXEC_INFO)
        .and_then(ExecInfo::parse);
    let format = options.output.unwrap_or(if exec.is_some() {
        Format::Exec
    } else {
        Format::Json
    });
    let exec = exec.filter(|_| format.is_exec());
    if format.is_exec() {
        setting.trace = setting.trace.without_stderr();
    }

    let exec_config = exec.as_ref().map(ExecInfo::config).transpose()?;
    let run = setting.run();
    let context = setting.context(&target, &contact, exec_config.as_ref())?;
    check_form(&context, format, exec.as_ref())?;
    let min_ttl = options.min_ttl.as_deref().map(min_ttl).transpose()?;

    let extra_headers = get::extra_headers(run, &context)?;
    let wish = Wish {
        refresh: options.refresh,
        min_ttl,
        interactive: options.interactive,
        exec_form: format.is_exec(),
    };
    let entry = get::credential(run, &context, &extra_headers, wish)?;
    let answer = answer(&context, &entry, extra_headers, (run.now)());
    let version = exec.map(|exec| exec.version).unwrap_or_default();
    let text = format::render(&answer, format, version)?;
    setting.print(text.expose())
}

/// Refuses, before anybody is contacted, what the form cannot carry or the client should not get.
fn check_form(context: &Context, format: Format, exec: Option<&ExecInfo>) -> Result<()> {
    if let Some(keys) = context.method.keys() {
        format.check_kind(keys.kind)?;
    }
    let (Some(server), Some(endpoint)) = (
        exec.map(ExecInfo::server_origin).transpose()?.flatten(),
        &context.endpoint,
    ) else {
        return Ok(());
    };
    if server == endpoint.origin() || context.servers.contains(&server) {
        return Ok(());
    }
    Err(Error::new(
        Slug::ExecServerRefused,
        format!(
            "the Kubernetes client wants a credential for {server}, and {} is for {endpoint}",
            context.display_name()
        ),
    )
    .hint(format!(
        "if {server} trusts the same tokens, add it to the context: `servers: [\"{server}\"]`"
    )))
}

fn min_ttl(text: &str) -> Result<TimeDelta> {
    let duration = humantime::parse_duration(text)
        .ok()
        .and_then(|duration| TimeDelta::from_std(duration).ok());
    duration
        .filter(|life| *life <= TimeDelta::days(400))
        .ok_or_else(|| {
            Error::new(
                Slug::Usage,
                format!("the value {text:?} of --min-ttl is not a duration"),
            )
            .hint("write it like 90s, 10m or 1h30m")
        })
}

fn answer<'a>(
    context: &'a Context,
    entry: &'a Entry,
    extra_headers: Vec<(String, Secret)>,
    now: chrono::DateTime<chrono::Utc>,
) -> Answer<'a> {
    let proxy = context.connection.proxy_url.as_ref();
    let is_proxied = !context
        .endpoint
        .as_ref()
        .is_some_and(|endpoint| is_loopback(endpoint.url()));
    let proxy = proxy.filter(|_| is_proxied);
    Answer {
        credential: &entry.credential,
        context: context.name.as_deref(),
        endpoint: entry.endpoint.clone(),
        namespace: context.namespace.as_deref(),
        bearer_header: context.bearer_header.wire_name(),
        extra_headers,
        connection: connection_view(&context.connection, proxy),
        proxy_with_secrets: proxy.map(|url| Secret::new(url.as_str())),
        now,
    }
}

fn connection_view(connection: &Connection, proxy: Option<&url::Url>) -> ConnectionView {
    let absolute = |path: &std::path::PathBuf| {
        std::path::absolute(path)
            .unwrap_or_else(|_| path.clone())
            .to_string_lossy()
            .into_owned()
    };
    ConnectionView {
        certificate_authority: connection.certificate_authority.as_ref().map(absolute),
        certificate_authority_data: connection
            .certificate_authority_data
            .as_ref()
            .map(|pem| STANDARD.encode(pem)),
        insecure_skip_tls_verify: connection.insecure_skip_tls_verify,
        proxy_url: proxy.map(crate::sanitize::redacted_url),
        tls_server_name: connection.tls_server_name.clone(),
    }
}
