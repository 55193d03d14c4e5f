//! The document that a helper prints, read with all that a client must refuse.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::SystemTime;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::{Map, Value};
use url::{Host, Url};

use crate::error::{HELPER_ANSWER_INVALID, HelperError, ORIGIN_REFUSED};
use crate::exec::{optional, strings};
use crate::file;

const TIME: &str = "%Y-%m-%dT%H:%M:%SZ";

/// What a helper has answered; `Debug` shows no secret of it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Credential {
    /// `bearer`, `cookie`, `none`, or a newer one.
    pub kind: Option<String>,
    /// The base URL of the API, as the helper writes it.
    pub endpoint: String,
    /// The Kubeflow namespace to use by default.
    pub namespace: Option<String>,
    /// Who the credential stands for.
    pub principal: Option<String>,
    /// The helper's context.
    pub context: Option<String>,
    /// Until when to use it.
    pub expiration: DateTime<Utc>,
    /// How to reach the endpoint as the helper did.
    pub connection: Connection,
    headers: BTreeMap<String, Vec<String>>,
    base: Url,
}

/// How to reach an endpoint, where that takes more than its URL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connection {
    /// A PEM file, added to the system's authorities.
    pub certificate_authority: Option<PathBuf>,
    /// The same as base64 of PEM text.
    pub certificate_authority_data: Option<String>,
    /// Whether to take any certificate.
    pub insecure_skip_tls_verify: bool,
    /// The proxy, which an endpoint on this machine is never reached by.
    pub proxy_url: Option<String>,
    /// The name that the endpoint's certificate is verified against.
    pub tls_server_name: Option<String>,
}

impl Credential {
    /// Reads what a helper printed, and refuses what a client must not use. No error repeats the text.
    pub fn parse(stdout: &[u8]) -> Result<Self, HelperError> {
        parse(stdout).map_err(|rule| {
            HelperError::new(
                HELPER_ANSWER_INVALID,
                format!("the helper's answer is no document of this protocol: {rule}"),
            )
        })
    }

    /// The secret headers that each request to the endpoint needs, as the helper spells them.
    pub fn headers(&self) -> &BTreeMap<String, Vec<String>> {
        &self.headers
    }

    /// The same as lines to send, in place of the request's own of these names: cookies are one line (RFC 6265).
    pub fn header_lines(&self) -> Vec<(String, String)> {
        let mut lines = Vec::new();
        for (name, values) in &self.headers {
            if name.eq_ignore_ascii_case("cookie") {
                lines.push((name.clone(), values.join("; ")));
            } else {
                lines.extend(values.iter().map(|value| (name.clone(), value.clone())));
            }
        }
        lines
    }

    /// Whether the endpoint is this machine itself, where no proxy is on the way.
    pub fn is_on_this_machine(&self) -> bool {
        match self.base.host() {
            Some(Host::Domain(name)) => {
                let name = name.trim_end_matches('.');
                name == "localhost" || name.ends_with(".localhost")
            }
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => IpAddr::V6(address).to_canonical().is_loopback(),
            None => false,
        }
    }

    pub(crate) fn is_live(&self) -> bool {
        self.expiration > now()
    }

    /// Gives the URL to ask for: a path below the endpoint, or a whole URL of its origin.
    pub(crate) fn resolve(&self, asked: &str) -> Result<Url, HelperError> {
        let target = if is_absolute(asked) {
            Url::parse(asked)
        } else {
            let base = self.endpoint.trim_end_matches('/');
            Url::parse(&format!("{base}/{}", asked.trim_start_matches('/')))
        };
        let target = target
            .map_err(|error| HelperError::new(ORIGIN_REFUSED, format!("not a URL: {error}")))?;
        if target.origin() != self.base.origin() {
            let [ours, other] = [&self.base, &target].map(|url| url.origin().ascii_serialization());
            let what = format!("the credential is for {ours}, not for {other}");
            return Err(HelperError::new(ORIGIN_REFUSED, what));
        }
        Ok(target)
    }

