//! The front doors that the tests ask for by name.

use super::{Offer, Options, RealDoor, RelyingParty};
use crate::peers::{Found, oauth2_proxy};

impl RealDoor {
    /// Starts with static passwords behind oauth2-proxy's sign-in page: Kubeflow as it comes.
    pub fn sign_in_page() -> Found<Self> {
        Self::start(&Options::default())
    }

    /// Starts with the straight redirect to Dex in place of the sign-in page.
    pub fn straight_redirect() -> Found<Self> {
        Self::start(&Options::behind(oauth2_proxy::Options {
            sign_in_page: false,
            ..Default::default()
        }))
    }

    /// Starts with a directory as the only connector.
    pub fn ldap() -> Found<Self> {
        Self::start(&Options {
            connectors: &[Offer::Ldap],
            ..Options::default()
        })
    }

    /// Starts with a choice of `local`, LDAP, single sign-on and the mock connector.
    pub fn several_connectors() -> Found<Self> {
        Self::start(&Options {
            connectors: &[Offer::Local, Offer::Ldap, Offer::Sso, Offer::Mock],
            ..Options::default()
        })
    }

    /// Starts with single sign-on alone, which has no form.
    pub fn sso_only() -> Found<Self> {
        Self::start(&Options {
            connectors: &[Offer::Sso],
            ..Options::default()
        })
    }

    /// Starts with an approval page after the login.
    pub fn approval_page() -> Found<Self> {
        Self::start(&Options {
            approval: true,
            ..Options::default()
        })
    }

    /// Starts with TLS, absolute redirects and a `__Secure-` cookie.
    pub fn tls() -> Found<Self> {
        Self::start(&Options::behind(oauth2_proxy::Options {
            tls: true,
            ..Default::default()
        }))
    }

    /// Starts with login forms that expire after a second.
    pub fn expiring_form() -> Found<Self> {
        Self::start(&Options {
            auth_requests: Some("1s"),
            ..Options::default()
        })
    }

    /// Starts with everything below `/kf`, cookies too.
    pub fn path_prefix() -> Found<Self> {
        Self::start(&Options::behind(oauth2_proxy::Options {
            prefix: "/kf",
            ..Default::default()
        }))
    }

    /// Starts on `[::1]`.
    pub fn ipv6() -> Found<Self> {
        Self::start(&Options::behind(oauth2_proxy::Options {
            ipv6: true,
            ..Default::default()
        }))
    }

    /// Starts with sessions of a few seconds' life.
    pub fn short_sessions(life: &'static str) -> Found<Self> {
        Self::start(&Options::behind(oauth2_proxy::Options {
            cookie_expire: life,
            ..Default::default()
        }))
    }

    /// Starts with sessions that are replaced when they are used after a second; the replaced one
    /// dies with its refresh token.
    pub fn rotating_sessions() -> Found<Self> {
        let proxy = oauth2_proxy::Options {
            cookie_refresh: Some("1s"),
            ..Default::default()
        };
        Self::start(&Options {
            id_tokens: "2s",
            ..Options::behind(proxy)
        })
    }

    /// Starts with sessions that are replaced when they are used after this long, as deployKF's.
    pub fn refreshing_sessions(age: &'static str) -> Found<Self> {
        Self::start(&Options::behind(oauth2_proxy::Options {
            cookie_refresh: Some(age),
            ..Default::default()
        }))
    }

    /// Starts with a directory whose [`crate::peers::slapd::CROWD`] gets a session of several cookies.
    pub fn split_cookie() -> Found<Self> {
        Self::ldap()
    }

    /// Starts with Apache in oauth2-proxy's place.
    pub fn apache() -> Found<Self> {
        Self::start(&Options {
            relying_party: RelyingParty::Apache,
            ..Options::default()
        })
    }
}
