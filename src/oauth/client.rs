//! Who asks an authorization server: a client, by its ID and, where it has one, its secret.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use url::Url;
use url::form_urlencoded::byte_serialize;

use crate::error::Result;
use crate::http::api::{Answer, Api};
use crate::secret::Secret;

/// An OAuth client (RFC 6749 section 2).
#[derive(Debug, Clone)]
pub struct Client {
    /// Its ID.
    pub id: String,
    /// Its secret; a public client has none.
    pub secret: Option<Secret>,
    /// How it shows the secret.
    pub authentication: Authentication,
}

/// How a client shows its secret (RFC 6749 section 2.3.1; the names are those of OpenID Connect Core section 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authentication {
    /// `client_secret_basic`: in the header `Authorization`.
    SecretBasic,
    /// `client_secret_post`: in the form.
    SecretPost,
}

impl Client {
    /// Sends a form to an endpoint of the provider, with what says who asks.
    pub(super) fn post(&self, api: &Api<'_>, url: &Url, form: &[(&str, &str)]) -> Result<Answer> {
        let mut form = form.to_vec();
        let mut headers = Vec::new();
        match (&self.secret, self.authentication) {
            (Some(secret), Authentication::SecretBasic) => {
                headers.push(("Authorization".to_owned(), basic(&self.id, secret)));
            }
            (Some(secret), Authentication::SecretPost) => {
                form.extend([("client_id", &*self.id), ("client_secret", secret.expose())]);
            }
            (None, _) => form.push(("client_id", &self.id)),
        }
        api.post_form(url, &headers, &form)
    }
}

/// Writes both as a form does before they go into the header (RFC 6749 section 2.3.1), which is more than RFC 7617 asks.
fn basic(id: &str, secret: &Secret) -> Secret {
    let written = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let pair = Secret::new(format!("{}:{}", written(id), written(secret.expose())));
    Secret::new(format!("Basic {}", BASE64_STANDARD.encode(pair.expose())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_and_secret_are_written_as_in_a_form_before_they_go_into_the_header() {
        let header = basic("a:b", &Secret::new("p%ss w\u{f6}rd/+"));
        let (_, encoded) = header.expose().split_once(' ').unwrap();
        let pair = BASE64_STANDARD.decode(encoded).unwrap();
        assert_eq!(pair, b"a%3Ab:p%25ss+w%C3%B6rd%2F%2B");
    }
}
