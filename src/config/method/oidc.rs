//! The block `oidc`: a login at any OpenID Connect provider, Dex among them.

mod written;

use serde_json::json;

use super::AUDIENCE;
use super::block::{Key, Values};
use super::values::{file_source, source_value, text};
use crate::config::inputs::{Inputs, wrong_value};
use crate::config::options::TargetOptions;
use crate::config::source::Source;
use crate::endpoint::{Endpoint, Origin};
use crate::environment;
use crate::error::Result;
pub(in crate::config) use written::OidcBlock;
pub(super) use written::parse_redirect;

/// What a login at an OpenID Connect provider needs.
#[derive(Debug, Default)]
pub struct Oidc {
    /// What the provider calls itself: the `iss` of its tokens (OpenID Connect Core section 2), to the letter.
    pub issuer: Option<String>,
    /// Where it is reached, where that is another address than `issuer`.
    pub base_url: Option<Endpoint>,
    /// The OAuth client.
    pub client_id: Option<String>,
    /// Where that client's secret comes from; a public client has none.
    pub client_secret: Option<Source>,
    /// What the client shows in place of a secret (RFC 7523 section 2.2).
    pub client_assertion: Option<ClientAssertion>,
    /// How tokens are asked for; `None` where the other keys tell.
    pub grant: Option<GrantType>,
    /// The scopes (RFC 6749 section 3.3); `None` asks for what is usual, as far as the provider offers it.
    pub scopes: Option<Vec<String>>,
    /// Which token is the bearer; `None` takes what is usual for the grant.
    pub token: Option<TokenKind>,
    /// Whom the token is to be meant for, where the provider wants to be told.
    pub audience: Option<String>,
    /// The resource server that the token is for (RFC 8707).
    pub resource: Option<String>,
    /// Dex's connector.
    pub connector: Option<String>,
    /// Where the browser is to come back to, where the provider insists on one.
    pub redirect_uri: Option<String>,
    /// Who logs in: the user name of the password grant, a hint for the others.
    pub username: Option<String>,
    /// Where the password comes from; `None` leaves what `login --save-password` stored.
    pub password: Option<Source>,
    /// Further origins that may see what is secret.
    pub login_origins: Vec<Origin>,
    /// What is exchanged for a token (RFC 8693).
    pub subject_token: Option<SubjectToken>,
    /// Its type, a URI; `None` tells it by its look.
    pub subject_token_type: Option<String>,
    /// Further parameters of the authorization request.
    pub parameters: Vec<(String, String)>,
    /// What of all this tells stored sessions apart, by the names of the keys.
    pub told_apart: Vec<(&'static str, String)>,
}

/// How tokens are asked for: a name, and the grant type of RFC 6749, 8628 or 8693.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrantType {
    /// A person logs in with a browser (RFC 6749 section 4.1, with PKCE).
    AuthorizationCode,
    /// A person logs in with a browser on any other machine (RFC 8628).
    DeviceCode,
    /// The user name and password go to the token endpoint (RFC 6749 section 4.3).
    Password,
    /// The user name and password go into Dex's login form, as a person's do; the answer is for our client.
    Form,
    /// The client itself is let in (RFC 6749 section 4.4).
    ClientCredentials,
    /// Another provider's token is exchanged (RFC 8693).
    TokenExchange,
}

/// Which of the tokens is the bearer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// The ID token, whose audience is the client.
    IdToken,
    /// The access token.
    AccessToken,
}

/// What a client shows in place of a secret (RFC 7523 section 2.2).
#[derive(Debug, PartialEq, Eq)]
pub enum ClientAssertion {
    /// A JWT that is signed here.
    Key {
        /// The file of the private key, PEM of PKCS#8.
        file: std::path::PathBuf,
        /// The name of the key at the provider: the `kid` of the JWT.
        id: Option<String>,
    },
    /// A JWT that somebody else has signed.
    From(Source),
}

/// Where the token comes from that is exchanged.
#[derive(Debug, PartialEq, Eq)]
pub enum SubjectToken {
    /// It is there already.
    From(Source),
    /// The runner of GitHub Actions makes it, for an audience
    /// (<https://docs.github.com/actions/reference/security/oidc>).
    GithubActions(Option<String>),
}

