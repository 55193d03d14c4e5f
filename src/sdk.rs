//! The kfp SDK's own files: `credentials.json`, where its IAP login keeps refresh tokens (kfp 1.8 and 2), and
//! `context.json`, where it keeps the user's namespace.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::credential::Grant;
use crate::error::{Error, Result, Slug};
use crate::read_file::{self, Kind, ONE_MIB};
use crate::secret::Secret;
use crate::store::EditedFile;

/// The file's content: IAP client ID to what its desktop client was given. What we do not know in it stays as it is.
#[derive(Debug, Clone, Default)]
pub struct SdkCredentials(Map<String, Value>);

impl SdkCredentials {
    /// Reads the file; `None` when there is none.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        match read_file::read_text(path, Kind::File, ONE_MIB) {
            Ok(text) => Self::parse(&text, &path.display().to_string()).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::new(
                Slug::ConfigUnreadable,
                format!("cannot read {}", path.display()),
            )
            .because(error)),
        }
    }

    /// Parses the file's text; `from` names where it came from.
    pub fn parse(text: &str, from: &str) -> Result<Self> {
        match serde_json::from_str(text) {
            Ok(Value::Object(clients)) => Ok(Self(clients)),
            // The library's words could quote a token.
            _ => Err(Error::new(
                Slug::SdkCredentialsInvalid,
                format!("{from} is not a credentials file of the kfp SDK"),
            )
            .because("it is a JSON object of IAP client IDs")),
        }
    }

    /// Gives the IAP client IDs.
    pub fn client_ids(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    /// Gives what renews a login at an IAP client. The SDK keeps an access token where Google gave no refresh token;
    /// that renews nothing.
    pub fn grant(&self, iap_client_id: &str) -> Option<Grant> {
        let entry = self.0.get(iap_client_id)?;
        let text = |key: &str| {
            entry
                .get(key)
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
        };
        Some(Grant {
            client_id: text("other_client_id")?.to_owned(),
            client_secret: text("other_client_secret").map(Secret::new),
            refresh_token: Secret::new(text("refresh_token")?),
        })
    }

    /// Puts a login in, in the SDK's own words.
    pub fn insert(&mut self, iap_client_id: &str, grant: &Grant) {
        let secret = grant
            .client_secret
            .as_ref()
            .map(Secret::expose)
            .unwrap_or_default();
        let entry = json!({
            "other_client_id": grant.client_id,
            "other_client_secret": secret,
            "refresh_token": grant.refresh_token.expose(),
        });
        self.0.insert(iap_client_id.to_owned(), entry);
    }

    /// Gives the text as the SDK writes it.
    pub fn text(&self) -> Secret {
        Secret::new(Value::Object(self.0.clone()).to_string())
    }

    /// Writes the file: for its owner only, which the SDK does not do.
    pub fn write(&self, file: &EditedFile) -> Result<()> {
        file.write(self.text().expose().as_bytes())
    }
}

/// Sets one key of `context.json` as the SDK does, and keeps what else the file holds: it may be a cookie or a header,
/// which the SDK sends too.
pub fn set_context(file: &EditedFile, key: &str, value: Value) -> Result<()> {
    let path = file.path();
    let text = match read_file::read_text(path, Kind::File, ONE_MIB) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => "{}".to_owned().into(),
        Err(error) => {
            let what = format!("cannot read {}", path.display());
            return Err(Error::new(Slug::ConfigUnreadable, what).because(error));
        }
    };
    let Ok(Value::Object(mut context)) = serde_json::from_str(&text) else {
        let what = format!(
            "{} is not a context file of the kfp SDK, and was not changed",
            path.display()
        );
        return Err(Error::new(Slug::SdkCredentialsInvalid, what)
            .hint("correct the file, or remove it: the SDK writes it again"));
    };
    context.insert(key.to_owned(), value);
    let text = Value::Object(context).to_string();
    file.write(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"{"iap-1": {"other_client_id": "d", "other_client_secret": "s", "refresh_token": "r"},
        "iap-2": {"other_client_id": "d", "other_client_secret": "s", "access_token": "a"}, "odd": 1}"#;

    #[test]
    fn a_refresh_token_is_a_grant_and_an_access_token_is_not() {
        let file = SdkCredentials::parse(FILE, "f").unwrap();
        let grant = file.grant("iap-1").unwrap();
        assert_eq!(
            (grant.client_id.as_str(), grant.refresh_token.expose()),
            ("d", "r")
        );
        assert!(
            file.grant("iap-2").is_none()
                && file.grant("odd").is_none()
                && file.grant("none").is_none()
        );
    }

    #[test]
    fn what_others_wrote_stays() {
        let mut file = SdkCredentials::parse(FILE, "f").unwrap();
        let grant = Grant {
            client_id: "n".into(),
            client_secret: None,
            refresh_token: Secret::new("new"),
        };
        file.insert("iap-2", &grant);
        let again = SdkCredentials::parse(file.text().expose(), "f").unwrap();
        assert_eq!(again.client_ids(), ["iap-1", "iap-2", "odd"]);
        assert_eq!(again.grant("iap-2").unwrap().refresh_token.expose(), "new");
    }

    #[test]
    fn an_error_never_quotes_the_file() {
        for wrong in ["", "[]", "secret-token", r#"{"a": secret-token}"#] {
            let error = SdkCredentials::parse(wrong, "f").unwrap_err();
            assert_eq!(error.slug(), Slug::SdkCredentialsInvalid);
            assert!(!error.one_line().contains("secret-token"));
        }
    }
}
