//! Runs and uploads of the KFP stand-in, for clients that create a run and wait for its end.
//!
//! Nothing is stored: a run's id holds the moment of its creation, which tells how far it is.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::super::http::{Request, Response};

/// Is how long a run is pending, and how long it takes in all: two pauses of a client that asks every five seconds.
const PENDING: Duration = Duration::from_secs(2);
const WHOLE: Duration = Duration::from_secs(8);

/// Answers what is about runs or uploads, in the shape of this version of the API.
pub(super) fn answer(request: &Request, version: &str, path: &str) -> Option<Response> {
    let old = version == "v1beta1";
    match (request.method.as_str(), path) {
        ("POST", "runs") => Some(create(request, old)),
        ("GET", path) => Some(one(path.strip_prefix("runs/")?, old)),
        ("POST", "pipelines/upload") => Some(upload(request, old)),
        _ => None,
    }
}

fn create(request: &Request, old: bool) -> Response {
    let asked: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let name = if old { "name" } else { "display_name" };
    if !asked[name].is_string() || asked["pipeline_spec"].is_null() {
        return super::grpc_error(400, 3, "The run has no name, or no pipeline.");
    }
    let run = run(&id_of_now(), old);
    let created = if old { json!({"run": run}) } else { run };
    Response::json(200, created.to_string())
}

fn one(id: &str, old: bool) -> Response {
    if age(id).is_none() {
        return super::not_found();
    }
    let run = run(id, old);
    let detail = if old {
        json!({"run": run, "pipeline_runtime": {}})
    } else {
        run
    };
    Response::json(200, detail.to_string())
}

fn run(id: &str, old: bool) -> Value {
    let state = match age(id) {
        Some(age) if age < PENDING => "PENDING",
        Some(age) if age < WHOLE => "RUNNING",
        _ => "SUCCEEDED",
    };
    if old {
        let (first, rest) = state.split_at(1);
        json!({"id": id, "name": "a run", "status": first.to_owned() + &rest.to_lowercase()})
    } else {
        json!({"run_id": id, "display_name": "a run", "state": state})
    }
}

/// Takes a pipeline's file as browsers send files, and names the pipeline as the query says.
fn upload(request: &Request, old: bool) -> Response {
    let sent = request
        .header("content-type")
        .is_some_and(|kind| kind.starts_with("multipart/form-data;"))
        && request.text().contains("name=\"uploadfile\"");
    if !sent {
        return super::grpc_error(400, 3, "Failed to read the pipeline's file.");
    }
    let name = request.query("name").unwrap_or_default();
    let id = id_of_now();
    let pipeline = if old {
        json!({"id": id, "name": name})
    } else {
        json!({"pipeline_id": id, "display_name": name})
    };
    Response::json(200, pipeline.to_string())
}

fn id_of_now() -> String {
    let millis = since_epoch().as_millis();
    format!(
        "{:08x}-{:04x}-4c52-8d0e-5f6b1c2d3e4f",
        millis >> 16,
        millis & 0xffff
    )
}

fn age(id: &str) -> Option<Duration> {
    let hex: String = id.split('-').take(2).collect();
    let millis = u64::from_str_radix(&hex, 16).ok()?;
    since_epoch().checked_sub(Duration::from_millis(millis))
}

fn since_epoch() -> Duration {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default()
}
