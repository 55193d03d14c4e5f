//! What makes other programs run this one for a context: the exec configuration of protocol/exec.schema.json for SDKs,
//! and the user of a kubeconfig for Kubernetes clients.

use serde_json::{Value, json};

use super::{required, sdk_file, unknown};
use crate::cli::Setting;
use crate::config::method::Method;
use crate::config::method::values::absolute;
use crate::config::of_entry;
use crate::error::Result;
use crate::sdk;

const INSTALL_HINT: &str =
    "kfp-credential is needed to log in; install it and run `kfp-credential status`";

/// Prints the exec configuration, or writes it where programs that use the kfp SDK find it.
pub(super) fn print(setting: &mut Setting<'_, '_>, kfp_sdk: bool) -> Result<()> {
    let run = HelperRun::of(setting)?;
    let exec = json!({
        "command": "kfp-credential",
        "args": run.arguments(&["get"]),
        "installHint": INSTALL_HINT,
    });
    if !kfp_sdk {
        return setting.print(&format!("{:#}\n", json!({ "exec": exec })));
    }
    let path = sdk_file(setting)?;
    sdk::set_context(&super::write::hold(setting, &path)?, "exec", exec)?;
    let path = path.display();
    setting.tell(&format!(
        "Clients of the kfp SDK now run this program for the context {}, by {path}.",
        run.name
    ));
    Ok(())
}

/// Prints the kubeconfig's user. Kubernetes clients that set no exec info (Node, Java) need `-o exec`; those that do
/// need no more.
pub(super) fn print_kubeconfig(setting: &mut Setting<'_, '_>) -> Result<()> {
    let run = HelperRun::of(setting)?;
    let keys = run.method.keys();
    if keys.is_some_and(|keys| keys.kind != "bearer") {
        setting.tell(&format!(
            "Note: the method {} gives no bearer token, and Kubernetes clients accept nothing else; they will show this program's error.",
            run.method.name()
        ));
    }
    let arguments: String = run
        .arguments(&["get", "-o", "exec"])
        .iter()
        .map(|argument| format!("      - {}\n", Value::from(argument.as_str())))
        .collect();
    setting.print(&format!(
        "users:\n\
         - name: {}\n\
         \x20 user:\n\
         \x20   exec:\n\
         \x20     apiVersion: client.authentication.k8s.io/v1\n\
         \x20     command: kfp-credential\n\
         \x20     args:\n{arguments}\
         \x20     interactiveMode: IfAvailable\n\
         \x20     provideClusterInfo: true\n\
         \x20     installHint: {INSTALL_HINT}\n",
        Value::from(run.name.as_str())
    ))
}

/// Names a context as a run from anywhere must.
struct HelperRun {
    name: String,
    method: Method,
    config: Option<String>,
}

impl HelperRun {
    /// Takes the context that `--context` names, or the current one, and checks it.
    fn of(setting: &Setting<'_, '_>) -> Result<Self> {
        let file = required(setting)?;
        let common = &setting.common;
        let name = common
            .context
            .clone()
            .or(file.config.current_context.clone())
            .unwrap_or_default();
        let Some(entry) = file.context(&name) else {
            return Err(unknown(&file, &name));
        };
        let context = of_entry(&file, entry, &setting.process.environment)?;
        Ok(Self {
            name,
            method: context.method,
            config: common.config.as_ref().map(absolute),
        })
    }

    fn arguments(&self, command: &[&str]) -> Vec<String> {
        let mut arguments: Vec<&str> = command.to_vec();
        arguments.extend(["--context", &self.name]);
        if let Some(path) = &self.config {
            arguments.extend(["--config", path]);
        }
        arguments.into_iter().map(str::to_owned).collect()
    }
}
