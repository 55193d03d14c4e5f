//! Precedence: which context, and what adjusts it.
//!
//! `--context` takes that context whole; `--endpoint` alone selects the one context that has it, or stands alone; then
//! the exec info's `config`, then `current-context`. Options and `KFP_CREDENTIAL_*` adjust what was chosen. The kfp
//! SDK's own variables fill what nothing else gives.

use std::path::Path;

use crate::config::characters;
use crate::config::context::{BearerHeader, Connection, Context, Deadlines, StoreChoice};
use crate::config::detect::adjust_method;
use crate::config::entry::{of_entry, parse_duration, parse_proxy, parse_store};
use crate::config::file::{self, ConfigFile, ContextEntry};
use crate::config::inputs::{Inputs, config_path, wrong_value};
use crate::config::method::{Dex, Method};
use crate::config::namespace;
use crate::config::options::TargetOptions;
use crate::endpoint::Endpoint;
use crate::environment;
use crate::error::{Error, Result, Slug};
use crate::shell;

/// Where pods reach Kubeflow Pipelines as Kubeflow installs it.
const ENDPOINT_OF_PODS: &str = "http://ml-pipeline-ui.kubeflow";
/// Finds the context that is meant and validates it.
pub fn resolve(inputs: &Inputs<'_>) -> Result<Context> {
    characters::check_options(inputs.target)?;
    inputs.exec.map_or(Ok(()), characters::check_exec)?;
    let file = read_file(inputs)?;
    let entry = match &file {
        Some(file) => choose(file, inputs)?,
        None => named_without_file(inputs)?,
    };
    match (&file, entry) {
        (Some(file), Some(entry)) => resolve_entry(file, entry, inputs),
        _ => adjusted(of_nothing(), inputs),
    }
}

/// Checks the options that are written into the file as they are, before anything shows them.
pub fn check_options(target: &TargetOptions) -> Result<()> {
    characters::check_options(target)?;
    let endpoint = target.endpoint.as_deref();
    endpoint.map(parse_endpoint).transpose()?;
    adjust_connection(&mut Connection::default(), target)
}

/// Validates one entry of a file that was read already, and lets the rest of the inputs adjust it.
pub fn resolve_entry(
    file: &ConfigFile,
    entry: &ContextEntry,
    inputs: &Inputs<'_>,
) -> Result<Context> {
    adjusted(of_entry(file, entry, inputs.environment)?, inputs)
}

fn adjusted(mut context: Context, inputs: &Inputs<'_>) -> Result<Context> {
    adjust(&mut context, inputs)?;
    Ok(context)
}

fn read_file(inputs: &Inputs<'_>) -> Result<Option<ConfigFile>> {
    let Some((path, named)) = config_path(inputs.common, inputs.environment) else {
        return Ok(None);
    };
    match file::read(&path)? {
        None if named => Err(Error::new(
            Slug::ConfigUnreadable,
            format!("the configuration file {} does not exist", path.display()),
        )
        .hint("check --config and KFP_CREDENTIAL_CONFIG, or create it with `kfp-credential config set-context NAME --endpoint URL`")),
        file => Ok(file),
    }
}

