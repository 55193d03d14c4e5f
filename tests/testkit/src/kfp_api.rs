//! Stand-ins of what answers behind a Kubeflow gateway: the dashboard, KFP's UI and its API.
//!
//! Only what a client of the API meets is here: the health answers, a list of experiments in the
//! shapes of v1beta1 and v2beta1 (the kfp SDKs parse it), runs and uploads, and HTML with status 200
//! for every other path, which is what makes a wrong endpoint so hard to notice in a real cluster.

mod runs;

use serde_json::{Value, json};

use super::http::{Request, Response};

const COMMIT: &str = "a9a7d5d5b8a3b6c2f4b0f7a3f3f0b9d1c6a1e2f3";
/// Is what the real API server (2.17.0) tells somebody without an identity header.
const NOBODY: &str = "List experiments failed: Failed to authorize with API: Failed to authorize with API: \
                      Unauthenticated: Failed to check authorization. User identity is empty in the request \
                      header: Unauthenticated: Request header error: there is no user identity header.";
const NO_IDENTITY: &str = "Request header error: there is no user identity header.";

/// Answers as Kubeflow does behind its gateway, for somebody whom the gateway has let through:
/// KFP under `/pipeline`, the dashboard everywhere else, and the request's headers at `/echo`.
pub fn kubeflow(request: &Request) -> Response {
    let path = request.path();
    if path == "/echo" {
        return echo(request);
    }
    match path.strip_prefix("/pipeline") {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => {
            api(request, rest, &api_server_health(rest)).unwrap_or_else(pipelines_ui)
        }
        _ => page("Kubeflow Central Dashboard"),
    }
}

/// Names, in an answer of [`behind_gateway`], the user whom the gateway has told of.
pub const SEEN_USER: &str = "seen-user";

/// Answers as [`kubeflow`] does, but as a multi-user KFP: its API is for those only whom the
/// gateway names in `kubeflow-userid`, health for everybody. The answer tells who it was.
pub fn behind_gateway(request: &Request) -> Response {
    let path = request.path();
    let is_api = path.starts_with("/pipeline/apis/") && !path.ends_with("/healthz");
    match request.header("kubeflow-userid") {
        Some(user) => kubeflow(request).header(SEEN_USER, user),
        None if is_api => rpc_status(401, 16, NOBODY),
        None => kubeflow(request),
    }
}

/// Answers as `ml-pipeline-ui` of a standalone KFP does: at the root and under `/pipeline`,
/// without asking who it is.
pub fn standalone(request: &Request) -> Response {
    let path = without_prefix(request.path());
    api(request, path, &ui_health(false)).unwrap_or_else(pipelines_ui)
}

/// Answers as `ml-pipeline-ui` of a multi-user KFP does when it is reached past the gateway: the
/// health answer for everybody, the API only with an identity header or a bearer.
pub fn multi_user_direct(request: &Request) -> Response {
    let path = without_prefix(request.path());
    let known = request
        .header("kubeflow-userid")
        .is_some_and(|user| !user.is_empty())
        || request
            .header("authorization")
            .is_some_and(|value| value.starts_with("Bearer "));
    if path.starts_with("/apis/") && !path.ends_with("/healthz") && !known {
        return grpc_error(401, 16, NO_IDENTITY);
    }
    api(request, path, &ui_health(true)).unwrap_or_else(pipelines_ui)
}

/// Is the multi-user API server itself, in the words of the real one (2.17.0).
pub struct MultiUser {
    /// The header that carries the user, and who may list experiments where.
    identity_header: &'static str,
    bound: Vec<(&'static str, &'static str)>,
    takes_bearers: bool,
}

impl MultiUser {
    /// Starts one that knows these users, each bound to a role in a namespace.
    pub fn with_users(
        identity_header: &'static str,
        bound: &[(&'static str, &'static str)],
    ) -> Self {
        Self {
            identity_header,
            bound: bound.to_vec(),
            takes_bearers: false,
        }
    }

    /// Starts one that takes nobody's headers and no bearer.
    pub fn knows_nobody() -> Self {
        Self::with_users("kubeflow-userid", &[])
    }

