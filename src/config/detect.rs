//! Which method a context uses, and what options and variables say of it.

use crate::config::context::Context;
use crate::config::inputs::{Inputs, wrong_value};
use crate::config::method::{
    AUDIENCE, Google, Iap, Method, TokenFile, by_name, given, names, of_options,
};
use crate::config::sdk_variables::SdkVariables;
use crate::environment;
use crate::error::{Error, Result, Slug};

/// `--method` names the method, else the context does, else the options that belong to one; where nothing does, a mounted
/// token is taken for an endpoint inside the cluster, and any other endpoint is asked.
pub(super) fn adjust_method(context: &mut Context, inputs: &Inputs<'_>) -> Result<()> {
    let (target, environment) = (inputs.target, inputs.environment);
    let sdk = SdkVariables::of(context.endpoint.as_ref(), environment);
    let own = context.method.keys();
    let mut options = given(target);
    options.retain(|option| *option != AUDIENCE);
    let implied = if target.method.is_some() {
        None
    } else {
        let foreign = own.and_then(|own| options.iter().find(|option| !own.takes(option)));
        if let Some(option) = foreign {
            let (own, name) = (context.method.name(), context.display_name());
            let what = format!("{option} does not belong to the method {own} of {name}");
            return Err(Error::new(Slug::Usage, what)
                .hint("leave the option, or the variable that stands in for it, out, or say with --method which method to use instead"));
        }
        of_options(&options, own)?.map(|keys| keys.name)
    };
    let own = own.map(|keys| keys.name);
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
    context.method.adjust(inputs, &sdk)?;
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
