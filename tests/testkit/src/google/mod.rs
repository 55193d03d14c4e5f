//! Stand-ins of Google for tests: what answers under the host names of Google, on loopback only.
//!
//! Nothing here overrides an address. [`proxy`] is an HTTP proxy that sends the host names of
//! Google to servers of the tests, under certificates of a test CA: a program is told of both by
//! `HTTPS_PROXY` and `SSL_CERT_FILE` ([`Google::env`]). [`stand_in`] ties the parts together:
//!
//! | module | host |
//! | --- | --- |
//! | [`authorize`] | `accounts.google.com`: the page on which a person consents |
//! | [`token`] | `oauth2.googleapis.com`, `www.googleapis.com`: codes, refresh tokens, signed JWTs |
//! | [`iam`] | `iamcredentials.googleapis.com`, `sts.googleapis.com` |
//! | [`iap`] | the application's own: the front door, and the inverse proxy of AI Platform |
//! | [`metadata`] | the metadata server, plain http without the proxy (`GCE_METADATA_HOST`) |
//!
//! That they are faithful is proved by `tests/clients/google_stand_ins.rs`, with Google's own clients.

pub mod authorize;
pub mod behaviour;
mod browser;
#[cfg(unix)]
pub mod clients;
pub mod files;
pub mod iam;
pub mod iap;
pub mod jwt;
pub mod metadata;
pub mod oauth_server;
pub mod person;
pub mod proxy;
pub mod stand_in;
pub mod state;
pub mod token;

pub use behaviour::{Behaviour, Refusal};
pub use proxy::Seen;
pub use stand_in::{Google, Options};

/// Is the OAuth client of IAP: the audience of every ID token that is to pass.
pub const IAP_CLIENT: &str = "100-iap.apps.googleusercontent.com";
/// Is the OAuth client of desktop kind, for programs.
pub const DESKTOP_CLIENT: &str = "100-desktop.apps.googleusercontent.com";
/// Goes with [`DESKTOP_CLIENT`].
pub const DESKTOP_SECRET: &str = "GOCSPX-made-up-desktop-secret";

/// Is the host behind IAP, as Kubeflow on Google Cloud names it.
pub const IAP_HOST: &str = "kf.endpoints.proj.cloud.goog";
/// Is the host of an AI Platform Pipelines installation.
pub const PIPELINES_HOST: &str = "1a2b3c4d-dot-us-central1.pipelines.googleusercontent.com";

/// Is the person who is signed in to the browser.
pub const USER: &str = "ada@example.com";
/// Is the service account of [`files::service_account`].
pub const SERVICE_ACCOUNT: &str = "kfp-cron@proj.iam.gserviceaccount.com";
/// Is the service account of the metadata server.
pub const MACHINE_ACCOUNT: &str = "1234-compute@developer.gserviceaccount.com";
/// Is a service account that others impersonate.
pub const TARGET_ACCOUNT: &str = "kfp-target@proj.iam.gserviceaccount.com";
/// Is what the workload identity pool takes for a subject token.
pub const SUBJECT_TOKEN: &str = "made-up-subject-token";
/// Is the audience of the workload identity pool.
pub const POOL_AUDIENCE: &str =
    "//iam.googleapis.com/projects/1234/locations/global/workloadIdentityPools/pool/providers/ci";

/// Is the scope of an access token that may do everything.
pub const CLOUD_PLATFORM: &str = "https://www.googleapis.com/auth/cloud-platform";
