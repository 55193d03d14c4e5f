//! No credential at all: right for a standalone Kubeflow Pipelines, and wrong for a multi-user one that was reached
//! past its gateway, whose API then says "there is no user identity header". The proof tells the two apart.

use crate::config::Context;
use crate::endpoint::Endpoint;
use crate::error::{Error, Result, Slug};
use crate::http::Http;
use crate::method::proof::{Proof, is_kubeflow_pipelines, prove};
use crate::secret::Secret;

/// Checks that the endpoint is a Kubeflow Pipelines API that serves us without a credential; gives its base URL.
pub fn check(
    http: &Http<'_>,
    context: &Context,
    endpoint: &Endpoint,
    extra_headers: &[(String, Secret)],
) -> Result<Endpoint> {
    let proof = match prove(http, endpoint, &[]) {
        Ok(proof) => proof,
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
            let identified = extra_headers
                .iter()
                .any(|(name, _)| names_an_identity(name));
            if answer["multi_user"] == true && !identified {
                return Err(identity_required(context, endpoint));
            }
            Ok(base)
        }
        Proof::Proven(..) | Proof::NotFound => Err(Error::new(
            Slug::EndpointNotRecognised,
            format!(
                "{endpoint} gives no health answer of Kubeflow Pipelines (apis/v2beta1/healthz)"
            ),
        )),
    }
}

/// The API server takes the user from a header whose name is configured: `kubeflow-userid`,
/// `x-goog-authenticated-user-email`, or a site's own (`KUBEFLOW_USERID_HEADER`).
fn names_an_identity(header: &str) -> bool {
    let header = header.to_lowercase();
    header.contains("user") || header.contains("email")
}

fn identity_required(context: &Context, endpoint: &Endpoint) -> Error {
    let error = Error::new(
        Slug::IdentityRequired,
        format!("{endpoint} is a multi-user Kubeflow Pipelines reached past its gateway, which adds the user's identity"),
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
