//! Grants that need no person.

use crate::config::method::TokenKind;
use crate::error::{Error, Result, Slug};
use crate::method::oidc::{At, refusal, subject_token};
use crate::oauth::token_endpoint::{self, Failure};
use crate::oauth::{Authentication, Tokens};

const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// Logs in with a user name and password (RFC 6749 section 4.3).
pub(super) fn by_password(at: &At<'_>) -> Result<Tokens> {
    let person = at.login.person.ok_or_else(|| {
        Error::new(
            Slug::Internal,
            "a login with a password, and there is no user to enter it",
        )
    })?;
    let username = person.username()?;
    let password = person.password(&username, at.api.time_left())?;
    at.api.wait_longer(person.waited());
    let fields = [("username", &*username), ("password", password.expose())];
    let outcome = ask(at, "password", &fields);
    outcome.map_err(|failure| refusal::of_password(at, failure, &username))
}

/// Lets the client itself in (RFC 6749 section 4.4).
pub(super) fn by_itself(at: &At<'_>) -> Result<Tokens> {
    if matches!(at.client.authentication, Authentication::Public) {
        let what = format!(
            "{} names no secret of the client {:?}, which is to be let in by itself",
            at.login.context.display_name(),
            at.client.id
        );
        return Err(Error::new(Slug::ConfigMissing, what)
            .hint("give the file that holds it: --client-secret-file F; or in the context `oidc: {client-secret: {file: F}}`, or client-assertion"));
    }
    let outcome = ask(at, "client_credentials", &[]);
    outcome.map_err(|failure| refusal::explained(at, failure, "authenticating the client"))
}

/// Exchanges another provider's token (RFC 8693 section 2.1).
pub(super) fn by_exchange(at: &At<'_>) -> Result<Tokens> {
    let subject = subject_token::read(at)?;
    let look = if crate::jwt::claims(subject.expose()).is_some() {
        ID_TOKEN
    } else {
        ACCESS_TOKEN
    };
    let subject_type = at.oidc.subject_token_type.as_deref().unwrap_or(look);
    let requested = match at.oidc.token() {
        TokenKind::IdToken => ID_TOKEN,
        TokenKind::AccessToken => ACCESS_TOKEN,
    };
    let mut fields = vec![
        ("subject_token", subject.expose()),
        ("subject_token_type", subject_type),
        ("requested_token_type", requested),
    ];
    if let Some(connector) = &at.oidc.connector {
        fields.push(("connector_id", connector));
    }
    let outcome = ask(at, TOKEN_EXCHANGE, &fields);
    outcome.map_err(|failure| refusal::of_exchange(at, failure, &subject))
}

/// Asks for tokens by a grant, with what every grant may say.
fn ask(at: &At<'_>, grant_type: &str, fields: &[(&str, &str)]) -> Result<Tokens, Failure> {
    let scope = at.scopes().join(" ");
    let mut form = fields.to_vec();
    if !scope.is_empty() {
        form.push(("scope", &scope));
    }
    form.extend(at.whom_for());
    token_endpoint::ask(at.api, &at.found.provider, at.client, grant_type, &form)
}
