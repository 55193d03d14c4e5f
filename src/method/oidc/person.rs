//! A person logs in: with a browser on this machine, or with a code and a browser on any.

use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;

use crate::browser;
use crate::config::method::GrantType;
use crate::error::{Error, Result, Slug};
use crate::method::login::Given;
use crate::method::oidc::{At, Granted, bearer, refusal, renewal};
use crate::oauth::authorization_code::{self, Login, Reaching};
use crate::oauth::device::{self, DeviceLogin, Invitation};
use crate::oauth::{Tokens, token_endpoint::Failure};
use crate::terminal;

/// Logs a person in, and keeps what renews the login.
pub(super) fn log_in(at: &At<'_>, reaching: Reaching<'_>) -> Result<Given> {
    let (tokens, nonce) = match way(at, reaching) {
        Way::Code => (by_code(at, reaching)?, None),
        Way::Browser => {
            let (tokens, nonce) = in_browser(at, reaching)?;
            (tokens, Some(nonce))
        }
    };
    // Whatever is not what was asked for is not kept either.
    let granted = Granted {
        tokens: tokens.clone(),
        nonce: nonce.clone(),
    };
    let (minted, _) = bearer::minted(at, granted)?;
    check_account(at, minted.principal.as_deref())?;
    renewal::keep_for_person(at, &tokens, reaching.tell)?;
    if tokens.id_token.as_ref().is_some_and(bearer::lacks_email) {
        (reaching.tell)(
            "The ID token names no e-mail address: gateways such as Kubeflow's take the user from it. Where calls fail with \"no user identity header\", have the scope `email` allowed for the client.",
        );
    }
    Ok(Given {
        tokens: Some((tokens, nonce)),
        ..Given::default()
    })
}

/// A context that names an e-mail address is for that account; any other user name is a hint for the login page.
fn check_account(at: &At<'_>, principal: Option<&str>) -> Result<()> {
    let wanted = at.oidc.username.as_deref();
    let wanted = wanted.filter(|name| name.contains('@'));
    match (wanted, principal.filter(|name| name.contains('@'))) {
        (Some(wanted), Some(found)) if !wanted.eq_ignore_ascii_case(found) => Err(Error::new(
            Slug::AccountMismatch,
            format!("{found:?} logged in, and not {wanted:?}, which the context names"),
        )),
        _ => Ok(()),
    }
}

/// How the person is reached.
enum Way {
    /// By a browser that comes back to this machine, or whose answer is pasted.
    Browser,
    /// By a code, for a browser on any machine.
    Code,
}

/// A code is for where no browser can be opened, if the provider has that; what the context says comes first.
fn way(at: &At<'_>, reaching: Reaching<'_>) -> Way {
    match at.oidc.grant() {
        Some(GrantType::DeviceCode) => return Way::Code,
        Some(GrantType::AuthorizationCode) => return Way::Browser,
        Some(
            GrantType::Password
            | GrantType::Form
            | GrantType::ClientCredentials
            | GrantType::TokenExchange,
        )
        | None => {}
    }
    let has_browser = !reaching.no_browser && browser::obstacle(reaching.environment).is_none();
    let offers_code = at.found.provider.device_authorization_endpoint.is_some();
    let insists = at.oidc.redirect_uri.is_some();
    if has_browser || insists || !offers_code {
        Way::Browser
    } else {
        Way::Code
    }
}

fn in_browser(at: &At<'_>, reaching: Reaching<'_>) -> Result<(Tokens, String)> {
    let oidc = at.oidc;
    let parameters = at.parameters();
    let login = Login {
        provider: &at.found.provider,
        client: at.client,
        scopes: &at.scopes(),
        parameters: &parameters,
        redirect_uri: oidc.redirect_uri.as_deref(),
        issuer: Some(&at.found.metadata.issuer),
        names_issuer: at
            .found
            .metadata
            .authorization_response_iss_parameter_supported,
        is_tried_first: true,
    };
    let logged_in = authorization_code::log_in(at.api, &login, reaching);
    let logged_in = logged_in
        .map_err(|failure| refusal::explained(at, failure, authorization_code::EXCHANGING))?;
    Ok((logged_in.tokens, logged_in.nonce))
}

fn by_code(at: &At<'_>, reaching: Reaching<'_>) -> Result<Tokens> {
    let mut parameters = at.whom_for();
    let connector = at.oidc.connector.as_deref();
    parameters.extend(connector.map(|id| ("connector_id", id)));
    let login = DeviceLogin {
        provider: &at.found.provider,
        client: at.client,
        scopes: &at.scopes(),
        parameters: &parameters,
    };
    let show = |invitation: &Invitation<'_>| (reaching.tell)(&shown(invitation, at));
    device::log_in(at.api, &login, &show).map_err(|failure| of_code(at, failure))
}

fn of_code(at: &At<'_>, failure: Failure) -> Error {
    let error = refusal::explained(at, failure, device::ASKING);
    let hint = "where the provider offers no device code, log in with a browser: `--grant authorization-code`";
    if error.slug() == Slug::OauthRefused {
        return error.further_hint(hint);
    }
    error
}

/// What a person is to do, moved to where the provider is reached, as its pages are.
fn shown(invitation: &Invitation<'_>, at: &At<'_>) -> String {
    let (url, code) = (at.reached(invitation.url), invitation.code);
    let within = match invitation.lifetime.as_secs().div_ceil(60) {
        0 | 1 => "a minute".to_owned(),
        minutes => format!("{minutes} minutes"),
    };
    let mut words = format!(
        "Log in with a browser on any machine, within {within}, at:\n\n{url}\n\nand type this code there: {code}\n"
    );
    if let Some(complete) = invitation.complete {
        let complete = at.reached(complete);
        words.push_str(&format!(
            "\nOr open this address, which holds the code:\n\n{complete}\n"
        ));
        if terminal::is_there()
            && let Ok(code) = QrCode::new(complete.as_str())
        {
            let picture = code
                .render::<Dense1x2>()
                .dark_color(Dense1x2::Light)
                .light_color(Dense1x2::Dark)
                .build();
            words.push_str(&format!("\n{picture}\n"));
        }
    }
    words
}
