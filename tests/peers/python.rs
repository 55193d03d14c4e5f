//! Python with what its users of Kubeflow Pipelines have: requests, the kfp SDK, google-auth.

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

/// Returns a Python that has the kfp SDK of the 1.8 line.
pub fn kfp1() -> Found<PathBuf> {
    install::python_venv("kfp-1.8.22", include_str!("kfp1/requirements.txt"))
}

/// Returns a Python that has google-auth (and requests).
pub fn google_auth() -> Found<PathBuf> {
    let requirements = include_str!("google_auth/requirements.txt");
    install::python_venv("google-auth-2.62.2", requirements)
}
