//! The methods of Google, against the stand-ins.

use std::os::unix::fs::PermissionsExt as _;

use super::*;
use testkit::google::{
    DESKTOP_CLIENT, DESKTOP_SECRET, Google, IAP_CLIENT, IAP_HOST, PIPELINES_HOST, Refusal,
    SERVICE_ACCOUNT, files, jwt,
};
use testkit::http::Response;

const PERSON: &str = testkit::google::USER;
const SDK_FILE: &str = ".config/kfp/credentials.json";

// ------------------------------------------------------------------- a person

#[test]
fn a_refresh_from_the_file_of_the_sdk() {
    let scene = needs!(Scene::start());
    scene.person();
    let refresh_token = scene.sdk_logged_in();
    for form in ["json", "exec", "token", "headers", "curl-config", "env"] {
        let output = scene.run(&["get", "-v", "--refresh", "-o", form]);
        let output = output.assert_success();
        assert!(output.stdout.contains("eyJ"), "{}", output.shown());
        scene.assert_clean(&output);
    }
    scene.assert_clean(&scene.run(&["get", "-v"]).assert_success());
    scene.assert_clean(&scene.run(&["status", "-v"]).assert_success());
    scene.assert_clean(&scene.run(&["config", "view"]).assert_success());
    // Where Google was told of it, and what came back, the search has it.
    let seen = scene.google.requests();
    let told = seen
        .iter()
        .find_map(|seen| seen.request.form("refresh_token"));
    assert_eq!(told, Some(refresh_token));
    assert!(scene.secrets.borrow().iter().any(|one| is_id_token(one)));
    scene.assert_store();
}

#[test]
fn a_refresh_that_google_refuses() {
    let scene = needs!(Scene::start());
    scene.person();
    let refresh_token = scene.sdk_logged_in();
    // Not even where it repeats what it was given.
    let echo = |error: &str, secret: &str| {
        let words = format!("{secret} is no good");
        Refusal::Other(
            400,
            serde_json::json!({"error": error, "error_description": words}),
        )
    };
    for refusal in [
        Refusal::InvalidGrant,
        Refusal::WrongSecret,
        Refusal::Unavailable,
        echo("invalid_grant", &refresh_token),
        echo("invalid_client", DESKTOP_SECRET),
        echo("invalid_request", DESKTOP_SECRET),
    ] {
        scene
            .google
            .behave(|behave| behave.refuse = Some(refusal.clone()));
        let output = scene.run(&["get", "-v", "--refresh"]);
        assert_ne!(output.status, 0, "{refusal:?}\n{}", output.shown());
        scene.assert_clean(&output);
    }
}

#[test]
fn a_login_in_a_browser() {
    let scene = needs!(Scene::start());
    scene.person();
    let output = scene.log_in();
    assert!(output.stderr.contains("code_challenge="));
    // What the browser was told is all that anybody was told in arguments.
    let record = scene.tape.record();
    let mut told = record.calls.lines().filter_map(Call::parse).filter(|call| {
        call.name.starts_with("execve") && call.arguments.contains("code_challenge=")
    });
    let told = told.next().expect("a browser").arguments;
    assert!(
        !told.contains("code_verifier") && !told.contains("client_secret"),
        "{told}"
    );
    for args in [&["get", "-v"][..], &["get", "-v", "--refresh"]] {
        scene.assert_clean(&scene.run(args).assert_success());
    }
    scene.assert_store();
    scene.assert_clean(&scene.run(&["logout", "-v"]).assert_success());
}

#[test]
fn a_login_whose_code_google_refuses() {
    for error in ["invalid_grant", "invalid_client", "invalid_request"] {
        for name in ["code", "code_verifier", "client_secret"] {
            let scene = needs!(Scene::start());
            scene.person();
            scene.google.intercept(move |host, request| {
                let given = request
                    .form(name)
                    .filter(|_| host == "oauth2.googleapis.com");
                let words = format!("{} is no good", given?);
                let body = serde_json::json!({"error": error, "error_description": words});
                Some(Response::json(400, body.to_string()))
            });
            let output = scene.browse();
            assert_ne!(output.status, 0, "{error}\n{}", output.shown());
            scene.assert_clean(&output.assert_says("withheld"));
        }
    }
}

