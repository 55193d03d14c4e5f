//! Plays one run vector: a home with its files, the scripted server, the runs, and what must come of them.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use chrono::Utc;
use serde_json::Value;
use url::Url;

use super::format::{self, Beside, Earlier, File, FileKind, Keyring, StoredAfter, Typing, Vector};
use super::pattern::{Expected, Placeholders};
use super::script::Script;
use crate::contract::{assert_valid, closed, plain_exec_credential, read_json};
use crate::google::proxy::Proxy;
use crate::google::stand_in::visit;
use crate::http::{Server, TestCa};
use crate::kfp_api::made_up_jwt;
use crate::peers::keyring;
use crate::sandbox::{Output, Run, Running, Sandbox};
use crate::terminal::Terminal;

const LOG: &str = "words.log";

/// Is where a vector is played.
struct Stage<'a> {
    vector: &'a Vector,
    helper: &'a Path,
    /// Whether the helper is asked to tell what it does.
    is_verbose: bool,
    sandbox: Sandbox,
    script: Script,
    browser: PathBuf,
    _servers: (Server, Option<Proxy>),
    _keyring: Option<keyring::Keyring>,
}

/// Plays a vector; `is_verbose`: with the words of `-v`, in which no secret may be.
pub fn play(vector: &Vector, helper: &Path, is_verbose: bool) {
    let Some(stage) = Stage::set(vector, helper, is_verbose) else {
        return;
    };
    let stored = vector.stored.as_ref().map(|earlier| stage.before(earlier));
    let beside = vector.when.beside.as_ref();
    let beside = beside.map(|beside| stage.beside(beside));
    let output = stage.run();
    if let Some(running) = beside {
        running.interrupt();
        drop(running.wait());
    }
    stage.script.assert_played(&output.shown());
    let document = stage.check(output);
    assert_eq!(
        stage.opened().is_some(),
        vector.expect.browser_opened,
        "whether a browser was opened"
    );
    if let Some(wanted) = vector.expect.stored_after {
        stage.check_store(wanted, stored.flatten(), document);
    }
}

impl<'a> Stage<'a> {
    /// Writes the files and starts the servers; `None` where a peer is missing.
    fn set(vector: &'a Vector, helper: &'a Path, is_verbose: bool) -> Option<Self> {
        let keyring = match vector.when.keyring {
            Some(Keyring::Locked) => {
                let started = keyring::Keyring::start(keyring::State::Locked);
                Some(crate::peers::require(started)?)
            }
            None => None,
        };
        // What leads stdout elsewhere is a shell that becomes the helper.
        let sandbox = match &vector.when.stdout {
            Some(_) => Sandbox::with_binary("sh"),
            None => Sandbox::with_binary(helper),
        };
        if let Some(keyring) = &keyring {
            keyring.serve(&sandbox);
        }
        let ca = TestCa::generate();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port on loopback");
        let script = Script::new(placeholders(vector, &sandbox, &listener));
        let tls = vector.server.tls.then(|| ca.server_config(&["127.0.0.1"]));
        let answering = script.clone();
        let server = Server::start_on(listener, tls, move |request| {
            answering.answer(None, request)
        });
        let proxy = (!vector.server.hosts.is_empty()).then(|| {
            let hosts: Vec<&str> = vector.server.hosts.iter().map(String::as_str).collect();
            let answering = script.clone();
            Proxy::start(&ca, &hosts, move |host, request| {
                answering.answer(Some(host), request)
            })
        });
        sandbox.file("ca.pem", ca.pem());
        if let Some(proxy) = &proxy {
            sandbox.env("HTTPS_PROXY", &proxy.origin());
            sandbox.env("SSL_CERT_FILE", &script.placeholders().values["ca"]);
        }
        let browser = executable(
            &sandbox,
            "browser",
            "#!/bin/sh\nprintf %s \"$1\" >\"$0.part\" && mv \"$0.part\" \"$0.url\"\n",
        );
        sandbox.env("BROWSER", &browser.to_string_lossy());
        let stage = Self {
            vector,
            helper,
            is_verbose,
            sandbox,
            script,
            browser,
            _servers: (server, proxy),
            _keyring: keyring,
        };
        stage.write();
        Some(stage)
    }

