//! Tokens of an OpenID Connect provider behind the gateway: by a password, by a client's secret, by another token, and by
//! the refresh token of an earlier login.

use std::sync::Arc;

use serde_json::{Value, json};

use super::attack::Attack;
use super::mutation::{OF_JSON, Scene};
use super::{Played, holds};
use testkit::contract;
use testkit::dice::Dice;
use testkit::google::jwt::{ACCOUNT, now};
use testkit::http::{self, Request, Response, Server};
use testkit::sandbox::{Output, Sandbox};

const ISSUER: &str = "http://dex.auth.svc.cluster.local:5556/dex";
const PASSWORD: &str = "correct horse+battery&staple";
const CLIENT_SECRET: &str = "secret-of-the-client";
const SUBJECT: &str = "made-up-subject-token";
const REFRESH: &str = "made-up-refresh-token";
const TEAM: &str = "header-value-of-the-team";

/// Is who comes, and with what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Password,
    Renewal,
    Client,
    Exchange,
}

const KINDS: [Kind; 4] = [Kind::Password, Kind::Renewal, Kind::Client, Kind::Exchange];

/// Is somebody who meets this provider.
struct Visit {
    kind: Kind,
    door: Server,
    attack: Arc<Attack>,
    elsewhere: Arc<Server>,
    sandbox: Sandbox,
}

/// Plays one door.
pub(crate) fn play(dice: &mut Dice, tell: &mut dyn FnMut(String)) -> Played {
    let kind = KINDS[dice.below(KINDS.len())];
    let visit = Visit::start(dice, kind);
    tell(format!("{kind:?}, {}", visit.attack.planned()));
    if kind == Kind::Renewal {
        let output = holds::calm(&visit.sandbox, &["get"]);
        assert_eq!(output.status, 0, "a good provider\n{}", output.shown());
    }
    visit.attack.begin();
    let output = holds::attacked(&visit.sandbox, &["get", "--refresh"]);
    visit.attack.end();
    let struck = visit.attack.struck();
    tell(output.shown());
    tell(format!("struck {struck:?}"));
    visit.assert_nobody_saw_a_secret();
    let proof_was_struck = struck.iter().any(|line| line.contains("/pipeline/"));
    if output.status == 0 {
        visit.assert_answers(&output, !proof_was_struck);
    }
    if dice.happens(35) {
        // A refused password is not sent again at once.
        let after = holds::calm(&visit.sandbox, &["get", "--refresh"]);
        assert_eq!(after.status, 0, "the storm is over\n{}", after.shown());
    }
    Played {
        outcome: holds::outcome(&output),
        elapsed: output.elapsed,
        peak_memory: output.peak_memory,
        was_struck: !struck.is_empty(),
        visits_elsewhere: visit.elsewhere.requests().len(),
    }
}

impl Visit {
    fn start(dice: &mut Dice, kind: Kind) -> Self {
        let attack = Arc::new(Attack::plan(dice, OF_JSON, 4));
        let elsewhere = Arc::new(Server::start(|_| {
            let token = json!({"access_token": "from-elsewhere", "id_token": "from-elsewhere", "multi_user": true});
            Response::json(200, token.to_string())
        }));
        let origins = vec![elsewhere.origin()];
        let striking = Arc::clone(&attack);
        let door = Server::start(move |request| {
            let own = format!("http://{}", request.header("host").unwrap_or_default());
            let scene = Scene {
                request,
                own,
                elsewhere: &origins,
            };
            striking.pass(&scene, answer(request))
        });
        let sandbox = Sandbox::new();
        for (name, secret) in [
            ("KF_PASSWORD", PASSWORD),
            ("CLIENT_SECRET", CLIENT_SECRET),
            ("SUBJECT", SUBJECT),
            ("TEAM", TEAM),
        ] {
            sandbox.env(name, &sandbox.secret(secret));
        }
        sandbox.secret(REFRESH);
        let oidc = match kind {
            Kind::Password | Kind::Renewal => {
                json!({"username": "user@example.com", "password": {"env": "KF_PASSWORD"}})
            }
            Kind::Client => json!({
                "client-secret": {"env": "CLIENT_SECRET"}, "grant": "client-credentials", "token": "id-token",
            }),
            Kind::Exchange => json!({"connector": "k8s", "subject-token": {"env": "SUBJECT"}}),
        };
        let mut context = json!({
            "name": "storm", "endpoint": format!("{}/pipeline", door.origin()), "store": "file", "oidc": oidc,
        });
        context["oidc"]["client-id"] = "kfp".into();
        if dice.happens(50) {
            context["headers"] = json!({"X-Team": {"env": "TEAM"}});
        }
        let config =
            json!({"apiVersion": "kfp-credential/v1", "kind": "Config", "contexts": [context]});
        sandbox.config(&config.to_string());
        Self {
            kind,
            door,
            attack,
            elsewhere,
            sandbox,
        }
    }