#[test]
fn an_import_from_stdin() {
    let scene = needs!(Scene::start());
    scene.person();
    let refresh_token = scene.keep(&scene.google.refresh_token(PERSON));
    let import = scene
        .command(&["import", "-v", "-"])
        .stdin(&files::kfp_credentials(&refresh_token));
    scene.assert_clean(&import.run().assert_success());
    assert!(scene.has_written(&refresh_token, "/kfp-credential/"));
    scene.assert_clean(&scene.run(&["get", "-v"]).assert_success());
    scene.assert_store();
    let broken = files::kfp_credentials(&refresh_token).replace('}', "");
    let import = scene.command(&["import", "-v", "-"]).stdin(&broken);
    scene.assert_clean(&import.run().assert_error(3, "sdk-credentials-invalid"));
}

#[test]
fn an_export_to_a_file() {
    let scene = needs!(Scene::start());
    scene.person();
    scene.log_in();
    let ours = scene.home.home().join(SDK_FILE);
    let others = scene.home.file("others.json", "{}");
    fs::set_permissions(&others, Permissions::from_mode(0o666)).expect("its mode");
    for (args, file) in [
        (&["export", "-v"][..], &ours),
        (&["export", "-v", "others.json"], &others),
    ] {
        scene.assert_clean(&scene.run(args).assert_success());
        let text = fs::read_to_string(file).expect("a file");
        let json: Value = serde_json::from_str(&text).expect("JSON");
        let token = json[IAP_CLIENT]["refresh_token"].as_str().expect("a token");
        scene.keep(token);
        assert_eq!(mode(file), 0o600, "{}", file.display());
        // It is written beside the file and then takes its name.
        let (folder, name) = (file.parent(), file.file_name());
        let (folder, name) = (folder.expect("a folder"), name.expect("a name"));
        let beside = format!("{}/.{}.", folder.display(), name.display());
        assert!(scene.has_written(token, &beside), "not seen: {beside}");
    }
    assert_eq!(mode(ours.parent().expect("a folder")), 0o700);
    let output = scene.run(&["export", "-v", "-"]).assert_success();
    assert!(holds(&output.stdout, &[DESKTOP_SECRET.to_owned()]));
    scene.assert_clean(&output);
}

// ----------------------------------------------------------- service accounts

#[test]
fn an_id_token_of_a_key_file() {
    let scene = needs!(Scene::start());
    scene.key_file();
    for more in ["", ", self-signed: true"] {
        scene.service_account(more);
        let output = scene.run(&["get", "-v", "--refresh"]).assert_success();
        assert!(
            output.stdout.contains(SERVICE_ACCOUNT),
            "{}",
            output.shown()
        );
        scene.assert_clean(&output);
        scene.assert_clean(&scene.run(&["status", "-v"]).assert_success());
    }
    assert!(scene.has_asserted());
    scene.assert_clean(&scene.run(&["config", "view"]).assert_success());
    scene
        .google
        .behave(|behave| behave.refuse = Some(Refusal::InvalidGrant));
    scene.service_account("");
    let output = scene.run(&["get", "-v", "--refresh"]);
    assert_ne!(output.status, 0, "{}", output.shown());
    scene.assert_clean(&output);
}

