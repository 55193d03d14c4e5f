//! From an entry of the file, as written, to a [`Context`], as meant. A value that makes no sense is an error with its
//! line and column.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use rustls::pki_types::ServerName;
use serde_saphyr::Spanned;

use crate::config::characters;
use crate::config::context::{
    BearerHeader, Connection, Context, Deadlines, Dex, ExtraHeader, Google, Iap, Method,
    ServiceAccount, StoreChoice, TokenFile,
};
use crate::config::file::{
    self, ConfigFile, ContextEntry, HeaderValue, ServiceAccountBlock, Source,
};
use crate::endpoint::{Endpoint, Origin, no_url};
use crate::environment::Environment;
use crate::error::Result;

/// Validates one entry of the file, before anything adjusts it.
pub fn of_entry(
    file: &ConfigFile,
    entry: &ContextEntry,
    environment: &Environment,
) -> Result<Context> {
    characters::check_entry(&file.path, entry)?;
    let path = |text: &str| beside(&file.path, text, environment);
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
            let what = format!("the extra header {name:?} is no header that can be set");
            return Err(file::invalid_at(&file.path, &entry.name, &what));
        }
        let value = match value {
            HeaderValue::Literal(text) => HeaderValue::Literal(text.clone()),
            HeaderValue::From(source) => HeaderValue::From(located(source, &path)),
        };
        headers.push(ExtraHeader {
            name: name.clone(),
            value,
        });
    }
    let check = Checker { file: &file.path };
    Ok(Context {
        name: Some(entry.name.value.clone()),
        endpoint: check.parsed(entry.endpoint.as_ref(), "endpoint", Endpoint::parse)?,
        namespace: entry.namespace.clone(),
        method: method_of_entry(file, entry, &path)?,
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
                    .ok_or("it is authorization or proxy-authorization".to_owned())
            })?
            .unwrap_or_default(),
        connection: Connection {
            certificate_authority: entry.certificate_authority.as_deref().map(path),
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

fn method_of_entry(
    file: &ConfigFile,
    entry: &ContextEntry,
    path: &dyn Fn(&str) -> PathBuf,
) -> Result<Method> {
    let check = Checker { file: &file.path };
    let dex = entry.dex.as_ref().map(|block| -> Result<Method> {
        Ok(Method::Dex(Dex {
            username: block.username.clone(),
            password: block.password.as_ref().map(|source| located(source, path)),
            connector: block.connector.clone(),
            login_origins: check.all_parsed(
                block.login_origins.as_deref(),
                "login-origins",
                Origin::parse,
            )?,
        }))
    });
    let iap = entry.iap.as_ref().map(|block| -> Result<Method> {
        let secret = block.other_client_secret.as_ref();
        Ok(Method::Iap(Iap {
            client_id: block.client_id.clone(),
            other_client_id: block.other_client_id.clone(),
            other_client_secret: secret.map(|source| located(source, path)),
            account: block.account.clone(),
            google: google(
                &check,
                block.service_account.as_ref(),
                block.token_uri.as_ref(),
                path,
            )?,
        }))
    });
    let gcp = entry.gcp.as_ref().map(|block| -> Result<Method> {
        google(
            &check,
            block.service_account.as_ref(),
            block.token_uri.as_ref(),
            path,
        )
        .map(Method::Gcp)
    });
    let token_file = entry.token_file.as_ref().map(|block| -> Result<Method> {
        Ok(Method::TokenFile(TokenFile {
            path: block.path.as_deref().map(path).unwrap_or_default(),
            audience: block.audience.clone(),
        }))
    });
    let none = entry.none.as_ref().map(|_| Ok(Method::None));
    let mut blocks = [dex, iap, gcp, token_file, none].into_iter().flatten();
    match (blocks.next(), blocks.next()) {
        (None, _) => Ok(Method::Detect(Dex::default())),
        (Some(method), None) => method,
        (Some(_), Some(_)) => Err(file::invalid_at(
            &file.path,
            &entry.name,
            &format!(
                "the context {:?} has more than one of dex, iap, gcp, token-file and none",
                entry.name.value
            ),
        )),
    }
}

fn google(
    check: &Checker<'_>,
    block: Option<&ServiceAccountBlock>,
    token_uri: Option<&Spanned<String>>,
    path: &dyn Fn(&str) -> PathBuf,
) -> Result<Google> {
    let service_account = block.map(|block| ServiceAccount {
        key_file: block.key_file.as_deref().map(path),
        impersonate: block.impersonate.clone(),
        delegates: block.delegates.clone().unwrap_or_default(),
        self_signed: block.self_signed.unwrap_or(false),
    });
    let token_uri = check.parsed(token_uri, "token-uri", |text| {
        url::Url::parse(text).map_err(|error| error.to_string())
    })?;
    Ok(Google {
        service_account,
        token_uri,
        ..Google::default()
    })
}

/// Reads values of the file; an error names the line, column and key.
struct Checker<'a> {
    file: &'a Path,
}

impl Checker<'_> {
    fn parsed<T>(
        &self,
        value: Option<&Spanned<String>>,
        key: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>> {
        let Some(value) = value else { return Ok(None) };
        match parse(&value.value) {
            Ok(parsed) => Ok(Some(parsed)),
            Err(what) => Err(file::invalid_at(
                self.file,
                value,
                &format!("the value of {key} is wrong: {what}"),
            )),
        }
    }

    fn all_parsed<T>(
        &self,
        values: Option<&[Spanned<String>]>,
        key: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<T>> {
        let values = values.unwrap_or_default().iter();
        values
            .filter_map(|value| self.parsed(Some(value), key, &parse).transpose())
            .collect()
    }
}

/// Makes a source's file relative to the configuration file's folder.
fn located(source: &Source, path: &dyn Fn(&str) -> PathBuf) -> Source {
    match source {
        Source::File(text) => Source::File(path(text).to_string_lossy().into_owned()),
        Source::Env(_) | Source::Command(_) | Source::Keyring => source.clone(),
    }
}

/// Reads a path of the file: `~/` is the home folder, what is relative lies beside the file.
fn beside(file: &Path, text: &str, environment: &Environment) -> PathBuf {
    match (text.strip_prefix("~/"), environment.home()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => file.parent().unwrap_or(Path::new("")).join(text),
    }
}

pub(super) fn parse_store(name: &str) -> Result<StoreChoice, String> {
    StoreChoice::parse(name)
        .ok_or_else(|| "it is auto, keyring, runtime, keyutils, file or none".to_owned())
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
        Ok(_) => Err("it lies between 1ms and 400days".to_owned()),
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
        .ok_or_else(|| "it is a host name or an address, without scheme and port".to_owned())
}
