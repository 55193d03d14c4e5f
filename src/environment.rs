//! Every environment variable that the program reads, in one place.
//!
//! The process's variables are copied once, at the start; the rest of the crate asks [`Environment`], so tests give
//! a whole environment as a value and no variable is read behind anybody's back. The one exception is the proxy
//! variables (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`) and `SSL_CERT_FILE`/`SSL_CERT_DIR`, which the
//! HTTP library reads itself, the latter once they were checked, and `BROWSER`, which the browser's reads.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The path of the configuration file.
pub const CONFIG: &str = "KFP_CREDENTIAL_CONFIG";
/// The name of the context to use.
pub const CONTEXT: &str = "KFP_CREDENTIAL_CONTEXT";
/// The password of a form login.
pub const PASSWORD: &str = "KFP_CREDENTIAL_PASSWORD";
/// A file that the words of `-v` are appended to.
pub const LOG: &str = "KFP_CREDENTIAL_LOG";
/// The addresses of the D-Bus session bus (D-Bus specification, "Server Addresses").
pub const DBUS_SESSION_BUS_ADDRESS: &str = "DBUS_SESSION_BUS_ADDRESS";
/// The exec info that Kubernetes clients give (KEP-541).
pub const KUBERNETES_EXEC_INFO: &str = "KUBERNETES_EXEC_INFO";
/// Where a pod finds its cluster's API server: set in every container of Kubernetes, and nowhere else.
pub const KUBERNETES_SERVICE_HOST: &str = "KUBERNETES_SERVICE_HOST";
/// The kfp SDK's endpoint.
pub const KF_PIPELINES_ENDPOINT: &str = "KF_PIPELINES_ENDPOINT";
/// The kfp SDK's path of the projected service account token.
pub const KF_PIPELINES_SA_TOKEN_PATH: &str = "KF_PIPELINES_SA_TOKEN_PATH";

/// The kfp SDK's OAuth client of IAP.
pub const KF_PIPELINES_IAP_CLIENT_ID: &str = "KF_PIPELINES_IAP_OAUTH2_CLIENT_ID";
/// The kfp SDK's desktop client.
pub const KF_PIPELINES_APP_CLIENT_ID: &str = "KF_PIPELINES_APP_OAUTH2_CLIENT_ID";
/// The secret of the kfp SDK's desktop client.
pub const KF_PIPELINES_APP_CLIENT_SECRET: &str = "KF_PIPELINES_APP_OAUTH2_CLIENT_SECRET";

/// The credential file of Google's application default credentials (<https://google.aip.dev/auth/4110>).
pub const GOOGLE_APPLICATION_CREDENTIALS: &str = "GOOGLE_APPLICATION_CREDENTIALS";
/// The folder of gcloud's own files.
pub const CLOUDSDK_CONFIG: &str = "CLOUDSDK_CONFIG";
/// The host, and port, of Google's metadata server where it is not the usual one (<https://google.aip.dev/auth/4115>).
pub const GCE_METADATA_HOST: &str = "GCE_METADATA_HOST";
/// Whether a credential file may have a program run (<https://google.aip.dev/auth/4117>).
pub const GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES: &str =
    "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES";

/// Where the runner of a GitHub Actions job gives it ID tokens; set where the job may have them
/// (<https://docs.github.com/en/actions/reference/security/oidc#methods-for-requesting-the-oidc-token>).
pub const ACTIONS_ID_TOKEN_REQUEST_URL: &str = "ACTIONS_ID_TOKEN_REQUEST_URL";
/// What that asks for.
pub const ACTIONS_ID_TOKEN_REQUEST_TOKEN: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";

/// A file that takes the place of the system's authorities (`SSL_CTX_set_default_verify_paths(3)`).
pub const SSL_CERT_FILE: &str = "SSL_CERT_FILE";
/// Folders of such files.
pub const SSL_CERT_DIR: &str = "SSL_CERT_DIR";

/// Starts the name of each variable that stands in for a command-line option.
const OPTION_PREFIX: &str = "KFP_CREDENTIAL_";

