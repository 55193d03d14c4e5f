//! A service account in whose name others mint tokens: the IAM Credentials API
//! (<https://docs.cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts>).

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::Url;

use super::{Minted, Minting, answer, id_token};
use crate::config::method::ServiceAccount;
use crate::error::{Error, Result, Slug};
use crate::sanitize::redacted_url;
use crate::secret::Secret;

const IAM_CREDENTIALS: &str =
    "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/";
/// The method at the end of an impersonation address in a credential file.
const GENERATE_ACCESS_TOKEN: &str = ":generateAccessToken";
/// The life of an access token, where the credential file says nothing else, in seconds.
const LIFETIME: u32 = 3600;

/// The service account that is impersonated, and through whom.
#[derive(Debug)]
pub(super) struct Target {
    /// Its resource, without a method at the end.
    account: Url,
    email: String,
    /// The chain of accounts between, each with the right to impersonate the next.
    delegates: Vec<String>,
    lifetime: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccessTokenAnswer {
    access_token: Secret,
    expire_time: DateTime<Utc>,
}

#[derive(Deserialize)]
struct IdTokenAnswer {
    token: Secret,
}

impl Target {
    /// Takes the account that the context names; `None` where it names none.
    pub(super) fn of_context(account: &ServiceAccount) -> Result<Option<Self>> {
        let Some(email) = &account.impersonate else {
            return Ok(None);
        };
        let url = Url::parse(&format!("{IAM_CREDENTIALS}{email}"));
        let url = url.ok().filter(|_| is_email(email)).ok_or_else(|| {
            let what = format!(
                "service-account.impersonate {email:?} is not a service account's e-mail address"
            );
            Error::new(Slug::ConfigInvalid, what)
                .hint("write it like NAME@PROJECT.iam.gserviceaccount.com")
        })?;
        Ok(Some(Self {
            account: url,
            email: email.clone(),
            delegates: account.delegates.clone(),
            lifetime: LIFETIME,
        }))
    }

    /// Takes a credential file's address of `generateAccessToken`, already allowed; the error says what is wrong.
    pub(super) fn of_file(
        url: &Url,
        delegates: Vec<String>,
        lifetime: Option<u32>,
    ) -> Result<Self, String> {
        let no_account = || {
            format!(
                "its service_account_impersonation_url {} names no service account",
                redacted_url(url)
            )
        };
        let path = url
            .path()
            .strip_suffix(GENERATE_ACCESS_TOKEN)
            .ok_or_else(no_account)?;
        let email = path.rsplit('/').next().filter(|email| is_email(email));
        let email = email.ok_or_else(no_account)?.to_owned();
        let mut account = url.clone();
        account.set_path(path);
        account.set_query(None);
        Ok(Self {
            account,
            email,
            delegates,
            lifetime: lifetime.unwrap_or(LIFETIME),
        })
    }

    /// Gives the account's e-mail address.
    pub(super) fn email(&self) -> &str {
        &self.email
    }

    /// Mints an ID token. IAP asks for the e-mail address in it.
    pub(super) fn id_token(
        &self,
        minting: Minting<'_>,
        source: &Minted,
        audience: &str,
    ) -> Result<Minted> {
        let body = json!({
            "audience": audience,
            "includeEmail": true,
            "delegates": self.delegate_names(),
        });
        let answer: IdTokenAnswer = self.call(minting, source, "generateIdToken", &body)?;
        id_token::minted(
            answer.token,
            audience,
            (minting.run.now)(),
            minting.api.clock(),
        )
    }

    /// Mints an access token.
    pub(super) fn access_token(
        &self,
        minting: Minting<'_>,
        source: &Minted,
        scope: &str,
    ) -> Result<Minted> {
        let body = json!({
            "scope": [scope],
            "lifetime": format!("{}s", self.lifetime),
            "delegates": self.delegate_names(),
        });
        let answer: AccessTokenAnswer = self.call(minting, source, "generateAccessToken", &body)?;
        Ok(Minted {
            token: answer.access_token,
            expires_at: minting.api.clock().ours(answer.expire_time),
            principal: Some(self.email.clone()),
        })
    }

