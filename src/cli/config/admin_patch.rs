//! `kfp-credential config admin-patch`: what an administrator of Kubeflow adds, so that people or programs log in with
//! the method `oidc`. Each text is tried against real servers by the tests.

use clap::ValueEnum;

use crate::cli::Setting;
use crate::config::Context;
use crate::config::method::{GrantType, Method, Oidc};
use crate::config::options::{ContactOptions, TargetOptions};
use crate::endpoint::Endpoint;
use crate::error::Result;
use crate::method;
use crate::shell;

/// Where stock Kubeflow keeps Dex's configuration.
const DEX: &str = "\
# Dex's configuration: key config.yaml of the ConfigMap dex in the namespace auth. Afterwards:
#   kubectl rollout restart deployment dex --namespace auth
";
/// The client where the context names none.
const CLIENT_ID: &str = "kfp-credential";

/// Who is to be let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Way {
    /// People with a browser on the machine that runs this program
    Browser,
    /// People with a browser on any machine, who type a code
    Device,
    /// Programs with a user's password
    Password,
    /// Jobs of a CI and pods, by the token that they have
    TokenExchange,
    /// Programs that another provider than Dex lets in by a client's secret
    ClientCredentials,
}

/// Runs the command.
pub(super) fn print(
    setting: &mut Setting<'_, '_>,
    way: Option<Way>,
    target: &TargetOptions,
) -> Result<()> {
    let target = target
        .clone()
        .with_environment(&setting.process.environment)?;
    let context = setting.context(&target, &ContactOptions::default(), None)?;
    let endpoint = method::endpoint(&context)?;
    let oidc = if let Method::Oidc(oidc) = &context.method {
        Some(oidc)
    } else {
        None
    };
    let way = way.unwrap_or_else(|| of_grant(oidc));
    let text = text(way, &context, endpoint, oidc);
    setting.print(&text)
}

/// Gives whom the context's grant is for.
fn of_grant(oidc: Option<&Oidc>) -> Way {
    match oidc.and_then(Oidc::grant) {
        Some(GrantType::AuthorizationCode | GrantType::Form) | None => Way::Browser,
        Some(GrantType::DeviceCode) => Way::Device,
        Some(GrantType::Password) => Way::Password,
        Some(GrantType::TokenExchange) => Way::TokenExchange,
        Some(GrantType::ClientCredentials) => Way::ClientCredentials,
    }
}

fn text(way: Way, context: &Context, endpoint: &Endpoint, oidc: Option<&Oidc>) -> String {
    let id = oidc.and_then(|oidc| oidc.client_id.as_deref());
    let client = format!(
        "staticClients:\n- id: {}\n  name: Kubeflow Pipelines clients\n  public: true\n",
        yaml(id.unwrap_or(CLIENT_ID))
    );
    let log_in = format!(
        "# People log in: kfp-credential login --method oidc {} {}\n",
        shell::option("--endpoint", &endpoint.to_string(), "URL"),
        shell::option("--client-id", id.unwrap_or(CLIENT_ID), "ID")
    );
    match way {
        Way::Browser | Way::Device => {
            // A public client without redirect URIs may use each port of this machine, and device codes.
            format!("{DEX}{log_in}{client}")
        }
        Way::Password => format!(
            "{DEX}# Whose passwords are taken is one connector's affair: the id of one of type LDAP, or `local` for static passwords.\noauth2:\n  passwordConnector: local\n{client}"
        ),
        Way::TokenExchange => format!("{DEX}{}{client}", connectors(endpoint)),
        Way::ClientCredentials => trusted(context, oidc),
    }
}

/// Dex exchanges tokens of whom a connector trusts.
fn connectors(endpoint: &Endpoint) -> String {
    let callback = format!("{}/dex/callback", endpoint.origin());
    format!(
        "\
# Keep the connectors that you need. Dex does not check whom such a token is meant for: without allowedGroups every
# repository of GitHub is let in. They also show on the login page, where they lead nowhere.
connectors:
- type: oidc
  id: github-actions
  name: GitHub Actions
  config:
    issuer: https://token.actions.githubusercontent.com
    clientID: kubeflow
    redirectURI: {callback}
    scopes: [openid]
    userNameKey: sub
    insecureSkipEmailVerified: true
    insecureEnableGroups: true
    claimMapping: {{ email: repository, groups: repository_owner }}
    allowedGroups: [MY-ORGANISATION]
- type: oidc
  id: k8s
  name: Kubernetes
  config:
    issuer: CLUSTER-ISSUER # kubectl get --raw /.well-known/openid-configuration
    clientID: dex
    redirectURI: {callback}
    scopes: [openid]
    userNameKey: sub
    insecureSkipEmailVerified: true
    claimMapping: {{ email: sub }}
"
    )
}

/// Dex 2.45 has no client credentials: the gateway is told to trust a provider that has.
fn trusted(context: &Context, oidc: Option<&Oidc>) -> String {
    let issuer = oidc.and_then(|oidc| oidc.issuer.as_deref());
    let audience = oidc.and_then(|oidc| oidc.audience.as_deref());
    let name = context.display_name().replace('\n', " ");
    format!(
        "\
# Istio's gateway trusts one more issuer, for {name}: kubectl apply --filename -
# Its tokens must hold the claim email, from which the gateway takes the user; many providers put it into tokens of a
# client only when told to.
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata:
  name: kfp-credential
  namespace: istio-system
spec:
  selector:
    matchLabels:
      app: istio-ingressgateway
  jwtRules:
  - issuer: {}
    audiences: [{}]
    forwardOriginalToken: true
    outputClaimToHeaders:
    - header: kubeflow-userid
      claim: email
    - header: kubeflow-groups
      claim: groups
",
        yaml(issuer.unwrap_or("ISSUER")),
        yaml(audience.unwrap_or("AUDIENCE")),
    )
}

/// Writes a text as YAML does, which has all of JSON's.
fn yaml(text: &str) -> String {
    let is_plain = text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-._/:".contains(c))
        && !text.ends_with(':');
    if is_plain {
        text.to_owned()
    } else {
        serde_json::Value::from(text).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::yaml;

    #[test]
    fn a_text_is_that_text_in_yaml() {
        for text in [
            "kfp-credential",
            "https://a.example.com:443/x",
            "a: b",
            "#",
            "- a",
            "\"",
            "",
        ] {
            let read: String = serde_saphyr::from_str(&yaml(text)).unwrap();
            assert_eq!(read, text);
        }
    }
}
