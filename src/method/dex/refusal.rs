//! Pages that are no step of a login, explained.

use super::page::{Form, PageText};
use super::rules::Walked;
use crate::error::{Error, Result, Slug};
use crate::http::{Http, Page};
use crate::sanitize::redacted_url;

/// The endpoint led to no authorization request: it is open, or something else is in front of it, which is explained.
pub(super) fn without_login(http: &Http<'_>, mut page: Page) -> Result<()> {
    if page.status.is_success() {
        let asks = page.is("text/html")
            && PageText::of(&mut page)?
                .forms()
                .iter()
                .any(Form::asks_for_password);
        if !asks {
            return Ok(());
        }
        return Err(Error::new(
            Slug::LoginNotUnderstood,
            format!("{} asks for a password but is not a Dex login form", redacted_url(&page.url)),
        )
        .hint("the password was not sent: this program logs in at Dex's own form only; check the endpoint"));
    }
    if page.status.is_server_error() {
        return Err(Error::new(
            Slug::ServerError,
            format!("{} answered {}", redacted_url(&page.url), page.status),
        ));
    }
    let words = if page.is("text/html") {
        PageText::of(&mut page)?.words().to_owned()
    } else {
        String::new()
    };
    let error = Error::new(
        Slug::EndpointNotRecognised,
        format!(
            "{} answered {}, with no way to a login",
            redacted_url(&page.url),
            page.status
        ),
    );
    Err(if words.is_empty() {
        error
    } else {
        error.because(format!("it says: {}", http.quoted(&words)))
    })
}

/// Explains a page that ends the login, quoting it: as Dex's only where it is known to be that.
pub(super) fn refused(http: &Http<'_>, walked: &Walked, page: &Page, text: &PageText) -> Error {
    let place = redacted_url(&page.url);
    let is_dexs = walked.is_dexs(&page.url, text.has_dexs_look());
    let is_error = page.status.is_client_error() || page.status.is_server_error();
    let slug = match page.status {
        status if status.is_server_error() => Slug::ServerError,
        _ if is_error && is_dexs => Slug::DexRefused,
        _ => Slug::LoginNotUnderstood,
    };
    let what = if is_error {
        format!("{place} answered {} to the login", page.status)
    } else {
        format!("the login led to {place}, which is not a page of a Dex login")
    };
    let speaker = if is_dexs {
        "Dex"
    } else {
        page.url.host_str().unwrap_or("it")
    };
    match http.quoted(text.words()).as_str() {
        "" => Error::new(slug, what),
        words => Error::new(slug, what).because(format!("{speaker} says: {words}")),
    }
}
