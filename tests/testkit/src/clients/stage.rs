//! What a client vector takes place on: a home with the scripted helper in its `bin`, the server that the vector
//! describes, and another one that must hear nothing.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tempfile::TempDir;

use super::certificate::Own;
use super::vector::{Answer, CertificateBy, ClientVector, Condition, HeaderWanted, Rule};
use super::words::{Words, times_in};
use crate::http::{Request, Response, Server, TestCa};

const HELPER: &str = include_str!("scripted_helper.sh");
/// Is the status of the reply to a request that no rule fits.
const NO_RULE: u16 = 599;
/// Has signed the certificate of every server that has one.
static AUTHORITY: LazyLock<TestCa> = LazyLock::new(TestCa::generate);
static ANOTHER_AUTHORITY: LazyLock<TestCa> = LazyLock::new(TestCa::generate);

pub struct Stage {
    pub home: TempDir,
    pub words: Words,
    pub server: Server,
    /// Is where nothing may be sent.
    pub other: Server,
}

impl Stage {
    pub fn set(vector: &ClientVector) -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        let other = Server::start(|_| Response::text(200, "this is another place"));
        let answering = Script::new(vector.server.clone(), other.origin());
        let handler = move |request: &Request| answering.reply(request);
        let names = vector.tls.iter().flatten().map(String::as_str);
        let names: Vec<&str> = names.collect();
        let own = match vector.certificate {
            CertificateBy::Authority => None,
            CertificateBy::Itself => Some(Own::by_openssl(home.path(), &names)),
            CertificateBy::ItselfLongAgo => Some(Own::expired(&names)),
        };
        let server = match &own {
            Some(own) => {
                let listener = TcpListener::bind("127.0.0.1:0").expect("a free port on loopback");
                Server::start_on(listener, Some(own.server_config()), handler)
            }
            None if vector.tls.is_some() => Server::start_tls(&AUTHORITY, &names, handler),
            None => Server::start(handler),
        };
        let mut words = Words::default();
        if let Some(own) = own {
            let another = Own::by_openssl(home.path(), &names);
            words.set("own-certificate-data", STANDARD.encode(&own.certificate));
            for (name, own) in [("own-certificate", own), ("another-certificate", another)] {
                let file = home.path().join(name).with_extension("pem");
                fs::write(&file, own.certificate).expect("a certificate");
                words.set(name, file.to_string_lossy());
            }
        }
        words.set("home", home.path().to_string_lossy());
        words.set("origin", server.origin());
        words.set("port", server.port().to_string());
        words.set("other", other.origin());
        words.set("ca-data", STANDARD.encode(AUTHORITY.pem()));
        for (name, authority) in [("ca", &AUTHORITY), ("another-ca", &ANOTHER_AUTHORITY)] {
            let file = home.path().join(name).with_extension("pem");
            fs::write(&file, authority.pem()).expect("a certificate");
            words.set(name, file.to_string_lossy());
        }
        let stage = Self {
            home,
            words,
            server,
            other,
        };
        write_files(stage.home.path(), &stage.words, &vector.files);
        if !vector.helper.is_empty() {
            stage.write_helper(&vector.helper);
        }
        stage
    }

    /// Returns every run of the helper, in order.
    pub fn runs(&self) -> Vec<HelperRun> {
        let folders = (1..).map(|number| self.play().join(format!("run.{number}")));
        folders
            .take_while(|folder| folder.is_dir())
            .map(|folder| HelperRun { folder })
            .collect()
    }

    fn play(&self) -> PathBuf {
        self.home.path().join("play")
    }

    fn write_helper(&self, answers: &[Answer]) {
        let play = self.play();
        let script = HELPER.replace("@FOLDER@", &play.to_string_lossy());
        let program = self.home.path().join("bin").join("kfp-credential");
        fs::create_dir_all(program.with_file_name("")).expect("a folder");
        write_program(&program, &script);
        for (number, answer) in (1..).zip(answers) {
            let name = if number == answers.len() {
                "answer.last".to_owned()
            } else {
                format!("answer.{number}")
            };
            let folder = play.join(name);
            fs::create_dir_all(&folder).expect("a folder");
            let write = |name: &str, bytes: &[u8]| {
                fs::write(folder.join(name), bytes).expect("a part of an answer");
            };
            let stdout = stdout_of(answer, &self.words);
            let times = times_in(&String::from_utf8_lossy(&stdout)).into_iter();
            let times = times.map(|(placeholder, offset)| format!("{placeholder} {offset}\n"));
            write("times", times.collect::<String>().as_bytes());
            write("stdout", &stdout);
            write("stderr", self.words.in_text(&answer.stderr).as_bytes());
            write("steps", steps(answer).as_bytes());
        }
    }
}

fn stdout_of(answer: &Answer, words: &Words) -> Vec<u8> {
    match (&answer.document, &answer.stdout, &answer.stdout_base64) {
        (Some(document), None, None) => format!("{}\n", words.in_json(document)).into_bytes(),
        (None, Some(text), None) => words.in_text(text).into_bytes(),
        (None, None, Some(bytes)) => STANDARD.decode(bytes).expect("base64"),
        (None, None, None) => Vec::new(),
        _ => panic!("an answer has one stdout"),
    }
}

