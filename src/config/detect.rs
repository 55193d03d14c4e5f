//! Which method a context uses, and what options and variables say of it.

use crate::config::context::Context;
use crate::config::inputs::{Inputs, wrong_value};
use crate::config::method::{Google, Iap, METHODS, Method, TokenFile, by_name, names};
use crate::config::options::TargetOptions;
use crate::config::sdk_variables::SdkVariables;
use crate::environment;
use crate::error::{Error, Result, Slug};

/// `--method` names the method, else the context does, else the options that belong to one; where nothing does, a mounted
/// token is taken for an endpoint inside the cluster, and any other endpoint is asked.
pub(super) fn adjust_method(context: &mut Context, inputs: &Inputs<'_>) -> Result<()> {
    let (target, environment) = (inputs.target, inputs.environment);
    let sdk = SdkVariables::of(context.endpoint.as_ref(), environment);
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
    context.method = match target.method.as_deref().or(own).or(implied) {
        Some(name) => named(name, method)?,
        None if has_iap_client(context, &sdk) => Method::Iap(Iap::default()),
        None if is_inverse_proxy(context) => Method::Gcp(Google::default()),
        None if may_use_token_file(context, &sdk) => Method::TokenFile(TokenFile {
            path: sdk.token_file_unasked(),
            ..TokenFile::default()
        }),
        None => method,
    };
    match &mut context.method {
        Method::Detect(dex) | Method::Dex(dex) => dex.adjust(inputs),
        Method::TokenFile(file) => file.adjust(inputs, &sdk),
        Method::Iap(iap) => iap.adjust(inputs, &sdk),
        Method::Gcp(google) => google.settle(environment),
        Method::None => {}
    }
    context.left_aside = sdk.left_aside(matches!(context.method, Method::TokenFile(_)));
    Ok(())
}

/// Gives the method of this name: with what the context says of it, where it is the context's own.
fn named(name: &str, own: Method) -> Result<Method> {
    if own.name() == name {
        return Ok(own);
    }
    if let (Method::Detect(dex), "dex") = (own, name) {
        return Ok(Method::Dex(dex));
    }
    let unknown = || wrong_value("--method", name, &format!("it is {}", names("or")));
    let keys = by_name(name).ok_or_else(unknown)?;
    Ok((keys.empty)())
}

/// Gives the method that the options belong to, and one of them.
fn implied_method(target: &TargetOptions) -> Result<Option<(&'static str, &'static str)>> {
    let mut given = METHODS.iter().flat_map(|keys| {
        let options = (keys.options)(target).into_iter();
        let given = options.filter(|(_, is_given)| *is_given);
        given.map(|(option, _)| (option, *keys))
    });
    let Some((option, keys)) = given.next() else {
        // The account of `iap` is given the same way, but beside something that says `iap`.
        let is_dex = target.username.is_some();
        return Ok(is_dex.then_some(("--username", "dex")));
    };
    let stranger = given
        .find(|(_, other)| other.name != keys.name)
        .map(|(option, other)| (option, other.name));
    let has_username = target.username.is_some() && !keys.takes_username;
    let username = has_username.then_some(("--username", "dex"));
    match stranger.or(username) {
        Some((other_option, other)) if target.method.is_none() => Err(Error::new(
            Slug::Usage,
            format!(
                "{option} belongs to the method {}, {other_option} to {other}",
                keys.name
            ),
        )
        .hint("give options of one method only, or say which with --method")),
        _ => Ok(Some((option, keys.name))),
    }
}

fn has_iap_client(context: &Context, sdk: &SdkVariables<'_>) -> bool {
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

fn may_use_token_file(context: &Context, sdk: &SdkVariables<'_>) -> bool {
    sdk.token_file_unasked().exists()
        && context
            .endpoint
            .as_ref()
            .is_none_or(|endpoint| endpoint.is_in_cluster(sdk.environment))
}
