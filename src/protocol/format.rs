//! The forms of an answer (`-o`), and the one place that writes to stdout.

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
        if self.is_exec() {
            error
                .because("an ExecCredential has room for a bearer token only, and most Kubernetes clients go on without credentials when there is none")
                .hint("Kubernetes clients need a context that gives a token (token-file); for this one use `-o json` or `-o headers`")
        } else {
            error
        }
    }
}

/// Writes the answer in a form; `exec_version` is the version that a Kubernetes client asked for.
pub fn render(answer: &Answer<'_>, format: Format, exec_version: ExecVersion) -> Result<Secret> {
    refuse_control_characters(answer)?;
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
        Format::Netscape => netscape(answer),
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
        _ => &[],
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
                format!("curl's configuration has no form for {key}"),
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
fn netscape(answer: &Answer<'_>) -> String {
    let mut text = "# Netscape HTTP Cookie File\n".to_owned();
    let flag = |set: bool| if set { "TRUE" } else { "FALSE" };
    for cookie in cookies(answer) {
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
    text
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

/// No form can carry a control character safely: it would end a header, a line or a shell word.
fn refuse_control_characters(answer: &Answer<'_>) -> Result<()> {
    let mut values: Vec<(String, Secret)> = answer.headers();
    values.push(("endpoint".to_owned(), Secret::new(answer.endpoint.clone())));
    values.push((
        "namespace".to_owned(),
        Secret::new(answer.namespace.unwrap_or_default()),
    ));
    for cookie in cookies(answer) {
        let attributes = format!("{}{}{}", cookie.name, cookie.domain, cookie.path);
        values.push((format!("cookie {:?}", cookie.name), Secret::new(attributes)));
    }
    match values.iter().find(|(_, value)| value.expose().chars().any(char::is_control)) {
        None => Ok(()),
        Some((name, _)) => {
            Err(Error::new(Slug::FormatNotAvailable, format!("the value of {name} holds a control character"))
                .hint("correct where it comes from: the context's headers or namespace, the token file, or the server that set the cookie"))
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    use super::*;
    use crate::credential::{Credential, ExpirySource, KnownEnd};
    use crate::protocol::document::ConnectionView;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn credential(material: Material) -> Credential {
        let end = KnownEnd {
            at: now() + chrono::TimeDelta::hours(24),
            source: ExpirySource::MaxAge,
        };
        Credential::new(
            material,
            Some("user@example.com".into()),
            now(),
            Some(end),
            None,
        )
    }

    fn bearer(token: &str) -> Credential {
        credential(Material::Bearer(Secret::new(token)))
    }

    fn cookie(name: &str, value: &str) -> Cookie {
        Cookie {
            name: name.into(),
            value: Secret::new(value),
            domain: "kf.example.com".into(),
            host_only: true,
            path: "/".into(),
            secure: true,
            http_only: true,
            expires: None,
        }
    }

    fn session() -> Credential {
        credential(Material::Cookies(vec![
            cookie("s_0", "a"),
            cookie("s_1", "b"),
        ]))
    }

    fn answer(credential: &Credential) -> Answer<'_> {
        Answer {
            credential,
            context: Some("team-a"),
            endpoint: "https://kf.example.com/pipeline".into(),
            namespace: Some("team-a"),
            bearer_header: "Authorization",
            extra_headers: Vec::new(),
            connection: ConnectionView::default(),
            proxy_with_secrets: None,
            now: now(),
        }
    }

    fn text(credential: &Credential, format: Format) -> String {
        render(&answer(credential), format, ExecVersion::V1)
            .unwrap()
            .expose()
            .to_owned()
    }

    #[test]
    fn the_document_of_cookies() {
        assert_eq!(
            text(&session(), Format::Json),
            concat!(
                r#"{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","spec":{"interactive":false},"#,
                r#""status":{"expirationTimestamp":"2027-01-16T07:59:00Z","headers":{"Cookie":["s_0=a; s_1=b"]},"#,
                r#""cookies":[{"name":"s_0","value":"a","domain":"kf.example.com","hostOnly":true,"path":"/","secure":true,"httpOnly":true},"#,
                r#"{"name":"s_1","value":"b","domain":"kf.example.com","hostOnly":true,"path":"/","secure":true,"httpOnly":true}],"#,
                r#""kfp":{"version":1,"type":"cookie","context":"team-a","endpoint":"https://kf.example.com/pipeline","#,
                r#""namespace":"team-a","principal":"user@example.com","issuedAt":"2027-01-15T08:00:00Z","#,
                r#""expiresAt":"2027-01-16T08:00:00Z","expirySource":"max-age"}}}"#,
                "\n"
            )
        );
    }

    #[test]
    fn the_plain_forms_of_a_token() {
        let token = bearer("a.b.c");
        assert_eq!(text(&token, Format::Token), "a.b.c\n");
        assert_eq!(
            text(&token, Format::Headers),
            "Authorization: Bearer a.b.c\r\n"
        );
        assert_eq!(
            text(&token, Format::CurlConfig),
            "header = \"Authorization: Bearer a.b.c\"\n"
        );
        assert_eq!(
            text(&token, Format::ExecV1Beta1),
            concat!(
                r#"{"apiVersion":"client.authentication.k8s.io/v1beta1","kind":"ExecCredential","spec":{"interactive":false},"#,
                r#""status":{"expirationTimestamp":"2027-01-16T07:59:00Z","token":"a.b.c"}}"#,
                "\n"
            )
        );
    }

    #[test]
    fn the_plain_forms_of_cookies() {
        assert_eq!(text(&session(), Format::Cookie), "s_0=a; s_1=b\n");
        assert_eq!(
            text(&session(), Format::Netscape),
            "# Netscape HTTP Cookie File\n\
             #HttpOnly_kf.example.com\tFALSE\t/\tTRUE\t1800086400\ts_0\ta\n\
             #HttpOnly_kf.example.com\tFALSE\t/\tTRUE\t1800086400\ts_1\tb\n"
        );
    }

    #[test]
    fn nothing_is_written_as_nothing() {
        let none = credential(Material::None);
        assert_eq!(text(&none, Format::Cookie), "\n");
        assert_eq!(text(&none, Format::Headers), "");
        assert_eq!(text(&none, Format::CurlConfig), "");
        assert!(text(&none, Format::Json).contains(r#""headers":{}"#));
        assert!(
            !text(&none, Format::Env).contains("TOKEN")
                && !text(&none, Format::Env).contains("COOKIE")
        );
    }

    #[test]
    fn a_kind_that_does_not_fit_is_refused() {
        for (credential, format) in [
            (session(), Format::Exec),
            (session(), Format::Token),
            (credential(Material::None), Format::Exec),
            (credential(Material::None), Format::Token),
            (bearer("t"), Format::Cookie),
            (bearer("t"), Format::Netscape),
        ] {
            let error = render(&answer(&credential), format, ExecVersion::V1).unwrap_err();
            assert_eq!(error.slug(), Slug::FormatNotAvailable, "{format:?}");
        }
    }

    #[test]
    fn an_exec_credential_has_no_room_for_headers() {
        let token = bearer("t");
        let extra = Answer {
            extra_headers: vec![("X-A".into(), Secret::new("1"))],
            ..answer(&token)
        };
        let proxied = Answer {
            bearer_header: "Proxy-Authorization",
            ..answer(&token)
        };
        for answer in [extra, proxied] {
            assert!(render(&answer, Format::Exec, ExecVersion::V1).is_err());
            assert!(render(&answer, Format::Json, ExecVersion::V1).is_ok());
        }
    }

    #[test]
    fn values_are_quoted_for_their_reader() {
        let odd = credential(Material::Cookies(vec![cookie("q", r#"a'b"c\d"#)]));
        assert!(text(&odd, Format::Env).contains(r#"export KFP_CREDENTIAL_COOKIE='q=a'\''b"c\d'"#));
        assert!(text(&odd, Format::CurlConfig).contains(r#"header = "Cookie: q=a'b\"c\\d""#));
    }

    #[test]
    fn a_control_character_is_refused_in_every_form() {
        let evil = bearer("a\r\nX-Evil: 1");
        for format in Format::value_variants() {
            assert!(
                render(&answer(&evil), *format, ExecVersion::V1).is_err(),
                "{format:?}"
            );
        }
    }

    #[test]
    fn curls_configuration_refuses_what_it_cannot_say() {
        let token = bearer("t");
        let connection = ConnectionView {
            certificate_authority_data: Some("QQ==".into()),
            ..Default::default()
        };
        let inline = Answer {
            connection,
            ..answer(&token)
        };
        assert!(render(&inline, Format::CurlConfig, ExecVersion::V1).is_err());
    }
}
