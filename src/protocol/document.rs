//! The document: a superset of Kubernetes' ExecCredential, as `protocol/document.schema.json` says it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::credential::{Cookie, Credential, ExpirySource, Material, wire_time};
use crate::protocol::request::ExecVersion;
use crate::secret::{Secret, exposed};

/// All that an answer is made of, whatever its form.
#[derive(Debug)]
pub struct Answer<'a> {
    /// The credential.
    pub credential: &'a Credential,
    /// The context's name, where it has one.
    pub context: Option<&'a str>,
    /// The base URL for the client to use.
    pub endpoint: String,
    /// The Kubeflow namespace.
    pub namespace: Option<&'a str>,
    /// The header that carries a bearer token.
    pub bearer_header: &'static str,
    /// Extra headers for the endpoint.
    pub extra_headers: Vec<(String, Secret)>,
    /// How to reach the endpoint as we did.
    pub connection: ConnectionView,
    /// The proxy with its user and password, for the one form that may hold them.
    pub proxy_with_secrets: Option<Secret>,
    /// The time of answering.
    pub now: DateTime<Utc>,
}

/// How to reach the endpoint; holds no secrets, absent where nothing is set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionView {
    /// A PEM file of authorities to trust in addition to the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_authority: Option<String>,
    /// The same as base64 of PEM text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_authority_data: Option<String>,
    /// Whether certificates go unverified.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub insecure_skip_tls_verify: bool,
    /// The proxy, without user and password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_url: Option<String>,
    /// The name that the endpoint's certificate is verified against.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_server_name: Option<String>,
}

/// An ExecCredential; plain with the token alone, or with our additions.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document<'a> {
    api_version: &'static str,
    kind: &'static str,
    spec: Spec,
    status: Status<'a>,
}

#[derive(Serialize)]
struct Spec {
    interactive: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status<'a> {
    expiration_timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<Token>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<BTreeMap<String, Vec<HeaderText>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cookies: Option<&'a [Cookie]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kfp: Option<Kfp<'a>>,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Token(#[serde(serialize_with = "exposed")] Secret);

#[derive(Serialize)]
#[serde(transparent)]
struct HeaderText(#[serde(serialize_with = "exposed")] Secret);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Kfp<'a> {
    version: u8,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<&'a str>,
    endpoint: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<&'a str>,
    issued_at: String,
    expires_at: String,
    expiry_source: ExpirySource,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<&'a ConnectionView>,
}

impl Answer<'_> {
    /// Gives every header that a client must copy onto its requests: the credential's, then the extra ones.
    pub fn headers(&self) -> Vec<(String, Secret)> {
        let own = match &self.credential.material {
            Material::Bearer(token) => Some((
                self.bearer_header.to_owned(),
                Secret::new(format!("Bearer {}", token.expose())),
            )),
            Material::Cookies(cookies) => {
                Some(("Cookie".to_owned(), Cookie::header_value(cookies)))
            }
            Material::None => None,
        };
        own.into_iter()
            .chain(self.extra_headers.iter().cloned())
            .collect()
    }

    /// Builds the full document.
    pub fn document(&self) -> Document<'_> {
        let credential = self.credential;
        let headers = self
            .headers()
            .into_iter()
            .map(|(name, value)| (name, vec![HeaderText(value)]))
            .collect();
        let cookies = match &credential.material {
            Material::Cookies(cookies) => Some(cookies.as_slice()),
            Material::Bearer(_) | Material::None => None,
        };
        Document {
            api_version: ExecVersion::V1.api_version(),
            kind: "ExecCredential",
            spec: Spec { interactive: false },
            status: Status {
                expiration_timestamp: self.expiration_timestamp(),
                token: self.token().cloned().map(Token),
                headers: Some(headers),
                cookies,
                kfp: Some(Kfp {
                    version: 1,
                    r#type: credential.kind(),
                    context: self.context,
                    endpoint: &self.endpoint,
                    namespace: self.namespace,
                    principal: credential.principal.as_deref(),
                    issued_at: wire_time(credential.issued_at),
                    expires_at: wire_time(credential.expires_at),
                    expiry_source: credential.expiry_source,
                    connection: Some(&self.connection)
                        .filter(|view| **view != ConnectionView::default()),
                }),
            },
        }
    }

    /// Builds the plain ExecCredential, which only a bearer token fits.
    pub fn exec_credential(&self, version: ExecVersion) -> Option<Document<'_>> {
        let token = self.token()?;
        Some(Document {
            api_version: version.api_version(),
            kind: "ExecCredential",
            spec: Spec { interactive: false },
            status: Status {
                expiration_timestamp: self.expiration_timestamp(),
                token: Some(Token(token.clone())),
                headers: None,
                cookies: None,
                kfp: None,
            },
        })
    }

    /// Gives the bearer token, where the credential is one.
    pub fn token(&self) -> Option<&Secret> {
        match &self.credential.material {
            Material::Bearer(token) => Some(token),
            Material::Cookies(_) | Material::None => None,
        }
    }

    fn expiration_timestamp(&self) -> String {
        wire_time(self.credential.advertised_expiry_at(self.now))
    }
}
