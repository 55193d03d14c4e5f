//! Logins, renewals and logouts of a person at IAP, and what a machine asks Google for.

use std::sync::Arc;

use serde_json::json;

use super::attack::Attack;
use super::mutation::{OF_JSON, Scene};
use super::{Played, holds};
use testkit::contract;
use testkit::dice::Dice;
use testkit::google::{
    CLOUD_PLATFORM, DESKTOP_CLIENT, DESKTOP_SECRET, Google, IAP_CLIENT, IAP_HOST, Options,
    PIPELINES_HOST, SERVICE_ACCOUNT, SUBJECT_TOKEN, TARGET_ACCOUNT, USER, files, jwt,
};
use testkit::http::{Request, Response, Server};
use testkit::sandbox::{Output, Sandbox};

const TEAM: &str = "header-value-of-the-team";
/// Is another host on the internet, as the proxy of the stand-ins has it.
const ELSEWHERE: &str = "elsewhere.example.com";
/// What every token of the stand-ins contains.
const TOKENS: [&str; 4] = [
    "made-up-refresh-token",
    "made-up-access-token",
    "made-up-code",
    "eyJh",
];

/// Is who comes, and with what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A person whose refresh token is in the SDK's file.
    Renewal,
    /// A person with a browser.
    Login,
    /// A person who leaves.
    Logout,
    ServiceAccount,
    AccessToken,
    Impersonation,
    Federation,
    MetadataServer,
}

const KINDS: [Kind; 8] = [
    Kind::Renewal,
    Kind::Login,
    Kind::Logout,
    Kind::ServiceAccount,
    Kind::AccessToken,
    Kind::Impersonation,
    Kind::Federation,
    Kind::MetadataServer,
];

impl Kind {
    /// Counts what is asked of Google and the endpoint.
    fn steps(self) -> usize {
        match self {
            Self::Logout => 1,
            Self::Renewal | Self::ServiceAccount | Self::AccessToken => 2,
            Self::Login | Self::Impersonation | Self::Federation | Self::MetadataServer => 3,
        }
    }

    fn is_person(self) -> bool {
        matches!(self, Self::Renewal | Self::Login | Self::Logout)
    }
}

/// Is somebody who meets this Google.
struct Visit {
    kind: Kind,
    google: Google,
    attack: Arc<Attack>,
    plain: Server,
    sandbox: Sandbox,
}

/// Plays one door.
pub(crate) fn play(dice: &mut Dice, tell: &mut dyn FnMut(String)) -> Played {
    let kind = KINDS[dice.below(KINDS.len())];
    let visit = Visit::start(dice, kind);
    tell(format!("{kind:?}, {}", visit.attack.planned()));
    let words: &[&str] = match kind {
        Kind::Login => &["login"],
        Kind::Logout => &["logout"],
        _ => &["get"],
    };
    if kind == Kind::Logout {
        let output = holds::calm(&visit.sandbox, &["login"]);
        assert_eq!(output.status, 0, "a good Google\n{}", output.shown());
        visit.google.clear();
    }
    visit.attack.begin();
    let output = holds::attacked(&visit.sandbox, words);
    visit.attack.end();
    let struck = visit.attack.struck();
    tell(output.shown());
    tell(format!(
        "struck {struck:?}\nasked {:?}",
        visit.google.lines()
    ));
    visit.assert_nobody_saw_a_secret();
    let proof_was_struck = struck.iter().any(|line| line.contains("healthz"));
    if output.status == 0 && words == ["get"] {
        visit.assert_answers(&output, !proof_was_struck);
    }
    if kind != Kind::Logout && dice.happens(35) {
        let after = holds::calm(&visit.sandbox, &["get", "--refresh"]);
        // A server that has given another refresh token, or none, has ended the login.
        let may_have_ended = kind.is_person() && holds::outcome(&after) == "login-required";
        assert!(
            after.status == 0 || may_have_ended,
            "the storm is over\n{}",
            after.shown()
        );
    }
    Played {
        outcome: holds::outcome(&output),
        elapsed: output.elapsed,
        peak_memory: output.peak_memory,
        was_struck: !struck.is_empty(),
        visits_elsewhere: visit.plain.requests().len() + visit.seen_at(&[ELSEWHERE]).len(),
    }
}

