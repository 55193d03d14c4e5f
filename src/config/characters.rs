//! Values of the configuration are lines of text: a control character in one would come out as something else wherever
//! the value goes, be it a header, curl's configuration, a shell or a person's terminal.

use std::path::Path;

use serde_saphyr::Spanned;

use super::file::{
    self, ContextEntry, DexBlock, GcpBlock, HeaderValue, IapBlock, NoneBlock, ServiceAccountBlock,
    Source, TokenFileBlock,
};
use crate::config::options::TargetOptions;
use crate::error::{Error, Result, Slug};
use crate::line::breaks_a_line;
use crate::protocol::request::ExecConfig;

/// Refuses an entry of the file that holds a control character; the words of a command to run may.
pub(super) fn check_entry(file: &Path, entry: &ContextEntry) -> Result<()> {
    // Every key is named, so that a new one cannot be forgotten here.
    let ContextEntry {
        name,
        endpoint,
        namespace,
        store,
        session_lifetime,
        header,
        certificate_authority,
        certificate_authority_data: _,
        insecure_skip_tls_verify: _,
        tls_server_name,
        proxy_url,
        allow_insecure_http: _,
        headers,
        servers,
        dex,
        iap,
        gcp,
        token_file,
        none,
    } = entry;
    let check = Check { file, entry };
    check.spanned("name", Some(name))?;
    check.spanned("endpoint", endpoint.as_ref())?;
    check.text("namespace", namespace.as_deref())?;
    check.spanned("store", store.as_ref())?;
    check.spanned("session-lifetime", session_lifetime.as_ref())?;
    check.spanned("header", header.as_ref())?;
    check.text("certificate-authority", certificate_authority.as_deref())?;
    check.spanned("tls-server-name", tls_server_name.as_ref())?;
    check.spanned("proxy-url", proxy_url.as_ref())?;
    for (name, value) in headers.iter().flatten() {
        check.header(name, value)?;
    }
    check.list("servers", servers.as_deref())?;
    dex.as_ref().map_or(Ok(()), |block| check.dex(block))?;
    iap.as_ref().map_or(Ok(()), |block| check.iap(block))?;
    gcp.as_ref().map_or(Ok(()), |block| check.gcp(block))?;
    if let Some(TokenFileBlock { path, audience }) = token_file {
        check.text("token-file.path", path.as_deref())?;
        check.text("token-file.audience", audience.as_deref())?;
    }
    let (None | Some(NoneBlock {})) = none;
    Ok(())
}

struct Check<'a> {
    file: &'a Path,
    entry: &'a ContextEntry,
}

