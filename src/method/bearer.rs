//! A bearer token that was minted for the endpoint: tried there before it is answered.

use crate::config::Context;
use crate::credential::{Credential, ExpirySource, KnownEnd, Material};
use crate::endpoint::Endpoint;
use crate::error::{Error, Result, Slug};
use crate::http::{Http, Page};
use crate::method::google::Minted;
use crate::method::login::NewCredential;
use crate::method::proof::{self, Proof};
use crate::run::Run;
use crate::secret::Secret;

/// How a minted token is handed on.
pub struct Bearer<'a> {
    /// The context.
    pub context: &'a Context,
    /// Where it is good for.
    pub endpoint: &'a Endpoint,
    /// The method that minted it.
    pub method: &'static str,
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
            Proof::Proven(base, _) => self.new_credential(minted, base, None),
            Proof::NotFound => self.unproven(minted, proof::NO_HEALTH_PATH),
            Proof::Unproven(error) => self.unproven(minted, &error.one_line()),
        }
    }

    /// Hands the token on without trying it.
    pub fn unproven(&self, minted: Minted, why: &str) -> Result<NewCredential> {
        self.run
            .trace
            .say(format_args!("the token is unproven: {why}"));
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
                "Google gave a token that has already ended",
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