/// A copy of the process's environment variables.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    /// Copies the variables of this process.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the process's environment"
    )]
    pub fn of_this_process() -> Self {
        Self(std::env::vars_os().collect())
    }

    /// Gives a variable that is set, not empty and valid UTF-8.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.path(name)?.to_str()
    }

    /// Gives a variable that is set and not empty, as a path.
    pub fn path(&self, name: &str) -> Option<&Path> {
        self.0
            .get(OsStr::new(name))
            .filter(|value| !value.is_empty())
            .map(Path::new)
    }

    /// Gives the paths in a variable that lists some, as `PATH` does.
    pub fn paths(&self, name: &str) -> Vec<PathBuf> {
        let Some(list) = self.path(name) else {
            return Vec::new();
        };
        std::env::split_paths(list)
            .filter(|path| !path.as_os_str().is_empty())
            .collect()
    }

    /// Gives the variable that stands in for the command-line option `--name`, e.g. `KFP_CREDENTIAL_TOKEN_FILE` for
    /// `token-file`.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.get(&option_variable(name))
    }

    /// Names a variable of ours, or the kfp SDK's endpoint, that is no UTF-8: it would count as not set, and another
    /// context be taken.
    pub fn not_text(&self) -> Option<String> {
        let is_text = |name: &str| [CONFIG, LOG].contains(&name) || self.get(name).is_some();
        let mut names = self.0.keys().filter_map(|name| name.to_str());
        let name = names.find(|name| {
            let is_ours = name.starts_with(OPTION_PREFIX) || *name == KF_PIPELINES_ENDPOINT;
            is_ours && self.path(name).is_some() && !is_text(name)
        });
        name.map(str::to_owned)
    }

    /// Gives the user's home folder.
    pub fn home(&self) -> Option<PathBuf> {
        self.path("HOME")
            .or_else(|| self.path("USERPROFILE"))
            .map(Path::to_path_buf)
    }

    /// Gives the folder of configuration: `$XDG_CONFIG_HOME/kfp-credential`, `%APPDATA%\kfp-credential` on Windows.
    pub fn config_folder(&self) -> Option<PathBuf> {
        self.folder("XDG_CONFIG_HOME", "APPDATA", ".config")
    }

    /// Gives the folder of locks, the file store and small state: `$XDG_STATE_HOME/kfp-credential`,
    /// `%LOCALAPPDATA%\kfp-credential` on Windows.
    pub fn state_folder(&self) -> Option<PathBuf> {
        self.folder("XDG_STATE_HOME", "LOCALAPPDATA", ".local/state")
    }

    /// Gives `$XDG_RUNTIME_DIR` (XDG Base Directory Specification): the login session's own folder, in memory.
    pub fn runtime_folder(&self) -> Option<PathBuf> {
        self.path("XDG_RUNTIME_DIR")
            .filter(|path| path.is_absolute())
            .map(Path::to_path_buf)
    }

    /// Gives the file in which the kfp SDK keeps the user's namespace.
    pub fn kfp_context_file(&self) -> Option<PathBuf> {
        Some(self.home()?.join(".config/kfp/context.json"))
    }

    /// Gives the file in which the kfp SDK keeps its IAP logins.
    pub fn kfp_credentials_file(&self) -> Option<PathBuf> {
        Some(self.home()?.join(".config/kfp/credentials.json"))
    }

    /// Gives the file of application default credentials that `gcloud auth application-default login` writes.
    pub fn gcloud_credentials_file(&self) -> Option<PathBuf> {
        let folder = match self.path(CLOUDSDK_CONFIG) {
            Some(folder) => folder.to_path_buf(),
            None if cfg!(windows) => self.path("APPDATA")?.join("gcloud"),
            None => self.home()?.join(".config/gcloud"),
        };
        Some(folder.join("application_default_credentials.json"))
    }

    fn folder(&self, xdg: &str, windows: &str, under_home: &str) -> Option<PathBuf> {
        let variable = if cfg!(windows) { windows } else { xdg };
        // A relative path is invalid there and to be ignored (XDG Base Directory Specification).
        let base = match self.path(variable).filter(|path| path.is_absolute()) {
            Some(path) => path.to_path_buf(),
            None => self.home()?.join(under_home),
        };
        Some(base.join("kfp-credential"))
    }
}

impl<K: Into<OsString>, V: Into<OsString>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        Self(
            variables
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Names only: values may be secrets.
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Gives the name of the variable that stands in for the command-line option `--name`.
pub fn option_variable(name: &str) -> String {
    format!(
        "{OPTION_PREFIX}{}",
        name.to_ascii_uppercase().replace('-', "_")
    )
}