fn named_without_file(inputs: &Inputs<'_>) -> Result<Option<&'static ContextEntry>> {
    let wanted = inputs.common.context.as_deref();
    let wanted = wanted.or_else(|| inputs.exec.and_then(|exec| exec.context.as_deref()));
    match (wanted, config_path(inputs.common, inputs.environment)) {
        (None, _) => Ok(None),
        (Some(name), path) => {
            let path = path
                .map(|(path, _)| path.display().to_string())
                .unwrap_or_default();
            Err(Error::new(
                Slug::ConfigContextUnknown,
                format!("there is no context {name:?}"),
            )
            .because(format!("there is no configuration file {path}"))
            .hint(format!(
                "write the context: `kfp-credential config set-context {} --endpoint URL`",
                shell::word(name, "NAME")
            )))
        }
    }
}

/// What says which entry is meant.
enum ContextSelector<'a> {
    /// Its name, and who says it where that is no option.
    Name(&'a str, &'static str),
    /// Its endpoint.
    Endpoint(&'a str),
    /// Nothing but the file itself.
    Current,
}

impl<'a> ContextSelector<'a> {
    fn by(inputs: &Inputs<'a>) -> Self {
        let exec = inputs.exec.and_then(|exec| exec.context.as_deref());
        match (&inputs.common.context, &inputs.target.endpoint, exec) {
            (Some(name), _, _) => Self::Name(name, ""),
            (None, Some(endpoint), _) => Self::Endpoint(endpoint),
            (None, None, Some(name)) => Self::Name(name, " (named by the exec info's config)"),
            (None, None, None) => Self::Current,
        }
    }
}

/// Picks the entry that is meant, `None` where the options stand alone.
fn choose<'f>(file: &'f ConfigFile, inputs: &Inputs<'_>) -> Result<Option<&'f ContextEntry>> {
    match ContextSelector::by(inputs) {
        ContextSelector::Name(name, who_says) => named(file, name, who_says).map(Some),
        ContextSelector::Endpoint(endpoint) => with_endpoint(file, &parse_endpoint(endpoint)?),
        ContextSelector::Current => match &file.config.current_context {
            Some(name) if !name.is_empty() => {
                named(file, name, " (the file's current-context)").map(Some)
            }
            _ => Ok(None),
        },
    }
}

fn named<'f>(file: &'f ConfigFile, name: &str, who_says: &str) -> Result<&'f ContextEntry> {
    file.context(name).ok_or_else(|| {
        let names: Vec<&str> = file
            .config
            .contexts()
            .iter()
            .map(|context| context.name.value.as_str())
            .collect();
        let known = if names.is_empty() {
            "it has none".to_owned()
        } else {
            format!("it has {}", names.join(", "))
        };
        Error::new(
            Slug::ConfigContextUnknown,
            format!(
                "there is no context {name:?}{who_says} in {}: {known}",
                file.path.display()
            ),
        )
    })
}

fn with_endpoint<'f>(
    file: &'f ConfigFile,
    endpoint: &Endpoint,
) -> Result<Option<&'f ContextEntry>> {
    let has_it = |entry: &&ContextEntry| {
        entry
            .endpoint
            .as_ref()
            .is_some_and(|text| Endpoint::parse(&text.value).as_ref() == Ok(endpoint))
    };
    let matches: Vec<&ContextEntry> = file.config.contexts().iter().filter(has_it).collect();
    match matches.as_slice() {
        [] => Ok(None),
        [entry] => Ok(Some(entry)),
        several => {
            let names: Vec<&str> = several
                .iter()
                .map(|entry| entry.name.value.as_str())
                .collect();
            Err(Error::new(
                Slug::ConfigContextAmbiguous,
                format!(
                    "the contexts {} all have the endpoint {endpoint}",
                    names.join(", ")
                ),
            ))
        }
    }
}

fn of_nothing() -> Context {
    Context {
        name: None,
        endpoint: None,
        namespace: None,
        method: Method::Detect(Dex::default()),
        store: StoreChoice::Auto,
        session_lifetime: None,
        bearer_header: BearerHeader::default(),
        connection: Connection::default(),
        headers: Vec::new(),
        servers: Vec::new(),
        verify: true,
        deadlines: Deadlines::default(),
        left_aside: Vec::new(),
    }
}

