//! The end of a session at the server: best effort, and by words only what was seen.
//!
//! Nothing standard exists for a relying party's own session, so the two that stand before Kubeflow are asked in their
//! own ways, and then whether the session is over is tried. oauth2-proxy, as it comes, keeps a session in its cookie
//! alone: it can forget the browser's and still takes a copy.

use chrono::{DateTime, Utc};

use crate::config::Context;
use crate::credential::{Cookie, Material};
use crate::endpoint::Endpoint;
use crate::error::Result;
use crate::http::{HTML, Http};
use crate::method::check::{Verdict, check};
use crate::method::login::require_secure_transport;
use crate::run::Run;
use crate::secret::Secret;
use crate::store::Entry;

/// oidc-authservice's session, which is good as a bearer token too.
const AUTHSERVICE: &str = "authservice_session";

/// What has become of a session at its server.
#[derive(Debug, PartialEq, Eq)]
pub enum Ending {
    /// The server takes it no more.
    Ended,
    /// The server was asked, and takes it still.
    StillAccepted,
    /// Nothing is known, for this reason.
    Unknown(String),
}

/// Ends a stored session at its server; `None` where the credential is none of a session. Its cookies go to the
/// endpoint's own origin and nowhere else.
pub fn sign_out(
    run: Run<'_>,
    context: &Context,
    extra_headers: &[(String, Secret)],
    entry: &Entry,
) -> Option<Ending> {
    let Material::Cookies(_) = &entry.credential.material else {
        return None;
    };
    let verdict = match asked(run, context, extra_headers, entry) {
        // It is not sent again to see that: an older oidc-authservice was seen to lock up on an ended session.
        Ok(Answer::Ended) => return Some(Ending::Ended),
        Ok(Answer::Any) => check(run, context, extra_headers, entry, context.deadlines.login),
        Err(error) => Err(error),
    };
    Some(match verdict {
        Ok(Verdict::Refused) => Ending::Ended,
        Ok(Verdict::Accepted | Verdict::Rotated(_)) => Ending::StillAccepted,
        Ok(Verdict::Unknown(why)) => Ending::Unknown(why),
        Err(error) => Ending::Unknown(error.one_line()),
    })
}

/// What a server has said to the wish to end a session.
enum Answer {
    /// That it is over.
    Ended,
    /// Something that tells nothing.
    Any,
}

fn asked(
    run: Run<'_>,
    context: &Context,
    extra_headers: &[(String, Secret)],
    entry: &Entry,
) -> Result<Answer> {
    let Ok(endpoint) = Endpoint::parse(&entry.endpoint) else {
        return Ok(Answer::Any);
    };
    let cookies = live_cookies(entry, (run.now)());
    if cookies.is_empty() {
        return Ok(Answer::Ended);
    }
    require_secure_transport(endpoint.url(), context)?;
    let http = Http::new(context, &endpoint, extra_headers, run.trace)?;
    http.bring_cookies(&cookies);
    let mut url = endpoint.url().clone();
    if let Some(session) = cookies.iter().find(|cookie| cookie.name == AUTHSERVICE) {
        url.set_path("/authservice/logout");
        let bearer = Secret::new(format!("Bearer {}", session.value.expose()));
        http.keep_secret(&session.value);
        let page = http.post_with(&url, &[("Authorization".to_owned(), bearer)])?;
        // Another 401 is what it says of a session that it does not know.
        return Ok(if page.status.is_success() || page.status.as_u16() == 401 {
            Answer::Ended
        } else {
            Answer::Any
        });
    }
    // The proxy's own paths lie where its cookies go.
    let prefix = cookies.first().map_or("", |cookie| cookie.path.as_str());
    url.set_path(&format!("{}/oauth2/sign_out", prefix.trim_end_matches('/')));
    http.get(&url, HTML)?;
    Ok(Answer::Any)
}

/// Gives what of a session has not ended, at the moment of sending.
fn live_cookies(entry: &Entry, now: DateTime<Utc>) -> Vec<Cookie> {
    if entry.credential.is_live(now) {
        entry.credential.live_cookies(now)
    } else {
        Vec::new()
    }
}
