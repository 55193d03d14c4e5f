//! The credential plugins of other people, each with a token in its cache and nobody to ask for a new one.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use serde_json::json;

use super::Result;
use super::home::Home;
use super::race::Contender;
use testkit::peers::dex::{self, Dex};
use testkit::peers::{Found, Missing, install};

/// Returns kubelogin after a login at a real Dex, which then ends: from here on it is answered from the cache or fails.
pub(crate) fn kubelogin(home: &Home) -> Found<Contender> {
    let program = testkit::peers::kubelogin::kubelogin()?;
    let dex = Dex::start(dex::Options::default())?;
    let cache = home.path("kubelogin");
    let command = testkit::peers::kubelogin::get_token(&program, &dex, dex::USER, &cache);
    let contender = Contender::new("kubelogin get-token", command, home.environment());
    match contender.run() {
        Ok(_) => Ok(contender),
        Err(why) => Err(Missing::new(format!("a login by kubelogin: {why}"))),
    }
}

/// Returns Google's plugin for GKE, where it is installed, after a token from a made-up gcloud, which is then gone.
pub(crate) fn gke_gcloud_auth_plugin(home: &Home) -> Result<Option<Contender>> {
    let Some(program) = install::on_path("gke-gcloud-auth-plugin") else {
        return Ok(None);
    };
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "bench",
        "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench"}}],
        "clusters": [{"name": "bench", "cluster": {"server": "https://gke.example.com"}}],
        "users": [{"name": "bench", "user": {}}],
    });
    let configured = home.path(".kube");
    fs::create_dir(&configured)?;
    fs::write(configured.join("config"), kubeconfig.to_string())?;

    let folder = home.path("gcloud");
    fs::create_dir(&folder)?;
    let gcloud = folder.join("gcloud");
    let token = json!({"credential": {
        "access_token": "ya29.made-up", "token_expiry": "2099-01-01T00:00:00Z",
    }});
    fs::write(&gcloud, format!("#!/bin/sh\necho '{token}'\n"))?;
    fs::set_permissions(&gcloud, Permissions::from_mode(0o755))?;
    let mut environment = home.environment();
    environment.retain(|(name, _)| *name != "PATH");
    environment.push(("PATH", folder.into()));

    let filled = Command::new(&program)
        .env_clear()
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .output()?;
    fs::remove_file(gcloud)?;
    if !filled.status.success() {
        let words = String::from_utf8_lossy(&filled.stderr);
        return Err(format!("gke-gcloud-auth-plugin: {words}").into());
    }
    Ok(Some(Contender::new(
        "gke-gcloud-auth-plugin",
        [program],
        environment,
    )))
}
