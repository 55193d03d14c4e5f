//! The kfp SDK's own variables, which fill what nothing else gives.

use std::path::{Path, PathBuf};

use crate::endpoint::Endpoint;
use crate::environment::{self, Environment};

/// Where Kubernetes mounts the projected token that the Kubeflow documentation describes.
pub(super) const DEFAULT_TOKEN_FILE: &str = "/var/run/secrets/kubeflow/pipelines/token";

/// The kfp SDK's variables are one set: what they give is for the endpoint that one of them names, and an ID token or a
/// login for another endpoint is not made of them.
pub(super) struct SdkVariables<'a> {
    pub(super) environment: &'a Environment,
    /// Whether the endpoint in use is at the origin that the set names.
    is_meant: bool,
    /// Whether the set names another origin.
    is_elsewhere: bool,
}

impl<'a> SdkVariables<'a> {
    pub(super) fn of(endpoint: Option<&Endpoint>, environment: &'a Environment) -> Self {
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
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.environment.get(name).filter(|_| self.is_meant)
    }

    /// Gives the path of the token file that a pod is given.
    pub(super) fn token_file(&self) -> PathBuf {
        let path = self
            .environment
            .path(environment::KF_PIPELINES_SA_TOKEN_PATH);
        path.unwrap_or(Path::new(DEFAULT_TOKEN_FILE)).to_path_buf()
    }

    /// Gives the same where nobody has asked for the method: a pod seldom names its endpoint, but where it does, its
    /// token is for that one.
    pub(super) fn token_file_unasked(&self) -> PathBuf {
        if self.is_elsewhere {
            return PathBuf::from(DEFAULT_TOKEN_FILE);
        }
        self.token_file()
    }

    /// Names the variables that are set, and meant for another endpoint.
    pub(super) fn left_aside(&self, uses_token_file: bool) -> Vec<&'static str> {
        let clients = [
            environment::KF_PIPELINES_IAP_CLIENT_ID,
            environment::KF_PIPELINES_APP_CLIENT_ID,
            environment::KF_PIPELINES_APP_CLIENT_SECRET,
        ];
        let clients = clients.into_iter().filter(|_| !self.is_meant);
        let token = Some(environment::KF_PIPELINES_SA_TOKEN_PATH)
            .filter(|_| self.is_elsewhere && !uses_token_file);
        clients
            .chain(token)
            .filter(|name| self.environment.get(name).is_some())
            .collect()
    }
}
