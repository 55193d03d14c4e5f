//! `@actions/core` (npm): what real actions ask their runner with for a token of their job.

use std::process::Command;

use serde_json::Value;

use super::Found;
use super::install::{self, FolderPeer};
use crate::machines::MachineIssuer;

/// Asks for a token in a job of this issuer's: `{"token": JWT}`, else `{"error": why}`.
pub fn get_id_token(job: &MachineIssuer, audience: &str) -> Found<Value> {
    const PEER: FolderPeer = FolderPeer {
        name: "actions-core-3.0.1",
        files: &[
            ("package.json", include_str!("actions_core/package.json")),
            (
                "package-lock.json",
                include_str!("actions_core/package-lock.json"),
            ),
            ("job.mjs", include_str!("actions_core/job.mjs")),
        ],
    };
    let node = install::program("node", "nodejs")?;
    let folder = install::folder_peer(&PEER, install::npm)?;
    let mut command = Command::new("timeout");
    command.arg("60").arg(node);
    command.arg(folder.join("job.mjs")).arg(audience);
    let output = command.envs(job.job_env()).output().expect("timeout");
    let stdout = String::from_utf8_lossy(&output.stdout);
    // A line before it hides the token from the job's log.
    let last = stdout.lines().last().unwrap_or_default();
    Ok(serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {output:?}")))
}