    /// Starts one that takes every bearer, and binds none to a role.
    pub fn takes_bearers() -> Self {
        Self {
            takes_bearers: true,
            ..Self::knows_nobody()
        }
    }

    /// Answers as the server does: health for everybody, a list only for somebody.
    pub fn answer(&self, request: &Request) -> Response {
        let path = without_prefix(request.path());
        if path.ends_with("/healthz") || !path.ends_with("/experiments") {
            let health = json!({
                "commit_sha": COMMIT, "tag_name": "2.17.0", "multi_user": true, "pipeline_store": "database",
            });
            return api(request, path, &health).unwrap_or_else(pipelines_ui);
        }
        let is_v1 = path.starts_with("/apis/v1beta1/");
        let key = if is_v1 {
            "resource_reference_key.id"
        } else {
            "namespace"
        };
        let namespace = request.query(key).unwrap_or_default();
        if namespace.is_empty() {
            let message = "List experiments failed: Failed to authorize with API: Invalid input error: \
                           An experiment cannot have an empty namespace in multi-user mode";
            return rpc_status(400, 3, message);
        }
        let user = match request.header(self.identity_header) {
            // The real one crashes here.
            Some("") => return Response::close(),
            Some(user) => Some(user.to_owned()),
            None => {
                let bearer = request.header("authorization");
                let bearer =
                    bearer.filter(|value| self.takes_bearers && value.starts_with("Bearer "));
                bearer.map(|_| "system:serviceaccount:team-1:default-editor".to_owned())
            }
        };
        let Some(user) = user else {
            return rpc_status(401, 16, NOBODY);
        };
        if self.bound.contains(&(user.as_str(), namespace.as_str())) {
            return Response::json(200, "{}");
        }
        let message = format!(
            "List experiments failed: Failed to authorize with API: Failed to authorize with API: PermissionDenied: \
             User '{user}' is not authorized with reason:  (request: &ResourceAttributes{{Namespace:{namespace},\
             Verb:list,Group:pipelines.kubeflow.org,Version:v1beta1,Resource:experiments,Subresource:,Name:,}})"
        );
        rpc_status(403, 7, &message)
    }
}

/// Is an error of v2beta1 as the real API server writes it.
fn rpc_status(status: u16, code: u32, message: &str) -> Response {
    let message = json!(message);
    Response::json(
        status,
        format!("{{\"code\":{code}, \"message\":{message}, \"details\":[]}}"),
    )
}

/// Makes a token that looks like a Kubernetes service account's, for this audience, good for this
/// many seconds from now (or since, when negative). Nobody has signed it.
pub fn service_account_token(audience: &str, seconds: i64) -> String {
    let now = std::time::UNIX_EPOCH
        .elapsed()
        .map_or(0, |elapsed| elapsed.as_secs());
    made_up_jwt(&json!({
        "aud": [audience],
        "exp": now.saturating_add_signed(seconds),
        "iat": now,
        "iss": "https://kubernetes.default.svc.cluster.local",
        "kubernetes.io": {"namespace": "team-a", "serviceaccount": {"name": "default-editor"}},
        "sub": "system:serviceaccount:team-a:default-editor",
    }))
}

/// Makes a JWT of these claims with a signature of no worth.
pub fn made_up_jwt(claims: &Value) -> String {
    let header = json!({"alg": "RS256", "kid": "made-up"}).to_string();
    let parts = [header.as_str(), &claims.to_string(), "not a signature"];
    parts.map(|part| base64url(part.as_bytes())).join(".")
}

/// Encodes as RFC 4648 section 5 says, without padding.
pub fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let mut group = [0; 3];
        group[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, group[0], group[1], group[2]]);
        for position in 0..=chunk.len() {
            let index = (bits >> (18 - 6 * position)) & 63;
            text.push(char::from(ALPHABET[index as usize]));
        }
    }
    text
}

fn without_prefix(path: &str) -> &str {
    path.strip_prefix("/pipeline").unwrap_or(path)
}