impl GrantType {
    const ALL: [Self; 6] = [
        Self::AuthorizationCode,
        Self::DeviceCode,
        Self::Password,
        Self::Form,
        Self::ClientCredentials,
        Self::TokenExchange,
    ];

    /// Names it as the configuration file does.
    pub fn name(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization-code",
            Self::DeviceCode => "device-code",
            Self::Password => "password",
            Self::Form => "form",
            Self::ClientCredentials => "client-credentials",
            Self::TokenExchange => "token-exchange",
        }
    }

    fn parse(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|grant| grant.name() == name);
        found.ok_or_else(|| {
            "it is authorization-code, device-code, password, form, client-credentials or token-exchange"
                .to_owned()
        })
    }

    /// Tells whether a person has to be there.
    pub fn needs_person(self) -> bool {
        match self {
            Self::AuthorizationCode | Self::DeviceCode => true,
            Self::Password | Self::Form | Self::ClientCredentials | Self::TokenExchange => false,
        }
    }
}

impl TokenKind {
    /// Names it as the configuration file does.
    pub fn name(self) -> &'static str {
        match self {
            Self::IdToken => "id-token",
            Self::AccessToken => "access-token",
        }
    }

    fn parse(name: &str) -> Result<Self, String> {
        let all = [Self::IdToken, Self::AccessToken];
        let found = all.into_iter().find(|kind| kind.name() == name);
        found.ok_or_else(|| "it is id-token or access-token".to_owned())
    }
}

/// The options that stand for its keys, and which of them are given.
pub(super) fn options(target: &TargetOptions) -> Vec<(&'static str, bool)> {
    vec![
        ("--issuer", target.issuer.is_some()),
        ("--client-id", target.client_id.is_some()),
        ("--client-secret-file", target.client_secret_file.is_some()),
        ("--grant", target.grant.is_some()),
        ("--connector", target.connector.is_some()),
        ("--username", target.username.is_some()),
        ("--password-file", target.password_file.is_some()),
        (AUDIENCE, target.audience.is_some()),
    ]
}

/// What `config set-context` writes of the options.
pub(super) fn set(target: &TargetOptions) -> Values {
    let mut values = Values::new();
    values.extend(text(&["oidc", "issuer"], target.issuer.as_deref()));
    values.extend(text(&["oidc", "client-id"], target.client_id.as_deref()));
    values.extend(file_source(
        &["oidc", "client-secret"],
        target.client_secret_file.as_ref(),
    ));
    values.extend(text(&["oidc", "grant"], target.grant.as_deref()));
    values.extend(text(&["oidc", "connector"], target.connector.as_deref()));
    values.extend(text(&["oidc", "username"], target.username.as_deref()));
    values.extend(file_source(
        &["oidc", "password"],
        target.password_file.as_ref(),
    ));
    values.extend(text(&["oidc", "audience"], target.audience.as_deref()));
    values
}

impl Oidc {
    /// Gives how tokens are asked for, as far as the keys tell.
    pub fn grant(&self) -> Option<GrantType> {
        self.grant.or_else(|| {
            if self.subject_token.is_some() {
                Some(GrantType::TokenExchange)
            } else if self.password.is_some() {
                Some(GrantType::Password)
            } else {
                None
            }
        })
    }

    /// Gives which token is the bearer.
    pub fn token(&self) -> TokenKind {
        let is_of_client = self.grant() == Some(GrantType::ClientCredentials);
        let usual = if is_of_client {
            TokenKind::AccessToken
        } else {
            TokenKind::IdToken
        };
        self.token.unwrap_or(usual)
    }

