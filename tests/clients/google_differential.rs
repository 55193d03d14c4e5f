//! Compares what `kfp-credential` asks of Google with what google-auth and the kfp SDK ask, field by
//! field, for each kind of credential.
//!
//! The clients of a test run one after the other against one stand-in, with the same credentials.
//! Every difference is in the test's list, with its reason: one that is not fails the test, and so
//! does one that is listed and no longer there. What is made up anew for each run (times, random
//! values, ports) is compared by its shape, see [`shape`].

mod by_google_auth;
mod by_kfp;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use testkit::google::clients::{google_auth, sdk};
use testkit::google::{
    CLOUD_PLATFORM, DESKTOP_CLIENT, DESKTOP_SECRET, Google, IAP_CLIENT, IAP_HOST, MACHINE_ACCOUNT,
    PIPELINES_HOST, SERVICE_ACCOUNT, SUBJECT_TOKEN, Seen, TARGET_ACCOUNT, USER, files, jwt,
};
use testkit::http::{Request, Server};
use testkit::peers::{needs, python};
use testkit::sandbox::Sandbox;

// ------------------------------------------------------------ differences

/// Is one difference that is meant to be.
#[derive(Clone, Copy)]
struct Difference {
    place: Place,
    ours: &'static str,
    theirs: &'static str,
    why: &'static str,
}

