//! One client on a stage: for every scene an API server of its own, a context of kfp-credential that gives a token (or
//! cookies), and a kubeconfig whose user runs the binary through `helper.sh`, which notes how it was run.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use serde_json::{Value, json};

use testkit::binary;
use testkit::http::{Request, Response, Server, TestCa};
use testkit::kfp_api::service_account_token;
use testkit::outside::surround;
use testkit::sandbox::Sandbox;

pub(crate) const V1: &str = "client.authentication.k8s.io/v1";
pub(crate) const V1BETA1: &str = "client.authentication.k8s.io/v1beta1";
pub(crate) const PODS: &str = "/api/v1/namespaces/default/pods";

/// Is where the contexts lead; never contacted, and another origin than every API server's.
const ENDPOINT: &str = "https://kf.example.com/pipeline";

/// Says what happens in a scene.
#[derive(Clone, Copy)]
pub(crate) struct Script {
    pub(crate) name: &'static str,
    /// What the client does: see `peers/kubernetes_clients.rs`.
    pub(crate) steps: &'static str,
    /// A line of the context, beyond its endpoint and its method.
    pub(crate) context: &'static str,
    /// Whether the context gives cookies, and no token.
    pub(crate) cookies: bool,
    /// Whether the context's `servers` names the API server.
    pub(crate) listed: bool,
    /// What becomes of the first token when the second request comes: the helper's file has the second token then.
    pub(crate) second_request: Change,
    pub(crate) who_runs_it: HelperRun,
    /// More variables of the kubeconfig's `exec.env`.
    pub(crate) env: &'static [(&'static str, &'static str)],
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Change {
    Nothing,
    NewToken,
    NewTokenAndOldOneRejected,
}

/// Is how the kubeconfig runs the helper.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum HelperRun {
    /// `helper.sh` as a plugin of version v1.
    Noted,
    /// The same as one of v1beta1.
    NotedV1beta1,
    /// As `kfp-credential config kubeconfig` prints it: found on `PATH`, not noted.
    Printed,
}

impl Script {
    pub(crate) const fn new(name: &'static str, steps: &'static str) -> Self {
        Self {
            name,
            steps,
            context: "",
            cookies: false,
            listed: true,
            second_request: Change::Nothing,
            who_runs_it: HelperRun::Noted,
            env: &[],
        }
    }
}

/// Is what became of a scene.
pub(crate) struct Scene {
    /// The client's answers; see `peers/kubernetes_clients.rs`.
    pub(crate) answers: Vec<Value>,
    pub(crate) visits: Vec<Visit>,
    pub(crate) runs: Vec<Noted>,
    pub(crate) tokens: [String; 2],
    pub(crate) origin: String,
}

/// Is a request as the API server saw it.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    pub(crate) authorization: Option<String>,
    /// How often the helper had been run until then.
    pub(crate) runs: usize,
    pub(crate) at: Instant,
}

/// Is a run of the helper as it saw it.
#[derive(Debug)]
pub(crate) struct Noted {
    pub(crate) stdin: String,
    /// What `KUBERNETES_EXEC_INFO` held, or null.
    pub(crate) exec_info: Value,
}

impl Scene {
    /// Returns the status of an answer; 0 stands for an error that never got one.
    pub(crate) fn status(&self, answer: usize) -> u64 {
        let answer = self.answers.get(answer);
        answer.map_or(0, |answer| answer["status"].as_u64().unwrap_or(0))
    }

    /// Returns the error of the first answer, empty when there is none.
    pub(crate) fn error(&self) -> &str {
        self.answers[0]["error"].as_str().unwrap_or_default()
    }

    /// Tells which of the two tokens a visit had: 0, 1, or none of them.
    pub(crate) fn token(&self, visit: usize) -> Option<usize> {
        let sent = self.visits.get(visit)?.authorization.as_deref()?;
        let sent = sent.strip_prefix("Bearer ")?;
        self.tokens.iter().position(|token| token == sent)
    }
}

