//! Apache with `mod_auth_openidc`: a relying party of Dex that is not oauth2-proxy.
//!
//! It takes the paths and the cookie's name of oidc-authservice, redirects to absolute addresses,
//! and its session cookie has no age.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::dex::{CLIENT_ID, CLIENT_SECRET, Dex, get};
use super::ports::Port;
use super::process::{self, Process};
use super::{Found, Missing, install};

/// Is the session cookie's name.
pub const COOKIE: &str = "authservice_session";
/// Is where Dex sends the browser, below the origin.
pub const CALLBACK: &str = "/authservice/oidc/callback";

/// Is a running Apache.
pub struct Apache {
    process: Process,
    origin: String,
    folder: TempDir,
    _port: Port,
}

/// Returns the origin of an Apache at this port.
pub fn origin(port: &Port) -> String {
    format!("http://127.0.0.1:{}", port.number())
}

impl Apache {
    /// Starts one at this port: `/dex/` goes unguarded to `dex_origin`, everything else needs a
    /// session and goes to `upstream`. Dex's issuer must be `/dex` of this origin.
    pub fn start(port: Port, dex: &Dex, dex_origin: &str, upstream: &str) -> Found<Self> {
        let apache = ["apache2", "httpd"].into_iter().find_map(install::on_path);
        let apache = apache.ok_or_else(|| Missing::new("apache2 (Debian package apache2-bin)"))?;
        let modules = modules()?;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("apache.conf");
        let config = config(&modules, folder.path(), &port, dex, dex_origin, upstream);
        fs::write(&file, config).expect("Apache's configuration");

        let log = folder.path().join("log");
        fs::write(&log, "").expect("a log file");
        let mut command = process::unprivileged(apache, folder.path());
        // -X: one process in the foreground.
        command.arg("-X").arg("-d").arg(folder.path());
        command.arg("-f").arg(&file).env("TMPDIR", folder.path());
        let process = Process::start("apache", command, &log);
        let mut apache = Self {
            process,
            origin: origin(&port),
            folder,
            _port: port,
        };
        let origin = apache.origin.clone();
        let probe = dex.path() + "/keys";
        apache.process.wait_until(|| get(&origin, &probe) == 200);
        Ok(apache)
    }

    pub fn origin(&self) -> &str {
        &self.origin
    }

    pub fn log(&self) -> String {
        self.process.log() + &process::read_log(&self.folder.path().join("access"))
    }
}

fn modules() -> Found<PathBuf> {
    ["/usr/lib/apache2/modules", "/usr/lib64/httpd/modules"]
        .map(PathBuf::from)
        .into_iter()
        .find(|folder| folder.join("mod_auth_openidc.so").is_file())
        .ok_or_else(|| {
            Missing::new("mod_auth_openidc (Debian package libapache2-mod-auth-openidc)")
        })
}

fn config(
    modules: &Path,
    folder: &Path,
    port: &Port,
    dex: &Dex,
    dex_origin: &str,
    upstream: &str,
) -> String {
    let load = |name: &str| {
        let file = modules.join(format!("mod_{name}.so"));
        format!("LoadModule {name}_module \"{}\"\n", file.display())
    };
    let loaded: String = [
        "mpm_event",
        "authn_core",
        "authz_core",
        "authz_user",
        "proxy",
        "proxy_http",
        "auth_openidc",
    ]
    .into_iter()
    .map(load)
    .collect();
    let (folder, port, below) = (folder.display(), port.number(), dex.path());
    format!(
        r##"{loaded}
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
DefaultRuntimeDir "{folder}"
PidFile "{folder}/pid"
ErrorLog "{folder}/log"
LogLevel info
CustomLog "{folder}/access" "%h %r %>s"
StartServers 1
ThreadsPerChild 16
MaxRequestWorkers 16
# Where root has no setpriv: it must become somebody else, and nobody but root may.
User "#65534"
Group "#65534"

ProxyPreserveHost On
ProxyPass {below}/ {dex_origin}{below}/
ProxyPass /authservice/ !
ProxyPass / {upstream}/

OIDCProviderMetadataURL {dex_origin}{below}/.well-known/openid-configuration
OIDCClientID {CLIENT_ID}
OIDCClientSecret {CLIENT_SECRET}
OIDCScope "openid email profile groups"
OIDCRedirectURI {CALLBACK}
OIDCCookie {COOKIE}
OIDCCryptoPassphrase apache-passphrase-84
OIDCRemoteUserClaim email
<Location />
  AuthType openid-connect
  Require valid-user
</Location>
<Location {below}/>
  AuthType None
  Require all granted
</Location>
"##
    )
}
