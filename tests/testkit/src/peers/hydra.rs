//! Ory Hydra: an OAuth 2.0 and OpenID Connect server that leaves people to another program, here a
//! page of the test's own that knows one person, who consents to everything.
//!
//! Its first build takes longer than that of all other servers together. Hence it is built where
//! `CI=true`, or where `KFP_CREDENTIAL_HYDRA=1` asks for it; once built, it is used everywhere.

use std::env;
use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::dex::get;
use super::install::{self, GoPeer};
use super::oidc_provider::Proof;
use super::ports::Port;
use super::process::{self, Process};
use super::{Found, Missing};
use crate::http::{self, Request, Response, Server};

const PEER: GoPeer = GoPeer {
    name: "hydra-2.3.0",
    package: "github.com/ory/hydra/v2",
    go_mod: include_str!("hydra/go.mod"),
    go_sum: include_str!("hydra/go.sum"),
    main: None,
    tags: Some("sqlite,json1"), // for its storage in memory
};

/// Is who logs in.
pub const USER: &str = "ada@example.com";

/// Is one client of the server.
#[derive(Clone, Debug)]
pub struct Client {
    pub id: &'static str,
    /// What it proves itself with; in no other way, and neither way of sending a secret is the other.
    pub proof: Proof,
    /// `http://127.0.0.1/callback` stands for any port.
    pub redirect_uris: Vec<&'static str>,
    /// Which audiences it may ask for.
    pub audiences: Vec<&'static str>,
}

/// Is a running server.
pub struct Hydra {
    process: Process,
    issuer: String,
    _people: Server,
    _folder: TempDir,
    _ports: [Port; 2],
}

impl Hydra {
    /// Starts a server that knows these clients.
    pub fn start(clients: &[Client]) -> Found<Self> {
        let program = program()?;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let ports = [Port::reserve(), Port::reserve()];
        let [public, admin] = ports.each_ref().map(|port| port.number().to_string());
        let (issuer, admin_origin) = (
            format!("http://127.0.0.1:{public}/"),
            format!("http://127.0.0.1:{admin}"),
        );
        let people = Server::start({
            let admin = admin_origin.clone();
            move |request| person(&admin, request)
        });
        let mut command = process::command(program);
        command
            .args(["serve", "all", "--dev", "--sqa-opt-out"])
            .current_dir(folder.path())
            .env("DSN", "memory")
            .env("SERVE_PUBLIC_HOST", "127.0.0.1")
            .env("SERVE_PUBLIC_PORT", public)
            .env("SERVE_ADMIN_HOST", "127.0.0.1")
            .env("SERVE_ADMIN_PORT", admin)
            .env("URLS_SELF_ISSUER", &issuer)
            .env("URLS_LOGIN", format!("{}/login", people.origin()))
            .env("URLS_CONSENT", format!("{}/consent", people.origin()))
            .env("SECRETS_SYSTEM", "made-up-system-secret")
            .env("STRATEGIES_ACCESS_TOKEN", "jwt");
        let mut process = Process::start("hydra", command, &folder.path().join("log"));
        let origins = [issuer.trim_end_matches('/'), &admin_origin];
        let is_ready = |origin: &&str| get(origin, "/health/ready") == 200;
        process.wait_until(|| origins.iter().all(is_ready));
        // Its keys are made when they are asked for, on a busy machine not within its own time limit.
        process.wait_until(|| get(origins[0], "/.well-known/jwks.json") == 200);
        for client in clients {
            let url = format!("{admin_origin}/admin/clients");
            let made = http::send_json("POST", &url, &client.metadata());
            assert_eq!(made.status, 201, "{}", made.words());
        }
        Ok(Self {
            process,
            issuer,
            _people: people,
            _folder: folder,
            _ports: ports,
        })
    }

    /// Returns what it says that it is, and where it is: with a slash at the end.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    pub fn log(&self) -> String {
        self.process.log()
    }
}

fn program() -> Found<PathBuf> {
    let is = |name, value| env::var_os(name).is_some_and(|set| set == value);
    if PEER.is_built() || is("CI", "true") || is("KFP_CREDENTIAL_HYDRA", "1") {
        return install::go_peer(&PEER);
    }
    let what = "Ory Hydra, which takes many minutes to build: ask for it by KFP_CREDENTIAL_HYDRA=1";
    Err(Missing::new(what))
}

impl Client {
    fn metadata(&self) -> Value {
        let mut metadata = json!({
            "client_id": self.id,
            "redirect_uris": self.redirect_uris,
            "audience": self.audiences,
            "scope": "openid offline_access email pipelines",
            "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
        });
        let method = match &self.proof {
            Proof::None => "none",
            Proof::Basic(secret) => {
                metadata["client_secret"] = (*secret).into();
                "client_secret_basic"
            }
            Proof::Form(secret) => {
                metadata["client_secret"] = (*secret).into();
                "client_secret_post"
            }
            Proof::Key(key) => {
                metadata["jwks"] = json!({"keys": [key]});
                metadata["token_endpoint_auth_signing_alg"] = key["alg"].clone();
                "private_key_jwt"
            }
        };
        metadata["token_endpoint_auth_method"] = method.into();
        metadata
    }
}

/// Is the page that Hydra sends people to: it logs them in and consents, and sends them back.
fn person(admin: &str, request: &Request) -> Response {
    let step = request.path().trim_start_matches('/');
    let name = format!("{step}_challenge");
    let Some(challenge) = request.query(&name) else {
        return Response::text(404, "neither a login nor a consent");
    };
    let challenge: String = url::form_urlencoded::byte_serialize(challenge.as_bytes()).collect();
    let requests = format!("{admin}/admin/oauth2/auth/requests/{step}");
    let answer = if step == "login" {
        json!({"subject": USER})
    } else {
        let asked = http::get(&format!("{requests}?{name}={challenge}"), &[]).document();
        json!({
            "grant_scope": asked["requested_scope"],
            "grant_access_token_audience": asked["requested_access_token_audience"],
            "session": {"id_token": {"email": USER}, "access_token": {"email": USER}},
        })
    };
    let accept = format!("{requests}/accept?{name}={challenge}");
    let accepted = http::send_json("PUT", &accept, &answer).document();
    let next = accepted["redirect_to"].as_str().unwrap_or_default();
    Response::redirect(302, next)
}
