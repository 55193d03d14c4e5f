//! Credential files, as the console and gcloud write them.

use serde_json::{Value, json};

use super::state::subject;
use super::{DESKTOP_CLIENT, DESKTOP_SECRET, IAP_CLIENT, POOL_AUDIENCE, USER, jwt};

const CERTIFICATES: &str = "https://www.googleapis.com/oauth2/v1/certs";

/// Makes the key file of a service account.
pub fn service_account(email: &str) -> Value {
    json!({
        "type": "service_account",
        "project_id": "proj",
        "private_key_id": jwt::ACCOUNT.id,
        "private_key": jwt::ACCOUNT.pem,
        "client_email": email,
        "client_id": subject(email),
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": "https://oauth2.googleapis.com/token",
        "auth_provider_x509_cert_url": CERTIFICATES,
        "client_x509_cert_url": format!("https://www.googleapis.com/robot/v1/metadata/x509/{email}"),
        "universe_domain": "googleapis.com",
    })
}

/// Makes gcloud's application default credentials of a person.
pub fn authorized_user(refresh_token: &str) -> Value {
    json!({
        "account": USER,
        "client_id": DESKTOP_CLIENT,
        "client_secret": DESKTOP_SECRET,
        "refresh_token": refresh_token,
        "type": "authorized_user",
        "universe_domain": "googleapis.com",
    })
}

/// Makes the configuration of a workload identity pool, with this `credential_source`.
pub fn external_account(source: &Value, impersonate: Option<&str>) -> Value {
    let mut file = json!({
        "type": "external_account",
        "audience": POOL_AUDIENCE,
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": source,
        "universe_domain": "googleapis.com",
    });
    if let Some(email) = impersonate {
        file["service_account_impersonation_url"] = json!(impersonation(email));
    }
    file
}

/// Makes what `gcloud auth application-default login --impersonate-service-account` writes.
pub fn impersonated(email: &str, delegates: &[&str], source: &Value) -> Value {
    json!({
        "type": "impersonated_service_account",
        "service_account_impersonation_url": impersonation(email),
        "delegates": delegates,
        "source_credentials": source,
    })
}

/// Makes the file `~/.config/kfp/credentials.json`, byte for byte as the kfp SDK writes it.
pub fn kfp_credentials(refresh_token: &str) -> String {
    format!(
        "{{\"{IAP_CLIENT}\": {{\"other_client_id\": \"{DESKTOP_CLIENT}\", \
         \"other_client_secret\": \"{DESKTOP_SECRET}\", \
         \"refresh_token\": \"{refresh_token}\"}}}}"
    )
}

fn impersonation(email: &str) -> String {
    format!(
        "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{email}:generateAccessToken"
    )
}
