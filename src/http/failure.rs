//! Explains why a server could not be reached, in words that say what to do.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use url::Url;

use crate::config::context::Deadlines;
use crate::endpoint::is_loopback;
use crate::error::{Error, Slug};
use crate::http::certificate;
use crate::http::in_words;
use crate::http::tls::Refused;
use crate::limits;
use crate::sanitize::redacted_url;

const IS_IT_HTTPS: &str = "check that the server speaks https on that port, and not plain http";

/// Turns the HTTP library's error into ours; `left` is what was left of the login's time when the request began.
pub(super) fn explained(
    error: reqwest::Error,
    url: &Url,
    left: Duration,
    deadlines: Deadlines,
) -> Error {
    // The library's text would repeat the URL with its query.
    let error = error.without_url();
    let place = redacted_url(url);
    if error.is_timeout() {
        let limit = if error.is_connect() {
            left.min(deadlines.connect)
        } else {
            left.min(deadlines.request)
        };
        let limit = in_words(limit);
        let what = if error.is_connect() {
            format!("the connection to {place} timed out after {limit}")
        } else {
            format!("{place} did not answer within {limit}")
        };
        return Error::new(Slug::Timeout, what);
    }
    if let Some(tls) = tls_error(&error) {
        return tls_failure(tls, &place);
    }
    if chain(&error)
        .iter()
        .any(|layer| layer.to_string().contains("proxy authorization required"))
    {
        return proxy_wants_password(url);
    }
    let layers = chain(&error);
    let of_the_system = layers
        .iter()
        .filter_map(|layer| layer.downcast_ref::<io::Error>());
    if let Some(shortage) = of_the_system.clone().find_map(limits::explained) {
        return shortage;
    }
    // The layers above say no more than that a request failed.
    let root = layers.last().map(ToString::to_string).unwrap_or_default();
    let failure = Error::new(Slug::Unreachable, format!("no answer from {place}"));
    let says = |words: &str| layers.iter().any(|layer| layer.to_string().contains(words));
    if says("tls handshake eof") {
        return failure
            .because("the server closed the connection in the TLS handshake")
            .hint(IS_IT_HTTPS);
    }
    // The HTTP library's words for an answer that is none, and for none at all.
    let is_no_http = says(" parsed") || says("message head is too large");
    let is_silent =
        says("connection closed before message completed") || says("unexpected end of file");
    if is_no_http || is_silent {
        let failure = failure.because(if is_no_http {
            "the server does not speak HTTP"
        } else {
            "the server closed the connection without an answer"
        });
        return match by_https(url) {
            Some(address) => failure.hint(format!(
                "if it speaks TLS, write the address with https: {address}"
            )),
            None => failure,
        };
    }
    let failure = failure.because(root);
    let nobody_listens = |error: &io::Error| {
        // A machine without IPv6 has no such address, and may be asked for that one last.
        matches!(
            error.kind(),
            io::ErrorKind::ConnectionRefused | io::ErrorKind::AddrNotAvailable
        )
    };
    if is_loopback(url) && of_the_system.clone().any(nobody_listens) {
        return failure.hint("connection refused: is the port-forward running? (`kubectl port-forward --namespace istio-system svc/istio-ingressgateway 8080:80`)");
    }
    failure
}

/// Gives the same address by https where it is by http: the other of the two that people mix up.
fn by_https(url: &Url) -> Option<String> {
    let mut other = url.clone();
    if url.scheme() != "http" {
        return None;
    }
    other.set_scheme("https").ok()?;
    Some(crate::endpoint::Origin::of(&other).to_string())
}

/// An answer that broke off.
pub(super) fn cut_off(error: &io::Error, url: &Url) -> Error {
    let place = redacted_url(url);
    let timed_out = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<reqwest::Error>())
        .is_some_and(reqwest::Error::is_timeout);
    if timed_out || error.kind() == io::ErrorKind::TimedOut {
        return Error::new(
            Slug::Timeout,
            format!("{place} did not finish its answer in time"),
        );
    }
    Error::new(
        Slug::Unreachable,
        format!("the connection to {place} was closed in the middle of the answer"),
    )
}

/// The proxy's 407.
pub(super) fn proxy_wants_password(url: &Url) -> Error {
    Error::new(
        Slug::ProxyAuthRequired,
        format!(
            "the proxy on the way to {} wants a user name and password",
            redacted_url(url)
        ),
    )
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library adds errors, and what these do not tell is said in its own words"
)]
fn tls_failure(error: &rustls::Error, place: &str) -> Error {
    use rustls::{AlertDescription, CertificateError, Error as Tls};

    if let Tls::InvalidCertificate(CertificateError::Other(other)) = error
        && let Some(refused) = other.0.downcast_ref::<Refused>()
    {
        return certificate::refused(refused, place);
    }
    let failure = Error::new(
        Slug::Unreachable,
        format!("TLS handshake with {place} failed"),
    );
    match error {
        Tls::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied,
        ) => failure
            .because("the server requires a client certificate (mutual TLS), which kfp-credential does not support")
            .hint("ask the endpoint's administrator for a way in without client certificates"),
        Tls::AlertReceived(AlertDescription::UnrecognisedName) => failure
            .because("the server knows no such host name")
            .hint("check the endpoint's host, or say which name the server has with `tls-server-name` in the context"),
        Tls::AlertReceived(AlertDescription::HandshakeFailure | AlertDescription::ProtocolVersion)
        | Tls::PeerIncompatible(_) => failure
            .because("the server and kfp-credential have no TLS version or cipher suite in common (kfp-credential speaks TLS 1.2 and 1.3)")
            .hint("the server's TLS must be renewed: ask its administrator"),
        Tls::AlertReceived(alert) => failure
            .because(format!(
                "the server ended the handshake: {}",
                certificate::in_plain_words(&format!("{alert:?}"))
            ))
            .hint(IS_IT_HTTPS),
        Tls::InvalidMessage(_) => failure
            .because("the server does not speak TLS")
            .hint(IS_IT_HTTPS),
        Tls::InvalidCertificate(why) => Error::new(
            Slug::TlsUntrusted,
            format!("the TLS certificate of {place} is not trusted"),
        )
        .because(certificate::in_plain_words(&format!("{why:?}"))),
        other => failure
            .because(certificate::in_plain_words(&format!("{other:?}")))
            .hint(IS_IT_HTTPS),
    }
}

/// Gives an error and its causes. An `io::Error` made from another error hides that one, as its source is already the
/// next.
pub(super) fn chain<'e>(error: &'e (dyn StdError + 'static)) -> Vec<&'e (dyn StdError + 'static)> {
    let mut layers = vec![error];
    while let Some(layer) = layers.last().copied() {
        let hidden = layer
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        let next = match hidden {
            Some(inner) => Some(inner as &(dyn StdError + 'static)),
            None => layer.source(),
        };
        match next {
            Some(next) => layers.push(next),
            None => break,
        }
    }
    layers
}

fn tls_error<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e rustls::Error> {
    chain(error)
        .into_iter()
        .find_map(|layer| layer.downcast_ref::<rustls::Error>())
}