/// Answers an API path (`/apis/…`); `None` for every other.
fn api(request: &Request, path: &str, health: &Value) -> Option<Response> {
    let (version, rest) = path.strip_prefix("/apis/")?.split_once('/')?;
    if version != "v1beta1" && version != "v2beta1" {
        return None;
    }
    let answer = match (request.method.as_str(), rest) {
        ("GET", "healthz") => Response::json(200, health.to_string()),
        ("GET", "experiments") => list_experiments(request),
        ("GET", other) => match other.strip_prefix("experiments/") {
            Some(id) => one_experiment(id),
            None => runs::answer(request, version, other).unwrap_or_else(not_found),
        },
        (_, other) => runs::answer(request, version, other).unwrap_or_else(not_found),
    };
    Some(answer)
}

/// Is what the API server itself says; v1beta1 says more than v2beta1.
fn api_server_health(path: &str) -> Value {
    if path.starts_with("/apis/v1beta1/") {
        json!({"commit_sha": COMMIT, "tag_name": "2.5.0", "multi_user": true})
    } else {
        json!({"multi_user": true})
    }
}

/// Is what `ml-pipeline-ui` says in the API server's place, the same for both versions.
fn ui_health(multi_user: bool) -> Value {
    json!({
        "apiServerReady": true,
        "apiServerMultiUser": multi_user,
        "multi_user": multi_user,
        "apiServerCommitHash": COMMIT,
        "apiServerTagName": "2.5.0",
        "buildDate": "Wed Jan  7 10:00:00 UTC 2026",
        "frontendCommitHash": COMMIT,
        "frontendTagName": "2.5.0",
    })
}

fn list_experiments(request: &Request) -> Response {
    let namespace = request.query("namespace").unwrap_or_default();
    let named = named_by_filter(request);
    let mut experiments = experiments(&namespace);
    experiments.retain(|one| named.as_ref().is_none_or(|name| one["name"] == *name));
    let total = experiments.len();
    Response::json(
        200,
        json!({"experiments": experiments, "total_size": total}).to_string(),
    )
}

/// Returns the name that the filter asks for, in the form that the kfp SDKs give it.
fn named_by_filter(request: &Request) -> Option<Value> {
    let filter: Value = serde_json::from_str(&request.query("filter")?).ok()?;
    filter.pointer("/predicates/0/stringValue").cloned()
}

fn one_experiment(id: &str) -> Response {
    let found = experiments("team-a")
        .into_iter()
        .find(|one| one["experiment_id"] == id);
    found.map_or_else(not_found, |one| Response::json(200, one.to_string()))
}

fn experiments(namespace: &str) -> Vec<Value> {
    let names = [("Default", "6a3c"), ("taxi fares", "b41d")];
    let experiment = |(name, start): (&str, &str)| {
        let id = format!("{start}0c52-9f1e-4c52-8d0e-5f6b1c2d3e4f");
        json!({
            "id": id, // v1beta1 has these two names
            "name": name,
            "experiment_id": id,
            "display_name": name,
            "description": "made up",
            "created_at": "2026-11-02T09:30:00Z",
            "last_run_created_at": "2026-11-20T16:05:00Z",
            "namespace": namespace,
            "storage_state": "AVAILABLE",
        })
    };
    names.map(experiment).to_vec()
}

fn not_found() -> Response {
    grpc_error(404, 5, "Not Found")
}

/// Is an error as the API server's gRPC gateway words it.
fn grpc_error(status: u16, code: u32, message: &str) -> Response {
    let body = json!({"error": message, "code": code, "message": message, "details": []});
    Response::json(status, body.to_string())
}

/// Shows what arrived; a header that came several times is a list of all its values.
fn echo(request: &Request) -> Response {
    let mut headers = serde_json::Map::new();
    for (name, value) in &request.headers {
        let values = headers
            .entry(name.to_ascii_lowercase())
            .or_insert_with(|| json!([]));
        values.as_array_mut().expect("a list").push(json!(value));
    }
    let seen = json!({"method": request.method, "target": request.target, "headers": headers});
    Response::json(200, seen.to_string())
}

fn pipelines_ui() -> Response {
    page("Kubeflow Pipelines")
}

fn page(title: &str) -> Response {
    Response::html(
        200,
        format!(
            "<!doctype html>\n<html lang=\"en\"><head><title>{title}</title></head>\
             <body><div id=\"root\"></div></body></html>\n"
        ),
    )
}