    /// Lets options and variables adjust it. What the context says of secrets is for its own provider, client and user,
    /// and for no other.
    pub(in crate::config) fn adjust(&mut self, inputs: &Inputs<'_>) -> Result<()> {
        let target = inputs.target;
        if target.issuer.is_some() && target.issuer != self.issuer {
            *self = Self {
                issuer: Some(written::issuer_option(target.issuer.as_deref())?),
                ..Self::default()
            };
        }
        if target.client_id.is_some() && target.client_id != self.client_id {
            self.client_id.clone_from(&target.client_id);
            (self.client_secret, self.client_assertion) = (None, None);
        }
        let file = |path: &std::path::PathBuf| Source::File(path.to_string_lossy().into_owned());
        if let Some(path) = &target.client_secret_file {
            (self.client_secret, self.client_assertion) = (Some(file(path)), None);
        }
        if let Some(name) = &target.grant {
            let grant = GrantType::parse(name);
            self.grant = Some(grant.map_err(|what| wrong_value("--grant", name, &what))?);
        }
        self.connector = target.connector.clone().or_else(|| self.connector.take());
        if target.username.is_some() && target.username != self.username {
            self.username.clone_from(&target.username);
            self.password = None;
        }
        if inputs.environment.get(environment::PASSWORD).is_some() && self.may_use_password() {
            self.password = Some(Source::Env(environment::PASSWORD.to_owned()));
        }
        if let Some(path) = &target.password_file {
            self.password = Some(file(path));
        }
        let exec_audience = || inputs.exec.and_then(|exec| exec.audience.clone());
        let audience = target.audience.clone().or_else(exec_audience);
        self.audience = audience.or_else(|| self.audience.take());
        self.told_apart = self.told_apart();
        Ok(())
    }

    /// Tells whether the grant takes a password. The variable that holds one for whatever context is used asks for none.
    pub(super) fn may_use_password(&self) -> bool {
        matches!(self.grant(), Some(GrantType::Password | GrantType::Form))
    }

    fn told_apart(&self) -> Vec<(&'static str, String)> {
        let subject = self.subject_token.as_ref().map(|token| match token {
            SubjectToken::From(source) => crate::config::source::place(source).unwrap_or_default(),
            SubjectToken::GithubActions(audience) => {
                format!("github-actions {}", audience.as_deref().unwrap_or_default())
            }
        });
        let parts = [
            ("issuer", self.issuer.clone()),
            ("base-url", self.base_url.as_ref().map(ToString::to_string)),
            ("grant", self.grant().map(|grant| grant.name().to_owned())),
            (
                "scopes",
                self.scopes.as_ref().map(|scopes| scopes.join(" ")),
            ),
            ("token", self.token.map(|kind| kind.name().to_owned())),
            ("resource", self.resource.clone()),
            ("subject-token", subject),
        ];
        let given = parts.into_iter();
        given
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }

    /// Gives the options that name the same login again.
    pub(super) fn arguments(&self) -> Vec<(&'static str, Option<String>, &'static str)> {
        let method = self.issuer.is_none().then(|| "oidc".to_owned());
        let grant = self.grant.map(|grant| grant.name().to_owned());
        vec![
            ("--method", method, "METHOD"),
            ("--issuer", self.issuer.clone(), "URL"),
            ("--client-id", self.client_id.clone(), "ID"),
            ("--grant", grant, "GRANT"),
            ("--connector", self.connector.clone(), "ID"),
            ("--username", self.username.clone(), "USER"),
        ]
    }

    /// What `login --save-context` writes; the variable of one run is none of the file's.
    pub(super) fn found(&self, password_saved: bool) -> Values {
        let mut values = Values::new();
        values.extend(text(&["oidc", "issuer"], self.issuer.as_deref()));
        let base_url = self.base_url.as_ref().map(ToString::to_string);
        values.extend(text(&["oidc", "base-url"], base_url.as_deref()));
        values.extend(text(&["oidc", "client-id"], self.client_id.as_deref()));
        let secret = self.client_secret.as_ref();
        values
            .extend(secret.map(|source| (&["oidc", "client-secret"] as Key, source_value(source))));
        let grant = self.grant.map(GrantType::name);
        values.extend(text(&["oidc", "grant"], grant));
        values.extend(text(&["oidc", "connector"], self.connector.as_deref()));
        values.extend(text(&["oidc", "username"], self.username.as_deref()));
        let password = match &self.password {
            _ if password_saved => Some(json!({ "keyring": true })),
            Some(Source::Env(name)) if name == environment::PASSWORD => None,
            Some(Source::Keyring) | None => None,
            Some(source) => Some(source_value(source)),
        };
        values.extend(password.map(|source| (&["oidc", "password"] as Key, source)));
        values.extend(text(&["oidc", "audience"], self.audience.as_deref()));
        values
    }
}