impl Check<'_> {
    fn text(&self, key: &str, value: Option<&str>) -> Result<()> {
        if value.is_some_and(breaks_a_line) {
            return Err(invalid(self.file, &self.entry.name, key));
        }
        Ok(())
    }

    fn spanned(&self, key: &str, value: Option<&Spanned<String>>) -> Result<()> {
        match value {
            Some(value) if breaks_a_line(&value.value) => Err(invalid(self.file, value, key)),
            _ => Ok(()),
        }
    }

    fn list(&self, key: &str, values: Option<&[Spanned<String>]>) -> Result<()> {
        let mut values = values.unwrap_or_default().iter();
        values.try_for_each(|value| self.spanned(key, Some(value)))
    }

    fn source(&self, key: &str, source: Option<&Source>) -> Result<()> {
        match source {
            Some(Source::Env(text) | Source::File(text)) => self.text(key, Some(text)),
            Some(Source::Command(_) | Source::Keyring) | None => Ok(()),
        }
    }

    fn header(&self, name: &str, value: &HeaderValue) -> Result<()> {
        let key = format!("headers.{name:?}");
        match value {
            HeaderValue::From(source) => self.source(&key, Some(source)),
            HeaderValue::Literal(value) if value.expose().trim().is_empty() => {
                let what = format!("the value of {key} is empty: leave the header out");
                Err(file::invalid_at(self.file, &self.entry.name, &what))
            }
            HeaderValue::Literal(value) => self.text(&key, Some(value.expose())),
        }
    }

    fn dex(&self, block: &DexBlock) -> Result<()> {
        let DexBlock {
            username,
            password,
            connector,
            login_origins,
        } = block;
        self.text("dex.username", username.as_deref())?;
        self.source("dex.password", password.as_ref())?;
        self.text("dex.connector", connector.as_deref())?;
        self.list("dex.login-origins", login_origins.as_deref())
    }

    fn iap(&self, block: &IapBlock) -> Result<()> {
        let IapBlock {
            client_id,
            other_client_id,
            other_client_secret,
            account,
            service_account,
            token_uri,
        } = block;
        self.text("iap.client-id", client_id.as_deref())?;
        self.text("iap.other-client-id", other_client_id.as_deref())?;
        self.source("iap.other-client-secret", other_client_secret.as_ref())?;
        self.text("iap.account", account.as_deref())?;
        self.service_account(service_account.as_ref())?;
        self.spanned("iap.token-uri", token_uri.as_ref())
    }

    fn gcp(&self, block: &GcpBlock) -> Result<()> {
        let GcpBlock {
            service_account,
            token_uri,
        } = block;
        self.service_account(service_account.as_ref())?;
        self.spanned("gcp.token-uri", token_uri.as_ref())
    }

    fn service_account(&self, block: Option<&ServiceAccountBlock>) -> Result<()> {
        let Some(block) = block else { return Ok(()) };
        let ServiceAccountBlock {
            key_file,
            impersonate,
            delegates,
            self_signed: _,
        } = block;
        self.text("service-account.key-file", key_file.as_deref())?;
        self.text("service-account.impersonate", impersonate.as_deref())?;
        let mut delegates = delegates.iter().flatten();
        delegates.try_for_each(|email| self.text("service-account.delegates", Some(email)))
    }
}

fn invalid<T>(file: &Path, place: &Spanned<T>, key: &str) -> Error {
    let what = format!("the value of {key} holds a control character");
    file::invalid_at(file, place, &what)
        .hint("write the value on one line, without \\n, \\t or other control characters")
}

/// Refuses an option, or the variable that stands in for it, that holds a control character.
pub(super) fn check_options(target: &TargetOptions) -> Result<()> {
    let TargetOptions {
        endpoint,
        method,
        namespace,
        username,
        password_file,
        connector,
        token_file,
        audience,
        client_id,
        other_client_id,
        other_client_secret_file,
        certificate_authority,
        insecure_skip_tls_verify: _,
        allow_insecure_http: _,
        proxy_url,
        store,
    } = target;
    for (option, value) in [
        ("--endpoint", endpoint),
        ("--method", method),
        ("--namespace", namespace),
        ("--username", username),
        ("--connector", connector),
        ("--audience", audience),
        ("--client-id", client_id),
        ("--other-client-id", other_client_id),
        ("--proxy-url", proxy_url),
        ("--store", store),
    ] {
        one_line(option, value.as_deref())?;
    }
    for (option, path) in [
        ("--password-file", password_file),
        ("--token-file", token_file),
        ("--other-client-secret-file", other_client_secret_file),
        ("--certificate-authority", certificate_authority),
    ] {
        let path = path.as_ref().map(|path| path.to_string_lossy());
        one_line(option, path.as_deref())?;
    }
    Ok(())
}

/// Refuses what a Kubernetes client asks for where it holds a control character.
pub(super) fn check_exec(exec: &ExecConfig) -> Result<()> {
    let ExecConfig {
        context,
        namespace,
        audience,
    } = exec;
    one_line("the exec info's context", context.as_deref())?;
    one_line("the exec info's namespace", namespace.as_deref())?;
    one_line("the exec info's audience", audience.as_deref())
}

fn one_line(what: &str, value: Option<&str>) -> Result<()> {
    if value.is_some_and(breaks_a_line) {
        let error = Error::new(
            Slug::ConfigInvalid,
            format!("the value of {what} holds a control character"),
        );
        return Err(error.hint("give it on one line, without control characters"));
    }
    Ok(())
}
