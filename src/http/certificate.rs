//! What is wrong with a server's certificate, in words for people: whose it is, who has signed it, until when it is
//! good, and what helps.
//!
//! What is read here is shown and decides nothing: the TLS library has judged already.

use rustls::CertificateError;

use super::tls::{self, Refused};
use crate::error::{Error, Slug};
use crate::sanitize::sanitized;

/// Explains a refusal; `place` is the address that was asked.
pub(super) fn refused(refused: &Refused, place: &str) -> Error {
    let facts = Facts::read(&refused.certificate);
    let failure = Error::new(
        Slug::TlsUntrusted,
        format!("the TLS certificate of {place} is not trusted"),
    )
    .because(reason(&refused.why, facts.as_ref()));
    let failure = match &facts {
        Some(facts) => failure.because(facts.in_words()),
        None => failure,
    };
    with_hint(failure, refused, facts.as_ref())
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library adds errors, and has a name for each"
)]
fn reason(why: &CertificateError, facts: Option<&Facts>) -> String {
    let has_signed_itself = facts.is_some_and(|facts| facts.subject == facts.issuer);
    match why {
        CertificateError::UnknownIssuer | CertificateError::BadSignature if has_signed_itself => {
            "it is self-signed, and is not one of the trusted certificates".to_owned()
        }
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "it is signed by an unknown authority".to_owned()
        }
        CertificateError::NotValidForName => "it is valid for another host".to_owned(),
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => {
            let host = expected.to_str();
            let names: Vec<&str> = presented.iter().map(|name| bare(name)).collect();
            if names.is_empty() {
                return format!(
                    "it names no host in its subject alternative names, where {host} should be; its common name does not count (RFC 9110 section 4.3.4)"
                );
            }
            sanitized(&format!(
                "it is valid for {}, not for {host}",
                names.join(", ")
            ))
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "it has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet".to_owned()
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "it is not a server certificate (its extended key usage names other purposes only)"
                .to_owned()
        }
        CertificateError::Revoked => "its authority has revoked it".to_owned(),
        CertificateError::BadEncoding => "it is malformed".to_owned(),
        other if tls::is_an_authoritys(other) && has_signed_itself => {
            "it is self-signed, and it is a certificate authority, not a server certificate"
                .to_owned()
        }
        other if tls::is_an_authoritys(other) => {
            "it is a certificate authority, not a server certificate".to_owned()
        }
        other if tls::is_too_old(other) => {
            "it is of an old version (X.509 v1) that cannot name hosts".to_owned()
        }
        other => in_plain_words(&format!("{other:?}")),
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library adds errors, and of those the authority is the likely one"
)]
fn with_hint(failure: Error, refused: &Refused, facts: Option<&Facts>) -> Error {
    match &refused.why {
        CertificateError::NotValidForNameContext { expected, presented } if presented.is_empty() => {
            let host = expected.to_str();
            let kind = if matches!(expected, rustls::pki_types::ServerName::IpAddress(_)) { "IP" } else { "DNS" };
            failure.hint(format!("issue the server's certificate again with its names, for instance `openssl req -x509 … -addext subjectAltName={kind}:{host}`"))
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => failure
            .hint("name the endpoint by a host that is in its certificate, or say which name to verify with `tls-server-name` in the context"),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            failure.hint("the server's certificate must be renewed; check this machine's clock too")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            failure.hint("check this machine's clock, and the clock of whoever issued the certificate")
        }
        why if refused.is_named
            || tls::is_too_old(why)
            || matches!(
                why,
                CertificateError::InvalidPurpose
                    | CertificateError::InvalidPurposeContext { .. }
                    | CertificateError::Revoked
                    | CertificateError::BadEncoding
            ) =>
        {
            failure.hint("the server needs another certificate: ask its administrator")
        }
        why if tls::is_an_authoritys(why)
            || facts.is_some_and(|facts| facts.subject == facts.issuer) =>
        {
            failure.hint("get this certificate itself from the server's administrator and give it with `--certificate-authority F` (context key `certificate-authority`); for a test cluster only, `--insecure-skip-tls-verify`")
        }
        _ => failure.hint("give the authority that signed it with `--certificate-authority F` (context key `certificate-authority`); for a test cluster only, `--insecure-skip-tls-verify`"),
    }
}

/// Turns the TLS library's name of a kind of failure into words: `UnhandledCriticalExtension` and what may follow in
/// brackets into `unhandled critical extension`.
pub(super) fn in_plain_words(name: &str) -> String {
    let name = name.trim_start_matches("Other(OtherError(");
    let mut words = String::new();
    for character in name.chars().take_while(char::is_ascii_alphanumeric) {
        if character.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(character.to_ascii_lowercase());
    }
    words
}

/// Takes the TLS library's mark off a name: `DnsName("a.example")`, `IpAddress(10.0.0.1)`.
fn bare(name: &str) -> &str {
    let inner = name.split_once('(').map_or(name, |(_, inner)| inner);
    inner.trim_end_matches(')').trim_matches('"')
}

/// What a certificate says of itself (RFC 5280 section 4.1).
#[derive(Debug, PartialEq)]
struct Facts {
    subject: String,
    issuer: String,
    not_before: String,
    not_after: String,
}

impl Facts {
    /// Reads DER; `None` where it is none.
    fn read(certificate: &[u8]) -> Option<Self> {
        let (body, _) = expect(certificate, SEQUENCE)?;
        let (mut fields, _) = expect(body, SEQUENCE)?;
        if let Some((_, rest)) = expect(fields, VERSION) {
            fields = rest;
        }
        let (_, fields) = expect(fields, INTEGER)?;
        let (_, fields) = expect(fields, SEQUENCE)?;
        let (issuer, fields) = expect(fields, SEQUENCE)?;
        let (validity, fields) = expect(fields, SEQUENCE)?;
        let (subject, _) = expect(fields, SEQUENCE)?;
        let (not_before, validity) = time(validity)?;
        let (not_after, _) = time(validity)?;
        Some(Self {
            subject: distinguished_name(subject),
            issuer: distinguished_name(issuer),
            not_before,
            not_after,
        })
    }

