//! Asks the endpoint whether it still takes a credential, by one cheap request.
//!
//! A relying party may answer with the session's cookies set anew (oauth2-proxy's `cookie_refresh`); the old ones may be
//! dead from then on, so whoever checks a session must keep what it got.
//!
//! What is known to have ended is not sent: that it is refused is known too, and an older oidc-authservice was seen to
//! lock up on an ended session.

use std::time::Duration;

use crate::config::Context;
use crate::credential::{Cookie, Credential, Material};
use crate::endpoint::Endpoint;
use crate::error::Result;
use crate::http::{Http, JSON, Page};
use crate::method::bearer;
use crate::method::login::require_secure_transport;
use crate::method::proof::HEALTH_PATHS;
use crate::run::Run;
use crate::sanitize::redacted_url;
use crate::secret::Secret;
use crate::store::Entry;

/// What a check has shown.
#[derive(Debug)]
pub enum Verdict {
    /// The endpoint accepts it.
    Accepted,
    /// The endpoint accepts it, and has given this in its place.
    Rotated(Box<Credential>),
    /// The endpoint refuses it.
    Refused,
    /// The endpoint answered something that tells neither.
    Unknown(String),
}

/// Asks the endpoint of a stored credential within so long; an error is that it could not be asked.
pub fn check(
    run: Run<'_>,
    context: &Context,
    extra_headers: &[(String, Secret)],
    entry: &Entry,
    limit: Duration,
) -> Result<Verdict> {
    let Ok(endpoint) = Endpoint::parse(&entry.endpoint) else {
        return Ok(Verdict::Unknown("its endpoint is malformed".to_owned()));
    };
    require_secure_transport(endpoint.url(), context)?;
    let http = Http::new(context, &endpoint, extra_headers, run.trace)?.ending_within(limit);
    let url = endpoint.join(HEALTH_PATHS[0]);
    let now = (run.now)();
    if !entry.credential.is_live(now) {
        return Ok(Verdict::Refused);
    }
    match &entry.credential.material {
        Material::Bearer(token) => {
            http.keep_secret(token);
            let header = bearer::header(context, token);
            Ok(judged(&http.get_with(&url, JSON, &[header])?))
        }
        Material::Cookies(cookies) => {
            http.bring_cookies(&entry.credential.live_cookies(now));
            let verdict = judged(&http.get(&url, JSON)?);
            let (now_there, end) = http.session_cookies(endpoint.url(), 0);
            if !matches!(verdict, Verdict::Accepted) || same(cookies, &now_there) {
                return Ok(verdict);
            }
            if now_there.is_empty() {
                return Ok(Verdict::Refused);
            }
            http.say("the endpoint has renewed the session's cookies");
            Ok(Verdict::Rotated(Box::new(Credential::new(
                Material::Cookies(now_there),
                entry.credential.principal.clone(),
                (run.now)(),
                end,
                context.session_lifetime,
            ))))
        }
        Material::None => Ok(Verdict::Unknown("there is no credential".to_owned())),
    }
}

fn judged(page: &Page) -> Verdict {
    match page.status.as_u16() {
        300..=399 | 401 | 403 => Verdict::Refused,
        200..=299 if !page.is("text/html") => Verdict::Accepted,
        _ => Verdict::Unknown(format!(
            "{} answered {}",
            redacted_url(&page.url),
            page.summary()
        )),
    }
}

fn same(before: &[Cookie], after: &[Cookie]) -> bool {
    let pair = |cookie: &Cookie| (cookie.name.clone(), cookie.value.clone());
    let (before, after): (Vec<_>, Vec<_>) = (
        before.iter().map(pair).collect(),
        after.iter().map(pair).collect(),
    );
    before == after
}
