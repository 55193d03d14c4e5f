//! A certificate authority for peers that read their key and certificate from files.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

/// Is a CA's certificate with one server certificate and key, as PEM files in a folder.
pub struct Files {
    pub ca: PathBuf,
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// Makes a new CA and a certificate of it for `localhost` and the loopback addresses.
pub fn write(folder: &Path) -> Files {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let name = "kfp-credential peers' CA";
    params.distinguished_name.push(DnType::CommonName, name);
    let ca_key = KeyPair::generate().expect("a key");
    let ca = params.self_signed(&ca_key).expect("a CA certificate").pem();
    let issuer = Issuer::new(params, ca_key);

    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let mut params = CertificateParams::new(names).expect("names of a certificate");
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate().expect("a key");
    let leaf = params.signed_by(&key, &issuer).expect("a certificate");

    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).expect("a PEM file");
        path
    };
    Files {
        ca: file("ca.pem", &ca),
        certificate: file("tls.pem", &leaf.pem()),
        key: file("tls.key", &key.serialize_pem()),
    }
}
