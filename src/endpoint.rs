//! The addresses that decide where secrets may go: the endpoint and its origin.

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

use crate::environment::{Environment, KUBERNETES_SERVICE_HOST};

/// The base URL of a Kubeflow Pipelines API, normalised: http or https, no user, query or fragment, no slash at the
/// end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(Url);

/// Scheme, host and effective port (RFC 6454): what secrets belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    scheme: String,
    host: String,
    port: u16,
}

impl Endpoint {
    /// Parses an endpoint as people write it; the error says what is wrong, without the URL itself.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut url = Url::parse(text.trim()).map_err(no_url)?;
        // `localhost:8080` and `kf.example.com:443` are URLs to the letter, of schemes that nobody has heard of.
        if url.cannot_be_a_base() {
            return Err(WITHOUT_SCHEME.into());
        }
        if !matches!(url.scheme(), "http" | "https") {
            // `user:password@host` is a URL too, of the scheme `user`.
            if !text.contains("://") {
                return Err("it does not begin with http:// or https://".into());
            }
            return Err(format!(
                "the scheme is {:?}, not http or https",
                url.scheme()
            ));
        }
        if url.host().is_none() {
            return Err("it has no host".into());
        }
        if has_empty_label(&url) {
            return Err("its host has nothing between two dots".into());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("it holds a user name or password".into());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(format!(
                "it has a query (?…) or fragment (#…), which no API has: the address ends before, as in {}",
                without_dashboard(&url)
            ));
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self(url))
    }

    /// Gives the URL.
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// Gives the scheme, host and port.
    pub fn origin(&self) -> Origin {
        Origin::of(&self.0)
    }

    /// Gives this endpoint by https where a walk that began here ended there (see [`Origin::is_or_upgrades_to`]).
    #[must_use]
    pub fn reached_as(&self, last: &Url) -> Self {
        let (own, reached) = (self.origin(), Origin::of(last));
        let mut url = self.0.clone();
        if own != reached && own.is_or_upgrades_to(&reached) {
            url.set_scheme("https").ok();
        }
        Self(url)
    }

    /// Gives the URL of a path below the endpoint, e.g. `apis/v2beta1/healthz`.
    pub fn join(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!("{}/{path}", self.0.path().trim_end_matches('/')));
        url
    }

    /// Tells whether a host is reached only inside a cluster or on this machine: loopback, `*.svc.cluster.local`, and
    /// what a cluster's search domains complete: `*.svc`, a single label, and in a pod `ml-pipeline.<namespace>` and
    /// `ml-pipeline-ui.<namespace>`, which anywhere else are names that somebody can register. A dot at the end says
    /// that nothing is to be completed (RFC 1034 section 3.1).
    pub fn is_in_cluster(&self, environment: &Environment) -> bool {
        if is_loopback(&self.0) {
            return true;
        }
        let Some(Host::Domain(host)) = self.0.host() else {
            return false;
        };
        let is_in_pod = || environment.get(KUBERNETES_SERVICE_HOST).is_some();
        let labels: Vec<&str> = host.split('.').collect();
        match labels.as_slice() {
            ["ml-pipeline" | "ml-pipeline-ui", namespace] => !namespace.is_empty() && is_in_pod(),
            [_]
            | [.., "svc"]
            | [.., "svc", "cluster", "local"]
            | [.., "svc", "cluster", "local", ""] => true,
            _ => false,
        }
    }
}

const WITHOUT_SCHEME: &str = "it does not begin with https:// (or http://)";

/// Says why a text is no URL.
pub fn no_url(error: url::ParseError) -> String {
    if error == url::ParseError::RelativeUrlWithoutBase {
        return WITHOUT_SCHEME.into();
    }
    format!("not a URL: {error}")
}

