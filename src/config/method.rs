//! Which method a context uses, and what options and variables say of it.

use std::path::{Path, PathBuf};

use crate::config::context::{Context, Dex, Google, Iap, Method, TokenFile};
use crate::config::file::Source;
use crate::config::google_credentials;
use crate::config::inputs::{Inputs, wrong_value};
use crate::config::options::TargetOptions;
use crate::endpoint::Endpoint;
use crate::environment::{self, Environment};
use crate::error::{Error, Result, Slug};

/// Where Kubernetes mounts the projected token that the Kubeflow documentation describes.
const DEFAULT_TOKEN_FILE: &str = "/var/run/secrets/kubeflow/pipelines/token";
/// The audience of that token, as the Kubeflow Pipelines API server reviews it.
const PIPELINES_AUDIENCE: &str = "pipelines.kubeflow.org";

/// `--method` names the method, else the context does, else the options that belong to one; where nothing does, a mounted
/// token is taken for an endpoint inside the cluster, and any other endpoint is asked.
pub(super) fn adjust_method(context: &mut Context, inputs: &Inputs<'_>) -> Result<()> {
    let (target, environment) = (inputs.target, inputs.environment);
    let sdk = Sdk::of(context.endpoint.as_ref(), environment);
    let own = Some(context.method.name()).filter(|name| *name != "auto");
    // The account of `iap` is given as the user of `dex` is.
    let is_account = |option: &str| option == "--username" && own == Some("iap");
    let implied = match implied_method(target)? {
        Some((option, method))
            if target.method.is_none()
                && own.is_some_and(|own| own != method)
                && !is_account(option) =>
        {
            let (own, name) = (context.method.name(), context.display_name());
            let what = format!("{option} does not belong to the method {own} of {name}");
            return Err(Error::new(Slug::Usage, what)
                .hint("leave the option, or the variable that stands in for it, out, or say with --method which method to use instead"));
        }
        implied => implied.map(|(_, method)| method),
    };
    let method = std::mem::replace(&mut context.method, Method::None);
    context.method = match (target.method.as_deref().or(own).or(implied), method) {
        (Some("dex"), Method::Detect(dex) | Method::Dex(dex)) => Method::Dex(dex),
        (Some("dex"), _) => Method::Dex(Dex::default()),
        (Some("token-file"), Method::TokenFile(file)) => Method::TokenFile(file),
        (Some("token-file"), _) => Method::TokenFile(TokenFile::default()),
        (Some("iap"), Method::Iap(iap)) => Method::Iap(iap),
        (Some("iap"), _) => Method::Iap(Iap::default()),
        (Some("gcp"), Method::Gcp(google)) => Method::Gcp(google),
        (Some("gcp"), _) => Method::Gcp(Google::default()),
        (Some("none"), _) => Method::None,
        (Some(other), _) => {
            return Err(wrong_value(
                "--method",
                other,
                "it is dex, iap, gcp, token-file or none",
            ));
        }
        (None, _) if has_iap_client(context, &sdk) => Method::Iap(Iap::default()),
        (None, _) if is_inverse_proxy(context) => Method::Gcp(Google::default()),
        (None, _) if may_use_token_file(context, &sdk) => Method::TokenFile(TokenFile {
            path: sdk.token_file_unasked(),
            ..TokenFile::default()
        }),
        (None, method) => method,
    };
    match &mut context.method {
        Method::Detect(dex) | Method::Dex(dex) => adjust_dex(dex, target, environment),
        Method::TokenFile(file) => adjust_token_file(file, inputs, &sdk),
        Method::Iap(iap) => {
            adjust_iap(iap, target, &sdk);
            // Where the context means a person, no other credentials count.
            if iap.google.service_account.is_some() || iap.other_client_id.is_none() {
                google_credentials::settle(&mut iap.google, environment);
            }
        }
        Method::Gcp(google) => google_credentials::settle(google, environment),
        Method::None => {}
    }
    context.left_aside = sdk.left_aside(&context.method);
    Ok(())
}

/// The kfp SDK's variables are one set: what they give is for the endpoint that one of them names, and an ID token or a
/// login for another endpoint is not made of them.
struct Sdk<'a> {
    environment: &'a Environment,
    /// Whether the endpoint in use is at the origin that the set names.
    is_meant: bool,
    /// Whether the set names another origin.
    is_elsewhere: bool,
}

impl<'a> Sdk<'a> {
    fn of(endpoint: Option<&Endpoint>, environment: &'a Environment) -> Self {
        let named = environment.get(environment::KF_PIPELINES_ENDPOINT);
        let own = named.and_then(|text| Endpoint::parse(text).ok());
        let own = own.as_ref().map(Endpoint::origin);
        let is_meant = own.is_some() && endpoint.map(Endpoint::origin) == own;
        Self {
            environment,
            is_meant,
            is_elsewhere: named.is_some() && endpoint.is_some() && !is_meant,
        }
    }

    /// Gives what a variable holds, where it is meant for the endpoint in use.
    fn get(&self, name: &str) -> Option<&'a str> {
        self.environment.get(name).filter(|_| self.is_meant)
    }

    /// Gives the path of the token file that a pod is given.
    fn token_file(&self) -> PathBuf {
        let path = self
            .environment
            .path(environment::KF_PIPELINES_SA_TOKEN_PATH);
        path.unwrap_or(Path::new(DEFAULT_TOKEN_FILE)).to_path_buf()
    }

    /// Gives the same where nobody has asked for the method: a pod seldom names its endpoint, but where it does, its
    /// token is for that one.
    fn token_file_unasked(&self) -> PathBuf {
        if self.is_elsewhere {
            return PathBuf::from(DEFAULT_TOKEN_FILE);
        }
        self.token_file()
    }

    /// Names the variables that are set, and meant for another endpoint.
    fn left_aside(&self, method: &Method) -> Vec<&'static str> {
        let clients = [
            environment::KF_PIPELINES_IAP_CLIENT_ID,
            environment::KF_PIPELINES_APP_CLIENT_ID,
            environment::KF_PIPELINES_APP_CLIENT_SECRET,
        ];
        let clients = clients.into_iter().filter(|_| !self.is_meant);
        let token = Some(environment::KF_PIPELINES_SA_TOKEN_PATH)
            .filter(|_| self.is_elsewhere && !matches!(method, Method::TokenFile(_)));
        clients
            .chain(token)
            .filter(|name| self.environment.get(name).is_some())
            .collect()
    }
}

