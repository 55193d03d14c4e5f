//! The namespace where nothing names one: what the kfp SDK keeps for its user, else that of the pod.

use std::path::Path;

use serde_json::Value;

use crate::environment::Environment;
use crate::line::breaks_a_line;
use crate::read_file::{self, Kind, ONE_MIB};

/// Where Kubernetes writes a pod's own namespace.
const POD_NAMESPACE_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

pub(super) fn of_surroundings(environment: &Environment) -> Option<String> {
    of_sdk(&environment.kfp_context_file()?).or_else(of_pod)
}

/// Reads the namespace that `kfp.Client().set_user_namespace()` keeps; whatever is wrong with its file is the SDK's
/// business.
pub fn of_sdk(path: &Path) -> Option<String> {
    let text = read_file::read_text(path, Kind::File, ONE_MIB).ok()?;
    let context: Value = serde_json::from_str(&text).ok()?;
    let namespace = context.get("namespace")?.as_str()?;
    Some(namespace.to_owned())
        .filter(|namespace| !namespace.is_empty() && !breaks_a_line(namespace))
}

fn of_pod() -> Option<String> {
    let path = Path::new(POD_NAMESPACE_FILE);
    let text = read_file::read_text(path, Kind::File, ONE_MIB).ok()?;
    Some(text.trim().to_owned())
        .filter(|namespace| !namespace.is_empty() && !breaks_a_line(namespace))
}