    /// Gives the origin of a redirect's target, for words to people.
    pub(crate) fn origin_of(&self, location: &str) -> Option<String> {
        let target = self.base.join(location).ok()?;
        Some(target.origin().ascii_serialization())
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("kind", &self.kind)
            .field("principal", &self.principal)
            .field("expiration", &self.expiration)
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// The authorities to trust in addition to the system's, as PEM text; `None` where there are none.
    pub fn authorities(&self) -> Result<Option<Vec<u8>>, HelperError> {
        let mut pem = Vec::new();
        if let Some(path) = &self.certificate_authority {
            pem.extend(file::read(path).map_err(|error| {
                let why = format!("cannot read {}: {error}", path.display());
                HelperError::connection_unsupported("certificateAuthority", why)
            })?);
            pem.push(b'\n');
        }
        if let Some(data) = &self.certificate_authority_data {
            pem.extend(BASE64_STANDARD.decode(data).map_err(|_| {
                HelperError::connection_unsupported("certificateAuthorityData", "it is no base64")
            })?);
        }
        Ok((!pem.is_empty()).then_some(pem))
    }
}

/// Reads the document, or names the rule that it breaks.
fn parse(stdout: &[u8]) -> Result<Credential, String> {
    let document: Map<String, Value> = serde_json::from_slice(stdout)
        .map_err(|_| "it is not one JSON object in UTF-8 with nothing around it")?;
    let is = |key, expected| document.get(key).and_then(Value::as_str) == Some(expected);
    if !is("kind", "ExecCredential") {
        return Err("kind is not ExecCredential".into());
    }
    if !is("apiVersion", "client.authentication.k8s.io/v1") {
        return Err("apiVersion is not client.authentication.k8s.io/v1".into());
    }
    let status = document.get("status").and_then(Value::as_object);
    let status = status.ok_or("status is missing")?;
    let kfp = status.get("kfp").and_then(Value::as_object);
    let kfp = kfp.ok_or("status.kfp is missing")?;
    if kfp.get("version").and_then(Value::as_f64) != Some(1.0) {
        return Err("status.kfp.version is not 1".into());
    }
    let endpoint = kfp.get("endpoint").and_then(Value::as_str);
    let (endpoint, base) = endpoint.and_then(parse_endpoint).ok_or(
        "status.kfp.endpoint is no absolute http or https URL without user, query and fragment",
    )?;
    let expiration = status.get("expirationTimestamp").and_then(Value::as_str);
    let expiration = expiration
        .and_then(parse_time)
        .ok_or("status.expirationTimestamp is missing, or not of the form YYYY-MM-DDTHH:MM:SSZ")?;
    let credential = Credential {
        kind: optional_text(kfp, "type")?,
        endpoint: endpoint.to_owned(),
        namespace: optional_text(kfp, "namespace")?,
        principal: optional_text(kfp, "principal")?,
        context: optional_text(kfp, "context")?,
        expiration,
        connection: parse_connection(kfp)?,
        headers: parse_headers(status)?,
        base,
    };
    if !credential.is_live() {
        return Err("status.expirationTimestamp has passed".into());
    }
    Ok(credential)
}

fn parse_headers(status: &Map<String, Value>) -> Result<BTreeMap<String, Vec<String>>, String> {
    let fields = status.get("headers").and_then(Value::as_object);
    let fields = fields.ok_or("status.headers is missing, or no object")?;
    let mut headers = BTreeMap::new();
    for (name, values) in fields {
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err("status.headers has a key that is no header's name".into());
        }
        let values = strings(values).filter(|values| !values.is_empty());
        let values = values
            .ok_or("status.headers has a value that is no array of strings, or an empty one")?;
        if values
            .iter()
            .any(|value| value.contains(|c: char| c.is_ascii_control()))
        {
            return Err("status.headers has a value with a control character".into());
        }
        headers.insert(name.clone(), values);
    }
    Ok(headers)
}

fn parse_connection(kfp: &Map<String, Value>) -> Result<Connection, String> {
    let Some(connection) = optional(kfp, "connection") else {
        return Ok(Connection::default());
    };
    let connection = connection
        .as_object()
        .ok_or("status.kfp.connection is no object")?;
    let skip = optional(connection, "insecureSkipTlsVerify").map_or(Some(false), Value::as_bool);
    Ok(Connection {
        certificate_authority: optional_text(connection, "certificateAuthority")?.map(Into::into),
        certificate_authority_data: optional_text(connection, "certificateAuthorityData")?,
        insecure_skip_tls_verify: skip.ok_or("insecureSkipTlsVerify is no boolean")?,
        proxy_url: optional_text(connection, "proxyUrl")?,
        tls_server_name: optional_text(connection, "tlsServerName")?,
    })
}

fn optional_text(from: &Map<String, Value>, key: &str) -> Result<Option<String>, String> {
    optional(from, key)
        .map(|value| value.as_str().map(str::to_owned))
        .map(|text| text.ok_or_else(|| format!("{key} is no string")))
        .transpose()
}

/// Wants what the URL library would mend: white space, backslashes, slashes that are missing or too many.
fn parse_endpoint(text: &str) -> Option<(&str, Url)> {
    let url = Url::parse(text).ok()?;
    let rest = text.strip_prefix(url.scheme())?.strip_prefix("://")?;
    let is_plain = matches!(url.scheme(), "http" | "https")
        && !rest.starts_with('/')
        && !text.contains(|c: char| c.is_whitespace() || c.is_control() || "\\?#".contains(c))
        && url.username().is_empty()
        && url.password().is_none();
    is_plain.then_some((text, url))
}

fn parse_time(text: &str) -> Option<DateTime<Utc>> {
    let time = NaiveDateTime::parse_from_str(text, TIME).ok()?.and_utc();
    // The parser takes other spellings too.
    (time.format(TIME).to_string() == text).then_some(time)
}

/// RFC 9110, section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_absolute(url: &str) -> bool {
    let of_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    url.split_once("://")
        .is_some_and(|(scheme, _)| !scheme.is_empty() && scheme.chars().all(of_scheme))
}

fn now() -> DateTime<Utc> {
    SystemTime::now().into()
}

#[cfg(test)]
mod tests {
    use super::Credential;
    use crate::ExecConfig;

    #[test]
    fn debug_shows_no_secret() {
        let document = r#"{
            "apiVersion": "client.authentication.k8s.io/v1",
            "kind": "ExecCredential",
            "status": {
                "expirationTimestamp": "2999-01-01T00:00:00Z",
                "headers": {"Authorization": ["Bearer hunter2"]},
                "kfp": {"version": 1, "type": "bearer", "endpoint": "http://h", "principal": "user@example.com"}
            }
        }"#;
        let credential = Credential::parse(document.as_bytes()).unwrap();
        assert_eq!(
            credential.headers()["Authorization"],
            ["Bearer hunter2".to_owned()]
        );
        let shown = format!("{credential:?}");
        assert!(shown.contains("user@example.com"), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");

        let config =
            r#"{"exec": {"command": "helper-a", "env": [{"name": "A", "value": "hunter2"}]}}"#;
        let config = ExecConfig::parse(config.as_bytes(), "a test", None).unwrap();
        assert_eq!(config.env, [("A".to_owned(), "hunter2".to_owned())]);
        let shown = format!("{config:?}");
        assert!(shown.contains("helper-a"), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
