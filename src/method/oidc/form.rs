//! Dex's login form, filled in for a client of ours: no browser, and no password grant, which many a Dex does not offer.

use crate::config::method::Dex;
use crate::error::{Error, Result, Slug};
use crate::method::dex::code::{FormLogin, answer_to};
use crate::method::oidc::{At, Granted, refusal};
use crate::oauth::authorization_code::{self, EXCHANGING, Login};

/// A public client may end at any port of this machine, where nobody needs to listen: the address is not asked.
const NOBODY_LISTENS: &str = "http://127.0.0.1/callback";

/// Logs in by the form.
pub(super) fn granted(at: &At<'_>) -> Result<Granted> {
    let (oidc, login) = (at.oidc, at.login);
    let (Some(http), Some(person)) = (at.http, login.person) else {
        let what = "a login by a form, and nobody to fill it in";
        return Err(Error::new(Slug::Internal, what));
    };
    let dex = Dex {
        username: oidc.username.clone(),
        password: oidc.password.clone(),
        connector: oidc.connector.clone(),
        login_origins: oidc.login_origins.clone(),
    };
    let form = FormLogin {
        http,
        context: login.context,
        dex: &dex,
        endpoint: login.endpoint,
        person,
    };
    let redirect_uri = oidc.redirect_uri.as_deref().unwrap_or(NOBODY_LISTENS);
    let request = Login {
        provider: &at.found.provider,
        client: at.client,
        scopes: &at.scopes(),
        parameters: &at.parameters(),
        redirect_uri: Some(redirect_uri),
        issuer: Some(&at.found.metadata.issuer),
        names_issuer: false,
        is_tried_first: false,
    };
    let logged_in =
        authorization_code::log_in_by(at.api, &request, redirect_uri, |url| answer_to(url, &form));
    at.api.wait_longer(person.waited());
    let logged_in = logged_in.map_err(|failure| refusal::explained(at, failure, EXCHANGING))?;
    Ok(Granted {
        tokens: logged_in.tokens,
        nonce: Some(logged_in.nonce),
    })
}
