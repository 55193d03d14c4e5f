//! Who asks an authorization server: a client, by its ID and, where it has one, its secret or a signed assertion.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use url::Url;
use url::form_urlencoded::byte_serialize;

use super::assertion::Assertion;
use crate::error::Result;
use crate::http::api::{Answer, Api};
use crate::secret::Secret;

/// `client_assertion_type` (RFC 7523 section 2.2).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// An OAuth client (RFC 6749 section 2).
#[derive(Debug)]
pub struct Client {
    /// Its ID.
    pub id: String,
    /// How it shows that it is that client.
    pub authentication: Authentication,
}

/// How a client shows who it is (RFC 6749 section 2.3; the names are those of OpenID Connect Core section 9).
#[derive(Debug)]
pub enum Authentication {
    /// `none`: a public client, which has nothing to show.
    Public,
    /// `client_secret_basic`: a secret in the header `Authorization`.
    SecretBasic(Secret),
    /// `client_secret_post`: a secret in the form.
    SecretPost(Secret),
    /// `private_key_jwt`, or a JWT that somebody else has signed.
    Assertion(Assertion),
}

impl Authentication {
    /// A client that shows its secret, where it has one, in the form.
    pub fn in_form(secret: Option<Secret>) -> Self {
        secret.map_or(Self::Public, Self::SecretPost)
    }
}

impl Client {
    /// Sends a form to an endpoint of the provider, with what says who asks.
    pub(super) fn post(&self, api: &Api<'_>, url: &Url, form: &[(&str, &str)]) -> Result<Answer> {
        let mut form = form.to_vec();
        let mut headers = Vec::new();
        let signed;
        match &self.authentication {
            Authentication::SecretBasic(secret) => {
                headers.push(("Authorization".to_owned(), basic(&self.id, secret)));
            }
            Authentication::SecretPost(secret) => {
                form.extend([("client_id", &*self.id), ("client_secret", secret.expose())]);
            }
            Authentication::Assertion(assertion) => {
                signed = assertion.for_request(&self.id, chrono::Utc::now())?;
                form.extend([
                    ("client_id", &*self.id),
                    ("client_assertion_type", ASSERTION_TYPE),
                    ("client_assertion", signed.expose()),
                ]);
            }
            Authentication::Public => form.push(("client_id", &self.id)),
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
