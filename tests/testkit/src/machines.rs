//! A stand-in of those who say who a machine is: the token endpoint of a GitHub Actions runner, and
//! an issuer with discovery and keys for its tokens and for those of a cluster's service accounts.
//!
//! That it is faithful is proved by `tests/servers/real_peers.rs`, with the client that real actions
//! have (`peers::actions_core`), and by `stock_door/machines.rs` beside it, with Dex.

use std::net::TcpListener;

use serde_json::{Value, json};

use crate::google::jwt::{ACCOUNT, now};
use crate::http::{Request, Response, Server};

/// Is the repository whose workflow runs, and who owns it.
pub const REPOSITORY: &str = "my-org/my-repo";
pub const OWNER: &str = "my-org";
/// Is who a pod is.
pub const SERVICE_ACCOUNT: &str = "system:serviceaccount:team-a:default-editor";

/// Is what a job shows to its runner.
const REQUEST_TOKEN: &str = "made-up-request-token-of-a-job";
const ENDPOINT: &str = "/00000000/_apis/distributedtask/hubs/Actions/plans/1/jobs/2/idtoken";
const KEYS: &str = "/.well-known/jwks";

/// Is an issuer of tokens for machines.
pub struct MachineIssuer {
    server: Server,
}

impl MachineIssuer {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port on loopback");
        let address = listener.local_addr().expect("an address");
        let issuer = format!("http://{address}");
        let server = Server::start_on(listener, None, move |request| answer(&issuer, request));
        Self { server }
    }

    /// Returns what its tokens name as their issuer, below which its discovery lies.
    pub fn url(&self) -> String {
        self.server.origin()
    }

    /// Returns where its keys lie.
    pub fn keys(&self) -> String {
        self.url() + KEYS
    }

    /// Returns what has recorded every request.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Returns the variables that a runner gives to a job with the permission `id-token: write`.
    pub fn job_env(&self) -> [(&'static str, String); 2] {
        let url = format!("{}{ENDPOINT}?api-version=2.0", self.url());
        [
            ("ACTIONS_ID_TOKEN_REQUEST_URL", url),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", REQUEST_TOKEN.to_owned()),
        ]
    }

    /// Returns the token of a job, as the runner's endpoint gives it.
    pub fn job_token(&self, audience: &str) -> String {
        self.sign(job(audience), 300)
    }

    /// Returns the token of a pod's service account, good for so many seconds.
    pub fn service_account_token(&self, audience: &str, seconds: i64) -> String {
        self.sign(pod(audience), seconds)
    }

    /// Signs any claims; the issuer and the times are added.
    pub fn sign(&self, claims: Value, seconds: i64) -> String {
        sign(&self.url(), claims, seconds)
    }
}

fn answer(issuer: &str, request: &Request) -> Response {
    match request.path() {
        "/.well-known/openid-configuration" => {
            let discovery = json!({
                "issuer": issuer,
                "jwks_uri": format!("{issuer}{KEYS}"),
                "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
            });
            Response::json(200, discovery.to_string())
        }
        KEYS => Response::json(200, json!({"keys": [ACCOUNT.jwk()]}).to_string()),
        ENDPOINT => job_answer(issuer, request),
        _ => Response::text(404, "Not Found"),
    }
}

/// Is the runner's own endpoint.
fn job_answer(issuer: &str, request: &Request) -> Response {
    let bearer = format!("Bearer {REQUEST_TOKEN}");
    if request.header("authorization") != Some(&bearer) {
        return Response::json(401, json!({"message": "Unauthorized"}).to_string());
    }
    let audience = request.query("audience");
    let audience = audience.unwrap_or_else(|| format!("https://github.com/{OWNER}"));
    let value = sign(issuer, job(&audience), 300);
    Response::json(
        200,
        json!({"count": value.len(), "value": value}).to_string(),
    )
}

fn job(audience: &str) -> Value {
    json!({
        "aud": audience,
        "sub": format!("repo:{REPOSITORY}:ref:refs/heads/main"),
        "ref": "refs/heads/main",
        "repository": REPOSITORY,
        "repository_owner": OWNER,
        "run_id": "1234567890",
        "actor": "ada",
        "event_name": "push",
        "runner_environment": "github-hosted",
    })
}

fn pod(audience: &str) -> Value {
    json!({
        "aud": [audience],
        "sub": SERVICE_ACCOUNT,
        "kubernetes.io": {
            "namespace": "team-a",
            "serviceaccount": {"name": "default-editor", "uid": "1b2c"},
        },
    })
}

fn sign(issuer: &str, mut claims: Value, seconds: i64) -> String {
    let now = now();
    claims["iss"] = issuer.into();
    claims["iat"] = now.into();
    claims["nbf"] = now.into();
    claims["exp"] = (now + seconds).into();
    ACCOUNT.sign(&claims)
}