    fn write(&self) {
        let placeholders = self.script.placeholders();
        for secret in &self.vector.secrets {
            self.sandbox.secret(placeholders.fill(secret));
        }
        if let Some(config) = &self.vector.config {
            self.sandbox.config(&text_of(config, placeholders));
        }
        for (name, file) in &self.vector.files {
            match file {
                File::Text(text) => {
                    self.sandbox.file(name, placeholders.fill(text));
                }
                File::Other(file) => self.write_file(name, file),
            }
        }
        for (name, value) in &self.vector.env {
            self.sandbox.env(name, &placeholders.fill(value));
        }
    }

    fn write_file(&self, name: &str, file: &FileKind) {
        let placeholders = self.script.placeholders();
        let path = if name.ends_with('/') {
            let folder = self.sandbox.home().join(name);
            fs::create_dir_all(&folder).expect("a folder of the vector");
            folder
        } else if let Some(json) = &file.json {
            let json = placeholders.fill_value(json);
            self.sandbox.file(name, json.to_string())
        } else {
            let text = file.text.as_deref().unwrap_or_default();
            self.sandbox.file(name, placeholders.fill(text))
        };
        if let Some(mode) = &file.mode {
            let mode = u32::from_str_radix(mode, 8).expect("a mode in octal digits");
            let mode = fs::Permissions::from_mode(mode);
            fs::set_permissions(path, mode).expect("the vector's permissions");
        }
    }

