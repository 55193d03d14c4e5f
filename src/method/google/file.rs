//! A credential file: JSON whose `type` names its kind (<https://google.aip.dev/auth/4110>).
//!
//! Every address in it is judged here, before anything is sent anywhere.

#[cfg(test)]
mod tests;

use serde::Deserialize;

use super::address::Allowed;
use super::credentials::Credentials;
use super::external::{External, WrittenSource};
use super::impersonation::Target;
use super::reading::{IMPERSONATION, Reading};
use super::service_account::Key;
use super::user::User;
use crate::config::method::CredentialFile;
use crate::config::source::can_be_read_by_others;
use crate::credential::Grant;
use crate::error::Result;
use crate::sanitize::sanitized;
use crate::secret::Secret;
use crate::shell;
use crate::trace::Trace;

/// The keys of every kind, as written.
#[derive(Deserialize)]
struct Written {
    r#type: Option<String>,
    universe_domain: Option<String>,
    token_uri: Option<String>,
    // service_account
    client_email: Option<String>,
    private_key: Option<Secret>,
    private_key_id: Option<String>,
    // authorized_user
    client_id: Option<String>,
    client_secret: Option<Secret>,
    refresh_token: Option<Secret>,
    // impersonated_service_account
    source_credentials: Option<Box<Written>>,
    delegates: Option<Vec<String>>,
    // that and external_account
    service_account_impersonation_url: Option<String>,
    // external_account
    audience: Option<String>,
    subject_token_type: Option<String>,
    token_url: Option<String>,
    credential_source: Option<WrittenSource>,
    service_account_impersonation: Option<WrittenImpersonation>,
    workforce_pool_user_project: Option<String>,
}

#[derive(Deserialize)]
struct WrittenImpersonation {
    token_lifetime_seconds: Option<u32>,
}

/// Reads the credentials of a file.
pub(super) fn read(file: &CredentialFile, allowed: &Allowed, trace: &Trace) -> Result<Credentials> {
    let path = file.path.as_path();
    let reading = Reading { path, allowed };
    let text = file
        .content
        .as_ref()
        .map_err(|why| reading.invalid("cannot be read").because(why))?;
    if can_be_read_by_others(path) {
        let shown = path.display();
        trace.say(format_args!(
            "{shown}, which holds credentials, can be read by others: `chmod 600 {}`",
            shell::word(&shown.to_string(), "FILE")
        ));
    }
    parse(text, reading)
}

fn parse(text: &Secret, reading: Reading<'_>) -> Result<Credentials> {
    let text = text.expose().trim_start_matches('\u{feff}');
    let written = serde_json::from_str(text).map_err(|error| {
        // The library's words could quote a key.
        let place = format!("line {}, column {}", error.line(), error.column());
        let what = if error.is_data() {
            "has a value of the wrong type"
        } else {
            "is not JSON"
        };
        reading.invalid(&format!("{what} ({place})"))
    })?;
    credentials(written, reading)
}

fn credentials(written: Written, reading: Reading<'_>) -> Result<Credentials> {
    if let Some(domain) = written.universe_domain.as_deref()
        && domain != "googleapis.com"
    {
        let domain = sanitized(domain);
        let what =
            format!("is for the universe {domain:?}, and this program knows googleapis.com only");
        return Err(reading.unsupported(&what));
    }
    match written.r#type.as_deref() {
        Some("service_account") => service_account(written, reading),
        Some("authorized_user") => user(written, reading),
        Some("impersonated_service_account") => impersonated(written, reading),
        Some("external_account") => external(written, reading),
        Some(other) => {
            let other = sanitized(other);
            Err(reading.unsupported(&format!("is of the type {other:?}, which this program does not know")))
        }
        None => Err(reading.invalid("has no \"type\", as every Google credential file has")
            .hint("for a service account, create a JSON key: `gcloud iam service-accounts keys create FILE --iam-account ACCOUNT`")),
    }
}

fn service_account(written: Written, reading: Reading<'_>) -> Result<Credentials> {
    let token_uri = reading.token_uri(written.token_uri.as_deref())?;
    let email = reading.required("client_email", written.client_email)?;
    let pem = reading.required("private_key", written.private_key)?;
    Key::new(email, written.private_key_id, &pem, token_uri)
        .map(Credentials::Key)
        .map_err(|what| reading.broken(&what))
}

fn user(written: Written, reading: Reading<'_>) -> Result<Credentials> {
    Ok(Credentials::User(User {
        file: reading.path.to_path_buf(),
        token_uri: reading.token_uri(written.token_uri.as_deref())?,
        grant: Grant {
            client_id: reading.required("client_id", written.client_id)?,
            client_secret: Some(reading.required("client_secret", written.client_secret)?),
            refresh_token: reading.required("refresh_token", written.refresh_token)?,
        },
    }))
}

fn impersonated(written: Written, reading: Reading<'_>) -> Result<Credentials> {
    let url = reading.required(IMPERSONATION, written.service_account_impersonation_url)?;
    let url = reading.impersonation(&url)?;
    let target = Target::of_file(&url, written.delegates.unwrap_or_default(), None)
        .map_err(|what| reading.broken(&what))?;
    let source = reading.required("source_credentials", written.source_credentials)?;
    let source = credentials(*source, reading)?;
    Ok(Credentials::Impersonated(Box::new(source), target))
}

fn external(written: Written, reading: Reading<'_>) -> Result<Credentials> {
    if written.client_id.is_some() {
        let what = "names an OAuth client of its own (client_id), which this program does not use";
        return Err(reading.unsupported(what));
    }
    let token_url = reading.required("token_url", written.token_url)?;
    let url = written.service_account_impersonation_url.as_deref();
    let url = url.map(|url| reading.impersonation(url));
    let target = match url.transpose()? {
        None => None,
        Some(url) => {
            let options = written.service_account_impersonation;
            let lifetime = options.and_then(|options| options.token_lifetime_seconds);
            let target = Target::of_file(&url, Vec::new(), lifetime);
            Some(target.map_err(|what| reading.broken(&what))?)
        }
    };
    let source = reading.required("credential_source", written.credential_source)?;
    let external = Credentials::External(External {
        file: reading.path.to_path_buf(),
        token_url: reading.token_url(&token_url)?,
        audience: reading.required("audience", written.audience)?,
        subject_token_type: reading.required("subject_token_type", written.subject_token_type)?,
        user_project: written.workforce_pool_user_project,
        impersonated: target.as_ref().map(|target| target.email().to_owned()),
        source: source.checked(reading)?,
    });
    Ok(match target {
        Some(target) => Credentials::Impersonated(Box::new(external), target),
        None => external,
    })
}