#[derive(Clone, Copy)]
enum Place {
    /// A field of the pair of requests with this number, counted from 0.
    Of(usize, &'static str),
    /// A field, the same way in every pair of requests where the two differ in it.
    OfAny(&'static str),
    /// A whole request that only one of the two sends; the other's side is [`NONE`].
    Request,
}

/// Stands for what one side lacks.
const NONE: &str = "-";

const fn of(
    pair: usize,
    field: &'static str,
    ours: &'static str,
    theirs: &'static str,
    why: &'static str,
) -> Difference {
    let place = Place::Of(pair, field);
    Difference {
        place,
        ours,
        theirs,
        why,
    }
}

const fn of_any(
    field: &'static str,
    ours: &'static str,
    theirs: &'static str,
    why: &'static str,
) -> Difference {
    let place = Place::OfAny(field);
    Difference {
        place,
        ours,
        theirs,
        why,
    }
}

const fn only_ours(line: &'static str, why: &'static str) -> Difference {
    Difference {
        place: Place::Request,
        ours: line,
        theirs: NONE,
        why,
    }
}

const fn only_theirs(line: &'static str, why: &'static str) -> Difference {
    Difference {
        place: Place::Request,
        ours: NONE,
        theirs: line,
        why,
    }
}

// --------------------------------------------------------------- requests

/// Is one request, taken apart: `form grant_type`, `claim aud`, `header metadata-flavor`.
#[derive(Clone, Debug)]
struct Asked {
    line: String,
    fields: BTreeMap<String, String>,
}

impl Asked {
    fn new(seen: &Seen) -> Self {
        let (host, request) = (seen.host.as_str(), &seen.request);
        let mut asked = Self {
            line: format!("{} {host}{}", request.method, request.path()),
            fields: BTreeMap::new(),
        };
        asked.put("method", "", &request.method);
        asked.put("host", "", host);
        asked.put("path", "", request.path());
        asked.pairs("query", request.query_string().as_bytes());
        for (name, value) in &request.headers {
            let name = name.to_lowercase();
            // These follow from the body and from the host, which are compared themselves.
            if !["content-length", "host"].contains(&&*name) {
                asked.put("header", &name, value);
            }
        }
        match request.header("content-type") {
            Some(kind) if kind.starts_with("application/x-www-form-urlencoded") => {
                asked.pairs("form", &request.body);
            }
            Some(kind) if kind.starts_with("application/json") && !request.body.is_empty() => {
                let body: Value = serde_json::from_slice(&request.body).expect("JSON");
                asked.members("json", &body);
            }
            _ => asked.put("body", "", &request.text()),
        }
        asked
    }

    /// Takes an authorization URL apart, wherever a person opens it.
    fn page(url: &str) -> Self {
        let url = url::Url::parse(url).expect("a URL");
        assert_eq!((url.scheme(), url.port()), ("https", None));
        let request = Request {
            method: "GET".to_owned(),
            target: format!("{}?{}", url.path(), url.query().unwrap_or_default()),
            ..Request::default()
        };
        let host = url.host_str().expect("a host").to_owned();
        Self::new(&Seen { host, request })
    }

    fn put(&mut self, kind: &str, name: &str, value: &str) {
        let field = format!("{kind} {name}").trim_end().to_owned();
        let value = shape(name, value);
        let before = self.fields.insert(field.clone(), value);
        assert!(before.is_none(), "{field} twice in {}", self.line);
    }

    fn pairs(&mut self, kind: &str, text: &[u8]) {
        for (name, value) in url::form_urlencoded::parse(text) {
            if name == "assertion" {
                self.assertion(&value);
            } else {
                self.put(kind, &name, &value);
            }
        }
    }

    fn members(&mut self, kind: &str, object: &Value) {
        for (name, value) in object.as_object().expect("an object") {
            let text = value.as_str().map_or(value.to_string(), str::to_owned);
            self.put(kind, name, &text);
        }
    }

    /// Takes the JWT of a service account apart.
    fn assertion(&mut self, token: &str) {
        let mut claims = jwt::ACCOUNT.verify(token).expect("the account's key");
        self.members("jwt", &jwt::header(token).expect("a header"));
        let (issued, end) = (claims["iat"].as_i64(), claims["exp"].as_i64());
        let (issued, end) = (issued.expect("iat"), end.expect("exp"));
        assert!((jwt::now() - issued).abs() < 60, "iat");
        claims["iat"] = json!("now");
        claims["exp"] = json!(format!("iat + {}", end - issued));
        self.members("claim", &claims);
    }
}

/// Replaces what differs between any two runs of one and the same program by its shape.
fn shape(name: &str, value: &str) -> String {
    let random = |value: &str| format!("({} characters)", value.len());
    match name {
        "state" | "nonce" | "code_challenge" | "code_verifier" => random(value),
        "refresh_token" if value.starts_with("1//0made-up-refresh-token-") => {
            // Of two logins come two; the stand-in refuses one that is none.
            "(a refresh token)".to_owned()
        }
        "code" if value.starts_with("4/0made-up-code-") => "(the code)".to_owned(),
        "authorization" => {
            let (kind, token) = value.split_once(' ').expect("a kind and a token");
            let what = if token.starts_with("ya29.") {
                "(an access token)"
            } else {
                "(another token)"
            };
            format!("{kind} {what}")
        }
        "redirect_uri" => {
            let uri = url::Url::parse(value).expect("a URI");
            match uri.port() {
                Some(port) if port >= 32_768 => value.replace(&port.to_string(), "(free port)"),
                _ => value.to_owned(),
            }
        }
        // Versions change, and with them no request.
        "user-agent" | "x-goog-api-client" => {
            let mut text = String::new();
            for character in value.chars() {
                if !character.is_ascii_digit() {
                    text.push(character);
                } else if !text.ends_with(['N', '.']) {
                    text.push('N');
                } else if text.ends_with('.') {
                    text.pop();
                }
            }
            text
        }
        _ => value.to_owned(),
    }
}

fn all_of(requests: &[Seen]) -> Vec<Asked> {
    requests.iter().map(Asked::new).collect()
}

/// Returns what was asked of this Google since the last look, the metadata server first.
fn asked(google: &Google) -> Vec<Asked> {
    let metadata = google.metadata().requests().into_iter();
    let mut seen: Vec<Seen> = metadata
        .map(|request| Seen {
            host: "metadata".to_owned(),
            request,
        })
        .collect();
    seen.extend(google.requests());
    google.clear();
    // google-auth asks this in the background, at times after its caller has ended: where Google
    // would have its requests go, which changes no token.
    seen.retain(|seen| !seen.request.path().ends_with("/allowedLocations"));
    all_of(&seen)
}

// ------------------------------------------------------------- comparison

/// Asserts that two clients ask the same but for these differences, which must all be there.
#[track_caller]
fn compare(ours: Vec<Asked>, theirs: Vec<Asked>, listed: &[&[Difference]]) {
    let faults = faults(ours, theirs, listed);
    assert!(faults.is_empty(), "\n{faults}");
}

/// Says which differences are not listed, and which are listed and not there.
fn faults(mut ours: Vec<Asked>, mut theirs: Vec<Asked>, listed: &[&[Difference]]) -> String {
    let listed: Vec<Difference> = listed.concat();
    let mut used = BTreeSet::new();
    let mut faults = String::new();
    for (number, difference) in listed.iter().enumerate() {
        assert!(!difference.why.is_empty());
        let (requests, line) = match (difference.place, difference.ours) {
            (Place::Request, NONE) => (&mut theirs, difference.theirs),
            (Place::Request, line) => (&mut ours, line),
            _ => continue,
        };
        let before = requests.len();
        requests.retain(|asked| asked.line != line);
        if requests.len() < before {
            used.insert(number);
        }
    }
    let lines = |requests: &[Asked]| -> Vec<String> {
        requests.iter().map(|asked| asked.line.clone()).collect()
    };
    let (our_lines, their_lines) = (lines(&ours), lines(&theirs));
    if ours.len() != theirs.len() || ours.is_empty() {
        return format!("not as many: ours {our_lines:#?}, theirs {their_lines:#?}");
    }
    for (pair, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
        let names: BTreeSet<&String> = ours.fields.keys().chain(theirs.fields.keys()).collect();
        for name in names {
            let side = |asked: &Asked| asked.fields.get(name).cloned().unwrap_or(NONE.to_owned());
            let (our_value, their_value) = (side(ours), side(theirs));
            if our_value == their_value {
                continue;
            }
            let found = listed.iter().position(|difference| {
                let here = match difference.place {
                    Place::Of(number, field) => number == pair && field == name,
                    Place::OfAny(field) => field == name,
                    Place::Request => false,
                };
                here && difference.ours == our_value && difference.theirs == their_value
            });
            if let Some(number) = found {
                used.insert(number);
            } else {
                let (line, other) = (&ours.line, &theirs.line);
                writeln!(
                    faults,
                    "not listed: of({pair}, {name:?}, {our_value:?}, {their_value:?}, \"\") \
                     // {line}, {other}"
                )
                .expect("a String");
            }
        }
    }
    for (number, difference) in listed.iter().enumerate() {
        if !used.contains(&number) {
            let place = match difference.place {
                Place::Of(pair, field) => format!("{field} of {pair}"),
                Place::OfAny(field) => field.to_owned(),
                Place::Request => "request".to_owned(),
            };
            let (ours, theirs) = (difference.ours, difference.theirs);
            writeln!(
                faults,
                "no longer there: {place}, ours {ours:?}, theirs {theirs:?}"
            )
            .expect("a String");
        }
    }
    faults
}

#[test]
fn no_difference_goes_unseen() {
    let one = |target: &str, body: &str| {
        let form = "application/x-www-form-urlencoded".to_owned();
        let request = Request {
            method: "POST".to_owned(),
            target: target.to_owned(),
            headers: vec![("Content-Type".to_owned(), form)],
            body: body.into(),
        };
        let host = "oauth2.googleapis.com".to_owned();
        Asked::new(&Seen { host, request })
    };
    let (ours, theirs) = (one("/token", "a=1&b=2"), one("/token?c=3", "a=1&b=3"));
    let said = |listed: &[Difference]| faults(vec![ours.clone()], vec![theirs.clone()], &[listed]);
    let all = [
        of(0, "form b", "2", "3", "a reason"),
        of_any("query c", NONE, "3", "a reason"),
    ];
    assert_eq!(said(&all), "");
    assert!(said(&all[..1]).starts_with("not listed: of(0, \"query c\", \"-\", \"3\""));
    assert_eq!(said(&[]).lines().count(), 2);
    for gone in [
        of(0, "form b", "2", "4", "a reason"),
        of(1, "form b", "2", "3", "a reason"),
        of_any("form a", "1", NONE, "a reason"),
        only_ours("GET oauth2.googleapis.com/token", "a reason"),
        only_theirs("GET oauth2.googleapis.com/token", "a reason"),
    ] {
        let said = said(&[all[0], all[1], gone]);
        assert!(said.starts_with("no longer there: "), "{said}");
    }
    let more = vec![ours.clone(), one("/other", "")];
    assert!(faults(more.clone(), vec![ours.clone()], &[]).starts_with("not as many: "));
    let other = only_ours("POST oauth2.googleapis.com/other", "a reason");
    assert_eq!(faults(more, vec![ours.clone()], &[&[other]]), "");
}

// ------------------------------------------------------------------- ours

/// Is where `kfp-credential` runs.
struct Ours<'a> {
    google: &'a Google,
    sandbox: Sandbox,
}

impl<'a> Ours<'a> {
    fn new(google: &'a Google) -> Self {
        let sandbox = Sandbox::new();
        for (name, value) in google.env() {
            sandbox.env(name, &value);
        }
        sandbox.env("GCE_METADATA_HOST", "127.0.0.1:1");
        sandbox.env("DESKTOP_SECRET", DESKTOP_SECRET);
        sandbox.secret(DESKTOP_SECRET);
        Self { google, sandbox }
    }

