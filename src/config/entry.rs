//! From an entry of the file, as written, to a [`Context`], as meant. A value that makes no sense is an error with its
//! line and column.

use std::net::IpAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use rustls::pki_types::ServerName;

use crate::config::characters;
use crate::config::check::Check;
use crate::config::context::{
    BearerHeader, Connection, Context, Deadlines, ExtraHeader, StoreChoice,
};
use crate::config::file::{ConfigFile, ContextEntry};
use crate::config::method;
use crate::config::source::HeaderValue;
use crate::endpoint::{Endpoint, Origin, no_url};
use crate::environment::Environment;
use crate::error::Result;
use crate::line::listed;

/// Validates one entry of the file, before anything adjusts it.
pub fn of_entry(
    file: &ConfigFile,
    entry: &ContextEntry,
    environment: &Environment,
) -> Result<Context> {
    let check = Check {
        file: &file.path,
        context: &entry.name,
        environment,
    };
    characters::check_entry(&check, entry)?;
    let mut headers = Vec::new();
    for (name, value) in entry.headers.iter().flatten() {
        let reserved = [
            "authorization",
            "proxy-authorization",
            "cookie",
            "host",
            "content-length",
        ];
        if reqwest::header::HeaderName::try_from(name).is_err()
            || reserved.contains(&name.to_lowercase().as_str())
        {
            let what = format!("the extra header {name:?} is not a header that can be set");
            return Err(check.refused(&what));
        }
        let value = match value {
            HeaderValue::Literal(text) => HeaderValue::Literal(text.clone()),
            HeaderValue::From(source) => HeaderValue::From(check.located(source)),
        };
        headers.push(ExtraHeader {
            name: name.clone(),
            value,
        });
    }
    Ok(Context {
        name: Some(entry.name.value.clone()),
        endpoint: check.parsed(entry.endpoint.as_ref(), "endpoint", Endpoint::parse)?,
        namespace: entry.namespace.clone(),
        method: method::of_entry(entry, &check)?,
        store: check
            .parsed(entry.store.as_ref(), "store", parse_store)?
            .unwrap_or(StoreChoice::Auto),
        session_lifetime: check.parsed(
            entry.session_lifetime.as_ref(),
            "session-lifetime",
            parse_lifetime,
        )?,
        bearer_header: check
            .parsed(entry.header.as_ref(), "header", |text| {
                BearerHeader::parse(text)
                    .ok_or("it must be authorization or proxy-authorization".to_owned())
            })?
            .unwrap_or_default(),
        connection: Connection {
            certificate_authority: entry
                .certificate_authority
                .as_deref()
                .map(|text| check.path(text)),
            certificate_authority_data: check.parsed(
                entry.certificate_authority_data.as_ref(),
                "certificate-authority-data",
                |text| {
                    let text: String = text.split_whitespace().collect();
                    STANDARD
                        .decode(text)
                        .map_err(|_| "it is not base64".to_owned())
                },
            )?,
            insecure_skip_tls_verify: entry.insecure_skip_tls_verify.unwrap_or(false),
            tls_server_name: check.parsed(
                entry.tls_server_name.as_ref(),
                "tls-server-name",
                parse_server_name,
            )?,
            proxy_url: check.parsed(entry.proxy_url.as_ref(), "proxy-url", parse_proxy)?,
            allow_insecure_http: entry.allow_insecure_http.unwrap_or(false),
            ..Connection::default()
        },
        headers,
        servers: check.all_parsed(entry.servers.as_deref(), "servers", Origin::parse)?,
        verify: true,
        deadlines: Deadlines::default(),
        left_aside: Vec::new(),
    })
}

pub(super) fn parse_store(name: &str) -> Result<StoreChoice, String> {
    StoreChoice::parse(name).ok_or_else(|| {
        format!(
            "it must be {}",
            listed(&StoreChoice::ALL.map(StoreChoice::name), "or")
        )
    })
}

/// Reads a duration such as `90s`, `10m` or `1h30m`.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(duration)
            if duration >= Duration::from_millis(1)
                && duration <= Duration::from_secs(400 * 24 * 3600) =>
        {
            Ok(duration)
        }
        Ok(_) => Err("it must be between 1ms and 400days".to_owned()),
        Err(_) => Err("write it like 90s, 10m or 1h30m".to_owned()),
    }
}

fn parse_lifetime(text: &str) -> Result<TimeDelta, String> {
    TimeDelta::from_std(parse_duration(text)?).map_err(|error| error.to_string())
}

pub(super) fn parse_proxy(text: &str) -> Result<url::Url, String> {
    let url = url::Url::parse(text).map_err(no_url)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err("it has a query (?…) or fragment (#…)".to_owned());
    }
    match url.scheme() {
        "http" | "https" | "socks5" | "socks5h" if url.host().is_some() => Ok(url),
        // `user:password@host` is a URL too, of the scheme `user`.
        _ if !text.contains("://") => {
            Err("it does not begin with http://, https://, socks5:// or socks5h://".to_owned())
        }
        scheme => Err(format!(
            "the scheme is {scheme:?}, not http, https, socks5 or socks5h"
        )),
    }
}

/// Reads what a certificate may say: a DNS name, also an international one, or an address.
fn parse_server_name(text: &str) -> Result<String, String> {
    let inside = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    if let Ok(address) = inside.unwrap_or(text).parse::<IpAddr>() {
        return Ok(address.to_string());
    }
    url::Host::parse(text)
        .map(|host| host.to_string())
        .ok()
        .filter(|host| ServerName::try_from(host.as_str()).is_ok())
        .ok_or_else(|| "it must be a host name or an address, without scheme and port".to_owned())
}
