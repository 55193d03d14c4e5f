//! The namespace where nothing names one: what the kfp SDK keeps for its user, else that of the pod.

use std::path::Path;

use serde_json::Value;

use crate::environment::Environment;
use crate::line::breaks_a_line;
use crate::read_file::{self, Kind, ONE_MIB};

/// Where Kubernetes writes a pod's own namespace.
const POD_NAMESPACE_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

pub(super) fn of_surroundings(environment: &Environment) -> Option<String> {
    let sdk_file = environment.kfp_context_file();
    of_files(sdk_file.as_deref(), Path::new(POD_NAMESPACE_FILE))
}

/// A pod need not have a home, where the SDK's file would be.
fn of_files(sdk_file: Option<&Path>, pod_file: &Path) -> Option<String> {
    sdk_file.and_then(of_sdk).or_else(|| of_pod(pod_file))
}

/// Reads the namespace that `kfp.Client().set_user_namespace()` keeps; whatever is wrong with its file is the SDK's
/// business.
pub fn of_sdk(path: &Path) -> Option<String> {
    let text = read_file::read_text(path, Kind::File, ONE_MIB).ok()?;
    let context: Value = serde_json::from_str(&text).ok()?;
    named(context.get("namespace")?.as_str()?)
}

fn of_pod(path: &Path) -> Option<String> {
    let text = read_file::read_text(path, Kind::File, ONE_MIB).ok()?;
    named(text.trim())
}

fn named(namespace: &str) -> Option<String> {
    let is_name = !namespace.is_empty() && !breaks_a_line(namespace);
    is_name.then(|| namespace.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sdks_namespace_counts_and_else_the_pods_also_without_a_home() {
        let folder = tempfile::tempdir().unwrap();
        let (sdk, pod) = (
            folder.path().join("context.json"),
            folder.path().join("namespace"),
        );
        std::fs::write(&pod, "of-pod\n").unwrap();
        assert_eq!(of_files(None, &pod).as_deref(), Some("of-pod"));
        for (text, namespace) in [
            (r#"{"namespace": "of-sdk"}"#, "of-sdk"),
            (r#"{"namespace": ""}"#, "of-pod"),
            ("{", "of-pod"),
        ] {
            std::fs::write(&sdk, text).unwrap();
            assert_eq!(
                of_files(Some(&sdk), &pod).as_deref(),
                Some(namespace),
                "{text}"
            );
        }
        assert_eq!(of_files(None, &sdk.join("none")), None);
    }
}