    /// Uses these application default credentials (none: the metadata server).
    fn with(self, credentials: Option<&Value>) -> Self {
        if let Some(file) = credentials {
            let path = self.sandbox.file("adc.json", file.to_string());
            let path = path.to_string_lossy();
            self.sandbox.env("GOOGLE_APPLICATION_CREDENTIALS", &path);
        } else {
            for (name, value) in self.google.metadata_env() {
                self.sandbox.env(name, &value);
            }
        }
        self
    }

    /// Names the context `google`, behind IAP.
    fn iap(self, keys: &str) -> Self {
        let method = format!("iap: {{ client-id: {IAP_CLIENT}{keys} }}");
        self.context(&format!("https://{IAP_HOST}/pipeline"), &method)
    }

    /// Likewise, on AI Platform Pipelines.
    fn gcp(self, keys: &str) -> Self {
        let method = format!("gcp: {{ {keys} }}");
        self.context(&format!("https://{PIPELINES_HOST}"), &method)
    }

    fn context(self, endpoint: &str, method: &str) -> Self {
        self.sandbox.config(&format!(
            "apiVersion: kfp-credential/v1\n\
             kind: Config\n\
             current-context: google\n\
             contexts:\n\
             - name: google\n\
             \x20 endpoint: {endpoint}\n\
             \x20 store: file\n\
             \x20 {method}\n"
        ));
        self
    }

