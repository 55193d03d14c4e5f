//! No credential at all: right for a standalone Kubeflow Pipelines, and wrong for a multi-user one that was reached
//! past its gateway, whose API then says "there is no user identity header". The proof tells the two apart.
//!
//! The context's extra headers are a credential here: what stands before the API may make an identity of them, so they
//! are proven by a request that needs one, and not by their names.

use crate::config::Context;
use crate::config::method::Method;
use crate::credential::{Credential, Material};
use crate::endpoint::Endpoint;
use crate::error::{Error, Result, Slug};
use crate::http::Http;
use crate::method::identity::{self, Whoami};
use crate::method::login::{Login, LoginMethod, NewCredential};
use crate::method::proof::{NOT_VERIFIED, Proof, is_kubeflow_pipelines, prove};
use crate::secret::Secret;
use crate::store::Identity;

/// The method.
pub(super) struct NoLogin;

impl LoginMethod for NoLogin {
    /// It belongs to all.
    fn identity(&self) -> Identity<'_> {
        Identity::default()
    }

    /// Extra headers, which may be secret, are asked about apart.
    fn requires_secure_transport(&self, _in_cluster: bool) -> bool {
        false
    }

    fn log_in(&self, login: &Login<'_>) -> Result<NewCredential> {
        login.over_http(self, |http| proven(http, login))
    }
}

/// Proves that the endpoint serves us as we are.
pub(super) fn proven(http: &Http<'_>, login: &Login<'_>) -> Result<NewCredential> {
    let context = login.context;
    let (endpoint, unproven) = check(http, context, login.endpoint, login.extra_headers)?;
    let (now, life) = (login.now(), context.session_lifetime);
    Ok(NewCredential {
        credential: Credential::new(Material::None, None, now, None, life),
        method: "none",
        endpoint,
        unproven,
        clock_ahead: None,
    })
}

/// Checks that the endpoint is a Kubeflow Pipelines API that serves us without a credential, or with the context's extra
/// headers; gives its base URL, and why that is unproven where the caller wants no proof of such headers.
fn check(
    http: &Http<'_>,
    context: &Context,
    endpoint: &Endpoint,
    extra_headers: &[(String, Secret)],
) -> Result<(Endpoint, Option<String>)> {
    let has_headers = !extra_headers.is_empty();
    let unproven = || Some(NOT_VERIFIED.to_owned());
    if has_headers && !context.verify && matches!(context.method, Method::None) {
        return Ok((endpoint.clone(), unproven()));
    }
    let proof = match prove(http, endpoint, &[]) {
        Ok(proof) => proof,
        Err(error) if error.slug() == Slug::LoginNotAccepted && has_headers => {
            return Err(error.hint(correct(extra_headers)));
        }
        Err(error) if error.slug() == Slug::LoginNotAccepted => {
            return Err(Error::new(
                Slug::EndpointNotRecognised,
                format!("{endpoint} does not answer as a Kubeflow Pipelines API without a login"),
            )
            .because(error.message())
            .hint("for a Kubeflow behind Dex, log in: --username USER, or `dex: {username: USER}` in the context")
            .hint("check the endpoint: the API's address often ends in /pipeline"));
        }
        Err(error) => return Err(error),
    };
    match proof {
        Proof::Unproven(error) => Err(error),
        Proof::Proven(base, answer) if is_kubeflow_pipelines(&answer) => {
            if answer["multi_user"] != true {
                return Ok((base, None));
            }
            if !has_headers {
                return Err(identity_required(context, endpoint));
            }
            if !context.verify {
                return Ok((base, unproven()));
            }
            match identity::ask(http, &base, context.namespace.as_deref(), &[])? {
                Whoami::Known => Ok((base, None)),
                Whoami::Nobody(words) => Err(identity_required(context, endpoint)
                    .because(words)
                    .hint(correct(extra_headers))),
                Whoami::Refused(words) => {
                    let what = format!("{endpoint} does not accept the context's extra headers");
                    Err(Error::new(Slug::LoginNotAccepted, what)
                        .because(words)
                        .hint(correct(extra_headers)))
                }
                Whoami::Unproven(error) => Err(error),
            }
        }
        Proof::Proven(..) | Proof::NotFound => Err(Error::new(
            Slug::EndpointNotRecognised,
            format!(
                "{endpoint} gives no health answer of Kubeflow Pipelines (apis/v2beta1/healthz)"
            ),
        )),
    }
}

fn correct(extra_headers: &[(String, Secret)]) -> String {
    let names: Vec<&str> = extra_headers
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    format!(
        "correct the context's extra headers ({}): they alone identify the user",
        names.join(", ")
    )
}

fn identity_required(context: &Context, endpoint: &Endpoint) -> Error {
    let error = Error::new(
        Slug::IdentityRequired,
        format!("{endpoint} is a multi-user Kubeflow Pipelines reached without its gateway, which adds the user's identity"),
    )
    .because("every call would fail with \"there is no user identity header\"")
    .hint("use the gateway's address, or forward to the gateway: `kubectl port-forward --namespace istio-system svc/istio-ingressgateway 8080:80`, then `kfp-credential get --endpoint http://localhost:8080/pipeline --username USER`")
    .hint("inside the cluster, mount a service account token with audience pipelines.kubeflow.org and use --token-file");
    if !crate::endpoint::is_loopback(endpoint.url()) {
        return error;
    }
    let name = context.name.as_deref().unwrap_or("NAME");
    error.hint(format!(
        "on a port-forward that only you can reach, set the identity yourself in the context {name:?}: `headers: {{kubeflow-userid: USER}}`"
    ))
}
