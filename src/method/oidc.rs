//! A token of an OpenID Connect provider as the bearer: Dex behind stock Kubeflow, Keycloak, Entra, Okta and their like.
//!
//! [`provider`] finds the provider and its addresses. A [`person`] logs in with a browser, here or on another machine;
//! a [`machine`] by a password, by itself, or by a token that it has; a password may also go into Dex's [`form`]. [`renewal`] makes newer tokens of what is stored,
//! [`bearer`] chooses among the tokens and checks them, and [`refusal`] puts into words what a provider refuses.

mod bearer;
mod client;
mod form;
mod machine;
mod person;
mod provider;
mod refusal;
mod renewal;
mod subject_token;

use crate::config::Context;
use crate::config::method::{GrantType, Oidc, TokenKind};
use crate::error::{Error, Result, Slug};
use crate::http::Http;
use crate::http::api::Api;
use crate::method::bearer::Bearer;
use crate::method::gateway;
use crate::method::login::{Given, Login, LoginMethod, NewCredential};
use crate::oauth::authorization_code::Reaching;
use crate::oauth::revocation;
use crate::oauth::{Client, Tokens};
use crate::run::Run;
use crate::store::{Identity, Key, StoredGrant};
use provider::Found;
use url::Url;

/// All that a login at the provider goes by.
struct At<'a> {
    api: &'a Api<'a>,
    oidc: &'a Oidc,
    login: &'a Login<'a>,
    found: &'a Found,
    client: &'a Client,
    /// The client for pages, where the login is made by a form.
    http: Option<&'a Http<'a>>,
}

impl At<'_> {
    /// Gives the scopes to ask for: the context's, else what is usual, as far as the provider offers it.
    fn scopes(&self) -> Vec<&str> {
        const USUAL: [&str; 5] = ["openid", "email", "profile", "groups", "offline_access"];
        if let Some(scopes) = &self.oidc.scopes {
            return scopes.iter().map(String::as_str).collect();
        }
        let is_of_client = self.oidc.grant() == Some(GrantType::ClientCredentials);
        if is_of_client && self.oidc.token() == TokenKind::AccessToken {
            // Such a token is for nobody; what its client may do is the provider's to say.
            return Vec::new();
        }
        let offered = self.found.metadata.scopes_supported.as_ref();
        let is_offered = |scope: &&str| {
            *scope == "openid" || offered.is_some_and(|all| all.iter().any(|one| one == scope))
        };
        USUAL.into_iter().filter(is_offered).collect()
    }

    /// Gives what says whom the token is for.
    fn whom_for(&self) -> Vec<(&str, &str)> {
        let audience = self.oidc.audience.as_deref().map(|one| ("audience", one));
        let resource = self.oidc.resource.as_deref().map(|one| ("resource", one));
        audience.into_iter().chain(resource).collect()
    }

    /// Gives what an authorization request says besides.
    fn parameters(&self) -> Vec<(&str, &str)> {
        let oidc = self.oidc;
        let mut parameters = self.whom_for();
        parameters.extend(oidc.connector.as_deref().map(|id| ("connector_id", id)));
        parameters.extend(oidc.username.as_deref().map(|user| ("login_hint", user)));
        let further = oidc.parameters.iter();
        parameters.extend(further.map(|(name, value)| (&**name, &**value)));
        parameters
    }

    /// Gives a page of the provider's as it is reached from here.
    fn reached(&self, page: &Url) -> Url {
        let base = provider::base(self.oidc, self.login.endpoint);
        let issuer = self.found.metadata.issuer.trim_end_matches('/');
        let moved = base
            .ok()
            .and_then(|base| provider::moved(page.as_str(), issuer, &base));
        moved.unwrap_or_else(|| page.clone())
    }
}

/// What a grant gave.
struct Granted {
    tokens: Tokens,
    /// The `nonce` that an ID token among them must hold.
    nonce: Option<String>,
}

impl LoginMethod for &Oidc {
    fn identity(&self) -> Identity<'_> {
        Identity {
            user: self.username.as_deref(),
            connector: self.connector.as_deref(),
            audience: self.audience.as_deref(),
            client_id: self.client_id.as_deref(),
            further: &self.told_apart,
            ..Identity::default()
        }
    }

    /// Inside a cluster a token travels as a pod's own does.
    fn requires_secure_transport(&self, in_cluster: bool) -> bool {
        !in_cluster
    }

    fn person_logs_in(&self, login: &Login<'_>, reaching: Reaching<'_>) -> Result<Given> {
        if self.grant().is_some_and(|grant| !grant.needs_person()) {
            return Ok(Given::default());
        }
        if login.context.store.is_named() {
            login.store.may_keep_grants()?;
        }
        let api = api(login.context, login.run);
        at_provider(&api, None, self, login, |at| person::log_in(at, reaching))
    }

    fn log_in(&self, login: &Login<'_>) -> Result<NewCredential> {
        login.over_http(self, |http| log_in(http, self, login))
    }

    fn grant_key(&self, context: &Context) -> Option<Key> {
        renewal::key(self, context)
    }

    fn end_login(&self, run: Run<'_>, context: &Context, grant: &StoredGrant) -> Option<String> {
        let ended = ended(self, run, context, grant);
        Some(match ended {
            Ok(Some(name)) => format!("{name} has ended the login."),
            Ok(None) => "The provider offers no way to end the login there: issued tokens are valid until they expire.".to_owned(),
            Err(error) => format!(
                "Whether the provider has ended the login is not known: {}.",
                error.one_line()
            ),
        })
    }
}