    /// Prepares a run of the helper with these arguments.
    fn command(&self, args: &[String]) -> Run<'_> {
        let placeholders = self.script.placeholders();
        let mut args: Vec<String> = args.iter().map(|arg| placeholders.fill(arg)).collect();
        if self.is_verbose {
            args.push("-v".to_owned());
        }
        if let Some(stdout) = &self.vector.when.stdout {
            let become_helper = format!("exec \"$0\" \"$@\" >{stdout}");
            let helper = self.helper.to_string_lossy().into_owned();
            args.splice(..0, ["-c".to_owned(), become_helper, helper]);
        }
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let mut run = self.sandbox.command(&args);
        if self.is_verbose {
            run = run.env("KFP_CREDENTIAL_LOG", LOG);
        }
        run
    }

    /// Makes the earlier run; gives the document that it printed, if it was one.
    fn before(&self, earlier: &Earlier) -> Option<Value> {
        self.script.expect(format::exchanges(&earlier.exchanges));
        let args = earlier.args.as_ref().unwrap_or(&self.vector.args);
        let mut run = self.command(args);
        for (name, value) in &earlier.env {
            run = run.env(name, &self.script.placeholders().fill(value));
        }
        let output = run.run();
        self.script.assert_played(&output.shown());
        let output = output.assert_success();
        thread::sleep(Duration::from_secs(earlier.pause));
        serde_json::from_str(&output.stdout).ok()
    }

    /// Starts the run that goes on beside.
    fn beside(&self, beside: &Beside) -> Running<'_> {
        self.script.expect(format::exchanges(&beside.exchanges));
        let running = self.command(&beside.args).spawn();
        self.script.wait();
        running
    }

    fn run(&self) -> Output {
        let vector = self.vector;
        self.script.expect(format::exchanges(&vector.exchanges));
        let mut run = self.command(&vector.args);
        if let Some(stdin) = &vector.stdin {
            run = run.stdin(stdin);
        }
        if let Some(info) = &vector.exec_info {
            let info = text_of(info, self.script.placeholders());
            run = run.env("KUBERNETES_EXEC_INFO", &info);
        }
        let terminal = vector
            .when
            .terminal
            .as_ref()
            .map(|typing| (Terminal::open(), typing));
        if let Some((terminal, _)) = &terminal {
            run = run.at_terminal(terminal.line());
        }
        let running = run.spawn();
        if let Some((terminal, Typing { prompt, types })) = &terminal {
            terminal.answer_unseen(prompt, &self.script.placeholders().fill(types));
        }
        if let Some(answer) = &vector.when.browser {
            self.return_from_browser(answer);
        }
        if vector.when.signal.is_some() {
            self.script.wait();
            running.interrupt();
        }
        running.wait()
    }

    /// Goes where the page that was opened sends a browser back to, with this answer.
    fn return_from_browser(&self, answer: &str) {
        let start = Instant::now();
        let opened = loop {
            match self.opened() {
                Some(url) => break url,
                None if start.elapsed() > Duration::from_secs(30) => {
                    panic!("no browser was opened")
                }
                None => thread::sleep(Duration::from_millis(5)),
            }
        };
        let opened = Url::parse(&opened).expect("a URL");
        let query: BTreeMap<_, _> = opened.query_pairs().collect();
        let mut back = Url::parse(&query["redirect_uri"]).expect("a redirect URI");
        back.set_query(Some(answer));
        back.query_pairs_mut().append_pair("state", &query["state"]);
        visit(back.as_str());
    }

    /// Gives the address that the browser was opened with.
    fn opened(&self) -> Option<String> {
        fs::read_to_string(self.browser.with_extension("url")).ok()
    }

    /// Compares the run with what is expected; gives the document, if there is one.
    fn check(&self, mut output: Output) -> Option<Value> {
        let expect = &self.vector.expect;
        let placeholders = self.script.placeholders();
        let shown = output.shown();
        for words in &expect.says {
            let words = placeholders.fill(words);
            assert!(output.stderr.contains(&words), "no {words:?}\n{shown}");
        }
        if let Some(slug) = &expect.slug {
            // A `login` has told what it is about to do, too; a `get` says nothing else.
            let is_get = self.vector.args.first().is_some_and(|first| first == "get");
            if let Some(error) = output
                .stderr
                .find("kfp-credential: error[")
                .filter(|_| !is_get)
            {
                output.stderr.drain(..error);
            }
            drop(output.assert_error(expect.exit, slug));
            return None;
        }
        let output = output.assert_success();
        let expected = Expected {
            placeholders,
            end: Utc::now().timestamp(),
        };
        if let Some(pattern) = &expect.stdout {
            assert!(
                expected.fits(pattern, &output.stdout),
                "{pattern:?}\n{shown}"
            );
        }
        let pattern = expect.document.as_ref()?;
        let document = output.json();
        let differences = expected.differences(pattern, &document, "");
        assert!(differences.is_empty(), "{differences:#?}\n{shown}");
        let schema = read_json("protocol/document.schema.json");
        let schema = match document["status"].get("kfp") {
            Some(_) => closed(schema),
            None => plain_exec_credential(schema),
        };
        assert_valid(&schema, &document, "the document");
        Some(document)
    }

    /// Tells what is stored by a further run that can reach nobody.
    fn check_store(&self, wanted: StoredAfter, stored: Option<Value>, answer: Option<Value>) {
        self.script.close();
        let output = self.command(&["get".to_owned()]).run();
        let asked = self.script.asked_when_closed();
        let kept = match wanted {
            StoredAfter::Nothing => {
                assert_ne!(output.status, 0, "something is stored\n{}", output.shown());
                return;
            }
            StoredAfter::TheAnswer => answer,
            StoredAfter::WhatWasStored => stored,
        };
        let output = output.assert_success();
        assert_eq!(Some(output.json()), kept, "{}", output.shown());
        assert!(asked.is_empty(), "{asked:?}\n{}", output.shown());
    }
}

fn placeholders(vector: &Vector, sandbox: &Sandbox, listener: &TcpListener) -> Placeholders {
    let address = listener.local_addr().expect("the server's address");
    let scheme = if vector.server.tls { "https" } else { "http" };
    let home = sandbox.home().to_string_lossy().into_owned();
    let values = [
        ("origin", format!("{scheme}://{address}")),
        ("authority", address.to_string()),
        ("port", address.port().to_string()),
        ("ca", format!("{home}/ca.pem")),
        ("home", home),
    ];
    let values = values.map(|(name, value)| (name.to_owned(), value));
    let mut placeholders = Placeholders {
        values: BTreeMap::from(values),
        start: Utc::now().timestamp(),
    };
    for (name, claims) in &vector.tokens {
        let token = made_up_jwt(&placeholders.fill_value(claims));
        placeholders.values.insert(format!("token:{name}"), token);
    }
    placeholders
}

/// Gives a text as it is, and anything else as JSON.
fn text_of(value: &Value, placeholders: &Placeholders) -> String {
    match placeholders.fill_value(value) {
        Value::String(text) => text,
        other => format!("{other}\n"),
    }
}

fn executable(sandbox: &Sandbox, name: &str, text: &str) -> PathBuf {
    let path = sandbox.file(name, text);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).expect("an executable");
    path
}
