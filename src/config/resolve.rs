//! Precedence: which context, and what adjusts it.
//!
//! `--context` takes that context whole; `--endpoint` alone selects the one context that has it, or stands alone; then
//! the exec info's `config`, then `current-context`. Options and `KFP_CREDENTIAL_*` adjust what was chosen. The kfp
//! SDK's own variables fill what nothing else gives.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use serde_saphyr::Spanned;

use crate::cli::options::{CommonOptions, ContactOptions, TargetOptions};
use crate::config::context::{
    BearerHeader, Connection, Context, Deadlines, Dex, ExtraHeader, Method, StoreChoice, TokenFile,
};
use crate::config::file::{self, ConfigFile, ContextEntry, HeaderValue, Source};
use crate::endpoint::{Endpoint, Origin};
use crate::environment::{self, Environment};
use crate::error::{Error, Result, Slug};
use crate::protocol::request::ExecConfig;

/// Where Kubernetes mounts the projected token that the Kubeflow documentation describes.
const DEFAULT_TOKEN_FILE: &str = "/var/run/secrets/kubeflow/pipelines/token";
/// The audience of that token, as the Kubeflow Pipelines API server reviews it.
const PIPELINES_AUDIENCE: &str = "pipelines.kubeflow.org";
/// Where Kubernetes writes a pod's own namespace.
const POD_NAMESPACE_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/// All that can say which context is meant, options and variables already merged.
#[derive(Debug)]
pub struct Inputs<'a> {
    /// The options of every command.
    pub common: &'a CommonOptions,
    /// The options that stand in for keys.
    pub target: &'a TargetOptions,
    /// The options of contacts.
    pub contact: &'a ContactOptions,
    /// What a Kubernetes client's exec info asks for.
    pub exec: Option<&'a ExecConfig>,
    /// The environment.
    pub environment: &'a Environment,
}

/// Gives the path of the configuration file, and whether somebody named it.
pub fn config_path(common: &CommonOptions, environment: &Environment) -> Option<(PathBuf, bool)> {
    match &common.config {
        Some(path) => Some((path.clone(), true)),
        None => Some((environment.config_folder()?.join("config.yaml"), false)),
    }
}

/// Finds the context that is meant and validates it.
pub fn resolve(inputs: &Inputs<'_>) -> Result<Context> {
    let file = read_file(inputs)?;
    let entry = match &file {
        Some(file) => choose(file, inputs)?,
        None => named_without_file(inputs)?,
    };
    let mut context = match (&file, entry) {
        (Some(file), Some(entry)) => of_entry(file, entry, inputs.environment)?,
        _ => of_nothing(),
    };
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
                "write the context: `kfp-credential config set-context {name} --endpoint URL`"
            )))
        }
    }
}

/// Picks the entry that is meant, `None` where the options stand alone.
fn choose<'f>(file: &'f ConfigFile, inputs: &Inputs<'_>) -> Result<Option<&'f ContextEntry>> {
    if let Some(name) = &inputs.common.context {
        return named(file, name, "").map(Some);
    }
    if let Some(endpoint) = &inputs.target.endpoint {
        return with_endpoint(file, &parse_endpoint(endpoint)?);
    }
    if let Some(name) = inputs.exec.and_then(|exec| exec.context.as_deref()) {
        return named(file, name, " (named by the exec info's config)").map(Some);
    }
    match &file.config.current_context {
        Some(name) if !name.is_empty() => {
            named(file, name, " (the file's current-context)").map(Some)
        }
        _ => Ok(None),
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
    }
}

