//! The way back from the form: Dex's answer to it, the approval, and the session that the relying party gives.

use super::Walk;
use super::page::{Form, PageText};
use super::refusal::refused;
use super::rules::Walked;
use super::session::Session;
use crate::endpoint::Origin;
use crate::error::{Error, Result, Slug};
use crate::http::Page;
use crate::sanitize::redacted_url;
use crate::secret::Secret;

/// The way back: the form was sent.
pub(super) struct Back<'a> {
    pub(super) login: &'a Walk<'a>,
    pub(super) walked: Walked,
    pub(super) username: String,
}

impl Back<'_> {
    /// Explains why there was no redirect: the password was wrong (401, or 200 before Dex v2.36), the form had expired,
    /// or Dex shows another error page.
    pub(super) fn stayed_at_form(&self, mut answer: Page) -> Result<Error> {
        let (status, text) = (answer.status, PageText::of(&mut answer)?);
        let asks_again = text.forms().iter().any(Form::asks_for_password);
        if asks_again {
            let words = text.login_error().unwrap_or("it shows the form again");
            let connector = self.walked.connector_of(&answer.url).unwrap_or_default();
            return Ok(Error::new(
                Slug::DexLoginRejected,
                format!(
                    "Dex did not accept the password of {:?} for its connector {connector:?}",
                    self.username
                ),
            )
            .because(format!("Dex says: {}", self.login.http.quoted(words)))
            .hint(self.login.hint_for_password()));
        }
        let words = text.words();
        let lower = words.to_lowercase();
        let is_over = ["expired", "does not exist", "session error"]
            .iter()
            .any(|sign| lower.contains(sign));
        if status.is_client_error() && is_over {
            return Ok(Error::new(
                Slug::DexRefused,
                "Dex's login form had expired before it was submitted",
            )
            .because(format!("Dex says: {}", self.login.http.quoted(words)))
            .hint("try again: the password was sent once, and is not sent again at a server's word")
            .hint("if it happens again and again, check the clocks of Dex's hosts and its setting expiry.authRequests"));
        }
        Ok(refused(self.login.http, &self.walked, &answer, &text))
    }

    /// Dex may ask whether the relying party may know who we are: yes, as the person asked for this login.
    pub(super) fn approved(&mut self, mut page: Page) -> Result<Page> {
        if self.walked.callback_hop().is_some()
            || !page.status.is_success()
            || !page.is("text/html")
        {
            return Ok(page);
        }
        let text = PageText::of(&mut page)?;
        let is_approval = |form: &&Form| {
            let stays = Origin::of(&form.action) == Origin::of(&page.url)
                && form.action.path() == page.url.path();
            form.is_post && stays && form.value("approval") == Some("approve")
        };
        let Some(form) = text.forms().iter().find(is_approval) else {
            return Ok(page);
        };
        self.login
            .http
            .say("Dex asks to approve the relying party; approving");
        let fields: Vec<(String, Secret)> = form
            .fields
            .iter()
            .map(|field| (field.name.clone(), Secret::new(field.value.clone())))
            .collect();
        let answer = self.login.http.post(&form.action, &fields)?;
        self.login
            .http
            .follow(answer, &mut |url, hop| self.walked.step(url, hop))
    }

    /// Takes the session's cookies, which the callback set or something after it.
    pub(super) fn session(self, mut last: Page) -> Result<Session> {
        let Some(callback) = self.walked.callback_hop() else {
            let text = PageText::of(&mut last)?;
            return Err(refused(self.login.http, &self.walked, &last, &text));
        };
        let endpoint = self.login.endpoint.reached_as(&last.url);
        let (cookies, end) = self.login.http.session_cookies(endpoint.url(), callback);
        if !cookies.is_empty() {
            return Ok(Session {
                cookies,
                end,
                since: callback,
                username: self.username,
                endpoint,
            });
        }
        let words = self.login.http.quoted(PageText::of(&mut last)?.words());
        Err(Error::new(
            Slug::LoginNotAccepted,
            format!(
                "Dex accepted the password of {:?}, but {} set no session",
                self.username,
                redacted_url(&last.url)
            ),
        )
        .because(format!("it answered {}: {words}", last.status))
        .hint("ask the endpoint's administrator whether this user may log in there"))
    }
}