    fn call<T: DeserializeOwned>(
        &self,
        minting: Minting<'_>,
        source: &Minted,
        method: &str,
        body: &Value,
    ) -> Result<T> {
        let url = self.method(method);
        let bearer = Secret::new(format!("Bearer {}", source.token.expose()));
        let headers = [("Authorization".to_owned(), bearer)];
        let answer = minting.api.post_json(&url, &headers, body)?;
        answer::read(minting.api, &answer, &url).map_err(|error| self.with_role(error, source))
    }

    fn method(&self, name: &str) -> Url {
        let mut url = self.account.clone();
        url.set_path(&format!("{}:{name}", self.account.path()));
        url
    }

    /// The API wants resource names, where people write e-mail addresses.
    fn delegate_names(&self) -> Vec<String> {
        let name = |delegate: &String| {
            if delegate.starts_with("projects/") {
                delegate.clone()
            } else {
                format!("projects/-/serviceAccounts/{delegate}")
            }
        };
        self.delegates.iter().map(name).collect()
    }

    fn with_role(&self, error: Error, source: &Minted) -> Error {
        if error.slug() != Slug::OauthRefused {
            return error;
        }
        let first = self.delegates.first().unwrap_or(&self.email);
        let who = source.principal.as_deref().unwrap_or("the caller");
        error.hint(format!(
            "{who} needs roles/iam.serviceAccountTokenCreator on {first}: `gcloud iam service-accounts add-iam-policy-binding {} --role roles/iam.serviceAccountTokenCreator --member MEMBER`",
            crate::shell::word(first, "ACCOUNT")
        ))
    }
}

/// An e-mail address, or a unique ID, that is one plain part of a path.
fn is_email(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '@' | '.' | '-' | '_');
    !text.is_empty() && text.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_context(email: &str) -> Result<Option<Target>> {
        Target::of_context(&ServiceAccount {
            impersonate: Some(email.to_owned()),
            delegates: vec!["b@x".into(), "projects/-/serviceAccounts/c@x".into()],
            ..ServiceAccount::default()
        })
    }

    #[test]
    fn the_contexts_account_is_addressed() {
        let target = of_context("a@p.iam.gserviceaccount.com").unwrap().unwrap();
        assert_eq!(
            target.method("generateIdToken").as_str(),
            "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/a@p.iam.gserviceaccount.com:generateIdToken"
        );
        let names = [
            "projects/-/serviceAccounts/b@x",
            "projects/-/serviceAccounts/c@x",
        ];
        assert_eq!(target.delegate_names(), names);
        assert!(
            Target::of_context(&ServiceAccount::default())
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn what_is_no_account_is_refused() {
        for email in [
            "",
            "a/b@x",
            "../x",
            "a@x:signBlob",
            "a@x?b",
            "a@x#b",
            "a b@x",
            "a%2fb@x",
        ] {
            assert!(of_context(email).is_err(), "{email}");
        }
    }

    #[test]
    fn a_files_address_gives_the_account_for_both_methods() {
        let regional =
            "https://iamcredentials.us-east1.rep.googleapis.com/v1/projects/-/serviceAccounts/a@x";
        let url = Url::parse(&format!("{regional}:generateAccessToken")).unwrap();
        let target = Target::of_file(&url, Vec::new(), Some(600)).unwrap();
        assert_eq!((target.email(), target.lifetime), ("a@x", 600));
        assert_eq!(
            target.method("generateIdToken").as_str(),
            format!("{regional}:generateIdToken")
        );
        for wrong in [
            "https://iamcredentials.googleapis.com/",
            "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/a@x",
            "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/:generateAccessToken",
            "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/a@x:signBlob",
        ] {
            let url = Url::parse(wrong).unwrap();
            assert!(Target::of_file(&url, Vec::new(), None).is_err(), "{wrong}");
        }
    }
}