/// Validates one entry of the file, before anything adjusts it.
pub fn of_entry(
    file: &ConfigFile,
    entry: &ContextEntry,
    environment: &Environment,
) -> Result<Context> {
    let path = |text: &str| beside(&file.path, text, environment);
    let mut headers = Vec::new();
    for (name, value) in entry.headers.iter().flatten() {
        let reserved = [
            "authorization",
            "proxy-authorization",
            "cookie",
            "host",
            "content-length",
        ];
        if reqwest::header::HeaderName::try_from(name).is_err()
            || reserved.contains(&name.to_lowercase().as_str())
        {
            let what = format!("the extra header {name:?} is no header that can be set");
            return Err(file::invalid_at(&file.path, &entry.name, &what));
        }
        let value = match value {
            HeaderValue::Literal(text) => HeaderValue::Literal(text.clone()),
            HeaderValue::From(source) => HeaderValue::From(located(source, &path)),
        };
        headers.push(ExtraHeader {
            name: name.clone(),
            value,
        });
    }
    let check = Checker { file: &file.path };
    Ok(Context {
        name: Some(entry.name.value.clone()),
        endpoint: check.parsed(entry.endpoint.as_ref(), "endpoint", Endpoint::parse)?,
        namespace: entry.namespace.clone(),
        method: method_of_entry(file, entry, &path)?,
        store: check
            .parsed(entry.store.as_ref(), "store", parse_store)?
            .unwrap_or(StoreChoice::Auto),
        session_lifetime: check.parsed(
            entry.session_lifetime.as_ref(),
            "session-lifetime",
            parse_lifetime,
        )?,
        bearer_header: check
            .parsed(entry.header.as_ref(), "header", |text| {
                BearerHeader::parse(text)
                    .ok_or("it is authorization or proxy-authorization".to_owned())
            })?
            .unwrap_or_default(),
        connection: Connection {
            certificate_authority: entry.certificate_authority.as_deref().map(path),
            certificate_authority_data: check.parsed(
                entry.certificate_authority_data.as_ref(),
                "certificate-authority-data",
                |text| {
                    let text: String = text.split_whitespace().collect();
                    STANDARD
                        .decode(text)
                        .map_err(|_| "it is not base64".to_owned())
                },
            )?,
            insecure_skip_tls_verify: entry.insecure_skip_tls_verify.unwrap_or(false),
            tls_server_name: check.parsed(
                entry.tls_server_name.as_ref(),
                "tls-server-name",
                parse_server_name,
            )?,
            proxy_url: check.parsed(entry.proxy_url.as_ref(), "proxy-url", parse_proxy)?,
            allow_insecure_http: entry.allow_insecure_http.unwrap_or(false),
        },
        headers,
        servers: check.all_parsed(entry.servers.as_deref(), "servers", Origin::parse)?,
        verify: true,
        deadlines: Deadlines::default(),
    })
}

fn method_of_entry(
    file: &ConfigFile,
    entry: &ContextEntry,
    path: &dyn Fn(&str) -> PathBuf,
) -> Result<Method> {
    let check = Checker { file: &file.path };
    match (&entry.dex, &entry.token_file, &entry.none) {
        (Some(dex), None, None) => Ok(Method::Dex(Dex {
            username: dex.username.clone(),
            password: dex.password.as_ref().map(|source| located(source, path)),
            connector: dex.connector.clone(),
            login_origins: check.all_parsed(
                dex.login_origins.as_deref(),
                "login-origins",
                Origin::parse,
            )?,
        })),
        (None, Some(block), None) => Ok(Method::TokenFile(TokenFile {
            path: block.path.as_deref().map(path).unwrap_or_default(),
            audience: block.audience.clone(),
        })),
        (None, None, Some(_)) => Ok(Method::None),
        (None, None, None) => Ok(Method::Detect(Dex::default())),
        _ => Err(file::invalid_at(
            &file.path,
            &entry.name,
            &format!(
                "the context {:?} has more than one of dex, token-file and none",
                entry.name.value
            ),
        )),
    }
}

/// Lets options and variables adjust the chosen context, and fills what is still open.
fn adjust(context: &mut Context, inputs: &Inputs<'_>) -> Result<()> {
    let (target, environment) = (inputs.target, inputs.environment);
    if let Some(text) = &target.endpoint {
        context.endpoint = Some(same_origin(context, parse_endpoint(text)?)?);
    }
    if context.name.is_none() && context.endpoint.is_none() && target.token_file.is_none() {
        if let Some(text) = environment.get(environment::KF_PIPELINES_ENDPOINT) {
            context.endpoint = Some(parse_endpoint_of(
                text,
                "the variable KF_PIPELINES_ENDPOINT",
            )?);
        }
    }
    adjust_connection(&mut context.connection, target)?;
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
        .or_else(|| kfp_namespace(environment))
        .or_else(pod_namespace);
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
            "leave --context out to use {wanted} without a context, or write one: `kfp-credential config set-context NAME --endpoint {wanted}`"
        ))),
        _ => Ok(wanted),
    }
}

fn adjust_connection(connection: &mut Connection, target: &TargetOptions) -> Result<()> {
    if let Some(path) = &target.certificate_authority {
        connection.certificate_authority = Some(path.clone());
        connection.certificate_authority_data = None;
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
                format!("the value of --proxy-url is no proxy's URL: {what}"),
            )
        })?);
    }
    Ok(())
}

