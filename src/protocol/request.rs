//! What a Kubernetes client asks: `KUBERNETES_EXEC_INFO` (KEP-541, client-go credential plugins).

use serde::Deserialize;
use serde_json::Value;

use crate::endpoint::Origin;
use crate::error::{Error, Result, Slug};

/// The versions of ExecCredential that clients still speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExecVersion {
    /// `client.authentication.k8s.io/v1`
    #[default]
    V1,
    /// `client.authentication.k8s.io/v1beta1`
    V1Beta1,
}

/// A valid exec info.
#[derive(Debug)]
pub struct ExecInfo {
    /// The version to answer in.
    pub version: ExecVersion,
    /// The server that the client will send the credential to, where it says so (`provideClusterInfo: true`).
    pub server: Option<String>,
    config: Option<Value>,
}

/// What the kubeconfig's cluster extension `client.authentication.k8s.io/exec` may say to us; no key of it can weaken
/// the way to the server.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecConfig {
    /// The context to use.
    pub context: Option<String>,
    /// The namespace to hand on.
    pub namespace: Option<String>,
    /// The audience that the token must be meant for.
    pub audience: Option<String>,
}

impl ExecVersion {
    /// Gives the `apiVersion`.
    pub fn api_version(self) -> &'static str {
        match self {
            Self::V1 => "client.authentication.k8s.io/v1",
            Self::V1Beta1 => "client.authentication.k8s.io/v1beta1",
        }
    }
}

impl ExecInfo {
    /// Reads the variable's value. `None` when it is malformed or somebody else's: a leaked variable must not break
    /// a call that has nothing to do with Kubernetes.
    pub fn parse(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        if value.get("kind")? != "ExecCredential" {
            return None;
        }
        let version = [ExecVersion::V1, ExecVersion::V1Beta1]
            .into_iter()
            .find(|version| value["apiVersion"] == version.api_version())?;
        let cluster = &value["spec"]["cluster"];
        Some(Self {
            version,
            server: cluster["server"].as_str().map(str::to_owned),
            config: Some(cluster["config"].clone()).filter(|config| !config.is_null()),
        })
    }

    /// Reads the cluster's `config` for us; an unknown key is an error, as it may be meant to change what we do.
    pub fn config(&self) -> Result<ExecConfig> {
        let Some(config) = &self.config else {
            return Ok(ExecConfig::default());
        };
        ExecConfig::deserialize(config).map_err(|error| {
            Error::new(Slug::ConfigInvalid, "the exec info's spec.cluster.config is not for this program")
                .because(error)
                .hint("the kubeconfig extension client.authentication.k8s.io/exec may hold context, namespace and audience only")
        })
    }

    /// Gives the origin of the server, where the client says which.
    pub fn server_origin(&self) -> Result<Option<Origin>> {
        let Some(server) = &self.server else {
            return Ok(None);
        };
        match url::Url::parse(server) {
            Ok(url) => Ok(Some(Origin::of(&url))),
            Err(error) => Err(Error::new(
                Slug::ExecServerRefused,
                "the exec info names a server that is not a URL",
            )
            .because(error)
            .hint("correct the kubeconfig's cluster.server")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_are_understood() {
        for version in [ExecVersion::V1, ExecVersion::V1Beta1] {
            let text = format!(
                r#"{{"apiVersion":{:?},"kind":"ExecCredential","spec":{{}}}}"#,
                version.api_version()
            );
            assert_eq!(ExecInfo::parse(&text).unwrap().version, version);
        }
    }

    #[test]
    fn what_is_malformed_or_foreign_is_ignored() {
        for text in [
            "",
            "not json",
            "[]",
            r#"{"apiVersion":"client.authentication.k8s.io/v1alpha1","kind":"ExecCredential"}"#,
            r#"{"apiVersion":"client.authentication.k8s.io/v1","kind":"Other"}"#,
        ] {
            assert!(ExecInfo::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn the_config_may_hold_three_keys_only() {
        let info = |config: &str| {
            ExecInfo::parse(&format!(
                r#"{{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","spec":{{"cluster":{{"config":{config}}}}}}}"#
            ))
            .unwrap()
        };
        assert_eq!(
            info(r#"{"context":"team-a"}"#)
                .config()
                .unwrap()
                .context
                .as_deref(),
            Some("team-a")
        );
        assert!(info("null").config().unwrap().context.is_none());
        for hostile in [
            r#"{"insecureSkipTlsVerify":true}"#,
            r#"{"proxyUrl":"http://evil"}"#,
            r#""text""#,
        ] {
            assert_eq!(
                info(hostile).config().unwrap_err().slug(),
                Slug::ConfigInvalid,
                "{hostile}"
            );
        }
    }
}
