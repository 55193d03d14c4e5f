//! The forms of an answer (`-o`), and the one place that writes to stdout.

mod values;

use std::io::Write;

use clap::ValueEnum;

use crate::credential::{Cookie, Material};
use crate::error::{Error, Result, Slug};
use crate::protocol::document::{Answer, Document};
use crate::protocol::request::ExecVersion;
use crate::secret::Secret;

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// The whole document: for programs that know this one (default)
    Json,
    /// Plain ExecCredential v1: for kubectl and Kubernetes clients (default under KUBERNETES_EXEC_INFO)
    Exec,
    /// Plain ExecCredential v1beta1
    #[value(name = "exec-v1beta1")]
    ExecV1Beta1,
    /// The bearer token alone
    Token,
    /// The cookies as `name=value; name=value`: for `kfp.Client(cookies=...)`
    Cookie,
    /// A line for each header: for `curl -H @-`
    Headers,
    /// Headers, authority and proxy: for `curl -K -`
    CurlConfig,
    /// A Netscape cookie jar: for `curl -b FILE`, Python's MozillaCookieJar
    Netscape,
    /// `export NAME='value'` lines: for `eval` in a shell; the kfp command line reads them
    Env,
}

impl Format {
    /// Tells whether only a bearer token without extra headers fits.
    pub fn is_exec(self) -> bool {
        matches!(self, Self::Exec | Self::ExecV1Beta1)
    }

    /// Gives the name as typed after `-o`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Exec => "exec",
            Self::ExecV1Beta1 => "exec-v1beta1",
            Self::Token => "token",
            Self::Cookie => "cookie",
            Self::Headers => "headers",
            Self::CurlConfig => "curl-config",
            Self::Netscape => "netscape",
            Self::Env => "env",
        }
    }

    /// Checks, before anybody is contacted, that a kind of credential known in advance fits this form.
    pub fn check_kind(self, kind: &str) -> Result<()> {
        let fits = match self {
            Self::Json | Self::Headers | Self::CurlConfig | Self::Env => true,
            Self::Exec | Self::ExecV1Beta1 | Self::Token => kind == "bearer",
            Self::Cookie | Self::Netscape => kind != "bearer",
        };
        if fits {
            Ok(())
        } else {
            Err(self.unavailable(kind))
        }
    }

    fn unavailable(self, kind: &str) -> Error {
        let what = match kind {
            "cookie" => "cannot carry a session's cookies, which is what this context gives",
            "none" => "needs a credential, and this context gives none",
            _ => "cannot carry a bearer token, which is what this context gives",
        };
        let message = format!("the form `-o {}` {what}", self.name());
        let error = Error::new(Slug::FormatNotAvailable, message);
        if !self.is_exec() {
            return error;
        }
        let error = error.because("an ExecCredential has room for a bearer token only, and most Kubernetes clients go on without credentials when there is none");
        let error = if kind == "cookie" {
            error.hint("Kubernetes clients need a context that gives a token: have an OAuth client added to Dex (`kfp-credential config admin-patch` prints it), and name it in the context, `dex: {client-id: ID}`")
        } else {
            error.hint("Kubernetes clients need a context that gives a token (dex with a client-id, oidc, token-file)")
        };
        error.hint("for this context use `-o json` or `-o headers`")
    }
}

/// Writes the answer in a form; `exec_version` is the version that a Kubernetes client asked for.
pub fn render(answer: &Answer<'_>, format: Format, exec_version: ExecVersion) -> Result<Secret> {
    values::check(answer)?;
    format.check_kind(answer.credential.kind())?;
    let text = match format {
        Format::Json => json(&answer.document())?,
        Format::Exec => exec(answer, exec_version)?,
        Format::ExecV1Beta1 => exec(answer, ExecVersion::V1Beta1)?,
        Format::Token => {
            format!(
                "{}\n",
                answer.token().map(Secret::expose).unwrap_or_default()
            )
        }
        Format::Cookie => format!("{}\n", Cookie::header_value(cookies(answer)).expose()),
        Format::Headers => headers(answer),
        Format::CurlConfig => curl_config(answer)?,
        Format::Netscape => netscape(answer)?,
        Format::Env => env(answer),
    };
    Ok(Secret::new(text))
}

/// Writes an answer to stdout, once and whole.
pub fn write(stdout: &mut dyn Write, text: &str) -> Result<()> {
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|error| {
            Error::new(
                Slug::OutputFailed,
                "the answer could not be written to stdout",
            )
            .because(error)
        })
}

fn cookies<'a>(answer: &'a Answer<'_>) -> &'a [Cookie] {
    match &answer.credential.material {
        Material::Cookies(cookies) => cookies,
        Material::Bearer(_) | Material::None => &[],
    }
}