fn adjust_method(context: &mut Context, inputs: &Inputs<'_>) -> Result<()> {
    let (target, environment) = (inputs.target, inputs.environment);
    let dex_option = [
        (target.username.is_some(), "--username"),
        (target.password_file.is_some(), "--password-file"),
        (target.connector.is_some(), "--connector"),
    ];
    let dex_option = dex_option
        .iter()
        .find(|(given, _)| *given)
        .map(|(_, name)| *name);
    let token_option = target.token_file.as_ref().map(|_| "--token-file");

    let method = std::mem::replace(&mut context.method, Method::None);
    let method = match target.method.as_deref() {
        None => match (method, dex_option, token_option) {
            (Method::Detect(_), Some(dex), Some(token)) => {
                return Err(Error::new(
                    Slug::Usage,
                    format!("{dex} belongs to the method dex, {token} to token-file"),
                )
                .hint("give options of one method only, or say which with --method"));
            }
            (Method::Detect(_), None, Some(_)) => Method::TokenFile(TokenFile::unnamed()),
            (Method::Detect(dex), Some(_), None) if target.username.is_some() => Method::Dex(dex),
            (method @ (Method::TokenFile(_) | Method::None), Some(option), _)
            | (method @ (Method::Dex(_) | Method::None), _, Some(option)) => {
                return Err(Error::new(
                    Slug::Usage,
                    format!(
                        "{option} does not belong to the method {} of {}",
                        method.name(),
                        context.display_name()
                    ),
                )
                .hint("leave the option out, or say with --method which method to use instead"));
            }
            (method, _, _) => method,
        },
        Some("dex") => Method::Dex(match method {
            Method::Detect(dex) | Method::Dex(dex) => dex,
            Method::TokenFile(_) | Method::None => Dex::default(),
        }),
        Some("token-file") => match method {
            method @ Method::TokenFile(_) => method,
            _ => Method::TokenFile(TokenFile::unnamed()),
        },
        Some("none") => Method::None,
        Some(other) => {
            return Err(wrong_value(
                "--method",
                other,
                "it is dex, token-file or none",
            ));
        }
    };
    context.method = match method {
        Method::Detect(dex) if may_use_token_file(context, environment) => {
            drop(dex);
            Method::TokenFile(TokenFile::unnamed())
        }
        method => method,
    };
    match &mut context.method {
        Method::Detect(dex) | Method::Dex(dex) => adjust_dex(dex, target, environment),
        Method::TokenFile(file) => adjust_token_file(file, inputs),
        Method::None => {}
    }
    Ok(())
}

fn adjust_dex(dex: &mut Dex, target: &TargetOptions, environment: &Environment) {
    dex.username = target.username.clone().or_else(|| dex.username.take());
    dex.connector = target.connector.clone().or_else(|| dex.connector.take());
    if environment.get(environment::PASSWORD).is_some() {
        dex.password = Some(Source::Env(environment::PASSWORD.to_owned()));
    }
    if let Some(path) = &target.password_file {
        dex.password = Some(Source::File(path.to_string_lossy().into_owned()));
    }
}

/// The path is the option's, the context's, `KF_PIPELINES_SA_TOKEN_PATH`'s or the default; where nobody named the file
/// it is the projected token, whose audience is known.
fn adjust_token_file(file: &mut TokenFile, inputs: &Inputs<'_>) {
    let exec_audience = || inputs.exec.and_then(|exec| exec.audience.clone());
    file.audience = inputs
        .target
        .audience
        .clone()
        .or_else(exec_audience)
        .or_else(|| file.audience.take());
    if let Some(path) = &inputs.target.token_file {
        file.path.clone_from(path);
    }
    if file.path.as_os_str().is_empty() {
        file.path = default_token_file(inputs.environment);
        file.audience
            .get_or_insert_with(|| PIPELINES_AUDIENCE.to_owned());
    }
    if file.path == Path::new(DEFAULT_TOKEN_FILE) {
        file.audience
            .get_or_insert_with(|| PIPELINES_AUDIENCE.to_owned());
    }
}

fn may_use_token_file(context: &Context, environment: &Environment) -> bool {
    default_token_file(environment).exists()
        && context
            .endpoint
            .as_ref()
            .is_none_or(Endpoint::is_in_cluster)
}

fn default_token_file(environment: &Environment) -> PathBuf {
    let path = environment.path(environment::KF_PIPELINES_SA_TOKEN_PATH);
    path.unwrap_or(Path::new(DEFAULT_TOKEN_FILE)).to_path_buf()
}

impl TokenFile {
    fn unnamed() -> Self {
        Self {
            path: PathBuf::new(),
            audience: None,
        }
    }
}