impl Visit {
    fn start(dice: &mut Dice, kind: Kind) -> Self {
        let attack = Arc::new(Attack::plan(dice, OF_JSON, kind.steps()));
        let plain = Server::start(|_| tempting());
        let others = vec![(ELSEWHERE, Arc::new(|_: &Request| tempting()) as _)];
        let google = Google::start(Options {
            others,
            ..Options::default()
        });
        // gcloud's own files are not written by us, and Google replaces no token of theirs.
        google.behave(|google| google.rotation = kind.is_person() && dice.happens(30));
        let origins = vec![format!("https://{ELSEWHERE}"), plain.origin()];
        let striking = Arc::clone(&attack);
        // Answers to the person's own browser are not for us.
        google.change(move |host, request, answer| match host {
            "accounts.google.com" | ELSEWHERE => answer,
            _ => {
                let own = match host {
                    "metadata" => format!("http://{}", request.header("host").unwrap_or_default()),
                    _ => format!("https://{host}"),
                };
                striking.pass(
                    &Scene {
                        request,
                        own,
                        elsewhere: &origins,
                    },
                    answer,
                )
            }
        });
        let visit = Self {
            kind,
            google,
            attack,
            plain,
            sandbox: Sandbox::new(),
        };
        visit.furnish(dice.happens(50));
        visit
    }

    /// Writes the context, and the credentials that it needs.
    fn furnish(&self, has_headers: bool) {
        let (sandbox, google) = (&self.sandbox, &self.google);
        for (name, value) in google.env() {
            sandbox.env(name, &value);
        }
        let key_line = jwt::ACCOUNT.pem.lines().nth(3).expect("a key");
        for secret in TOKENS
            .into_iter()
            .chain([DESKTOP_SECRET, SUBJECT_TOKEN, key_line])
        {
            sandbox.secret(secret);
        }
        sandbox.env("TEAM", &sandbox.secret(TEAM));
        sandbox.file("desktop-secret", format!("{DESKTOP_SECRET}\n"));
        let browser = google.browser();
        // By name, a program that was just written may still be open for writing in a child of another door.
        sandbox.env("BROWSER", &format!("sh {}", browser.display()));
        let adc = |credentials: serde_json::Value| {
            let path = sandbox.file("adc.json", credentials.to_string());
            sandbox.env("GOOGLE_APPLICATION_CREDENTIALS", &path.to_string_lossy());
        };
        match self.kind {
            Kind::Renewal => {
                let text = files::kfp_credentials(&google.refresh_token(USER));
                sandbox.file(".config/kfp/credentials.json", text);
            }
            Kind::Login | Kind::Logout => {}
            Kind::ServiceAccount | Kind::AccessToken => {
                adc(files::service_account(SERVICE_ACCOUNT));
            }
            Kind::Impersonation => {
                let user = files::authorized_user(&google.refresh_token_for(USER, CLOUD_PLATFORM));
                adc(files::impersonated(TARGET_ACCOUNT, &[], &user));
            }
            Kind::Federation => {
                let source = json!({"file": sandbox.file("subject", SUBJECT_TOKEN)});
                adc(files::external_account(&source, Some(TARGET_ACCOUNT)));
            }
            Kind::MetadataServer => {
                for (name, value) in google.metadata_env() {
                    sandbox.env(name, &value);
                }
            }
        }
        let method = match self.kind {
            Kind::AccessToken => format!("endpoint: https://{PIPELINES_HOST}\n  gcp: {{}}"),
            kind if kind.is_person() => format!(
                "endpoint: https://{IAP_HOST}/pipeline\n  iap:\n    client-id: {IAP_CLIENT}\n    other-client-id: \
                 {DESKTOP_CLIENT}\n    other-client-secret: {{ file: ~/desktop-secret }}"
            ),
            _ => format!(
                "endpoint: https://{IAP_HOST}/pipeline\n  iap: {{ client-id: {IAP_CLIENT} }}"
            ),
        };
        let headers = if has_headers {
            "  headers: { X-Team: { env: TEAM } }\n"
        } else {
            ""
        };
        sandbox.config(&format!(
            "apiVersion: kfp-credential/v1\nkind: Config\ncontexts:\n- name: storm\n  store: file\n{headers}  {method}\n"
        ));
    }