#[test]
fn an_access_token_of_a_key_file() {
    let scene = needs!(Scene::start());
    let file = scene.key_file();
    let path = file.to_string_lossy();
    scene.home.env("GOOGLE_APPLICATION_CREDENTIALS", &path);
    scene.context(&format!(
        "    endpoint: https://{PIPELINES_HOST}\n    gcp: {{}}\n"
    ));
    for form in ["json", "token", "headers"] {
        let output = scene.run(&["get", "-v", "--refresh", "-o", form]);
        let output = output.assert_success();
        assert!(output.stdout.contains("ya29."), "{}", output.shown());
        scene.assert_clean(&output);
    }
    assert!(scene.has_asserted());
    scene.assert_clean(&scene.run(&["status", "-v"]).assert_success());
}

#[test]
fn a_key_file_that_is_broken() {
    let scene = needs!(Scene::start());
    scene.key_file();
    scene.service_account("");
    let whole = files::service_account(SERVICE_ACCOUNT).to_string();
    let key = jwt::ACCOUNT.pem.lines().nth(3).expect("a key");
    for broken in [
        whole.replace(['{', '}'], ""),
        whole.replace("\"private_key\":", "\"private_key\":7, \"a\":"),
        whole.replace(&format!("{key}\\n"), &format!("{key}~\\n")),
        whole.replace("\\n", " "),
        jwt::ACCOUNT.pem.to_owned(),
    ] {
        scene.home.file("key.json", &broken);
        let output = scene.run(&["get", "-v"]);
        assert_eq!(output.status, 3, "{broken}\n{}", output.shown());
        scene.assert_clean(&output);
    }
}

// -------------------------------------------------------------------- helpers

/// Is Google, and a home whose every run is recorded.
struct Scene {
    google: Google,
    tape: Tape,
    home: Sandbox,
    secrets: std::cell::RefCell<BTreeSet<String>>,
}

impl Scene {
    fn start() -> Found<Self> {
        let tape = Tape::start_of(Path::new(binary()))?;
        let (google, home) = (Google::default(), Sandbox::with_binary(tape.binary()));
        for (name, value) in google.env() {
            home.env(name, &value);
        }
        let log = home.home().join("words.log");
        home.env("KFP_CREDENTIAL_LOG", &log.to_string_lossy());
        home.env("KFP_CREDENTIAL_STORE", "file");
        Ok(Self {
            google,
            tape,
            home,
            secrets: std::cell::RefCell::default(),
        })
    }

    fn keep(&self, secret: &str) -> String {
        if self.secrets.borrow_mut().insert(secret.to_owned()) {
            self.home.secret(secret);
        }
        secret.to_owned()
    }

    /// Writes the only context, with these lines.
    fn context(&self, lines: &str) {
        self.home.config(&format!(
            "apiVersion: kfp-credential/v1\nkind: Config\ncurrent-context: traced\n\
             contexts:\n  - name: traced\n{lines}"
        ));
    }

    /// Writes a context for a person behind IAP.
    fn person(&self) {
        self.keep(DESKTOP_SECRET);
        self.home.file("desktop-secret", DESKTOP_SECRET);
        self.context(&format!(
            "    endpoint: https://{IAP_HOST}/pipeline\n    iap:\n      client-id: {IAP_CLIENT}\n    \
             \x20 other-client-id: {DESKTOP_CLIENT}\n    \
             \x20 other-client-secret: {{file: ~/desktop-secret}}\n"
        ));
    }

    /// Writes a context for a service account behind IAP, with these keys beside its file.
    fn service_account(&self, keys: &str) {
        self.context(&format!(
            "    endpoint: https://{IAP_HOST}/pipeline\n    iap:\n      client-id: {IAP_CLIENT}\n    \
             \x20 service-account: {{key-file: ~/key.json{keys}}}\n"
        ));
    }

    /// Writes the SDK's file as a login of the SDK long ago left it; returns the refresh token.
    fn sdk_logged_in(&self) -> String {
        let token = self.keep(&self.google.refresh_token(PERSON));
        self.home.file(SDK_FILE, files::kfp_credentials(&token));
        token
    }

