//! Explains why a server could not be reached, in words that say what to do.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use url::Url;

use crate::config::context::Deadlines;
use crate::endpoint::is_loopback;
use crate::error::{Error, Slug};
use crate::http::{in_words, shown};

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
    let place = shown(url);
    if error.is_timeout() {
        let limit = if error.is_connect() {
            left.min(deadlines.connect)
        } else {
            left.min(deadlines.request)
        };
        let what = if error.is_connect() {
            "could not be connected to"
        } else {
            "did not answer"
        };
        return Error::new(
            Slug::Timeout,
            format!("{place} {what} within {}", in_words(limit)),
        );
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
    // The layers above say no more than that a request failed.
    let root = chain(&error)
        .last()
        .map(ToString::to_string)
        .unwrap_or_default();
    let failure = Error::new(Slug::Unreachable, format!("no answer from {place}")).because(root);
    let broke_off_tls =
        |layer: &&(dyn StdError + 'static)| layer.to_string().contains("tls handshake eof");
    if chain(&error).iter().any(broke_off_tls) {
        return failure.hint(IS_IT_HTTPS);
    }
    if is_loopback(url)
        && chain(&error)
            .iter()
            .any(|layer| is_kind(*layer, io::ErrorKind::ConnectionRefused))
    {
        return failure.hint("nothing listens there: is the port-forward running? (`kubectl port-forward --namespace istio-system svc/istio-ingressgateway 8080:80`)");
    }
    failure
}

/// An answer that broke off.
pub(super) fn cut_off(error: &io::Error, url: &Url) -> Error {
    let place = shown(url);
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
        format!("the answer of {place} broke off"),
    )
}

/// The proxy's 407.
pub(super) fn proxy_wants_password(url: &Url) -> Error {
    Error::new(
        Slug::ProxyAuthRequired,
        format!(
            "the proxy on the way to {} wants a user name and password",
            shown(url)
        ),
    )
}

fn tls_failure(error: &rustls::Error, place: &str) -> Error {
    match error {
        rustls::Error::InvalidCertificate(why) => {
            let failure = Error::new(
                Slug::TlsUntrusted,
                format!("the TLS certificate of {place} is not trusted"),
            )
            .because(in_plain_words(why));
            match why {
                rustls::CertificateError::NotValidForName
                | rustls::CertificateError::NotValidForNameContext { .. } => failure
                    .hint("name the endpoint by a host that is in its certificate, or say which name to verify with `tls-server-name` in the context"),
                rustls::CertificateError::Expired | rustls::CertificateError::ExpiredContext { .. } => {
                    failure.hint("the server's certificate must be renewed; check this machine's clock too")
                }
                _ => failure.hint("give the authority that signed it with `--certificate-authority F` (context key `certificate-authority`); for a test cluster only, `--insecure-skip-tls-verify`"),
            }
        }
        other => Error::new(Slug::Unreachable, format!("no TLS connection to {place}"))
            .because(other)
            .hint(IS_IT_HTTPS),
    }
}

/// Says what is wrong with a certificate; the library names its most frequent cases as a program would.
fn in_plain_words(why: &rustls::CertificateError) -> String {
    match why {
        rustls::CertificateError::UnknownIssuer | rustls::CertificateError::BadSignature => {
            "no authority that is trusted here has signed it".to_owned()
        }
        other => other.to_string(),
    }
}

/// Gives an error and its causes. An `io::Error` made from another error hides that one, as its source is already the
/// next.
fn chain<'e>(error: &'e (dyn StdError + 'static)) -> Vec<&'e (dyn StdError + 'static)> {
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

fn is_kind(layer: &(dyn StdError + 'static), kind: io::ErrorKind) -> bool {
    layer
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == kind)
}