/// Lets a client play scenes, one after another in one process; returns what became of each, and its stderr.
pub(crate) fn play<const N: usize>(
    mut client: Command,
    scripts: [Script; N],
    env: &[(&str, &str)],
) -> ([Scene; N], String) {
    let home = Sandbox::new();
    let stages = scripts.map(|script| Stage::set(&home, script));
    let contexts: String = stages.iter().map(Stage::context).collect();
    home.config(&format!(
        "apiVersion: kfp-credential/v1\nkind: Config\ncontexts:\n{contexts}"
    ));
    for stage in &stages {
        let kubeconfig = stage.kubeconfig(&home);
        client.arg(format!("{}={}", kubeconfig.display(), stage.script.steps));
    }
    surround(&mut client, &home);
    let output = client.envs(env.iter().copied()).output().expect("a client");
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success(),
        "{client:?}: {}\n{stderr}",
        output.status
    );
    let answers: Vec<Vec<Value>> = stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let answers: [Vec<Value>; N] = answers
        .try_into()
        .unwrap_or_else(|_| panic!("no answer for each scene\n{stdout}\n{stderr}"));
    let mut answers = answers.into_iter();
    let scenes = stages.map(|stage| stage.scene(answers.next().expect("as many answers")));
    let tokens = scenes.iter().flat_map(|scene| &scene.tokens);
    assert!(!holds(&stdout, tokens), "a token in an answer:\n{stdout}");
    (scenes, stderr)
}

/// Tells whether one of the tokens is in a text.
pub(crate) fn holds<'a>(text: &str, mut tokens: impl Iterator<Item = &'a String>) -> bool {
    tokens.any(|token| text.contains(token))
}

/// Is a scene before and while it is played.
pub(crate) struct Stage {
    script: Script,
    ca: TestCa,
    api: Server,
    visits: Arc<Mutex<Vec<Visit>>>,
    tokens: [String; 2],
    token_file: PathBuf,
    record: PathBuf,
}

impl Stage {
    /// Starts the API server and writes the first token where the helper finds it.
    pub(crate) fn set(home: &Sandbox, script: Script) -> Self {
        let tokens = [3600, 7200]
            .map(|seconds| home.secret(service_account_token("pipelines.kubeflow.org", seconds)));
        let token_file = home.file(&format!("{}/token", script.name), &tokens[0]);
        let record = home.file(&format!("{}/record", script.name), "");
        let visits = Arc::new(Mutex::new(Vec::new()));
        let ca = TestCa::generate();
        let server = ApiServer {
            change: script.second_request,
            tokens: tokens.clone(),
            token_file: token_file.clone(),
            record: record.clone(),
            visits: Arc::clone(&visits),
        };
        let answer = move |request: &Request| server.answer(request);
        let api = Server::start_tls(&ca, &["localhost", "127.0.0.1"], answer);
        Self {
            script,
            ca,
            api,
            visits,
            tokens,
            token_file,
            record,
        }
    }

    pub(crate) fn origin(&self) -> String {
        self.api.origin()
    }

    /// Returns the context of the configuration file.
    pub(crate) fn context(&self) -> String {
        let name = self.script.name;
        let method = if self.script.cookies {
            "dex: {username: user@example.com}".to_owned()
        } else {
            format!("token-file: {{path: \"{}\"}}", self.token_file.display())
        };
        let mut context = format!("  - name: {name}\n    endpoint: {ENDPOINT}\n    {method}\n");
        if self.script.listed {
            context += &format!("    servers: [\"{}\"]\n", self.origin());
        }
        if !self.script.context.is_empty() {
            context += &format!("    {}\n", self.script.context);
        }
        context
    }

