//! The kubeconfig user that makes Kubernetes clients run this program.

use serde_json::Value;

use super::{absolute, required, unknown};
use crate::cli::Setting;
use crate::config::context::Method;
use crate::config::of_entry;
use crate::error::Result;

/// Kubernetes clients that set no exec info (Node, Java) need `-o exec`; those that do need no more.
pub(super) fn print(setting: &mut Setting<'_, '_>) -> Result<()> {
    let file = required(setting)?;
    let name = setting
        .common
        .context
        .clone()
        .or(file.config.current_context.clone())
        .unwrap_or_default();
    let Some(entry) = file.context(&name) else {
        return Err(unknown(&file, &name));
    };
    let context = of_entry(&file, entry, &setting.process.environment)?;
    if matches!(context.method, Method::Dex(_) | Method::None) {
        setting.tell(&format!(
            "Note: the method {} gives no bearer token, and Kubernetes clients take nothing else; they will show this program's error.",
            context.method.name()
        ));
    }
    let quoted = Value::from(name.as_str());
    let mut arguments = vec!["get", "-o", "exec", "--context", &name];
    let config = setting
        .common
        .config
        .as_ref()
        .and_then(|path| absolute(Some(path)));
    if let Some(path) = &config {
        arguments.extend(["--config", path]);
    }
    let arguments: String = arguments
        .iter()
        .map(|argument| format!("      - {}\n", Value::from(*argument)))
        .collect();
    setting.print(&format!(
        "users:\n\
         - name: {quoted}\n\
         \x20 user:\n\
         \x20   exec:\n\
         \x20     apiVersion: client.authentication.k8s.io/v1\n\
         \x20     command: kfp-credential\n\
         \x20     args:\n{arguments}\
         \x20     interactiveMode: IfAvailable\n\
         \x20     provideClusterInfo: true\n\
         \x20     installHint: kfp-credential is needed to log in; install it and run `kfp-credential status`\n"
    ))
}
