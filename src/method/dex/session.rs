//! The session that a login has given, and its proof at the endpoint.

use chrono::{DateTime, Utc};

use crate::config::Context;
use crate::credential::{Cookie, Credential, KnownEnd, Material};
use crate::endpoint::Endpoint;
use crate::error::{Error, Result, Slug};
use crate::http::Http;
use crate::method::login::NewCredential;
use crate::method::proof::{self, Proof};

/// A session's cookies for the endpoint.
#[derive(Debug)]
pub(super) struct Session {
    /// The cookies, all of them.
    pub(super) cookies: Vec<Cookie>,
    /// The earliest end among them.
    pub(super) end: Option<KnownEnd>,
    /// The number of the request to the relying party's callback: older cookies are the login's own.
    pub(super) since: u32,
    /// Who logged in.
    pub(super) username: String,
    /// The endpoint, by https where the server insisted on that.
    pub(super) endpoint: Endpoint,
}

impl Session {
    /// Proves the session, and takes what the endpoint has set anew meanwhile.
    pub(super) fn proven(
        mut self,
        http: &Http<'_>,
        context: &Context,
        now: DateTime<Utc>,
    ) -> Result<NewCredential> {
        let headers = [("Cookie".to_owned(), Cookie::header_value(&self.cookies))];
        let (endpoint, unproven) = if context.verify {
            match proof::prove(http, &self.endpoint, &headers)? {
                Proof::Proven(base, _) => (base, None),
                Proof::NotFound => (self.endpoint, Some(proof::NO_HEALTH_PATH.to_owned())),
                Proof::Unproven(error) => (self.endpoint, Some(error.one_line())),
            }
        } else {
            (self.endpoint, Some(proof::NOT_VERIFIED.to_owned()))
        };
        if let Some(why) = &unproven {
            http.say(format_args!("the session was not verified: {why}"));
        }
        // A relying party may have set them anew at the proof, and ended the old ones with that.
        let (cookies, end) = http.session_cookies(endpoint.url(), self.since);
        if !cookies.is_empty() {
            (self.cookies, self.end) = (cookies, end);
        }
        let material = Material::Cookies(self.cookies);
        let credential = Credential::new(
            material,
            Some(self.username),
            now,
            self.end,
            context.session_lifetime,
        );
        if !credential.is_live(now) {
            return Err(Error::new(
                Slug::LoginNotAccepted,
                format!("{endpoint} gave a session that has already expired"),
            )
            .hint("check this machine's clock"));
        }
        Ok(NewCredential {
            credential,
            method: "dex",
            endpoint,
            unproven,
            clock_ahead: None,
        })
    }
}
