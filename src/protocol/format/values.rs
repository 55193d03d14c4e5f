//! The one place that looks at every value of an answer before any form of it is written.
//!
//! A form has quotes for its own marks, and nothing for a character that ends the line: whoever could put one into a
//! value would write a header, an option or a shell command of their own.

use crate::credential::{Cookie, Credential, Material};
use crate::error::{Error, Result, Slug};
use crate::line::breaks_a_line;
use crate::protocol::document::{Answer, ConnectionView};

/// Refuses an answer that holds what no form can carry.
pub(super) fn check(answer: &Answer<'_>) -> Result<()> {
    // Every field is named, so that a new one cannot be forgotten here.
    let Answer {
        credential,
        context,
        endpoint,
        namespace,
        bearer_header,
        extra_headers,
        connection,
        proxy_with_secrets,
        now: _,
    } = answer;
    one_line("the context's name", context.unwrap_or_default())?;
    one_line("the endpoint", endpoint)?;
    one_line("the namespace", namespace.unwrap_or_default())?;
    check_credential(credential, bearer_header)?;
    for (name, value) in extra_headers {
        check_header(name, value.expose())?;
    }
    check_connection(connection)?;
    let proxy = proxy_with_secrets.as_ref().map_or("", |url| url.expose());
    one_line("the proxy's URL", proxy)
}

fn check_credential(credential: &Credential, bearer_header: &str) -> Result<()> {
    let Credential {
        material,
        principal,
        issued_at: _,
        expires_at: _,
        advertised_expiry: _,
        expiry_source: _,
    } = credential;
    one_line("who is logged in", principal.as_deref().unwrap_or_default())?;
    match material {
        Material::Bearer(token) => check_header(bearer_header, token.expose()),
        Material::Cookies(cookies) => cookies.iter().try_for_each(check_cookie),
        Material::None => Ok(()),
    }
}

/// A header without a value is one that curl leaves out, and an empty identity has crashed an API server.
fn check_header(name: &str, value: &str) -> Result<()> {
    let what = format!("the header {name:?}");
    one_line(&what, name)?;
    one_line(&what, value)?;
    if name.is_empty() || value.trim().is_empty() {
        return Err(refused(&format!("{what} has no value")));
    }
    Ok(())
}

/// The marks between cookies, and between a cookie's name and value, belong to neither (RFC 6265 section 4.2.1).
fn check_cookie(cookie: &Cookie) -> Result<()> {
    let Cookie {
        name,
        value,
        domain,
        path,
        host_only: _,
        secure: _,
        http_only: _,
        expires: _,
    } = cookie;
    let what = format!("the cookie {name:?}");
    for text in [name.as_str(), value.expose(), domain, path] {
        one_line(&what, text)?;
    }
    let is_pair = !name.is_empty() && !name.contains(['=', ';']) && !value.expose().contains(';');
    if is_pair {
        return Ok(());
    }
    Err(refused(&format!(
        "{what} is empty, or contains a character that separates cookies"
    )))
}

fn check_connection(connection: &ConnectionView) -> Result<()> {
    let ConnectionView {
        certificate_authority,
        certificate_authority_data,
        insecure_skip_tls_verify: _,
        proxy_url,
        tls_server_name,
    } = connection;
    for (what, value) in [
        (
            "the path of the certificate authority",
            certificate_authority,
        ),
        ("certificate-authority-data", certificate_authority_data),
        ("the proxy's URL", proxy_url),
        ("tls-server-name", tls_server_name),
    ] {
        one_line(what, value.as_deref().unwrap_or_default())?;
    }
    Ok(())
}

fn one_line(what: &str, value: &str) -> Result<()> {
    if breaks_a_line(value) {
        return Err(refused(&format!("{what} contains a control character")));
    }
    Ok(())
}

fn refused(what: &str) -> Error {
    Error::new(Slug::FormatNotAvailable, what)
        .because("in the answer it could be taken for something else: another header, an option, a command")
        .hint("correct where it comes from: the context or its options, the token file, or the server that set the cookie")
}
