//! A person with a browser, at Google's stand-ins.

use std::path::PathBuf;

use serde_json::Value;

use super::{DESKTOP_CLIENT, DESKTOP_SECRET, Google, IAP_CLIENT, IAP_HOST, USER, files, jwt};
use crate::sandbox::{Output, Run, Sandbox};

/// Is a person with a browser, and a context `google` behind IAP.
pub struct Person {
    pub google: Google,
    pub sandbox: Sandbox,
}

impl Person {
    pub fn new() -> Self {
        Self::with_store("file")
    }

    pub fn with_store(store: &str) -> Self {
        let person = Self::without_context();
        person.context(store, &format!("client-id: {IAP_CLIENT}, {}", desktop()));
        person
    }

    pub fn without_context() -> Self {
        Self::at(Google::default())
    }

    /// Makes a person who meets this Google.
    pub fn at(google: Google) -> Self {
        let sandbox = Sandbox::new();
        for (name, value) in google.env() {
            sandbox.env(name, &value);
        }
        // No metadata server.
        sandbox.env("GCE_METADATA_HOST", "127.0.0.1:1");
        sandbox.file("desktop-secret", format!("{DESKTOP_SECRET}\n"));
        // The stand-ins number what they give: refresh and access tokens, codes; all JWTs begin alike.
        for secret in [
            DESKTOP_SECRET,
            "made-up-refresh-token",
            "made-up-access-token",
            "made-up-code",
            "eyJh",
        ] {
            sandbox.secret(secret);
        }
        Self { google, sandbox }
    }

    /// Writes the context, with these keys below `iap`.
    pub fn context(&self, store: &str, iap: &str) {
        self.contexts(&[("google", "pipeline", store, iap)]);
    }

    /// Writes contexts: name, path of the endpoint, store, and the keys below `iap`.
    pub fn contexts(&self, contexts: &[(&str, &str, &str, &str)]) {
        let mut yaml = String::from("apiVersion: kfp-credential/v1\nkind: Config\ncontexts:\n");
        for (name, path, store, iap) in contexts {
            let iap = iap.replace(", ", "\n    ");
            yaml += &format!(
                "- name: {name}\n  endpoint: https://{IAP_HOST}/{path}\n  store: {store}\n  iap:\n    {iap}\n"
            );
        }
        self.sandbox.config(&yaml);
    }

    pub fn command(&self, args: &[&str]) -> Run<'_> {
        self.sandbox
            .command(&[args, &["--context", "google"]].concat())
    }

    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).run()
    }

    /// Logs in with the browser that consents at once.
    pub fn log_in(&self, args: &[&str]) -> Output {
        let browser = self.google.browser();
        self.command(&[&["login"], args].concat())
            .env("BROWSER", &browser.to_string_lossy())
            .run()
    }

    /// Logs in, and forgets the requests so far.
    #[track_caller]
    pub fn is_logged_in(&self) {
        self.log_in(&[]).assert_success();
        self.google.clear();
    }

    /// Gets a bearer, and returns it with its claims.
    #[track_caller]
    pub fn bearer(&self, args: &[&str]) -> (String, Value) {
        let output = self.run(&[&["get"], args].concat()).assert_success();
        let token = output.json()["status"]["token"].clone();
        let token = token.as_str().expect("a token").to_owned();
        let claims = jwt::GOOGLE.verify(&token).expect("a token of Google's");
        (token, claims)
    }

    /// Returns the requests to Google: those to the endpoint are left out.
    pub fn asked(&self) -> Vec<String> {
        let mut lines = self.google.lines();
        lines.retain(|line| !line.contains(IAP_HOST));
        lines
    }

    /// Returns the bearer tokens that the endpoint was asked with.
    pub fn tried(&self) -> Vec<String> {
        let seen = self.google.requests().into_iter();
        let seen = seen.filter(|seen| seen.host == IAP_HOST);
        seen.filter_map(|seen| seen.request.header("authorization").map(str::to_owned))
            .collect()
    }

    pub fn sdk_file(&self) -> PathBuf {
        self.sandbox.home().join(".config/kfp/credentials.json")
    }

    /// Writes the SDK's file as a login of the SDK long ago left it; returns the refresh token.
    pub fn sdk_logged_in(&self) -> String {
        let token = self.google.refresh_token(USER);
        let text = files::kfp_credentials(&token);
        self.sandbox
            .shared_file(".config/kfp/credentials.json", text);
        token
    }
}

/// Says who the desktop client is.
pub fn desktop() -> String {
    format!("other-client-id: {DESKTOP_CLIENT}, other-client-secret: {{ file: ~/desktop-secret }}")
}
