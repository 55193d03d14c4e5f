//! A bearer token that was minted for the endpoint: tried there before it is answered.

use chrono::{DateTime, Utc};

use crate::config::Context;
use crate::credential::{Credential, ExpirySource, KnownEnd, Material};
use crate::endpoint::Endpoint;
use crate::error::{Error, Result, Slug};
use crate::http::{Http, Page};
use crate::method::gateway;
use crate::method::identity::{self, Whoami};
use crate::method::login::NewCredential;
use crate::method::proof::{self, Proof};
use crate::run::Run;
use crate::secret::Secret;

/// A bearer token, its end, and who it stands for.
#[derive(Debug)]
pub struct Minted {
    /// The token.
    pub token: Secret,
    /// Its end.
    pub expires_at: DateTime<Utc>,
    /// Who it stands for, such as an e-mail address, where that is known.
    pub principal: Option<String>,
}

impl Minted {
    /// Refuses a token that no header can carry (RFC 6750 section 2.1 allows less than what is visible).
    pub(super) fn sendable(self, issued_by: &str) -> Result<Self> {
        let token = self.token.expose();
        if !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(self);
        }
        let what = format!("{issued_by} gave a token that cannot be sent in a header");
        Err(Error::new(Slug::OauthTokenInvalid, what)
            .because("a token is one word of visible characters"))
    }
}

/// How a minted token is handed on.
pub struct Bearer<'a> {
    /// The context.
    pub context: &'a Context,
    /// Where it is good for.
    pub endpoint: &'a Endpoint,
    /// The method that minted it.
    pub method: &'static str,
    /// Who gave it, by a name for people.
    pub issued_by: &'a str,
    /// Whether a multi-user API, which answers its health to anybody, must know who it stands for.
    pub needs_identity: bool,
    /// What tells of its end.
    pub source: ExpirySource,
    /// The environment, the clock and the trace.
    pub run: Run<'a>,
}

impl Bearer<'_> {
    /// Tries the token at the endpoint, unless the caller wants that left out; `explain` knows the answers of what
    /// stands before it.
    pub fn proven(
        &self,
        http: &Http<'_>,
        minted: Minted,
        explain: &dyn Fn(&mut Page) -> Option<Error>,
    ) -> Result<NewCredential> {
        if !self.context.verify {
            return self.unproven(minted, proof::NOT_VERIFIED);
        }
        http.keep_secret(&minted.token);
        let header = header(self.context, &minted.token);
        match proof::prove_explaining(http, self.endpoint, &[header], explain)? {
            Proof::Proven(base, answer) if self.needs_identity && answer["multi_user"] == true => {
                self.known(http, minted, base)
            }
            Proof::Proven(base, _) => self.new_credential(minted, base, None),
            Proof::NotFound => self.unproven(minted, proof::NO_HEALTH_PATH),
            Proof::Unproven(error) => self.unproven(minted, &error.one_line()),
        }
    }

    /// Asks the API whether it knows who the token stands for.
    fn known(&self, http: &Http<'_>, minted: Minted, base: Endpoint) -> Result<NewCredential> {
        let header = header(self.context, &minted.token);
        let namespace = self.context.namespace.as_deref();
        let (slug, what, words) = match identity::ask(http, &base, namespace, &[header])? {
            Whoami::Known => return self.new_credential(minted, base, None),
            Whoami::Unproven(error) => {
                return self.new_credential(minted, base, Some(error.one_line()));
            }
            Whoami::Nobody(words) => (
                Slug::BearerWithoutIdentity,
                format!("{base} is reached with the token, and does not know who it stands for"),
                words,
            ),
            Whoami::Refused(words) => (
                Slug::LoginNotAccepted,
                format!("{base} does not accept the token"),
                words,
            ),
        };
        let error = Error::new(slug, what).because(words);
        Err(gateway::with_claims(error, &minted.token))
    }

    /// Hands the token on without trying it.
    pub fn unproven(&self, minted: Minted, why: &str) -> Result<NewCredential> {
        self.run
            .trace
            .say(format_args!("the token was not verified: {why}"));
        self.new_credential(minted, self.endpoint.clone(), Some(why.to_owned()))
    }

    fn new_credential(
        &self,
        minted: Minted,
        endpoint: Endpoint,
        unproven: Option<String>,
    ) -> Result<NewCredential> {
        let now = (self.run.now)();
        let end = KnownEnd {
            at: minted.expires_at,
            source: self.source,
        };
        let credential = Credential::new(
            Material::Bearer(minted.token),
            minted.principal,
            now,
            Some(end),
            self.context.session_lifetime,
        );
        if !credential.is_live(now) {
            return Err(Error::new(
                Slug::OauthTokenInvalid,
                format!("{} gave a token that has already expired", self.issued_by),
            )
            .hint("check this machine's clock"));
        }
        Ok(NewCredential {
            credential,
            method: self.method,
            endpoint,
            unproven,
            clock_ahead: None,
        })
    }
}

/// Gives the header that carries a token to the endpoint.
pub(super) fn header(context: &Context, token: &Secret) -> (String, Secret) {
    let value = Secret::new(format!("Bearer {}", token.expose()));
    (context.bearer_header.wire_name().to_owned(), value)
}
