//! An authorization request of our own, answered at Dex's login form: its code is for an OAuth client, and the page that it
//! leads to is not asked.

use url::Url;

use super::page::PageText;
use super::refusal::refused;
use super::{Submitted, Walk};
use crate::config::Context;
use crate::config::method::Dex;
use crate::endpoint::Endpoint;
use crate::error::{Error, Result, Slug};
use crate::http::Http;
use crate::method::login::Person;

/// Who logs in where.
pub struct FormLogin<'a> {
    /// The walk's client.
    pub http: &'a Http<'a>,
    /// The context.
    pub context: &'a Context,
    /// What the form is filled in with.
    pub dex: &'a Dex,
    /// Where the context leads: the password goes to its origin, and to those that `dex` names.
    pub endpoint: &'a Endpoint,
    /// Who is asked.
    pub person: &'a dyn Person,
}

/// Fills in the form, and gives the address that the answer to the request leads to.
pub fn answer_to(request: &Url, login: &FormLogin<'_>) -> Result<Url> {
    let walk = Walk {
        http: login.http,
        context: login.context,
        dex: login.dex,
        endpoint: login.endpoint,
        person: login.person,
        request: Some(request),
    };
    let (back, mut last) = match walk.submit()? {
        Submitted::Answered(answered) => *answered,
        Submitted::Open(_) => {
            let what = "Dex has answered without a login";
            return Err(Error::new(Slug::LoginNotUnderstood, what));
        }
    };
    if let Some(answer) = last.redirect()? {
        return Ok(answer);
    }
    let text = PageText::of(&mut last)?;
    Err(refused(login.http, &back.walked, &last, &text))
}
