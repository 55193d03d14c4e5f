//! Errors that teach: what failed, where, why, and what to type next.
//!
//! The slugs, their exit codes and their general hints live in `protocol/errors.json` and nowhere else; that
//! file is part of the contract and is compiled in. A slug is what programs match on; it never changes.

use std::fmt;
use std::io;

use serde::{Deserialize, Serialize};

/// The contract's table of errors, as published.
pub const ERRORS_JSON: &str = include_str!("../protocol/errors.json");

/// Declares the slugs: a variant for the compiler, a kebab-case name for programs.
macro_rules! slugs {
    ($($variant:ident = $name:literal,)+) => {
        /// Names a kind of failure; `protocol/errors.json` tells what each means.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[expect(missing_docs, reason = "protocol/errors.json documents each")]
        pub enum Slug { $(#[serde(rename = $name)] $variant,)+ }

        impl Slug {
            /// Every slug, in the table's order.
            pub const ALL: &[Slug] = &[$(Slug::$variant,)+];

            /// Gives the stable name, as in `error[dex-login-rejected]`.
            pub fn name(self) -> &'static str {
                match self { $(Slug::$variant => $name,)+ }
            }
        }
    };
}

slugs! {
    Internal = "internal",
    OutputFailed = "output-failed",
    SystemLimit = "system-limit",
    Usage = "usage",
    ConfigMissing = "config-missing",
    ConfigUnreadable = "config-unreadable",
    ConfigInvalid = "config-invalid",
    ConfigContextUnknown = "config-context-unknown",
    ConfigContextAmbiguous = "config-context-ambiguous",
    ConfigNotEditable = "config-not-editable",
    ConfigWriteFailed = "config-write-failed",
    ConfigSecretUnavailable = "config-secret-unavailable",
    ConfigInsecureHttp = "config-insecure-http",
    ConfigCertificateAuthority = "config-certificate-authority",
    ConnectorUnknown = "connector-unknown",
    RedirectUriRefused = "redirect-uri-refused",
    IssuerMismatch = "issuer-mismatch",
    ScopeRefused = "scope-refused",
    EndpointChanged = "endpoint-changed",
    ExecServerRefused = "exec-server-refused",
    IdentityRequired = "identity-required",
    FormatNotAvailable = "format-not-available",
    StoreUnavailable = "store-unavailable",
    TokenFileMissing = "token-file-missing",
    TokenFileUnreadable = "token-file-unreadable",
    TokenFileEmpty = "token-file-empty",
    TokenFileInvalid = "token-file-invalid",
    TokenFileExpired = "token-file-expired",
    TokenFileAudience = "token-file-audience",
    GoogleCredentialsMissing = "google-credentials-missing",
    GoogleCredentialsInvalid = "google-credentials-invalid",
    GoogleCredentialsUnsupported = "google-credentials-unsupported",
    GoogleCredentialsAddressRefused = "google-credentials-address-refused",
    GoogleSubjectTokenUnavailable = "google-subject-token-unavailable",
    GoogleMetadataUntrusted = "google-metadata-untrusted",
    PasswordRequired = "password-required",
    LoginRequired = "login-required",
    DeviceCodeExpired = "device-code-expired",
    LoginInProgress = "login-in-progress",
    StoreLocked = "store-locked",
    DexLoginRejected = "dex-login-rejected",
    PasswordRejected = "password-rejected",
    DexRefused = "dex-refused",
    LoginNotAccepted = "login-not-accepted",
    LoginNotUnderstood = "login-not-understood",
    ConnectorHasNoForm = "connector-has-no-form",
    PasswordOriginRefused = "password-origin-refused",
    OauthOriginRefused = "oauth-origin-refused",
    RedirectRefused = "redirect-refused",
    OauthRefused = "oauth-refused",
    OauthTokenInvalid = "oauth-token-invalid",
    OauthClientRefused = "oauth-client-refused",
    BearerIssuerRefused = "bearer-issuer-refused",
    BearerAudienceRefused = "bearer-audience-refused",
    BearerExpired = "bearer-expired",
    BearerSignatureRefused = "bearer-signature-refused",
    BearerNotPermitted = "bearer-not-permitted",
    BearerWithoutIdentity = "bearer-without-identity",
    IapEmptyToken = "iap-empty-token",
    IapInvalidToken = "iap-invalid-token",
    IapInvalidSignature = "iap-invalid-signature",
    IapInvalidAudience = "iap-invalid-audience",
    IapClientNotAllowed = "iap-client-not-allowed",
    IapNotPermitted = "iap-not-permitted",
    IapRefused = "iap-refused",
    StateMismatch = "state-mismatch",
    AccountMismatch = "account-mismatch",
    LoopbackUnavailable = "loopback-unavailable",
    SdkCredentialsInvalid = "sdk-credentials-invalid",
    Unreachable = "unreachable",
    TlsUntrusted = "tls-untrusted",
    Timeout = "timeout",
    EndpointNotRecognised = "endpoint-not-recognised",
    DiscoveryFailed = "discovery-failed",
    ProxyAuthRequired = "proxy-auth-required",
    ServerError = "server-error",
    Interrupted = "interrupted",
}

/// A row of `protocol/errors.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorRow {
    /// The slug's name.
    pub slug: String,
    /// The exit code that goes with it.
    pub exit: u8,
    /// What happened, in general.
    pub meaning: String,
    /// What to do where the failure itself knows nothing better.
    pub hint: String,
}

