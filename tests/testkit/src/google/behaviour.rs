//! What a test can ask of the stand-ins, at any time: [`Google::behave`](super::Google::behave).

use serde_json::{Map, Value, json};

use super::{IAP_CLIENT, MACHINE_ACCOUNT, SERVICE_ACCOUNT, SUBJECT_TOKEN, TARGET_ACCOUNT, USER};
use crate::http::Response;

/// Says how the stand-ins answer; the default is how Google does.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools)] // switches of a test, each on its own
pub struct Behaviour {
    // ---- the page of accounts.google.com
    /// Accounts signed in to the browser; the first is taken where `login_hint` names none.
    pub signed_in: Vec<&'static str>,
    /// Shows a page with an "Allow" link in place of the redirect at once.
    pub consent_page: bool,
    /// Redirects with this `error` (`access_denied`).
    pub deny: Option<&'static str>,
    /// Redirects with this state in place of the one given.
    pub other_state: Option<&'static str>,
    /// Adds `iss` to the redirect (RFC 9207).
    pub callback_issuer: bool,

    // ---- the token endpoint
    /// Refuses every request to the token endpoint.
    pub refuse: Option<Refusal>,
    /// Refuses codes that were asked for without PKCE.
    pub needs_pkce: bool,
    /// Gives no refresh token with a code.
    pub no_refresh_token: bool,
    /// Gives a new refresh token with each refresh; the old one is dead from then on.
    pub rotation: bool,
    /// Answers a refresh with `audience` with more than the ID token.
    pub access_token_beside: bool,
    /// Clients that a refresh may name as `audience`: those of the desktop client's project.
    pub audiences: Vec<String>,
    /// What the workload identity pool takes for a subject token.
    pub subject_token: String,

    // ---- tokens
    /// Seconds that tokens live; below zero, they are born dead.
    pub lifetime: i64,
    /// Claims to put over those of every ID token; `null` takes one away.
    pub claims: Map<String, Value>,
    /// Gives ID tokens with `alg: none`.
    pub unsigned: bool,
    /// Has ID tokens signed by somebody else.
    pub forged: bool,

    // ---- service accounts
    /// Service accounts that there are.
    pub accounts: Vec<&'static str>,
    /// Who may impersonate whom; `None` lets everybody.
    pub token_creators: Option<Vec<(&'static str, &'static str)>>,

    // ---- the metadata server
    /// Answers without `Metadata-Flavor: Google`, as something that is no metadata server.
    pub no_flavor: bool,
    /// Has no service account, as a machine without one.
    pub no_machine_account: bool,

    // ---- the front door
    /// Clients whose ID tokens IAP accepts.
    pub iap_audiences: Vec<String>,
    /// Who may pass; `None` lets everybody.
    pub permitted: Option<Vec<&'static str>>,
    /// Takes access tokens with the scopes `openid` and `userinfo.email` too.
    pub iap_access_tokens: bool,
    /// Words the answer to a wrong audience as it was before, with both clients.
    pub old_words: bool,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            signed_in: vec![USER],
            consent_page: false,
            deny: None,
            other_state: None,
            callback_issuer: false,
            refuse: None,
            needs_pkce: false,
            no_refresh_token: false,
            rotation: false,
            access_token_beside: false,
            audiences: vec![IAP_CLIENT.to_owned()],
            subject_token: SUBJECT_TOKEN.to_owned(),
            lifetime: 3599,
            claims: Map::new(),
            unsigned: false,
            forged: false,
            accounts: vec![SERVICE_ACCOUNT, MACHINE_ACCOUNT, TARGET_ACCOUNT],
            token_creators: None,
            no_flavor: false,
            no_machine_account: false,
            iap_audiences: vec![IAP_CLIENT.to_owned()],
            permitted: None,
            iap_access_tokens: false,
            old_words: false,
        }
    }
}

/// Is an error of the token endpoint, in Google's words.
#[derive(Clone, Debug)]
pub enum Refusal {
    /// A code or refresh token that is no good.
    InvalidGrant,
    /// The policy of the organisation wants the person to sign in again.
    InvalidRapt,
    /// No such client.
    InvalidClient,
    /// The right client with a wrong secret.
    WrongSecret,
    RedirectUriMismatch,
    UnauthorizedClient,
    /// Not the endpoint's fault of the day: 503 with a page.
    Unavailable,
    /// Anything else.
    Other(u16, Value),
}

impl Refusal {
    /// Makes the answer.
    pub fn response(&self) -> Response {
        let plain = |error: &str, words: &str| json!({"error": error, "error_description": words});
        let (status, body) = match self {
            Self::InvalidGrant => (
                400,
                plain("invalid_grant", "Token has been expired or revoked."),
            ),
            Self::InvalidRapt => (
                400,
                json!({
                    "error": "invalid_grant",
                    "error_description": "reauth related error (invalid_rapt)",
                    "error_uri": "https://support.google.com/a/answer/9368756",
                    "error_subtype": "invalid_rapt",
                }),
            ),
            Self::InvalidClient => (
                401,
                plain("invalid_client", "The OAuth client was not found."),
            ),
            Self::WrongSecret => (401, plain("invalid_client", "Unauthorized")),
            Self::RedirectUriMismatch => (400, plain("redirect_uri_mismatch", "Bad Request")),
            Self::UnauthorizedClient => (401, plain("unauthorized_client", "Unauthorized")),
            Self::Unavailable => {
                return Response::html(503, "<title>Error 503 (Server Error)!!1</title>");
            }
            Self::Other(status, body) => (*status, body.clone()),
        };
        super::state::json(status, &body)
    }
}