    fn in_words(&self) -> String {
        let signed_by = if self.subject == self.issuer {
            "itself"
        } else {
            &self.issuer
        };
        format!(
            "it is the certificate of {}, signed by {signed_by}, valid from {} to {}",
            self.subject, self.not_before, self.not_after
        )
    }
}

const INTEGER: u8 = 0x02;
const OBJECT_IDENTIFIER: u8 = 0x06;
const BMP_STRING: u8 = 0x1e;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;

/// Reads one element of DER (X.690 section 8.1): its tag, its content and what follows.
fn element(input: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = input.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut length = usize::from(first);
    if first & 0x80 != 0 {
        let (count, bytes) = (usize::from(first & 0x7f), rest);
        if !(1..=4).contains(&count) || bytes.len() < count {
            return None;
        }
        length = bytes[..count]
            .iter()
            .fold(0, |length, &byte| length << 8 | usize::from(byte));
        rest = &bytes[count..];
    }
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

fn expect(input: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    let (tag, content, rest) = element(input)?;
    (tag == wanted).then_some((content, rest))
}

/// Reads a time (RFC 5280 section 4.1.2.5), as `2026-11-22 21:38:36 UTC`.
fn time(input: &[u8]) -> Option<(String, &[u8])> {
    let (tag, content, rest) = element(input)?;
    let text = std::str::from_utf8(content).ok()?;
    let written = match tag {
        // Two digits of the year are of 1950 to 2049.
        UTC_TIME if text.get(..2)? < "50" => format!("20{text}"),
        UTC_TIME => format!("19{text}"),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let read = chrono::NaiveDateTime::parse_from_str(&written, "%Y%m%d%H%M%SZ").ok()?;
    Some((format!("{read} UTC"), rest))
}

/// Reads a name (RFC 5280 section 4.1.2.4) as its attributes in their order, such as `CN=kf.example.com, O=Example`.
fn distinguished_name(mut input: &[u8]) -> String {
    let mut parts = Vec::new();
    while let Some((mut set, rest)) = expect(input, SET) {
        while let Some((attribute, others)) = expect(set, SEQUENCE) {
            parts.extend(attribute_in_words(attribute));
            set = others;
        }
        input = rest;
    }
    if parts.is_empty() {
        return "nobody (it has no subject)".to_owned();
    }
    sanitized(&parts.join(", "))
}

fn attribute_in_words(attribute: &[u8]) -> Option<String> {
    let (kind, value) = expect(attribute, OBJECT_IDENTIFIER)?;
    // RFC 4519 section 2.
    let name = match kind {
        [0x55, 0x04, 0x03] => "CN",
        [0x55, 0x04, 0x06] => "C",
        [0x55, 0x04, 0x07] => "L",
        [0x55, 0x04, 0x08] => "ST",
        [0x55, 0x04, 0x0a] => "O",
        [0x55, 0x04, 0x0b] => "OU",
        _ => return None,
    };
    let (tag, text, _) = element(value)?;
    let text = if tag == BMP_STRING {
        let (pairs, _) = text.as_chunks::<2>();
        let units = pairs.iter().map(|pair| u16::from_be_bytes(*pair));
        char::decode_utf16(units)
            .map(|read| read.unwrap_or('\u{fffd}'))
            .collect()
    } else {
        String::from_utf8_lossy(text).into_owned()
    };
    Some(format!("{name}={text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};

    #[test]
    fn a_certificates_facts_are_read() {
        let mut params = CertificateParams::new(vec!["kf.example.com".to_owned()]).unwrap();
        let name = &mut params.distinguished_name;
        name.push(DnType::CommonName, "Gate\u{1b}[2J of Ö");
        name.push(DnType::OrganizationName, "Example");
        params.not_before = date_time_ymd(2026, 1, 2);
        params.not_after = date_time_ymd(2061, 3, 4);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let facts = Facts::read(certificate.der()).unwrap();
        assert!(facts.subject.contains("CN=Gate[2J of Ö"), "{facts:?}");
        assert!(facts.subject.contains("O=Example"), "{facts:?}");
        assert_eq!(facts.subject, facts.issuer);
        assert_eq!(facts.not_before, "2026-01-02 00:00:00 UTC");
        assert_eq!(facts.not_after, "2061-03-04 00:00:00 UTC");
        // Whatever is cut or changed is read or not, and nothing else happens.
        let whole = certificate.der();
        for cut in 0..whole.len() {
            Facts::read(&whole[..cut]);
            for value in [0x00, 0x30, 0x7f, 0x84, 0xff] {
                let mut changed = whole.to_vec();
                changed[cut] = value;
                Facts::read(&changed);
            }
        }
    }

    #[test]
    fn no_word_of_the_library_reaches_a_person() {
        assert_eq!(
            in_plain_words("UnhandledCriticalExtension"),
            "unhandled critical extension"
        );
        assert_eq!(
            in_plain_words("Other(OtherError(MalformedExtensions))"),
            "malformed extensions"
        );
        assert_eq!(
            in_plain_words("NotValidBefore { a: 1 }"),
            "not valid before"
        );
        assert_eq!(bare("DnsName(\"a.example\")"), "a.example");
        assert_eq!(bare("IpAddress(10.0.0.1)"), "10.0.0.1");
    }
}
