//! What makes a server's certificate good: an authority of the system or of the context has signed it, or it is one
//! that the context itself names.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, RootCertStore,
    SignatureScheme,
};
use rustls_platform_verifier::Verifier;

/// Makes the TLS settings of a client that trusts the system's authorities and what the context names, and wants
/// certificates to say `name` where that is given, whatever host is connected to.
pub(super) fn config(
    named: Vec<CertificateDer<'static>>,
    name: Option<ServerName<'static>>,
) -> Result<ClientConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let usual = usual(&named, &provider, UnixTime::now())?;
    // An address is never sent as the name of the server that is wanted (RFC 6066 section 3).
    let sends_name = !matches!(name, Some(ServerName::IpAddress(_)));
    let judge = Judge {
        provider: Arc::clone(&provider),
        usual,
        named,
        name,
    };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(judge))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.enable_sni = sends_name;
    Ok(config)
}

/// Tells whether a certificate can be an authority at all: what is none would make every client fail.
pub(super) fn can_be_trusted(certificate: &CertificateDer<'static>) -> bool {
    RootCertStore::empty().add(certificate.clone()).is_ok()
}

/// Makes the verifier that trusts the system's authorities, and those among the named certificates.
fn usual(
    named: &[CertificateDer<'static>],
    provider: &Arc<CryptoProvider>,
    now: UnixTime,
) -> Result<Verifier, Error> {
    let may_sign = |certificate: &&CertificateDer<'static>| may_sign(certificate, provider, now);
    let authorities: Vec<_> = named.iter().filter(may_sign).cloned().collect();
    if authorities.is_empty() {
        return Verifier::new(Arc::clone(provider));
    }
    Verifier::new_with_extra_roots(authorities, Arc::clone(provider))
}

/// Tells whether a certificate that the context names may sign others: an authority's, and in date. The library asks
/// neither of what it is told to trust, so that a server's own would be an authority for every host.
fn may_sign(
    certificate: &CertificateDer<'static>,
    provider: &CryptoProvider,
    now: UnixTime,
) -> bool {
    let Ok(parsed) = ParsedCertificate::try_from(certificate) else {
        // One of version 1 cannot say what it is; it has never been a server's (it names no hosts).
        return true;
    };
    match by_nobody(&parsed, provider, now) {
        Err(Error::InvalidCertificate(why)) => is_an_authoritys(&why),
        Err(_) | Ok(()) => false,
    }
}

/// Judges a certificate with nobody to trust, which never succeeds: its dates first, then whether it is an authority's,
/// and its issuer last.
fn by_nobody(
    certificate: &ParsedCertificate<'_>,
    provider: &CryptoProvider,
    now: UnixTime,
) -> Result<(), Error> {
    let algorithms = provider.signature_verification_algorithms.all;
    verify_server_cert_signed_by_trust_anchor(
        certificate,
        &RootCertStore::empty(),
        &[],
        now,
        algorithms,
    )
}

/// A server's certificate that was refused: what the library's error leaves out.
#[derive(Debug)]
pub(super) struct Refused {
    /// Why.
    pub(super) why: CertificateError,
    /// The certificate.
    pub(super) certificate: CertificateDer<'static>,
    /// Whether the context names it.
    pub(super) is_named: bool,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the server's certificate is not trusted")
    }
}

impl std::error::Error for Refused {}

#[derive(Debug)]
struct Judge {
    provider: Arc<CryptoProvider>,
    usual: Verifier,
    /// Authorities, or servers' own certificates.
    named: Vec<CertificateDer<'static>>,
    name: Option<ServerName<'static>>,
}

impl Judge {
    /// Judges a certificate without asking who has signed it: whether it can be read, is in date, may be a server's and
    /// fits the name.
    fn by_itself(
        &self,
        certificate: &CertificateDer<'_>,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let parsed = ParsedCertificate::try_from(certificate)?;
        // What `openssl req -x509` makes is an authority's by default.
        match by_nobody(&parsed, &self.provider, now) {
            Err(error) if !is_only_about_the_issuer(&error) => return Err(error),
            Err(_) | Ok(()) => {}
        }
        verify_server_name(&parsed, name)
    }
}

fn is_only_about_the_issuer(error: &Error) -> bool {
    let Error::InvalidCertificate(why) = error else {
        return false;
    };
    *why == CertificateError::UnknownIssuer || is_an_authoritys(why)
}

/// Tells whether a certificate was refused for being an authority's (RFC 5280 section 4.2.1.9).
pub(super) fn is_an_authoritys(why: &CertificateError) -> bool {
    of_the_library(why) == Some(&webpki::Error::CaUsedAsEndEntity)
}

/// Tells whether a certificate was refused for its version, which is below 3 (RFC 5280 section 4.1.2.1).
pub(super) fn is_too_old(why: &CertificateError) -> bool {
    of_the_library(why) == Some(&webpki::Error::UnsupportedCertVersion)
}

