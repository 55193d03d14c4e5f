//! Certificates for the server: a made-up authority, and what it signs for names on loopback.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Is a certificate authority that nobody trusts unless told to.
pub struct TestCa {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl TestCa {
    /// Makes a new one.
    pub fn generate() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params
            .distinguished_name
            .push(DnType::CommonName, "kfp-credential test CA");
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a CA certificate");
        Self {
            pem: certificate.pem(),
            issuer: Issuer::new(params, key),
        }
    }

    /// Returns the CA's certificate.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Signs a certificate for these DNS names and IP addresses and makes a server's
    /// configuration of it.
    pub fn server_config(&self, names: &[&str]) -> Arc<ServerConfig> {
        self.sign(&certificate_for(names))
    }

    /// Does the same with a certificate that ended long ago.
    pub fn expired_server_config(&self, names: &[&str]) -> Arc<ServerConfig> {
        let mut params = certificate_for(names);
        params.not_before = rcgen::date_time_ymd(2019, 1, 1);
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        self.sign(&params)
    }

    /// Makes a server's configuration of a certificate and its key in PEM, whoever has signed it.
    pub fn server_config_of(certificate: &[u8], key: &[u8]) -> Arc<ServerConfig> {
        let certificate = CertificateDer::from_pem_slice(certificate).expect("a certificate");
        let key = PrivateKeyDer::from_pem_slice(key).expect("a key");
        server_config(certificate, key)
    }

    fn sign(&self, params: &CertificateParams) -> Arc<ServerConfig> {
        let key = KeyPair::generate().expect("a key");
        let leaf = params
            .signed_by(&key, &self.issuer)
            .expect("a signed certificate");
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a PKCS #8 key");
        server_config(leaf.der().clone(), key)
    }
}

fn server_config(
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring knows the default versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a certificate that fits its key");
    Arc::new(config)
}

fn certificate_for(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("names of a certificate");
    params
        .distinguished_name
        .push(DnType::CommonName, "kfp-credential test server");
    params.use_authority_key_identifier_extension = true;
    params
}