/// Makes of a page's address that of the API: Kubeflow's dashboard shows each application below `/_/`.
fn without_dashboard(page: &Url) -> String {
    let mut url = page.clone();
    url.set_query(None);
    url.set_fragment(None);
    let path = page.path().trim_end_matches('/');
    url.set_path(path.strip_prefix("/_").unwrap_or(path));
    url.as_str().trim_end_matches('/').to_owned()
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL library writes the root as `/`, the kfp SDK wants none.
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl Origin {
    /// Takes the origin of a URL.
    pub fn of(url: &Url) -> Self {
        let host = url.host_str().unwrap_or_default();
        Self {
            scheme: url.scheme().to_owned(),
            // A dot at the end ends a whole name (RFC 1034 section 3.1); a second one makes another of it.
            host: host.strip_suffix('.').unwrap_or(host).to_owned(),
            port: url.port_or_known_default().unwrap_or_default(),
        }
    }

    /// Parses an origin as people write it: `https://host:port`, a path is no part of it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let endpoint = Endpoint::parse(text)?;
        if endpoint.url().path() != "/" {
            return Err("an origin has no path: write scheme, host and port only".into());
        }
        Ok(endpoint.origin())
    }

    /// Tells whether `other` is this origin, or its upgrade from http to https on the default ports: a server that
    /// redirects the one to the other is no stranger.
    pub fn is_or_upgrades_to(&self, other: &Origin) -> bool {
        let upgraded = self.scheme == "http"
            && self.port == 80
            && other.scheme == "https"
            && other.port == 443;
        self == other || (upgraded && self.host == other.host)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        match (self.scheme.as_str(), self.port) {
            ("http", 80) | ("https", 443) => Ok(()),
            (_, port) => write!(f, ":{port}"),
        }
    }
}

/// Tells whether a host name has an empty part, as no name has (RFC 1034 section 3.1); a dot at the end makes none.
fn has_empty_label(url: &Url) -> bool {
    let Some(Host::Domain(name)) = url.host() else {
        return false;
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    name.split('.').any(str::is_empty)
}

/// Tells whether a URL's host is this machine: `localhost`, `*.localhost` (RFC 6761), 127.0.0.0/8, `[::1]`.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => is_localhost(name),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).to_canonical().is_loopback(),
        None => false,
    }
}