#[derive(Deserialize)]
struct ErrorTable {
    errors: Vec<ErrorRow>,
}

impl Slug {
    /// Reads this slug's row from the contract's table.
    ///
    /// # Panics
    /// Never in a build that passed its tests: they hold the enum and the table together.
    pub fn row(self) -> ErrorRow {
        serde_json::from_str::<ErrorTable>(ERRORS_JSON)
            .ok()
            .and_then(|table| table.errors.into_iter().find(|row| row.slug == self.name()))
            .expect("every slug has a row in protocol/errors.json")
    }
}

/// A failure on its way to the person or program that must act on it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Error(Box<Details>);

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Details {
    slug: Slug,
    message: String,
    causes: Vec<String>,
    hints: Vec<String>,
}

/// What every fallible function of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Starts an error: `message` names what failed and where, in lower case, without a full stop.
    pub fn new(slug: Slug, message: impl Into<String>) -> Self {
        Self(Box::new(Details {
            slug,
            message: message.into(),
            causes: Vec::new(),
            hints: Vec::new(),
        }))
    }

    /// Adds why: shown as a `caused by:` line.
    #[must_use]
    pub fn because(mut self, cause: impl fmt::Display) -> Self {
        self.0.causes.push(cause.to_string());
        self
    }

    /// Adds why from a library's error with its whole chain, each layer once.
    #[must_use]
    pub fn because_of(mut self, error: &(dyn std::error::Error + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(layer) = next {
            let text = layer.to_string();
            if !self
                .0
                .causes
                .last()
                .is_some_and(|last| last.contains(&text))
            {
                self.0.causes.push(text);
            }
            next = layer.source();
        }
        self
    }

    /// Adds what to do next: shown as a `hint:` line in place of the slug's general hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hints.push(hint.into());
        self
    }

    /// Adds what to do next beside what is hinted already, be it the slug's general hint.
    #[must_use]
    pub fn further_hint(mut self, hint: impl Into<String>) -> Self {
        if self.0.hints.is_empty() {
            self.0.hints.push(self.0.slug.row().hint);
        }
        self.hint(hint)
    }

    /// Changes the message, the causes and the hints.
    #[must_use]
    pub fn with_each_text(mut self, change: impl Fn(String) -> String) -> Self {
        let details = &mut *self.0;
        let lists = details.causes.iter_mut().chain(&mut details.hints);
        for text in lists.chain([&mut details.message]) {
            *text = change(std::mem::take(text));
        }
        self
    }

    /// Tells the kind of failure.
    pub fn slug(&self) -> Slug {
        self.0.slug
    }

    /// Tells whether a server was reached and refused: the same again would be refused again.
    pub fn is_refusal(&self) -> bool {
        self.exit_code() == 5
    }

    /// Gives what failed, without causes and hints.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Gives the process's exit code.
    pub fn exit_code(&self) -> u8 {
        self.0.slug.row().exit
    }

    /// Gives what failed and why on one line, for a word on `-v`.
    pub fn one_line(&self) -> String {
        let mut line = format!("[{}] {}", self.0.slug.name(), self.0.message);
        for cause in &self.0.causes {
            line.push_str(": ");
            line.push_str(cause);
        }
        line
    }

    /// Writes the error as people and programs read it: `kfp-credential: error[slug]: …`, then the causes and
    /// hints, a line each.
    pub fn report(&self, stderr: &mut dyn io::Write) {
        let details = &self.0;
        let mut text = format!(
            "kfp-credential: error[{}]: {}\n",
            details.slug.name(),
            details.message
        );
        for cause in &details.causes {
            text.push_str(&format!(
                "  caused by: {}\n",
                cause.trim_end().replace('\n', "\n    ")
            ));
        }
        if details.hints.is_empty() {
            text.push_str(&format!("  hint: {}\n", details.slug.row().hint));
        }
        for hint in &details.hints {
            text.push_str(&format!(
                "  hint: {}\n",
                hint.trim_end().replace('\n', "\n    ")
            ));
        }
        // Nobody is left to tell when stderr itself is gone.
        stderr.write_all(text.as_bytes()).ok();
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.one_line())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::{ERRORS_JSON, ErrorTable, Slug};

    #[test]
    fn slugs_and_the_contracts_table_agree() {
        let table: ErrorTable = serde_json::from_str(ERRORS_JSON).unwrap();
        let rows: Vec<&str> = table.errors.iter().map(|row| row.slug.as_str()).collect();
        let slugs: Vec<&str> = Slug::ALL.iter().map(|slug| slug.name()).collect();
        assert_eq!(rows, slugs);
    }
}
