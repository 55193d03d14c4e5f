//! Sends a request through the program's own HTTP library: renews a refused credential, and repeats once.

use std::sync::Arc;

use crate::credential::Credential;
use crate::error::{CREDENTIAL_REJECTED, HelperError};
use crate::helper::Helper;

/// An answer of the endpoint, with what tells a refusal from an answer.
#[derive(Debug)]
pub struct Reply<A> {
    /// The status code.
    pub status: u16,
    /// The header `Content-Type`.
    pub content_type: Option<String>,
    /// The header `Location`.
    pub location: Option<String>,
    /// What [`Helper::send`] gives back.
    pub answer: A,
}

impl Helper {
    /// Makes one request. `exchange` is handed its URL (a path is joined to the endpoint; another origin is refused)
    /// and the credential whose [header lines](Credential::header_lines) to set. It must not follow redirects. It is
    /// called again, with a renewed credential, where the endpoint refuses the first one: by 401, a redirect to a
    /// login, or a page where data should be. Everything else is given back as it is.
    pub fn send<A, E: From<HelperError>>(
        &self,
        url: &str,
        mut exchange: impl FnMut(&str, &Credential) -> Result<Reply<A>, E>,
    ) -> Result<A, E> {
        let credential = self.credential()?;
        let came = match self.attempt(url, &credential, &mut exchange)? {
            Ok(answer) => return Ok(answer),
            Err(came) => came,
        };
        let renewed = self.renew(&credential).map_err(|error| {
            if error.slug() == CREDENTIAL_REJECTED {
                self.refused(&credential, &came)
            } else {
                error
            }
        })?;
        self.attempt(url, &renewed, &mut exchange)?.map_err(|came| {
            let refused = self.refused(&renewed, &came);
            self.give_up(&renewed, &refused);
            refused.into()
        })
    }

    /// Gives the answer, or says what came in place of one.
    fn attempt<A, E: From<HelperError>>(
        &self,
        url: &str,
        credential: &Arc<Credential>,
        exchange: &mut impl FnMut(&str, &Credential) -> Result<Reply<A>, E>,
    ) -> Result<Result<A, String>, E> {
        let target = credential.resolve(url)?;
        let reply = exchange(target.as_str(), credential)?;
        if let Some(came) = rejection(&reply, credential) {
            return Ok(Err(came));
        }
        if reply.status < 500 {
            self.accept(credential);
        }
        Ok(Ok(reply.answer))
    }

    fn refused(&self, credential: &Credential, came: &str) -> HelperError {
        let endpoint = &credential.endpoint;
        let context = self.context.as_ref().or(credential.context.as_ref());
        let context = context.map_or(String::new(), |name| format!(" --context {name}"));
        HelperError::new(
            CREDENTIAL_REJECTED,
            format!("{endpoint} refused the credential: it answered with {came}"),
        )
        .hint_to(format!(
            "check the endpoint of the context, and log in again with `kfp-credential login{context}`"
        ))
    }
}

/// Says what came where a reply shows that the credential was refused.
fn rejection<A>(reply: &Reply<A>, credential: &Credential) -> Option<String> {
    let media_type = reply.content_type.as_deref().unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    let is_page = media_type.eq_ignore_ascii_case("text/html");
    match (reply.status, &reply.location) {
        (401, _) => Some("status 401".to_owned()),
        (300..=399, Some(location)) => Some(match credential.origin_of(location) {
            Some(origin) => format!("a redirect to {origin}"),
            None => "a redirect".to_owned(),
        }),
        (status @ (200..=299 | 403), _) if is_page => {
            Some(format!("a page (text/html, status {status})"))
        }
        _ => None,
    }
}
