//! A server's certificate as test gateways have it: its own, signed by itself, and an authority's by its extensions.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Is a certificate as PEM text, with its key.
pub(super) struct Own {
    pub(super) certificate: String,
    key: String,
}

impl Own {
    /// Has openssl make one for these DNS names and IP addresses, with what openssl puts into it unasked: `CA:TRUE`.
    pub(super) fn by_openssl(folder: &Path, names: &[&str]) -> Self {
        let (certificate, key) = (folder.join("own.pem"), folder.join("own.key"));
        let names: Vec<String> = names.iter().map(|name| alternative_name(name)).collect();
        let mut openssl = Command::new("openssl");
        openssl
            .args(["req", "-x509", "-days", "30", "-subj", "/CN=gateway"])
            .args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
            .args(["-addext", &format!("subjectAltName={}", names.join(","))])
            .args(["-nodes", "-keyout"])
            .arg(&key)
            .arg("-out")
            .arg(&certificate);
        let output = openssl.output().expect("openssl");
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl: {words}");
        let read = |path| std::fs::read_to_string(path).expect("a PEM file");
        Self {
            certificate: read(certificate),
            key: read(key),
        }
    }

    /// Makes one alike that ended long ago, which openssl would not.
    pub(super) fn expired(names: &[&str]) -> Self {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names of a certificate");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_before = rcgen::date_time_ymd(2019, 1, 1);
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        let name = &mut params.distinguished_name;
        name.push(DnType::CommonName, "gateway");
        let key = KeyPair::generate().expect("a key");
        Self {
            certificate: params.self_signed(&key).expect("a certificate").pem(),
            key: key.serialize_pem(),
        }
    }

    pub(super) fn server_config(&self) -> Arc<ServerConfig> {
        let certificate = CertificateDer::from_pem_slice(self.certificate.as_bytes());
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring knows the default versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.expect("a certificate")], key)
            .expect("a certificate that fits its key");
        Arc::new(config)
    }
}

fn alternative_name(name: &str) -> String {
    let is_address = name.parse::<std::net::IpAddr>().is_ok();
    format!("{}:{name}", if is_address { "IP" } else { "DNS" })
}