/// Writes the steps of an answer, in the words of the script.
fn steps(answer: &Answer) -> String {
    let mut steps = Vec::new();
    if answer.sleep > 0.0 {
        steps.push(format!("sleep {}", answer.sleep));
    }
    match answer.hang {
        Some(seconds) if answer.grandchild => steps.push(format!("hang_with_grandchild {seconds}")),
        Some(seconds) => steps.push(format!("hang {seconds}")),
        None => {}
    }
    steps.extend(["print_stderr".to_owned(), "print_stdout".to_owned()]);
    steps.extend(answer.endless.then(|| "print_for_ever".to_owned()));
    steps.extend(answer.linger.map(|seconds| format!("hang {seconds}")));
    steps.extend(answer.signal.as_ref().map(|name| format!("die_of {name}")));
    steps.push(format!("exit {}\n", answer.exit));
    steps.join("\n")
}

/// Writes the files that a vector lists; one that is no text is JSON.
pub fn write_files<'a>(
    home: &Path,
    words: &Words,
    files: impl IntoIterator<Item = (&'a String, &'a Value)>,
) {
    for (name, contents) in files {
        let path = home.join(name);
        fs::create_dir_all(path.with_file_name("")).expect("a folder");
        let contents = match words.in_json(contents) {
            Value::String(text) => text,
            json => json.to_string(),
        };
        fs::write(path, contents).expect("a file of the vector");
    }
}

/// Writes a program in a process of its own: a file that this process has open for writing could still be open in a
/// child that another thread starts at this moment, and would then be too busy to be executed.
pub fn write_program(path: &Path, text: &str) {
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", r#"printf '%s' "$1" >"$0" && chmod 755 "$0""#]);
    let status = shell.arg(path).arg(text).status().expect("sh");
    assert!(status.success(), "{} was not written", path.display());
}

// ---------------------------------------------------------------- the helper's runs

pub struct HelperRun {
    folder: PathBuf,
}

impl HelperRun {
    pub fn args(&self) -> Vec<String> {
        self.read("args").lines().map(str::to_owned).collect()
    }

    /// Returns a variable of the run.
    pub fn variable(&self, name: &str) -> Option<String> {
        let environment = self.read("environment");
        let mut variables = environment.lines().filter_map(|line| line.split_once('='));
        let found = variables.find(|(found, _)| *found == name);
        found.map(|(_, value)| value.to_owned())
    }

    pub fn stdin(&self) -> String {
        self.read("stdin")
    }

    /// Tells whether the process is still there, having waited a little for its end.
    pub fn is_alive(&self) -> bool {
        let id = self.read("pid").trim().to_owned();
        let state = || fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let is_gone = || {
            let state = state();
            // One that nobody has waited for is a zombie, and as good as gone.
            state.is_empty() || state.contains(") Z ")
        };
        for _ in 0..100 {
            if is_gone() {
                return false;
            }
            thread::sleep(Duration::from_millis(20));
        }
        true
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).unwrap_or_default()
    }
}

// ---------------------------------------------------------------- the server's rules

struct Script {
    rules: Vec<Rule>,
    used: Mutex<Vec<usize>>,
    other: String,
}

impl Script {
    fn new(rules: Vec<Rule>, other: String) -> Self {
        let used = Mutex::new(vec![0; rules.len()]);
        Self { rules, used, other }
    }

    fn reply(&self, request: &Request) -> Response {
        let mut words = Words::default();
        words.set("other", self.other.clone());
        let Some(rule) = self.rule_for(request, &words) else {
            return Response::text(NO_RULE, format!("the vector has no rule for {request:?}"));
        };
        thread::sleep(Duration::from_secs_f64(rule.delay));
        let headers = rule.reply.headers.iter();
        let reply = headers.fold(Response::new(rule.reply.status), |reply, (name, value)| {
            reply.header(name, &words.in_text(value))
        });
        let reply = reply.body(words.in_text(&rule.reply.body));
        match rule.reply.endless.map(Duration::from_secs_f64) {
            Some(pause) => reply.endless(pause),
            None => reply,
        }
    }

    fn rule_for(&self, request: &Request, words: &Words) -> Option<&Rule> {
        let mut used = self.used.lock().expect("no handler has panicked");
        let (at, rule) = self.rules.iter().enumerate().find(|(at, rule)| {
            rule.times.is_none_or(|times| used[*at] < times) && rule.when.holds(request, words)
        })?;
        used[at] += 1;
        Some(rule)
    }
}

impl Condition {
    fn holds(&self, request: &Request, words: &Words) -> bool {
        let is = |wanted: &Option<String>, found: &str| {
            wanted
                .as_ref()
                .is_none_or(|wanted| words.in_text(wanted) == found)
        };
        is(&self.method, &request.method)
            && is(&self.path, request.path())
            && is(&self.target, &request.target)
            && is(&self.body, &request.text())
            && self.headers.iter().all(|(name, wanted)| {
                let sent = request.headers.iter();
                let sent = sent.filter(|(sent, _)| sent.eq_ignore_ascii_case(name));
                let sent: Vec<&str> = sent.map(|(_, value)| value.as_str()).collect();
                let wanted = match wanted {
                    HeaderWanted::One(value) => vec![words.in_text(value)],
                    HeaderWanted::Several(values) => {
                        values.iter().map(|value| words.in_text(value)).collect()
                    }
                    HeaderWanted::Absent(()) => Vec::new(),
                };
                sent == wanted
            })
    }
}
