//! Before a person logs in at Google Identity-Aware Proxy: which client IAP itself has.

use crate::cli::{Setting, config};
use crate::config::context::Context;
use crate::config::method::{Iap, Method};
use crate::error::{Error, Result, Slug};
use crate::http::Http;
use crate::method::iap::client_id;
use crate::terminal;

/// Finds IAP's own client where a person is to log in and the context does not name it.
pub(super) fn settle_client_id(setting: &Setting<'_, '_>, context: &mut Context) -> Result<()> {
    if persons_iap(context).is_none_or(|iap| iap.client_id.is_some()) {
        return Ok(());
    }
    let found = confirmed_client_id(setting, context)?;
    if let Method::Iap(iap) = &mut context.method {
        iap.client_id = Some(found);
    }
    Ok(())
}

/// Gives what the context says of IAP where it means a person.
fn persons_iap(context: &Context) -> Option<&Iap> {
    let iap = context.method.iap()?;
    let is_persons = iap.google.service_account.is_none() && iap.other_client_id.is_some();
    is_persons.then_some(iap)
}

/// IAP names its own client when it sends a browser to Google.
fn confirmed_client_id(setting: &Setting<'_, '_>, context: &Context) -> Result<String> {
    let Some(endpoint) = &context.endpoint else {
        return Err(Error::new(
            Slug::ConfigMissing,
            "the context has no endpoint",
        ));
    };
    let http = Http::new(context, endpoint, &[], &setting.trace)?;
    let found = client_id::ask(&http, endpoint)?.ok_or_else(|| {
        Error::new(Slug::ConfigMissing, format!("the context names no IAP client, and {endpoint} does not say which it is"))
            .hint("give it with --client-id ID: the OAuth client of IAP, ending in .apps.googleusercontent.com")
    })?;
    setting.tell(&format!(
        "{endpoint} is behind Google Identity-Aware Proxy with the client {found}."
    ));
    if terminal::is_there() && terminal::confirm("Log in for this client, and remember it?")? {
        if let Some(name) = &context.name {
            config::save_client_id(setting, name, &found);
        }
        return Ok(found);
    }
    Err(
        Error::new(Slug::ConfigMissing, "the context names no IAP client")
            .hint(format!("give it with --client-id {found}")),
    )
}
