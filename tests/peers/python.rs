//! Python with what its users of Kubeflow Pipelines have: requests, and the kfp SDK.

use std::path::PathBuf;

use super::{Found, install};

/// Returns a Python that has requests.
pub fn requests() -> Found<PathBuf> {
    install::python_venv("requests-2.33.0", include_str!("requests/requirements.txt"))
}

/// Returns a Python that has the kfp SDK (and requests).
pub fn kfp() -> Found<PathBuf> {
    install::python_venv("kfp-2.17.3", include_str!("kfp/requirements.txt"))
}