fn json(document: &Document<'_>) -> Result<String> {
    let mut text = serde_json::to_string(document).map_err(|error| {
        Error::new(Slug::Internal, "the document could not be written as JSON").because(error)
    })?;
    text.push('\n');
    Ok(text)
}

fn exec(answer: &Answer<'_>, version: ExecVersion) -> Result<String> {
    let plain_header = answer.bearer_header == "Authorization";
    if !answer.extra_headers.is_empty() || !plain_header {
        let what = if plain_header {
            "extra headers"
        } else {
            "a token in Proxy-Authorization"
        };
        return Err(Error::new(
            Slug::FormatNotAvailable,
            format!("an ExecCredential cannot carry {what}"),
        )
        .hint("use `-o json` or `-o headers`, or a context without them for Kubernetes clients"));
    }
    let document = answer
        .exec_credential(version)
        .ok_or_else(|| Format::Exec.unavailable(answer.credential.kind()))?;
    json(&document)
}

fn headers(answer: &Answer<'_>) -> String {
    answer
        .headers()
        .iter()
        .map(|(name, value)| format!("{name}: {}\r\n", value.expose()))
        .collect()
}

fn curl_config(answer: &Answer<'_>) -> Result<String> {
    let connection = &answer.connection;
    for (set, key) in [
        (
            connection.certificate_authority_data.is_some(),
            "certificate-authority-data",
        ),
        (connection.tls_server_name.is_some(), "tls-server-name"),
    ] {
        if set {
            return Err(Error::new(
                Slug::FormatNotAvailable,
                format!("curl's configuration cannot express {key}"),
            )
            .hint("use `-o headers`, or a file as certificate-authority"));
        }
    }
    let mut lines: Vec<String> = answer
        .headers()
        .iter()
        .map(|(name, value)| {
            format!(
                "header = {}",
                curl_quoted(&format!("{name}: {}", value.expose()))
            )
        })
        .collect();
    if let Some(path) = &connection.certificate_authority {
        lines.push(format!("cacert = {}", curl_quoted(path)));
    }
    if connection.insecure_skip_tls_verify {
        lines.push("insecure".to_owned());
    }
    if let Some(proxy) = &answer.proxy_with_secrets {
        lines.push(format!("proxy = {}", curl_quoted(proxy.expose())));
    }
    Ok(lines.iter().map(|line| format!("{line}\n")).collect())
}

/// Quotes a value for curl's configuration file (curl(1), `-K`).
fn curl_quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The format that curl documents as "Netscape/Mozilla cookie file", with its `#HttpOnly_` mark.
fn netscape(answer: &Answer<'_>) -> Result<String> {
    let mut text = "# Netscape HTTP Cookie File\n".to_owned();
    let flag = |set: bool| if set { "TRUE" } else { "FALSE" };
    for cookie in cookies(answer) {
        if cookie.domain.starts_with(['#', '$']) {
            let what = "the form `-o netscape` would take a cookie's host for a comment";
            return Err(Error::new(Slug::FormatNotAvailable, what));
        }
        let mark = if cookie.http_only { "#HttpOnly_" } else { "" };
        let dot = if cookie.host_only { "" } else { "." };
        // A cookie without an end of its own ends with the credential: 0 means "already over" to Python.
        let end = cookie
            .expires
            .unwrap_or(answer.credential.expires_at)
            .timestamp();
        text.push_str(&format!(
            "{mark}{dot}{}\t{}\t{}\t{}\t{end}\t{}\t{}\n",
            cookie.domain,
            flag(!cookie.host_only),
            cookie.path,
            flag(cookie.secure),
            cookie.name,
            cookie.value.expose(),
        ));
    }
    Ok(text)
}

fn env(answer: &Answer<'_>) -> String {
    let mut variables = vec![
        (
            "KF_PIPELINES_ENDPOINT",
            Secret::new(answer.endpoint.clone()),
        ),
        ("KFP_ENDPOINT", Secret::new(answer.endpoint.clone())),
    ];
    if let Some(namespace) = answer.namespace {
        variables.push(("KFP_NAMESPACE", Secret::new(namespace)));
    }
    match &answer.credential.material {
        Material::Bearer(token) => variables.push(("KFP_EXISTING_TOKEN", token.clone())),
        Material::Cookies(cookies) => {
            variables.push(("KFP_CREDENTIAL_COOKIE", Cookie::header_value(cookies)));
        }
        Material::None => {}
    }
    let line = |(name, value): &(&str, Secret)| {
        format!(
            "export {name}='{}'\n",
            value.expose().replace('\'', r"'\''")
        )
    };
    variables.iter().map(line).collect()
}

#[cfg(test)]
mod tests;
