//! What Google remembers: codes, refresh tokens and access tokens, and how it signs ID tokens.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::behaviour::Behaviour;
use super::{DESKTOP_CLIENT, jwt};
use crate::http::Response;

/// Is everything that changes while the stand-ins run.
#[derive(Default)]
pub struct State {
    pub behaviour: Behaviour,
    pub codes: BTreeMap<String, Code>,
    pub refresh_tokens: BTreeMap<String, RefreshToken>,
    pub access_tokens: BTreeMap<String, AccessToken>,
    /// Refreshes that went well.
    pub refreshes: usize,
    /// Uses of a refresh token that rotation had replaced before.
    pub reuses: usize,
    /// Uses of a code that had been used before.
    pub replays: usize,
    count: usize,
}

/// Is an authorization code, used or not.
#[derive(Clone)]
pub struct Code {
    pub redirect_uri: String,
    pub challenge: Option<(String, String)>,
    pub nonce: Option<String>,
    pub email: String,
    pub scope: String,
    pub used: bool,
    pub grant: usize,
}

/// Is a refresh token, live or not.
#[derive(Clone)]
pub struct RefreshToken {
    pub email: String,
    pub scope: String,
    pub grant: usize,
    pub replaced: bool,
}

/// Is an access token, and who it speaks for.
#[derive(Clone)]
pub struct AccessToken {
    pub principal: String,
    pub scope: String,
    pub end: i64,
}

impl State {
    /// Counts on, for names that differ.
    pub fn next_number(&mut self) -> usize {
        self.count += 1;
        self.count
    }

    /// Gives a new refresh token of a person for the desktop client.
    pub fn new_refresh_token(&mut self, email: &str, scope: &str, grant: usize) -> String {
        let token = format!("1//0made-up-refresh-token-{}", self.next_number());
        let kept = RefreshToken {
            email: email.to_owned(),
            scope: scope.to_owned(),
            grant,
            replaced: false,
        };
        self.refresh_tokens.insert(token.clone(), kept);
        token
    }

    /// Gives a new access token.
    pub fn new_access_token(&mut self, principal: &str, scope: &str) -> String {
        let token = format!("ya29.made-up-access-token-{}", self.next_number());
        let kept = AccessToken {
            principal: principal.to_owned(),
            scope: scope.to_owned(),
            end: jwt::now() + self.behaviour.lifetime,
        };
        self.access_tokens.insert(token.clone(), kept);
        token
    }

    /// Returns a live access token that has one of these scopes.
    pub fn bearer(&self, header: Option<&str>, scopes: &[&str]) -> Option<AccessToken> {
        let token = header?.strip_prefix("Bearer ")?;
        let found = self.access_tokens.get(token)?;
        let has_scope = found.scope.split(' ').any(|one| scopes.contains(&one));
        (has_scope && found.end > jwt::now()).then(|| found.clone())
    }

    /// Ends a grant: none of its refresh tokens is good from now on.
    pub fn revoke(&mut self, grant: usize) {
        self.refresh_tokens.retain(|_, token| token.grant != grant);
    }

    /// Signs an ID token of a person.
    pub fn person_token(&self, email: &str, audience: &str, nonce: Option<&str>) -> String {
        let mut claims = json!({
            "azp": DESKTOP_CLIENT,
            "email": email,
            "email_verified": true,
        });
        if let Some((_, domain)) = email.split_once('@')
            && domain != "gmail.com"
        {
            claims["hd"] = json!(domain);
        }
        if let Some(nonce) = nonce {
            claims["nonce"] = json!(nonce);
        }
        self.id_token(email, audience, claims)
    }

    /// Signs an ID token of a service account.
    pub fn account_token(&self, email: &str, audience: &str, with_email: bool) -> String {
        let mut claims = json!({"azp": subject(email)});
        if with_email {
            claims["email"] = json!(email);
            claims["email_verified"] = json!(true);
        }
        self.id_token(email, audience, claims)
    }

    fn id_token(&self, email: &str, audience: &str, mut claims: Value) -> String {
        let now = jwt::now();
        claims["iss"] = json!("https://accounts.google.com");
        claims["aud"] = json!(audience);
        claims["sub"] = json!(subject(email));
        // A token that is born dead has lived its hour.
        claims["iat"] = json!(now.min(now + self.behaviour.lifetime - 3600));
        claims["exp"] = json!(now + self.behaviour.lifetime);
        if self.behaviour.lifetime > 0 {
            claims["iat"] = json!(now);
        }
        for (name, value) in &self.behaviour.claims {
            if value.is_null() {
                claims.as_object_mut().expect("an object").remove(name);
            } else {
                claims[name] = value.clone();
            }
        }
        match (self.behaviour.unsigned, self.behaviour.forged) {
            (true, _) => jwt::unsigned(&claims),
            (_, true) => jwt::ACCOUNT.sign(&claims),
            _ => jwt::GOOGLE.sign(&claims),
        }
    }
}

/// Makes up the number that Google knows somebody by.
pub fn subject(email: &str) -> String {
    let sum = email.bytes().fold(7_u64, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(byte.into())
    });
    format!("1{sum:020}")
}

/// Answers JSON as Google does: indented, and never to be cached.
pub fn json(status: u16, body: &Value) -> Response {
    let text = serde_json::to_string_pretty(body).expect("JSON");
    Response::json(status, text).header("Cache-Control", "no-cache, no-store, max-age=0")
}
