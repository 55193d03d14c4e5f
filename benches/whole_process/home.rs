//! A home with a configuration, a password file and a token file, for runs of our own program.

use std::env;
use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::Result;
use super::race::{Contender, Environment};
use testkit::kfp_api;
use testkit::peers::front_door::RealDoor;
use testkit::peers::slapd;

const AUDIENCE: &str = "pipelines.kubeflow.org";
/// Names contexts after the stores in which their sessions rest; `none` logs in each time.
const STORES: [&str; 4] = ["file", "keyutils", "keyring", "none"];

/// Is a temporary home.
pub(crate) struct Home {
    folder: TempDir,
}

impl Home {
    /// Makes one with a context for each of [`STORES`], and one called `token`.
    pub(crate) fn new(door: &RealDoor) -> Result<Self> {
        Self::with_contexts(door, 0)
    }

    /// Makes one whose configuration has at least so many contexts; those that are used come last.
    pub(crate) fn with_contexts(door: &RealDoor, count: usize) -> Result<Self> {
        let home = Self {
            folder: TempDir::new()?,
        };
        let (endpoint, password, token) = (door.endpoint(), home.password(), home.path("token"));
        let session = |name: &str, endpoint: &str, store: &str| {
            format!(
                r#"
  - name: {name}
    endpoint: {endpoint}
    store: {store}
    dex: {{ username: {}, password: {{ file: "{}" }} }}"#,
                slapd::USER.login,
                password.display()
            )
        };
        let others = (STORES.len() + 1..count).map(|number| {
            let endpoint = format!("https://kubeflow-{number}.example.com/pipeline");
            session(&format!("team-{number}"), &endpoint, "auto")
        });
        let used = STORES.map(|store| session(store, &endpoint, store));
        let config = format!(
            r#"
apiVersion: kfp-credential/v1
kind: Config
contexts:{}{}
  - name: token
    endpoint: {endpoint}
    token-file: {{ path: "{}", audience: {AUDIENCE} }}
"#,
            others.collect::<String>(),
            used.concat(),
            token.display()
        );
        let folder = home.path("kfp-credential");
        fs::create_dir(&folder)?;
        fs::write(folder.join("config.yaml"), config)?;
        write_private(&password, slapd::USER.password.as_bytes())?;
        fs::write(&token, kfp_api::service_account_token(AUDIENCE, 3600))?;
        Ok(home)
    }

    /// Runs `get` for a context.
    pub(crate) fn get(&self, name: &'static str, context: &str) -> Contender {
        self.helper(name, "get", context)
    }

    /// Runs `logout` for a context.
    pub(crate) fn logout(&self, context: &str) -> Contender {
        self.helper("logout", "logout", context)
    }

    fn helper(&self, name: &'static str, verb: &str, context: &str) -> Contender {
        let command = [testkit::binary(), verb, "--context", context];
        Contender::new(name, command, self.environment())
    }

    /// Makes the store `file` hold so many entries: copies of the only one that is there.
    pub(crate) fn fill_store(&self, count: usize) -> Result<()> {
        let folder = self.path("kfp-credential/store");
        let mut entries = fs::read_dir(&folder)?;
        let entry = entries.next().ok_or("the store is empty")??;
        let text = fs::read(entry.path())?;
        for number in 1..count {
            write_private(&folder.join(format!("{number:064x}")), &text)?;
        }
        Ok(())
    }

    /// Returns a path in this home.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn password(&self) -> PathBuf {
        self.path("password")
    }

    pub(crate) fn environment(&self) -> Environment {
        let folders = ["HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"];
        let folders = folders.map(|name| (name, OsString::from(self.folder.path())));
        let path = env::var_os("PATH").unwrap_or_default();
        [("PATH", path)].into_iter().chain(folders).collect()
    }
}

/// Logs in by a `get`, and tells whether the next one is answered from the store.
pub(crate) fn is_kept(get: &Contender, door: &RealDoor) -> Result<bool> {
    get.run()?;
    door.forget_requests();
    get.run()?;
    Ok(door.recorder().requests().is_empty() && door.upstream().requests().is_empty())
}

/// Logs in by a `get` that is to be measured without a login.
pub(crate) fn keep(get: &Contender, door: &RealDoor) -> Result<()> {
    if is_kept(get, door)? {
        return Ok(());
    }
    Err(format!("{}: the second run has asked the server too", get.name).into())
}

fn write_private(path: &Path, contents: &[u8]) -> Result<()> {
    fs::write(path, contents)?;
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(())
}
