//! An answer in each of its forms, read back by the strict reader of that form.
//!
//! Fields: the kind (0 cookies, 1 bearer, 2 none), the token or the lines of `Set-Cookie`, the endpoint, the namespace,
//! an extra header's name and value, a certificate authority's path, a proxy, the principal, the context.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use clap::ValueEnum;
use kfp_credential::credential::{Cookie, Credential, Material, wire_time};
use kfp_credential::endpoint::Endpoint;
use kfp_credential::http::ServerClock;
use kfp_credential::http::fuzzing::Cookies;
use kfp_credential::protocol::document::{Answer, ConnectionView};
use kfp_credential::protocol::format::{Format, render};
use kfp_credential::protocol::request::ExecVersion;
use kfp_credential::sanitize::redacted_url;
use kfp_credential::secret::Secret;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, SET_COOKIE};
use serde_json::Value;
use url::Url;

use crate::input::Fields;
use crate::oracle;
use crate::readers::{self, JarCookie};

pub(crate) fn run(bytes: &[u8]) {
    let mut fields = Fields::of(bytes);
    let kind = fields.below(3);
    let secret = fields.text();
    let endpoint = Endpoint::parse(&fields.text());
    let endpoint = endpoint.unwrap_or_else(|_| Endpoint::parse("https://h/p").expect("one"));
    let namespace = Some(fields.text()).filter(|text| !text.is_empty());
    let (name, value) = (fields.text(), fields.text());
    // What a context's header must be, the configuration sees to.
    let is_header = HeaderName::try_from(&*name).is_ok();
    let is_own = |known: &str| name.eq_ignore_ascii_case(known);
    let reserved = ["cookie", "authorization", "proxy-authorization"];
    let extra = is_header && !reserved.into_iter().any(is_own);
    let authority = Some(fields.text()).filter(|text| !text.is_empty());
    let proxy = Url::parse(&fields.text()).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h") && url.host().is_some()
    });
    let principal = Some(fields.text()).filter(|text| !text.is_empty());
    let context = Some(fields.text()).filter(|text| !text.is_empty());

    let now = Utc::now();
    let (material, end) = match kind {
        0 => {
            let (cookies, end) = session(&secret, endpoint.url(), now);
            if cookies.is_empty() {
                return;
            }
            (Material::Cookies(cookies), end)
        }
        1 => (Material::Bearer(Secret::new(&*secret)), None),
        _ => (Material::None, None),
    };
    let credential = Credential::new(material, principal, now - TimeDelta::seconds(5), end, None);
    let answer = Answer {
        credential: &credential,
        context: context.as_deref(),
        endpoint: endpoint.to_string(),
        namespace: namespace.as_deref(),
        bearer_header: "Authorization",
        extra_headers: extra
            .then(|| vec![(name, Secret::new(value))])
            .unwrap_or_default(),
        connection: ConnectionView {
            certificate_authority: authority,
            proxy_url: proxy.as_ref().map(redacted_url),
            ..ConnectionView::default()
        },
        proxy_with_secrets: proxy.as_ref().map(|url| Secret::new(url.as_str())),
        now,
    };
    for format in Format::value_variants() {
        let text = match render(&answer, *format, ExecVersion::V1) {
            Ok(text) => text,
            Err(error) => {
                assert_eq!(error.exit_code(), 3, "{error}");
                if oracle::is_secret(&secret) {
                    oracle::keeps_silent(&oracle::report(&error), &secret);
                }
                continue;
            }
        };
        read_back(&answer, *format, text.expose());
    }
}

/// Gives the session that lines of `Set-Cookie` make.
fn session(
    lines: &str,
    url: &Url,
    now: DateTime<Utc>,
) -> (Vec<Cookie>, Option<kfp_credential::credential::KnownEnd>) {
    let mut headers = HeaderMap::new();
    for line in lines.split('\n') {
        if let Ok(value) = HeaderValue::from_bytes(line.as_bytes()) {
            headers.append(SET_COOKIE, value);
        }
    }
    let mut cookies = Cookies::default();
    cookies.take(url, &headers, 1, now, &ServerClock::default());
    cookies.session(url, 0)
}

fn read_back(answer: &Answer<'_>, format: Format, text: &str) {
    match format {
        Format::Json => document(answer, text),
        Format::Exec | Format::ExecV1Beta1 => {
            let document = one_line_of_json(text);
            let token = answer.token().map(Secret::expose);
            assert_eq!(document["status"]["token"].as_str(), token);
            assert!(answer.extra_headers.is_empty());
        }
        Format::Token => {
            assert_eq!(text.strip_suffix('\n'), answer.token().map(Secret::expose));
        }
        Format::Cookie => {
            let pairs = one_line(text).split("; ").filter(|pair| !pair.is_empty());
            let pairs: Vec<(&str, &str)> =
                pairs.map(|pair| pair.split_once('=').expect("=")).collect();
            let cookies = cookies(answer).iter();
            let own: Vec<(&str, &str)> = cookies
                .map(|one| (&*one.name, one.value.expose()))
                .collect();
            assert_eq!(pairs, own);
        }
        Format::Headers => assert_eq!(readers::header_lines(text), wanted_headers(answer)),
        Format::CurlConfig => curl_config(answer, text),
        Format::Netscape => netscape(answer, text),
        Format::Env => env(answer, text),
    }
}