    fn seen_at(&self, hosts: &[&str]) -> Vec<Request> {
        let seen = self.google.requests().into_iter();
        let seen = seen.filter(|seen| hosts.contains(&seen.host.as_str()));
        seen.map(|seen| seen.request).collect()
    }

    /// Asserts that other origins saw no secret, the endpoint none but its bearer, and Google nothing of the endpoint's.
    #[track_caller]
    fn assert_nobody_saw_a_secret(&self) {
        let key_line = jwt::ACCOUNT.pem.lines().nth(3).expect("a key");
        let kept = [
            DESKTOP_SECRET,
            SUBJECT_TOKEN,
            key_line,
            "made-up-refresh-token",
            "made-up-code",
        ];
        let all: Vec<&str> = kept.into_iter().chain(TOKENS).chain([TEAM]).collect();
        let mut elsewhere = self.plain.requests();
        elsewhere.extend(self.seen_at(&[ELSEWHERE]));
        assert_lacks("elsewhere", &elsewhere, &all);
        let bearers = elsewhere
            .iter()
            .filter(|request| request.header("authorization").is_some());
        assert_eq!(bearers.count(), 0, "a bearer elsewhere");
        assert_lacks(
            "the endpoint",
            &self.seen_at(&[IAP_HOST, PIPELINES_HOST]),
            &kept,
        );
        let googles = [
            "oauth2.googleapis.com",
            "www.googleapis.com",
            "iamcredentials.googleapis.com",
            "sts.googleapis.com",
        ];
        assert_lacks("Google", &self.seen_at(&googles), &[TEAM, key_line]);
        assert_lacks(
            "the metadata server",
            &self.google.metadata().requests(),
            &all,
        );
        let refused = self.google.proxy().refused();
        assert!(
            refused
                .iter()
                .all(|line| !TOKENS.iter().any(|token| line.contains(token))),
            "{refused:?}"
        );
    }

    /// Asserts that an answer is a document for this endpoint, and that its bearer opens it, unless the proof of that was
    /// tampered with.
    #[track_caller]
    fn assert_answers(&self, output: &Output, must_open: bool) {
        let document = output.json();
        let schema = contract::closed(contract::read_json("protocol/document.schema.json"));
        contract::assert_valid(&schema, &document, "the answer");
        let endpoint = document["status"]["kfp"]["endpoint"]
            .as_str()
            .expect("an endpoint");
        let (host, path) = match self.kind {
            Kind::AccessToken => (PIPELINES_HOST, ""),
            _ => (IAP_HOST, "/pipeline"),
        };
        assert!(
            endpoint.starts_with(&format!("https://{host}")),
            "{endpoint}\n{}",
            output.shown()
        );
        if must_open {
            let bearer = document["status"]["headers"]["Authorization"][0]
                .as_str()
                .expect("a bearer");
            let url = format!("https://{host}{path}/apis/v2beta1/healthz");
            let answer = self
                .google
                .ask("GET", &url, &[("Authorization", bearer)], "");
            assert_eq!(answer.status, 200, "it opens nothing\n{}", output.shown());
        }
    }
}

/// Is what another origin answers: whatever may be wanted of it.
fn tempting() -> Response {
    let answer = json!({
        "access_token": "from-elsewhere", "id_token": "from-elsewhere", "token": "from-elsewhere", "accessToken":
        "from-elsewhere", "expires_in": 3599, "expireTime": "2100-01-01T00:00:00Z", "multi_user": true,
    });
    Response::json(200, answer.to_string()).header("Metadata-Flavor", "Google")
}

#[track_caller]
fn assert_lacks(place: &str, requests: &[Request], secrets: &[&str]) {
    for request in requests {
        for secret in secrets {
            assert!(
                !request.contains(secret),
                "the secret {secret:?} at {place}: {request:#?}\n{}",
                request.text()
            );
        }
    }
}