    /// Writes the kubeconfig; the configuration file must be there.
    pub(crate) fn kubeconfig(&self, home: &Sandbox) -> PathBuf {
        let name = self.script.name;
        let users = match self.script.who_runs_it {
            HelperRun::Noted => self.user(home, V1, "exec"),
            HelperRun::NotedV1beta1 => self.user(home, V1BETA1, "exec-v1beta1"),
            HelperRun::Printed => {
                let printed = home.run(&["config", "kubeconfig", "--context", name]);
                printed.assert_success().stdout
            }
        };
        let ca = home.file(&format!("{name}/ca.pem"), self.ca.pem());
        let kubeconfig = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: {name}\n\
             clusters:\n- name: {name}\n  cluster:\n    server: {}\n    certificate-authority: {}\n\
             contexts:\n- name: {name}\n  context: {{cluster: {name}, user: {name}}}\n{users}",
            self.origin(),
            ca.display()
        );
        home.file(&format!("{name}/kubeconfig"), kubeconfig)
    }

    fn user(&self, home: &Sandbox, version: &str, format: &str) -> String {
        let name = self.script.name;
        let record = self.record.to_string_lossy();
        let ours = [("HELPER", binary()), ("RECORD", &*record)];
        let env: Vec<Value> = ours
            .iter()
            .chain(self.script.env)
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect();
        let exec = json!({
            "apiVersion": version,
            "command": helper(home),
            "args": ["get", "-o", format, "--context", name],
            "env": env,
            "interactiveMode": "IfAvailable",
            "provideClusterInfo": true,
        });
        format!(
            "users: {}\n",
            json!([{"name": name, "user": {"exec": exec}}])
        )
    }

    fn scene(&self, answers: Vec<Value>) -> Scene {
        let visits = self.visits.lock().unwrap_or_else(PoisonError::into_inner);
        Scene {
            answers,
            visits: visits.clone(),
            runs: self.runs(),
            tokens: self.tokens.clone(),
            origin: self.origin(),
        }
    }

    /// Returns the Authorization header of every request so far, empty where there was none.
    pub(crate) fn authorizations(&self) -> Vec<String> {
        let visits = self.visits.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = visits.iter().map(|visit| visit.authorization.clone());
        sent.map(Option::unwrap_or_default).collect()
    }

    /// Returns the header that the first token makes.
    pub(crate) fn bearer(&self) -> String {
        format!("Bearer {}", self.tokens[0])
    }

    /// Returns how the helper was run so far.
    pub(crate) fn runs(&self) -> Vec<Noted> {
        let record = fs::read_to_string(&self.record).expect("the helper's notes");
        let note = |line: &str| {
            let (stdin, info) = line.split_once(' ').expect("two words");
            Noted {
                stdin: stdin.to_owned(),
                exec_info: serde_json::from_str(info).expect("exec info"),
            }
        };
        record.lines().map(note).collect()
    }
}

/// Writes the noting helper where it can be executed.
fn helper(home: &Sandbox) -> PathBuf {
    let path = home.home().join("helper.sh");
    if !path.exists() {
        home.file("helper.sh", include_str!("helper.sh"));
        fs::set_permissions(&path, Permissions::from_mode(0o700)).expect("permissions");
    }
    path
}

/// Answers as a Kubernetes API server that knows two tokens.
struct ApiServer {
    change: Change,
    tokens: [String; 2],
    token_file: PathBuf,
    record: PathBuf,
    visits: Arc<Mutex<Vec<Visit>>>,
}

impl ApiServer {
    fn answer(&self, request: &Request) -> Response {
        match request.path() {
            PODS => self.list(request.header("authorization")),
            // The installed kubectl may be one that looks for the right kubectl first.
            "/version" => Response::json(
                200,
                json!({"major": "1", "minor": "33", "gitVersion": "v1.33.1"}).to_string(),
            ),
            _ => status(404, "NotFound", "the server could not find it"),
        }
    }

    fn list(&self, authorization: Option<&str>) -> Response {
        let mut visits = self.visits.lock().unwrap_or_else(PoisonError::into_inner);
        visits.push(Visit {
            authorization: authorization.map(str::to_owned),
            runs: lines(&self.record),
            at: Instant::now(),
        });
        if visits.len() == 2 && self.change != Change::Nothing {
            fs::write(&self.token_file, &self.tokens[1]).expect("the second token");
        }
        let old_one_is_good = visits.len() < 2 || self.change != Change::NewTokenAndOldOneRejected;
        match authorization.map(|value| value.strip_prefix("Bearer ").unwrap_or_default()) {
            None => status(
                403,
                "Forbidden",
                "pods is forbidden: User \"system:anonymous\" cannot list resource",
            ),
            Some(token) if token == self.tokens[1] => pods(),
            Some(token) if token == self.tokens[0] && old_one_is_good => pods(),
            Some(_) => status(401, "Unauthorized", "Unauthorized"),
        }
    }
}

fn pods() -> Response {
    let list = json!({
        "kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"},
        "items": [{
            "metadata": {"name": "taxi-fares-0", "namespace": "default"},
            "spec": {"containers": [{"name": "main", "image": "example.com/taxi"}]},
            "status": {"phase": "Running"},
        }],
    });
    Response::json(200, list.to_string())
}

fn status(code: u16, reason: &str, message: &str) -> Response {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code,
    });
    Response::json(code, status.to_string())
}

fn lines(path: &Path) -> usize {
    fs::read_to_string(path).map_or(0, |text| text.lines().count())
}