/// Without an endpoint, a token file means the pipelines service of the pod's own namespace.
fn endpoint_of_pod(context: &Context) -> Result<Endpoint> {
    if !matches!(context.method, Method::TokenFile(_)) {
        let what = match &context.name {
            Some(name) => format!("the context {name:?} has no endpoint"),
            None => "nothing says which Kubeflow Pipelines endpoint to use".to_owned(),
        };
        return Err(Error::new(Slug::ConfigMissing, what));
    }
    let service = match pod_namespace() {
        Some(namespace) => format!("http://ml-pipeline-ui.{namespace}"),
        None => "http://ml-pipeline-ui".to_owned(),
    };
    Endpoint::parse(&service).map_err(|what| {
        Error::new(
            Slug::ConfigInvalid,
            format!("the pod's namespace makes no endpoint: {what}"),
        )
        .hint("name the endpoint with --endpoint URL")
    })
}

fn pod_namespace() -> Option<String> {
    let text = std::fs::read_to_string(POD_NAMESPACE_FILE).ok()?;
    Some(text.trim().to_owned()).filter(|namespace| !namespace.is_empty())
}

/// The namespace that `kfp.Client().set_user_namespace()` keeps.
fn kfp_namespace(environment: &Environment) -> Option<String> {
    let text = std::fs::read_to_string(environment.kfp_context_file()?).ok()?;
    let value: serde_json::Value = serde_json::from_str(&text).ok()?;
    Some(value.get("namespace")?.as_str()?.to_owned()).filter(|namespace| !namespace.is_empty())
}

/// Reads values of the file; an error names the line, column and key.
struct Checker<'a> {
    file: &'a Path,
}

impl Checker<'_> {
    fn parsed<T>(
        &self,
        value: Option<&Spanned<String>>,
        key: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>> {
        let Some(value) = value else { return Ok(None) };
        match parse(&value.value) {
            Ok(parsed) => Ok(Some(parsed)),
            Err(what) => Err(file::invalid_at(
                self.file,
                value,
                &format!("the value of {key} is wrong: {what}"),
            )),
        }
    }

    fn all_parsed<T>(
        &self,
        values: Option<&[Spanned<String>]>,
        key: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<T>> {
        let values = values.unwrap_or_default().iter();
        values
            .filter_map(|value| self.parsed(Some(value), key, &parse).transpose())
            .collect()
    }
}

/// Makes a source's file relative to the configuration file's folder.
fn located(source: &Source, path: &dyn Fn(&str) -> PathBuf) -> Source {
    match source {
        Source::File(text) => Source::File(path(text).to_string_lossy().into_owned()),
        other => other.clone(),
    }
}

/// Reads a path of the file: `~/` is the home folder, what is relative lies beside the file.
fn beside(file: &Path, text: &str, environment: &Environment) -> PathBuf {
    match (text.strip_prefix("~/"), environment.home()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => file.parent().unwrap_or(Path::new("")).join(text),
    }
}

fn parse_endpoint(text: &str) -> Result<Endpoint> {
    parse_endpoint_of(text, "--endpoint")
}

fn parse_endpoint_of(text: &str, who: &str) -> Result<Endpoint> {
    Endpoint::parse(text).map_err(|what| {
        Error::new(
            Slug::ConfigInvalid,
            format!("the value of {who} is no endpoint: {what}"),
        )
        .hint("write it like https://kubeflow.example.com/pipeline")
    })
}

fn parse_store(name: &str) -> Result<StoreChoice, String> {
    StoreChoice::parse(name).ok_or_else(|| "it is auto, keyring, runtime, file or none".to_owned())
}

/// Reads a duration such as `90s`, `10m` or `1h30m`.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(duration)
            if duration >= Duration::from_millis(1)
                && duration <= Duration::from_secs(400 * 24 * 3600) =>
        {
            Ok(duration)
        }
        Ok(_) => Err("it lies between 1ms and 400days".to_owned()),
        Err(_) => Err("write it like 90s, 10m or 1h30m".to_owned()),
    }
}

fn parse_lifetime(text: &str) -> Result<TimeDelta, String> {
    TimeDelta::from_std(parse_duration(text)?).map_err(|error| error.to_string())
}

fn parse_proxy(text: &str) -> Result<url::Url, String> {
    let url = url::Url::parse(text).map_err(|error| error.to_string())?;
    match url.scheme() {
        "http" | "https" | "socks5" | "socks5h" if url.host().is_some() => Ok(url),
        scheme => Err(format!(
            "the scheme is {scheme:?}, not http, https, socks5 or socks5h"
        )),
    }
}

fn parse_server_name(text: &str) -> Result<String, String> {
    match url::Host::parse(text) {
        Ok(host) => Ok(host.to_string()),
        Err(error) => Err(format!("it is no host name: {error}")),
    }
}

fn wrong_value(option: &str, value: &str, what: &str) -> Error {
    Error::new(
        Slug::ConfigInvalid,
        format!("the value {value:?} of {option} is wrong: {what}"),
    )
    .hint(format!(
        "correct {option}, or the variable that stands in for it"
    ))
}