fn document(answer: &Answer<'_>, text: &str) {
    let document = one_line_of_json(text);
    let status = &document["status"];
    let kfp = &status["kfp"];
    assert_eq!(kfp["endpoint"], answer.endpoint);
    assert_eq!(kfp["namespace"].as_str(), answer.namespace);
    assert_eq!(kfp["context"].as_str(), answer.context);
    assert_eq!(kfp["expiresAt"], wire_time(answer.credential.expires_at));
    assert_eq!(status["token"].as_str(), answer.token().map(Secret::expose));
    let told = status["headers"].as_object().expect("headers");
    let mut own: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in answer.headers() {
        own.insert(name, value.expose().to_owned());
    }
    assert_eq!(told.len(), own.len());
    for (name, value) in &own {
        assert_eq!(told[name][0], **value);
    }
    let jar = status["cookies"].as_array().cloned().unwrap_or_default();
    let again: Vec<Cookie> = jar
        .into_iter()
        .map(|one| serde_json::from_value(one).expect("a cookie"))
        .collect();
    assert_eq!(again, cookies(answer));

    // A client must be able to use what is printed, but for tokens that no token file could hold.
    let is_token = |token: &Secret| token.expose().bytes().all(|byte| byte.is_ascii_graphic());
    if answer
        .token()
        .is_some_and(|token| token.expose().is_empty() || !is_token(token))
    {
        return;
    }
    let client = kfp_credential_client::Credential::parse(text.as_bytes()).expect("a document");
    let lines = client.header_lines();
    assert_eq!(lines.len(), own.len());
    for (name, value) in lines {
        assert_eq!(own[&name], value);
    }
}

fn curl_config(answer: &Answer<'_>, text: &str) {
    let mut wanted: Vec<(String, Option<String>)> = Vec::new();
    for (name, value) in answer.headers() {
        let line = format!("{name}: {}", value.expose());
        wanted.push(("header".to_owned(), Some(line)));
    }
    let authority = answer.connection.certificate_authority.clone();
    wanted.extend(authority.map(|path| ("cacert".to_owned(), Some(path))));
    let proxy = answer.proxy_with_secrets.as_ref();
    wanted.extend(proxy.map(|url| ("proxy".to_owned(), Some(url.expose().to_owned()))));
    assert_eq!(readers::curl_config(text), wanted);
}

fn netscape(answer: &Answer<'_>, text: &str) {
    let own = |cookie: &Cookie| JarCookie {
        domain: cookie.domain.clone(),
        host_only: cookie.host_only,
        path: cookie.path.clone(),
        secure: cookie.secure,
        http_only: cookie.http_only,
        end: cookie
            .expires
            .unwrap_or(answer.credential.expires_at)
            .timestamp(),
        name: cookie.name.clone(),
        value: cookie.value.expose().to_owned(),
    };
    let own: Vec<JarCookie> = cookies(answer).iter().map(own).collect();
    assert_eq!(readers::netscape(text), own);
}

fn env(answer: &Answer<'_>, text: &str) {
    let told: BTreeMap<String, String> = readers::exports(text).into_iter().collect();
    let told = |name: &str| told.get(name).map(String::as_str);
    assert_eq!(told("KFP_ENDPOINT"), Some(&*answer.endpoint));
    assert_eq!(told("KF_PIPELINES_ENDPOINT"), Some(&*answer.endpoint));
    assert_eq!(told("KFP_NAMESPACE"), answer.namespace);
    assert_eq!(
        told("KFP_EXISTING_TOKEN"),
        answer.token().map(Secret::expose)
    );
    let cookies = cookies(answer);
    let line = Cookie::header_value(cookies);
    let line = Some(line.expose()).filter(|_| !cookies.is_empty());
    assert_eq!(told("KFP_CREDENTIAL_COOKIE"), line);
}

fn wanted_headers(answer: &Answer<'_>) -> Vec<(String, String)> {
    let headers = answer.headers().into_iter();
    headers
        .map(|(name, value)| (name, readers::trimmed(value.expose()).to_owned()))
        .collect()
}

fn cookies<'a>(answer: &'a Answer<'_>) -> &'a [Cookie] {
    match &answer.credential.material {
        Material::Cookies(cookies) => cookies,
        _ => &[],
    }
}

fn one_line(text: &str) -> &str {
    let line = text.strip_suffix('\n').expect("a line");
    assert!(!line.contains(|c| c < ' '), "{line:?}");
    line
}

fn one_line_of_json(text: &str) -> Value {
    serde_json::from_str(one_line(text)).expect("JSON")
}
