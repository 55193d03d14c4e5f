//! The kfp SDK's `credentials.json`: refresh tokens found, one put in, all else kept, and nothing of it in an error.

use kfp_credential::credential::Grant;
use kfp_credential::sdk::SdkCredentials;
use kfp_credential::secret::Secret;
use serde_json::{Map, Value};

use super::sdk_context::has_fraction;

pub(crate) fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let before: Option<Map<String, Value>> = serde_json::from_str(text).ok();
    let mut file = match SdkCredentials::parse(text, "f") {
        Ok(file) => file,
        Err(error) => {
            assert!(before.is_none());
            // The same words whatever is in it.
            let other = SdkCredentials::parse("[]", "f").expect_err("no credentials");
            assert_eq!(error.one_line(), other.one_line());
            return;
        }
    };
    let before = before.expect("an object");
    let ids: Vec<String> = file.client_ids().into_iter().map(str::to_owned).collect();
    assert_eq!(ids.len(), before.len());
    for id in &ids {
        let Some(grant) = file.grant(id) else {
            continue;
        };
        assert!(!grant.refresh_token.expose().is_empty() && !grant.client_id.is_empty());
        let mut copy = SdkCredentials::default();
        copy.insert(id, &grant);
        assert_eq!(copy.grant(id), Some(grant));
    }
    let grant = Grant {
        client_id: "new".to_owned(),
        client_secret: None,
        refresh_token: Secret::new("token"),
    };
    let id = ids.first().map_or("id", String::as_str).to_owned();
    file.insert(&id, &grant);
    assert_eq!(file.grant(&id), Some(grant));
    let after: Map<String, Value> = serde_json::from_str(file.text().expose()).expect("JSON");
    for (key, value) in &before {
        let is_kept = has_fraction(value) || after.get(key) == Some(value);
        assert!(*key == id || is_kept, "{key}");
    }
}