/// Tells whether a host name is `localhost` or below it, in any case and with or without a dot at the end: a name that
/// never leaves this machine (RFC 6761 section 6.3).
pub fn is_localhost(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

/// Tells whether what is sent to a URL is safe from listeners on the way: https, or this machine itself.
pub fn is_secure_transport(url: &Url) -> bool {
    url.scheme() == "https" || is_loopback(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_normalised() {
        for (written, shown) in [
            (
                "https://KF.example.com/pipeline/",
                "https://kf.example.com/pipeline",
            ),
            ("https://kf.example.com:443", "https://kf.example.com"),
            ("http://[::1]:8080/", "http://[::1]:8080"),
            (
                " http://ml-pipeline-ui.kubeflow ",
                "http://ml-pipeline-ui.kubeflow",
            ),
        ] {
            assert_eq!(Endpoint::parse(written).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_endpoint_is_refused() {
        for wrong in [
            "",
            "kf.example.com",
            "ftp://h",
            "https://u:p@h",
            "https://h/?q",
            "https://h/#f",
            "https://",
        ] {
            assert!(Endpoint::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_refusal_says_what_to_write() {
        for (wrong, words) in [
            ("kf.example.com", "https://"),
            ("kf.example.com/pipeline", "https://"),
            ("kf.example.com:8443", "https://"),
            ("localhost:8080", "https://"),
            (
                "https://kf.example.com/_/pipeline/?ns=a#/runs",
                "as in https://kf.example.com/pipeline",
            ),
            (
                "https://kf.example.com/#/runs",
                "as in https://kf.example.com",
            ),
        ] {
            let said = Endpoint::parse(wrong).unwrap_err();
            assert!(said.contains(words), "{wrong}: {said}");
            assert!(!said.contains("relative URL"), "{wrong}: {said}");
        }
    }

    #[test]
    fn a_host_of_dots_is_no_host_and_no_other_ones() {
        for wrong in [
            "https://.",
            "https://..",
            "http://27..",
            "https://h..",
            "https://a..b",
        ] {
            assert!(Endpoint::parse(wrong).is_err(), "{wrong}");
        }
        let origin = |text: &str| Origin::of(&Url::parse(text).unwrap());
        assert_eq!(
            origin("https://kf.example.com."),
            origin("https://kf.example.com")
        );
        assert_ne!(
            origin("https://kf.example.com.."),
            origin("https://kf.example.com")
        );
    }

    #[test]
    fn join_keeps_the_prefix() {
        let join = |endpoint: &str| {
            Endpoint::parse(endpoint)
                .unwrap()
                .join("apis/v2beta1/healthz")
                .to_string()
        };
        assert_eq!(
            join("http://h/pipeline"),
            "http://h/pipeline/apis/v2beta1/healthz"
        );
        assert_eq!(join("http://h"), "http://h/apis/v2beta1/healthz");
    }

    #[test]
    fn hosts_inside_a_cluster_are_known() {
        let pod: Environment = [("KUBERNETES_SERVICE_HOST", "10.96.0.1")]
            .into_iter()
            .collect();
        let inside = |endpoint: &str| Endpoint::parse(endpoint).unwrap().is_in_cluster(&pod);
        for endpoint in [
            "http://ml-pipeline-ui:80",
            "http://ml-pipeline-ui.kubeflow",
            "http://ml-pipeline.kubeflow:8888",
            "http://ml-pipeline.kubeflow.svc:8888",
            "http://ml-pipeline-ui.kubeflow.svc.cluster.local",
            "http://ml-pipeline-ui.kubeflow.svc.cluster.local.",
            "http://localhost:3000",
            "http://KF.localhost.:3000",
            "http://127.0.0.2",
            "http://[::1]:3000",
        ] {
            assert!(inside(endpoint), "{endpoint}");
        }
        for endpoint in [
            "https://kf.example.com",
            "http://10.0.0.1",
            "https://example.com",
            "https://svc.example.com",
            "https://ml-pipeline.evil.example",
            "https://ml-pipeline.kubeflow.svc.evil.example",
            "https://mysvc.cluster.local.example",
        ] {
            assert!(!inside(endpoint), "{endpoint}");
        }
    }

    #[test]
    fn a_name_that_anybody_can_register_is_not_inside_the_cluster() {
        let nowhere = Environment::default();
        let pod: Environment = [("KUBERNETES_SERVICE_HOST", "10.96.0.1")]
            .into_iter()
            .collect();
        for name in [
            "ml-pipeline-demo.com",
            "ml-pipelines.com",
            "ml-pipeline-ui-2.dev",
            "ml-pipeline.",
            "ml-pipeline-ui.kubeflow.",
            "ml-pipeline.kubeflow.svc.",
            "com.",
        ] {
            let endpoint = Endpoint::parse(&format!("http://{name}")).unwrap();
            assert!(!endpoint.is_in_cluster(&nowhere), "{name}");
            assert!(!endpoint.is_in_cluster(&pod), "{name}");
        }
        let short = Endpoint::parse("http://ml-pipeline-ui.kubeflow").unwrap();
        assert!(!short.is_in_cluster(&nowhere));
        assert!(short.is_in_cluster(&pod));
    }

    #[test]
    fn an_origin_upgrades_to_https_on_default_ports_only() {
        let origin = |text: &str| Origin::parse(text).unwrap();
        assert!(origin("http://h").is_or_upgrades_to(&origin("https://h")));
        assert!(!origin("https://h").is_or_upgrades_to(&origin("http://h")));
        assert!(!origin("http://h:8080").is_or_upgrades_to(&origin("https://h")));
        assert!(!origin("http://h").is_or_upgrades_to(&origin("https://h:8443")));
        assert!(!origin("http://h").is_or_upgrades_to(&origin("https://g")));
        assert_eq!(origin("https://h:8443").to_string(), "https://h:8443");
    }
}
