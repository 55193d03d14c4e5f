//! The part of `login` that a browser does: Google Identity-Aware Proxy.

use crate::cli::{Setting, config};
use crate::config::context::Context;
use crate::config::method::{Iap, Method};
use crate::config::source;
use crate::credential::Grant;
use crate::error::{Error, Result, Slug};
use crate::get;
use crate::http::Http;
use crate::http::api::Api;
use crate::method::iap::client_id;
use crate::method::iap::logins::Logins;
use crate::method::iap::user;
use crate::oauth::authorization_code::Reaching;
use crate::secret::Secret;
use crate::store::Store;
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

/// Logs a person in where the context asks for one, and keeps what renews that login. Gives it for this run alone
/// where it cannot be kept; `None` where it is kept, or the context needs no person.
pub(super) fn in_browser(
    setting: &Setting<'_, '_>,
    context: &Context,
    store: &Store<'_>,
    reaching: Reaching<'_>,
) -> Result<Option<Grant>> {
    let Some(iap) = persons_iap(context) else {
        return Ok(None);
    };
    let run = setting.run();
    if get::store_was_named(context) {
        store.may_keep_grants()?;
    }
    let secret = client_secret(setting, iap)?;
    let api = Api::new(context, run.trace);
    let login = user::log_in(&api, iap, secret, reaching)?;

    let Some(logins) = Logins::of(run, context, store) else {
        return Ok(Some(login.grant));
    };
    // A renewal that is under way would keep its own over this one.
    let _alone = logins.lock()?;
    match logins.in_store().keep(&login.grant, false) {
        Ok(place) => {
            setting.tell(&format!(
                "The login of {} rests in the {place}.",
                login.email
            ));
            Ok(None)
        }
        Err(error) if get::store_was_named(context) => Err(error),
        Err(error) => {
            let why = error.one_line();
            setting.tell(&format!("The login is not kept, and ends within the hour: {why}. Choose `--store file` to keep it."));
            Ok(Some(login.grant))
        }
    }
}

/// Gives what the context says of IAP where it means a person.
fn persons_iap(context: &Context) -> Option<&Iap> {
    let iap = context.method.iap()?;
    let is_persons = iap.google.service_account.is_none() && iap.other_client_id.is_some();
    is_persons.then_some(iap)
}

fn client_secret(setting: &Setting<'_, '_>, iap: &Iap) -> Result<Option<Secret>> {
    let run = setting.run();
    let Some(source) = &iap.other_client_secret else {
        return Ok(None);
    };
    match source::read(
        source,
        "the desktop client's secret",
        run.environment,
        run.trace,
    )? {
        Some(secret) => Ok(Some(secret)),
        // From the keyring: it is kept there together with the login.
        None => terminal::ask_secret("Secret of the desktop client: ").map(Some),
    }
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
        Error::new(Slug::ConfigMissing, format!("the context names no IAP client, and {endpoint} does not tell it"))
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