fn of_the_library(why: &CertificateError) -> Option<&webpki::Error> {
    let CertificateError::Other(OtherError(why)) = why else {
        return None;
    };
    why.downcast_ref()
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let name = self.name.as_ref().unwrap_or(host);
        let usual = self
            .usual
            .verify_server_cert(certificate, intermediates, name, ocsp, now);
        let Err(Error::InvalidCertificate(usual)) = usual else {
            return usual;
        };
        let is_named = self.named.iter().any(|named| named == certificate);
        let is_unclear = matches!(usual, CertificateError::Other(_));
        let why = match self.by_itself(certificate, name, now) {
            Ok(()) if is_named && usual != CertificateError::Revoked => {
                return Ok(ServerCertVerified::assertion());
            }
            Err(Error::InvalidCertificate(own)) if is_named || is_unclear => own,
            _ => usual,
        };
        let refused = Refused {
            why,
            certificate: certificate.clone().into_owned(),
            is_named,
        };
        Err(Error::InvalidCertificate(CertificateError::Other(
            OtherError(Arc::new(refused)),
        )))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual
            .verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual
            .verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::time::Duration;

    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};

    /// 2030-01-01.
    const NOW: Duration = Duration::from_secs(1_893_456_000);

    /// Makes a certificate that has signed itself and says that it is an authority, as `openssl req -x509` does.
    fn own(names: &[&str], years: (i32, i32)) -> CertificateDer<'static> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_before = date_time_ymd(years.0, 1, 1);
        params.not_after = date_time_ymd(years.1, 1, 1);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().clone()
    }

    fn judged(
        certificate: &CertificateDer<'static>,
        named: &CertificateDer<'static>,
        name: &str,
    ) -> Result<(), CertificateError> {
        let provider = Arc::new(ring::default_provider());
        let now = UnixTime::since_unix_epoch(NOW);
        let judge = Judge {
            provider: Arc::clone(&provider),
            usual: usual(std::slice::from_ref(named), &provider, now).unwrap(),
            named: vec![named.clone()],
            name: None,
        };
        let name = ServerName::try_from(name).unwrap();
        match judge.verify_server_cert(certificate, &[], &name, &[], now) {
            Ok(_) => Ok(()),
            Err(Error::InvalidCertificate(CertificateError::Other(other))) => {
                Err(other.0.downcast_ref::<Refused>().unwrap().why.clone())
            }
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_authoritys_certificate_is_a_servers_own_only_where_it_is_named_fits_and_is_in_date() {
        let good = own(&["kf.example.com"], (2029, 2031));
        assert_eq!(judged(&good, &good, "kf.example.com"), Ok(()));

        let twin = own(&["kf.example.com"], (2029, 2031));
        let why = judged(&good, &twin, "kf.example.com").unwrap_err();
        assert!(is_an_authoritys(&why), "{why:?}");
        let why = judged(&good, &good, "other.example.com").unwrap_err();
        assert!(
            matches!(why, CertificateError::NotValidForNameContext { .. }),
            "{why:?}"
        );
        for (years, is_expected) in [((2019, 2020), "expired"), ((2031, 2032), "not valid yet")] {
            let certificate = own(&["kf.example.com"], years);
            let why = judged(&certificate, &certificate, "kf.example.com").unwrap_err();
            let is_found = match is_expected {
                "expired" => matches!(why, CertificateError::ExpiredContext { .. }),
                _ => matches!(why, CertificateError::NotValidYetContext { .. }),
            };
            assert!(is_found, "{why:?} is not {is_expected}");
        }
    }

    /// The library trusts whatever it is given as an authority, be it a server's certificate or one of the past.
    #[test]
    fn a_named_certificate_signs_others_only_where_it_is_an_authoritys_and_in_date() {
        for (is_ca, years, may_sign) in [
            (true, (2029, 2031), true),
            (true, (2019, 2020), false),
            (true, (2031, 2032), false),
            (false, (2029, 2031), false),
        ] {
            let mut params = CertificateParams::new(vec!["kf.example.com".to_owned()]).unwrap();
            params.is_ca = if is_ca {
                IsCa::Ca(BasicConstraints::Unconstrained)
            } else {
                IsCa::ExplicitNoCa
            };
            params.not_before = date_time_ymd(years.0, 1, 1);
            params.not_after = date_time_ymd(years.1, 1, 1);
            let key = KeyPair::generate().unwrap();
            let named = params.self_signed(&key).unwrap().der().clone();
            let issuer = Issuer::new(params, key);
            let mut params = CertificateParams::new(vec!["other.example.com".to_owned()]).unwrap();
            params.not_before = date_time_ymd(2029, 1, 1);
            params.not_after = date_time_ymd(2031, 1, 1);
            let key = KeyPair::generate().unwrap();
            let signed = params.signed_by(&key, &issuer).unwrap().der().clone();
            let outcome = judged(&signed, &named, "other.example.com");
            assert_eq!(outcome.is_ok(), may_sign, "{is_ca}, {years:?}: {outcome:?}");
        }
    }
}