/// Gives the method that the options belong to, and one of them.
fn implied_method(target: &TargetOptions) -> Result<Option<(&'static str, &'static str)>> {
    let given = [
        (target.client_id.is_some(), "--client-id", "iap"),
        (target.other_client_id.is_some(), "--other-client-id", "iap"),
        (
            target.other_client_secret_file.is_some(),
            "--other-client-secret-file",
            "iap",
        ),
        (target.password_file.is_some(), "--password-file", "dex"),
        (target.connector.is_some(), "--connector", "dex"),
        (target.token_file.is_some(), "--token-file", "token-file"),
    ];
    let mut given = given.into_iter().filter(|(is_given, ..)| *is_given);
    let Some((_, option, method)) = given.next() else {
        // The account of `iap` is given the same way, but beside something that says `iap`.
        let is_dex = target.username.is_some();
        return Ok(is_dex.then_some(("--username", "dex")));
    };
    let username =
        (target.username.is_some() && method == "token-file").then_some(("--username", "dex"));
    let stranger = given
        .find(|(.., other)| *other != method)
        .map(|(_, option, other)| (option, other));
    match stranger.or(username) {
        Some((other_option, other)) if target.method.is_none() => Err(Error::new(
            Slug::Usage,
            format!("{option} belongs to the method {method}, {other_option} to {other}"),
        )
        .hint("give options of one method only, or say which with --method")),
        _ => Ok(Some((option, method))),
    }
}

/// The options, the context, then what the kfp SDK reads for this endpoint.
fn adjust_iap(iap: &mut Iap, target: &TargetOptions, sdk: &Sdk<'_>) {
    let of_sdk = |name: &str| sdk.get(name).map(str::to_owned);
    let client_id = target.client_id.clone().or_else(|| iap.client_id.take());
    iap.client_id = client_id.or_else(|| of_sdk(environment::KF_PIPELINES_IAP_CLIENT_ID));
    if target.other_client_id.is_some() && target.other_client_id != iap.other_client_id {
        iap.other_client_id.clone_from(&target.other_client_id);
        iap.other_client_secret = None;
    }
    if let Some(path) = &target.other_client_secret_file {
        iap.other_client_secret = Some(Source::File(path.to_string_lossy().into_owned()));
    }
    if iap.other_client_id.is_none() {
        iap.other_client_id = of_sdk(environment::KF_PIPELINES_APP_CLIENT_ID);
        let name = environment::KF_PIPELINES_APP_CLIENT_SECRET;
        if iap.other_client_secret.is_none() && sdk.get(name).is_some() {
            iap.other_client_secret = Some(Source::Env(name.to_owned()));
        }
    }
    iap.account = target.username.clone().or_else(|| iap.account.take());
}

/// The context's password is its own user's, and no other's.
fn adjust_dex(dex: &mut Dex, target: &TargetOptions, environment: &Environment) {
    if target.username.is_some() && target.username != dex.username {
        dex.username.clone_from(&target.username);
        dex.password = None;
    }
    dex.connector = target.connector.clone().or_else(|| dex.connector.take());
    if environment.get(environment::PASSWORD).is_some() {
        dex.password = Some(Source::Env(environment::PASSWORD.to_owned()));
    }
    if let Some(path) = &target.password_file {
        dex.password = Some(Source::File(path.to_string_lossy().into_owned()));
    }
}

/// The path is the option's, the context's, `KF_PIPELINES_SA_TOKEN_PATH`'s or the default; the last two are the
/// projected token, whose audience is known.
fn adjust_token_file(file: &mut TokenFile, inputs: &Inputs<'_>, sdk: &Sdk<'_>) {
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
    let default = sdk.token_file();
    if file.path.as_os_str().is_empty() {
        file.path.clone_from(&default);
    }
    if file.path == default || file.path == Path::new(DEFAULT_TOKEN_FILE) {
        file.audience
            .get_or_insert_with(|| PIPELINES_AUDIENCE.to_owned());
    }
}

fn has_iap_client(context: &Context, sdk: &Sdk<'_>) -> bool {
    let is_https = context
        .endpoint
        .as_ref()
        .is_some_and(|endpoint| endpoint.url().scheme() == "https");
    is_https && sdk.get(environment::KF_PIPELINES_IAP_CLIENT_ID).is_some()
}

/// AI Platform Pipelines. A cloud-platform token is worth stealing and customers' machines answer under other names of
/// `googleusercontent.com`, so nothing but this host is taken for it unasked.
fn is_inverse_proxy(context: &Context) -> bool {
    context.endpoint.as_ref().is_some_and(|endpoint| {
        let host = endpoint.url().host_str().unwrap_or_default();
        endpoint.url().scheme() == "https" && host.ends_with(".pipelines.googleusercontent.com")
    })
}

fn may_use_token_file(context: &Context, sdk: &Sdk<'_>) -> bool {
    sdk.token_file_unasked().exists()
        && context
            .endpoint
            .as_ref()
            .is_none_or(|endpoint| endpoint.is_in_cluster(sdk.environment))
}