    /// Asserts that the other origin saw no secret and no token, and the API none but its bearer.
    #[track_caller]
    fn assert_nobody_saw_a_secret(&self) {
        let secrets = [PASSWORD, CLIENT_SECRET, SUBJECT, REFRESH, TEAM, "eyJ"];
        for request in self.elsewhere.requests() {
            assert!(request.header("authorization").is_none(), "{request:#?}");
            for secret in secrets {
                assert!(!request.contains(secret), "{secret}: {request:#?}");
            }
        }
        let posts = |request: &&Request| request.form("password").is_some();
        let posts = self.door.requests().iter().filter(posts).count();
        let most = if self.kind == Kind::Renewal { 2 } else { 1 };
        assert!(posts <= most, "the password was sent {posts} times");
        for request in self.door.requests() {
            let is_api = request.path().starts_with("/pipeline");
            assert!(!is_api || !request.contains(PASSWORD), "{request:#?}");
            assert!(is_api || request.header("x-team").is_none(), "{request:#?}");
        }
    }

    /// Asserts that an answer is a document for this endpoint, and that its bearer opens it, unless the proof of that was
    /// tampered with.
    #[track_caller]
    fn assert_answers(&self, output: &Output, must_open: bool) {
        let document = output.json();
        let schema = contract::closed(contract::read_json("protocol/document.schema.json"));
        contract::assert_valid(&schema, &document, "the answer");
        if must_open {
            let bearer = document["status"]["headers"]["Authorization"][0].as_str();
            let url = format!("{}/pipeline/apis/v2beta1/healthz", self.door.origin());
            let answer = http::get(&url, &[("Authorization", bearer.expect("a bearer"))]);
            assert_eq!(answer.status, 200, "it opens nothing\n{}", output.shown());
        }
    }
}

/// Is what a good provider, and the API behind a good gateway, answer.
fn answer(request: &Request) -> Response {
    let json = |status, value: Value| Response::json(status, value.to_string());
    match request.path() {
        "/dex/.well-known/openid-configuration" => json(
            200,
            json!({
                "issuer": ISSUER,
                "authorization_endpoint": format!("{ISSUER}/auth"),
                "token_endpoint": format!("{ISSUER}/token"),
                "jwks_uri": format!("{ISSUER}/keys"),
                "scopes_supported": ["openid", "email", "profile", "groups", "offline_access"],
            }),
        ),
        "/dex/token" => token(request),
        path if path.starts_with("/pipeline/") => {
            let bearer = request.header("authorization").unwrap_or_default();
            let token = bearer.strip_prefix("Bearer ").unwrap_or_default();
            if ACCOUNT.verify(token).is_ok() {
                json(200, json!({"multi_user": true}))
            } else {
                Response::text(401, "Jwt verification fails")
            }
        }
        _ => Response::text(404, "Not Found"),
    }
}

fn token(request: &Request) -> Response {
    let is = |name: &str, value: &str| request.form(name).as_deref() == Some(value);
    let is_good = match request.form("grant_type").unwrap_or_default().as_str() {
        "password" => is("password", PASSWORD),
        "refresh_token" => is("refresh_token", REFRESH),
        "client_credentials" => request.header("authorization").is_some(),
        _ => is("subject_token", SUBJECT),
    };
    if !is_good {
        let refusal = json!({"error": "invalid_grant", "error_description": "no"});
        return Response::json(400, refusal.to_string());
    }
    let claims = json!({
        "iss": ISSUER, "aud": "kfp", "sub": "1", "email": "user@example.com", "exp": now() + 3600,
    });
    let token = ACCOUNT.sign(&claims);
    let answer = json!({
        "id_token": token, "access_token": token, "refresh_token": REFRESH, "token_type": "bearer", "expires_in": 3600,
    });
    Response::json(200, answer.to_string())
}