/// Makes the client for the provider: what weakens the way to the endpoint counts where the provider lies at its origin.
fn api<'a>(context: &'a Context, run: Run<'a>) -> Api<'a> {
    let api = Api::new(context, run.trace);
    match &context.endpoint {
        Some(endpoint) => api.with_endpoint(context, endpoint),
        None => api,
    }
}

/// Finds the provider, and does something there as the context's client.
fn at_provider<T>(
    api: &Api<'_>,
    http: Option<&Http<'_>>,
    oidc: &Oidc,
    login: &Login<'_>,
    action: impl FnOnce(&At<'_>) -> Result<T>,
) -> Result<T> {
    let client_id = client::id(oidc, login.context)?;
    let shown = client::shown(oidc, login.context, login.run)?;
    let found = provider::find(api, oidc, login.context, login.run.environment)?;
    let client = client::at(&found, client_id, shown);
    action(&At {
        api,
        oidc,
        login,
        found: &found,
        client: &client,
        http,
    })
}

/// Gets a token, and proves it at the endpoint.
fn log_in(http: &Http<'_>, oidc: &Oidc, login: &Login<'_>) -> Result<NewCredential> {
    let context = login.context;
    let is_persons = oidc.grant().is_none_or(GrantType::needs_person);
    if is_persons && login.given.tokens.is_none() && !renewal::is_stored(oidc, login) {
        return Err(nobody(context));
    }
    let api = api(context, login.run).ending_within(http.time_left());
    at_provider(&api, Some(http), oidc, login, |at| {
        let granted = granted(at)?;
        let (minted, source) = bearer::minted(at, granted)?;
        http.clock().learn(api.clock());
        let bearer = Bearer {
            context,
            endpoint: login.endpoint,
            method: "oidc",
            issued_by: &at.found.provider.name,
            source,
            needs_identity: true,
            run: login.run,
        };
        let token = minted.token.clone();
        let explain = |page: &mut crate::http::Page| gateway::explained(http, page, &token);
        bearer.proven(http, minted, &explain)
    })
}

/// Gets tokens: those of the login that a person has just made, else of what is stored, else without a person.
fn granted(at: &At<'_>) -> Result<Granted> {
    let given = at.login.given;
    if let Some((tokens, nonce)) = &given.tokens {
        return Ok(Granted {
            tokens: tokens.clone(),
            nonce: nonce.clone(),
        });
    }
    let mut ended = None;
    if at.login.may_renew {
        match renewal::renewed(at) {
            Ok(Some(tokens)) => {
                return Ok(Granted {
                    tokens,
                    nonce: None,
                });
            }
            Ok(None) => {}
            Err(error) if error.slug() == Slug::LoginRequired => ended = Some(error),
            Err(error) => return Err(error),
        }
    }
    let tokens = match at.oidc.grant() {
        Some(GrantType::Password) => machine::by_password(at),
        Some(GrantType::Form) => {
            let granted = form::granted(at)?;
            renewal::keep(at, &granted.tokens);
            return Ok(granted);
        }
        Some(GrantType::ClientCredentials) => machine::by_itself(at),
        Some(GrantType::TokenExchange) => machine::by_exchange(at),
        Some(GrantType::AuthorizationCode | GrantType::DeviceCode) | None => {
            Err(ended.unwrap_or_else(|| nobody(at.login.context)))
        }
    }?;
    renewal::keep(at, &tokens);
    Ok(Granted {
        tokens,
        nonce: None,
    })
}

fn nobody(context: &Context) -> Error {
    let what = format!("nobody has logged in for {}", context.display_name());
    Error::new(Slug::LoginRequired, what).hint(format!(
        "run `kfp-credential login {}` in a terminal; a machine without a person wants another grant: client-credentials, token-exchange or password",
        context.as_arguments()
    ))
}

/// Ends a login at the provider; gives that one's name, `None` where it offers no way.
fn ended(
    oidc: &Oidc,
    run: Run<'_>,
    context: &Context,
    grant: &StoredGrant,
) -> Result<Option<String>> {
    let api = api(context, run);
    let found = provider::find(&api, oidc, context, run.environment)?;
    if found.provider.revocation_endpoint.is_none() {
        return Ok(None);
    }
    let shown = client::shown(oidc, context, run)?;
    let client = client::at(&found, client::id(oidc, context)?, shown);
    let token = &grant.grant.refresh_token;
    revocation::revoke(&api, &found.provider, Some(&client), token)?;
    Ok(Some(found.provider.name))
}
