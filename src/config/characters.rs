//! Values of the configuration are lines of text: a control character in one would come out as something else wherever
//! the value goes, be it a header, curl's configuration, a shell or a person's terminal.

use super::check::Check;
use super::file::ContextEntry;
use super::method::METHODS;
use super::source::HeaderValue;
use crate::config::options::TargetOptions;
use crate::error::{Error, Result, Slug};
use crate::line::breaks_a_line;
use crate::protocol::request::ExecConfig;

/// Refuses an entry of the file that contains a control character; the words of a command to run may.
pub(super) fn check_entry(check: &Check<'_>, entry: &ContextEntry) -> Result<()> {
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
        dex: _,
        iap: _,
        gcp: _,
        token_file: _,
        oidc: _,
        none: _,
    } = entry;
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
        check_header(check, name, value)?;
    }
    check.list("servers", servers.as_deref())?;
    let mut blocks = METHODS.iter().filter_map(|keys| (keys.written)(entry));
    blocks.try_for_each(|block| block.check(check))
}

fn check_header(check: &Check<'_>, name: &str, value: &HeaderValue) -> Result<()> {
    let key = format!("headers.{name:?}");
    match value {
        HeaderValue::From(source) => check.source(&key, Some(source)),
        HeaderValue::Literal(value) if value.expose().trim().is_empty() => {
            let what = format!("the value of {key} is empty: leave the header out");
            Err(check.refused(&what))
        }
        HeaderValue::Literal(value) => check.text(&key, Some(value.expose())),
    }
}

/// Refuses an option, or the variable that stands in for it, that contains a control character.
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
        client_secret_file,
        issuer,
        grant,
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
        ("--issuer", issuer),
        ("--grant", grant),
        ("--other-client-id", other_client_id),
        ("--proxy-url", proxy_url),
        ("--store", store),
    ] {
        one_line(option, value.as_deref())?;
    }
    for (option, path) in [
        ("--password-file", password_file),
        ("--token-file", token_file),
        ("--client-secret-file", client_secret_file),
        ("--other-client-secret-file", other_client_secret_file),
        ("--certificate-authority", certificate_authority),
    ] {
        let path = path.as_ref().map(|path| path.to_string_lossy());
        one_line(option, path.as_deref())?;
    }
    Ok(())
}

/// Refuses what a Kubernetes client asks for where it contains a control character.
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
            format!("the value of {what} contains a control character"),
        );
        return Err(error.hint("give it on one line, without control characters"));
    }
    Ok(())
}