/// Lets options and variables adjust the chosen context, and fills what is still open.
fn adjust(context: &mut Context, inputs: &Inputs<'_>) -> Result<()> {
    let (target, environment) = (inputs.target, inputs.environment);
    if let Some(text) = &target.endpoint {
        context.endpoint = Some(same_origin(context, parse_endpoint(text)?)?);
    }
    if context.name.is_none()
        && context.endpoint.is_none()
        && let Some(text) = environment.get(environment::KF_PIPELINES_ENDPOINT)
    {
        context.endpoint = Some(parse_endpoint_of(
            text,
            "the variable KF_PIPELINES_ENDPOINT",
        )?);
    }
    adjust_connection(&mut context.connection, target)?;
    let file = environment.path(environment::SSL_CERT_FILE);
    context.connection.system_authority = file.map(Path::to_path_buf);
    context.connection.system_authority_folders = environment.paths(environment::SSL_CERT_DIR);
    if let Some(name) = &target.store {
        context.store = parse_store(name).map_err(|what| wrong_value("--store", name, &what))?;
    }
    if let Some(text) = &inputs.contact.timeout {
        let timeout = parse_duration(text).map_err(|what| wrong_value("--timeout", text, &what))?;
        context.deadlines = Deadlines::scaled_to(timeout);
    }
    context.verify = !inputs.contact.no_verify.unwrap_or(false);
    adjust_method(context, inputs)?;
    if context.endpoint.is_none() {
        context.endpoint = Some(endpoint_of_pod(context)?);
    }
    let exec_namespace = || inputs.exec.and_then(|exec| exec.namespace.clone());
    context.namespace = target
        .namespace
        .clone()
        .or_else(exec_namespace)
        .or_else(|| context.namespace.take());
    context.namespace = context
        .namespace
        .take()
        .or_else(|| namespace::of_surroundings(environment));
    Ok(())
}

/// Accepts another path of the context's own origin; another origin would carry its secrets away.
fn same_origin(context: &Context, wanted: Endpoint) -> Result<Endpoint> {
    match (&context.name, &context.endpoint) {
        (Some(name), Some(own)) if own.origin() != wanted.origin() => Err(Error::new(
            Slug::EndpointChanged,
            format!("the endpoint {wanted} is not at {}, where the context {name:?} and its secrets belong", own.origin()),
        )
        .hint(format!(
            "leave --context out to use {wanted} without a context, or write one: `kfp-credential config set-context NAME {}`",
            shell::option("--endpoint", &wanted.to_string(), "URL")
        ))),
        _ => Ok(wanted),
    }
}

fn adjust_connection(connection: &mut Connection, target: &TargetOptions) -> Result<()> {
    if let Some(path) = &target.certificate_authority {
        connection.certificate_authority = Some(path.clone());
        connection.certificate_authority_data = None;
        // Who says whom to trust wants that to be looked at, whatever the context says.
        connection.insecure_skip_tls_verify = false;
    }
    if let Some(value) = target.insecure_skip_tls_verify {
        connection.insecure_skip_tls_verify = value;
    }
    if let Some(value) = target.allow_insecure_http {
        connection.allow_insecure_http = value;
    }
    if let Some(text) = &target.proxy_url {
        // The value stays out of the message: it may hold the proxy's password.
        let parsed = parse_proxy(text);
        connection.proxy_url = Some(parsed.map_err(|what| {
            Error::new(
                Slug::ConfigInvalid,
                format!("the value of --proxy-url is not a proxy URL: {what}"),
            )
        })?);
    }
    Ok(())
}

/// Without an endpoint, a token file means the service that the kfp SDK takes in a pod too. It is in the namespace of
/// Kubeflow itself; a pod's own is a profile's, where no such service is.
fn endpoint_of_pod(context: &Context) -> Result<Endpoint> {
    if matches!(context.method, Method::TokenFile(_)) {
        return Ok(Endpoint::parse(ENDPOINT_OF_PODS).expect("an endpoint"));
    }
    let what = match &context.name {
        Some(name) => format!("the context {name:?} has no endpoint"),
        None => "nothing says which Kubeflow Pipelines endpoint to use".to_owned(),
    };
    Err(Error::new(Slug::ConfigMissing, what))
}

fn parse_endpoint(text: &str) -> Result<Endpoint> {
    parse_endpoint_of(text, "--endpoint")
}

fn parse_endpoint_of(text: &str, who: &str) -> Result<Endpoint> {
    Endpoint::parse(text).map_err(|what| {
        Error::new(
            Slug::ConfigInvalid,
            format!("the value of {who} is not an endpoint URL: {what}"),
        )
        .hint("write it like https://kubeflow.example.com/pipeline")
    })
}