    /// Gets a credential, and returns what that took.
    #[track_caller]
    fn get(&self) -> Vec<Asked> {
        let done = self.sandbox.run(&["get"]).assert_success();
        let token = done.json()["status"]["kfp"].clone();
        assert!(token.is_object(), "{}", done.shown());
        asked(self.google)
    }
}

// ------------------------------------------------------- shared differences

const OUR_AGENT: &str = "kfp-credential/N";

/// Is in every request by way of Python's requests.
const REQUESTS: [Difference; 4] = [
    of_any(
        "header accept",
        "application/json",
        "*/*",
        "we say which answer we can read",
    ),
    of_any(
        "header accept-encoding",
        "gzip",
        "gzip, deflate",
        "two HTTP libraries",
    ),
    of_any(
        "header connection",
        NONE,
        "keep-alive",
        "is the default of HTTP/1.1 (RFC 9112 section 9.3)",
    ),
    of_any(
        "header user-agent",
        OUR_AGENT,
        "python-requests/N",
        "each says who it is",
    ),
];

const TRIED: &str = "a new token is tried at the endpoint before it is answered";
const TRIED_AT_IAP: [Difference; 1] = [only_ours(
    "GET kf.endpoints.proj.cloud.goog/pipeline/apis/v2beta1/healthz",
    TRIED,
)];
const TRIED_AT_PIPELINES: [Difference; 1] = [only_ours(
    "GET 1a2b3c4d-dot-us-central1.pipelines.googleusercontent.com/apis/v2beta1/healthz",
    TRIED,
)];

/// Is how Google's own libraries report themselves, pair by pair.
const fn telemetry(pair: usize, theirs: &'static str) -> Difference {
    let why = "Google counts the uses of its own libraries; no answer depends on it";
    of(pair, "header x-goog-api-client", NONE, theirs, why)
}

/// Is what the account itself is asked for, where it is to speak for another.
const fn source_scope(field: &'static str) -> Difference {
    let iam = "https://www.googleapis.com/auth/iam";
    let why = "the one scope that the description of the IAM Credentials API names";
    of(0, field, CLOUD_PLATFORM, iam, why)
}

const KEY_FOR_ANOTHER: [Difference; 2] = [
    source_scope("claim scope"),
    telemetry(0, "gl-python/N auth/N auth-request-type/at cred-type/sa"),
];

const WHOSE: Difference = only_ours(
    "GET metadata/computeMetadata/v1/instance/service-accounts/default/email",
    "tells in one request whether there is such a server and whose tokens it gives",
);
const IS_THERE: Difference =
    only_theirs("GET metadata/", "tells only whether there is such a server");
const ACCOUNT: Difference = only_theirs(
    "GET metadata/computeMetadata/v1/instance/service-accounts/default/",
    "tells whose tokens it gives",
);
const PROJECT: Difference = only_theirs(
    "GET metadata/computeMetadata/v1/project/project-id",
    "google.auth.default() gives the project's name too, which nobody asks us for",
);
