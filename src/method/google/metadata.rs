//! The metadata server of Google's machines, pods and functions
//! (<https://docs.cloud.google.com/compute/docs/metadata/querying-metadata>): it mints tokens of the machine's own
//! service account. It speaks plain http on the machine's own link, so no proxy is on the way, and both sides say
//! `Metadata-Flavor: Google`, so that neither takes a stranger's request or answer.

use std::time::Duration;

use url::Url;

use super::service_account::TokenAnswer;
use super::{Minted, Minting, answer, id_token};
use crate::environment::GCE_METADATA_HOST;
use crate::error::{Error, Result, Slug};
use crate::http::api::Answer;
use crate::sanitize::redacted_url;
use crate::secret::Secret;

/// The server's address on every machine of Google's: no name server is needed for it.
const USUAL_HOST: &str = "169.254.169.254";
/// The folder of the default service account.
const ACCOUNT: &str = "/computeMetadata/v1/instance/service-accounts/default/";
const FLAVOR: &str = "Metadata-Flavor";
/// How long to wait for a server that may not be there.
const PATIENCE: Duration = Duration::from_millis(1500);
/// How long a server that is there may take: it may have to fetch what it gives.
const LIMIT: Duration = Duration::from_secs(30);

/// A metadata server that is there.
#[derive(Debug)]
pub(super) struct MetadataServer {
    /// The default service account's folder.
    account: Url,
    email: String,
}

impl MetadataServer {
    /// Asks whether there is one, and for its service account; `Err` within [`PATIENCE`] where there is none.
    pub(super) fn find(minting: Minting<'_>) -> Result<Self> {
        let named = minting.run.environment.get(GCE_METADATA_HOST);
        let account = folder(named.unwrap_or(USUAL_HOST))?;
        let email = join(&account, "email");
        let answer = minting.api.get_direct(&email, &flavored(), PATIENCE);
        let answer = answer.map_err(|error| missing(&email, &error.one_line()))?;
        check_flavor(&answer, &email)?;
        let text = answer.body.expose().trim();
        match answer.status {
            200 if text.contains('@') && !text.contains(char::is_whitespace) => Ok(Self {
                account,
                email: text.to_owned(),
            }),
            404 => Err(missing(&email, "this machine has no service account")),
            429 | 500.. => Err(unwell(&answer, &email)),
            status => Err(missing(&email, &format!("it answered {status}"))),
        }
    }

    /// Mints an ID token. The full format has the e-mail address that IAP asks for.
    pub(super) fn id_token(&self, minting: Minting<'_>, audience: &str) -> Result<Minted> {
        let mut url = join(&self.account, "identity");
        url.query_pairs_mut()
            .append_pair("audience", audience)
            .append_pair("format", "full");
        let answer = get(minting, &url)?;
        match answer.status {
            200 => {
                let token = Secret::new(answer.body.expose().trim());
                id_token::minted(token, audience, (minting.run.now)(), minting.api.clock())
            }
            _ => Err(self.refused(&answer, &url)),
        }
    }

    /// Mints an access token.
    pub(super) fn access_token(&self, minting: Minting<'_>, scope: &str) -> Result<Minted> {
        let mut url = join(&self.account, "token");
        url.query_pairs_mut().append_pair("scopes", scope);
        let answer = get(minting, &url)?;
        if answer.status != 200 {
            return Err(self.refused(&answer, &url));
        }
        let token: TokenAnswer = answer::read(minting.api, &answer, &url)?;
        token.minted(&url, Some(self.email.clone()), (minting.run.now)())
    }

    fn refused(&self, answer: &Answer, url: &Url) -> Error {
        let (place, status) = (redacted_url(url), answer.status);
        if status == 429 || status >= 500 {
            return unwell(answer, url);
        }
        let what = format!(
            "{place} refused a token of {}: it answered {status}",
            self.email
        );
        Error::new(Slug::OauthRefused, what)
            .hint("on GKE, bind the pod's Kubernetes service account to a Google one (Workload Identity); on a VM, check the access scopes")
    }
}

fn folder(host: &str) -> Result<Url> {
    let url = Url::parse(&format!("http://{host}{ACCOUNT}"));
    let is_host = |url: &Url| {
        let has_user = !url.username().is_empty() || url.password().is_some();
        !has_user && url.path() == ACCOUNT && url.query().is_none() && url.fragment().is_none()
    };
    url.ok().filter(is_host).ok_or_else(|| {
        let what = format!("{GCE_METADATA_HOST} is not a host, or host and port");
        Error::new(Slug::ConfigInvalid, what)
            .hint("write it like metadata.example:8080, without http:// and without a path")
    })
}

fn join(folder: &Url, name: &str) -> Url {
    let mut url = folder.clone();
    url.set_path(&format!("{}{name}", folder.path()));
    url
}

fn get(minting: Minting<'_>, url: &Url) -> Result<Answer> {
    let answer = minting.api.get_direct(url, &flavored(), LIMIT)?;
    check_flavor(&answer, url)?;
    Ok(answer)
}

fn flavored() -> [(String, Secret); 1] {
    [(FLAVOR.to_owned(), Secret::new("Google"))]
}

fn check_flavor(answer: &Answer, url: &Url) -> Result<()> {
    match answer.headers.get(FLAVOR) {
        Some(flavor) if flavor == "Google" => Ok(()),
        _ => Err(Error::new(
            Slug::GoogleMetadataUntrusted,
            format!(
                "{} answers, but is not Google's metadata server",
                redacted_url(url)
            ),
        )
        .because("its answer has no header \"Metadata-Flavor: Google\"")),
    }
}

fn unwell(answer: &Answer, url: &Url) -> Error {
    let what = format!("{} answered {}", redacted_url(url), answer.status);
    Error::new(Slug::ServerError, what)
}

fn missing(url: &Url, why: &str) -> Error {
    let what = format!(
        "no service account from the metadata server {}",
        redacted_url(url)
    );
    Error::new(Slug::GoogleCredentialsMissing, what).because(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_may_have_a_port_and_nothing_else() {
        for host in [
            "169.254.169.254",
            "127.0.0.1:8080",
            "metadata.google.internal",
            "[fd20:ce::254]",
            "host:80",
        ] {
            let url = folder(host).unwrap();
            assert!(url.path().ends_with("/default/"), "{url}");
        }
        for wrong in [
            "", "http://h", "h/path", "u@h", "h?q", "h#f", "h:port", "h/",
        ] {
            assert!(folder(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_name_is_joined_as_it_is() {
        let url = join(&folder("127.0.0.1:1").unwrap(), "identity");
        assert_eq!(
            url.as_str(),
            "http://127.0.0.1:1/computeMetadata/v1/instance/service-accounts/default/identity"
        );
    }
}