    /// Runs a login in the browser that consents at once.
    fn browse(&self) -> Output {
        // The browser keeps no page: the umask of the runs would show it to others.
        let browser = self.google.curl_browser();
        let script = fs::read_to_string(&browser).expect("a script");
        let script = script.replace("\"$0.page\"", "/dev/null");
        fs::write(&browser, script).expect("a script");
        let login = self.command(&["login", "-v"]);
        let login = login.env("BROWSER", &browser.to_string_lossy());
        login.run()
    }

    /// Logs in, and asserts that nothing has leaked.
    #[track_caller]
    fn log_in(&self) -> Output {
        let output = self.browse().assert_success();
        self.assert_clean(&output);
        let seen = self.google.requests();
        for name in ["code", "code_verifier", "refresh_token", "client_secret"] {
            let is_known = seen
                .iter()
                .filter_map(|seen| seen.request.form(name))
                .any(|value| self.secrets.borrow().contains(&value));
            assert!(is_known, "{name} was not searched");
        }
        output
    }

    /// Writes the key file of a service account, `~/key.json`.
    fn key_file(&self) -> PathBuf {
        for line in jwt::ACCOUNT.pem.lines().filter(|line| line.len() == 64) {
            self.keep(line);
        }
        let key = files::service_account(SERVICE_ACCOUNT);
        self.home.file("key.json", key.to_string())
    }

    fn command(&self, args: &[&str]) -> Run<'_> {
        self.home.command(args)
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).run()
    }

    /// Tells whether a run has given Google what the key has signed.
    fn has_asserted(&self) -> bool {
        let seen = self.google.requests();
        let mut given = seen
            .iter()
            .filter_map(|seen| seen.request.form("assertion"));
        given.any(|assertion| self.secrets.borrow().contains(&assertion))
    }

    /// Tells whether a run has written this to a file with such a name, as the record has it.
    fn has_written(&self, secret: &str, name: &str) -> bool {
        let calls = self.tape.record().calls;
        let mut calls = calls.lines().filter_map(Call::parse);
        calls.any(|call| {
            let target = call.descriptor().map_or("", |(_, target)| target);
            target.contains(name) && holds(call.arguments, &[secret.to_owned()])
        })
    }

    /// Asserts that what is stored is its owner's alone.
    #[track_caller]
    fn assert_store(&self) {
        let stored = files_beneath(&self.home.state_folder());
        assert!(!stored.is_empty());
        for file in stored {
            assert_eq!(mode(&file), 0o600, "{}", file.display());
            let folder = file.parent().expect("a folder");
            assert_eq!(mode(folder), 0o700, "{}", folder.display());
        }
    }

    /// Asserts that the runs so far have leaked nothing, of this answer and what Google was given
    /// included.
    #[track_caller]
    fn assert_clean(&self, output: &Output) {
        let document: Value = serde_json::from_str(&output.stdout).unwrap_or_default();
        let token = document["status"]["token"].as_str();
        for token in token.into_iter().chain([output.stdout.trim()]) {
            if is_id_token(token) || token.starts_with("ya29.") {
                self.keep_parts(token);
            }
        }
        for seen in self.google.requests() {
            for name in [
                "code",
                "code_verifier",
                "refresh_token",
                "client_secret",
                "assertion",
            ] {
                if let Some(value) = seen.request.form(name) {
                    self.keep_parts(&value);
                }
            }
            let bearer = seen.request.header("authorization").unwrap_or_default();
            if let Some(token) = bearer.strip_prefix("Bearer ") {
                self.keep_parts(token);
            }
        }
        let secrets: Vec<String> = self.secrets.borrow().iter().cloned().collect();
        self.tape.assert_clean(&self.home.home(), &secrets, output);
    }

    /// Keeps a secret; of a JWT its claims and signature as well, each alone.
    fn keep_parts(&self, secret: &str) {
        self.keep(secret);
        if is_id_token(secret) {
            for part in secret.split('.').skip(1) {
                self.keep(part);
            }
        }
    }
}

fn is_id_token(text: &str) -> bool {
    jwt::claims(text).is_some()
}
