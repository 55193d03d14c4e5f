//! What the front door remembers between requests: logins under way, codes, and the sessions that
//! live; and so who is known to it.

use std::collections::HashMap;
use std::sync::{MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::text::{authservice_value, oauth2_proxy_value};
use super::{Door, RelyingParty};

const SESSION_BYTES: usize = 1916;
const BIG_SESSION_BYTES: usize = 12_116;

#[derive(Default)]
pub(super) struct State {
    /// CSRF or state cookie -> the `state` parameter that belongs to it.
    pub(super) csrf: HashMap<String, String>,
    /// Dex's authorization requests, by id.
    pub(super) requests: HashMap<String, AuthRequest>,
    /// Dex's codes -> who logged in.
    pub(super) codes: HashMap<String, String>,
    /// Session values -> whose they are.
    pub(super) sessions: HashMap<String, Session>,
    /// Where authservice sends the client after the callback, by `state`.
    pub(super) return_to: HashMap<String, String>,
    pub(super) logins: usize,
    pub(super) form_expired_once: bool,
}

#[derive(Clone)]
pub(super) struct AuthRequest {
    pub(super) redirect_uri: String,
    pub(super) state: String,
    pub(super) connector: String,
    pub(super) back: String,
    pub(super) hmac: String,
    pub(super) expired: bool,
    pub(super) user: Option<String>,
}

#[derive(Clone)]
pub(super) struct Session {
    user: String,
    ends: Option<Instant>,
}

impl Door {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin_session(&self, user: String) -> String {
        let seconds = self.options.session_seconds;
        let ends = (seconds > 0).then(|| Instant::now() + Duration::from_secs(seconds));
        let value = match self.options.relying_party {
            RelyingParty::Authservice => authservice_value(),
            RelyingParty::Oauth2Proxy if self.options.split_cookie => {
                oauth2_proxy_value(BIG_SESSION_BYTES)
            }
            RelyingParty::Oauth2Proxy => oauth2_proxy_value(SESSION_BYTES),
        };
        let mut state = self.state();
        state.logins += 1;
        state.sessions.insert(value.clone(), Session { user, ends });
        value
    }

    /// Returns the user of a session that lives.
    pub(super) fn user_of(&self, value: &str) -> Option<String> {
        let session = self.state().sessions.get(value).cloned()?;
        session
            .ends
            .is_none_or(|ends| Instant::now() < ends)
            .then_some(session.user)
    }

    pub(super) fn knows_bearer(&self, token: &str) -> bool {
        self.options
            .bearer_tokens
            .iter()
            .any(|known| known == token)
    }
}
