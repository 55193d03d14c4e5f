//! What a stored thing belongs to, as text that a person can read.
//!
//! The key is the whole identity: whatever would make another session of it is in it, so that nothing is ever answered
//! to anybody but whom it was made for. It is text rather than a hash of a struct because it is shown in `status`, in
//! keyring viewers and inside the stored files, and because a later field must not orphan what rests there already.

use std::fmt;
use std::fmt::Write;
use std::path::Path;

use sha2::{Digest, Sha256};

/// What tells one session from another.
#[derive(Debug, Clone, Copy, Default)]
pub struct Identity<'a> {
    /// The endpoint in its normalised form.
    pub endpoint: &'a str,
    /// The method as configured: `auto` where the endpoint tells.
    pub method: &'a str,
    /// The user name or account.
    pub user: Option<&'a str>,
    /// Dex's connector.
    pub connector: Option<&'a str>,
    /// The audience that a token is asked for.
    pub audience: Option<&'a str>,
    /// The OAuth client (RFC 6749 section 2.2).
    pub client_id: Option<&'a str>,
    /// What else the method asks for, by the names of its keys.
    pub further: &'a [(&'static str, String)],
    /// What weakened the way on which it was taken.
    pub weakened: Weakened,
    /// Who was trusted on that way beside the system's authorities.
    pub trusted: Trusted<'a>,
}

/// Who may have answered for an endpoint: a session that came from there is no answer to those who trust others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Trusted<'a> {
    /// The file of authorities, absolute.
    pub certificate_authority: Option<&'a str>,
    /// A digest of the authorities that the configuration itself holds.
    pub certificate_authority_data: Option<&'a str>,
    /// The name that the certificate is verified against.
    pub tls_server_name: Option<&'a str>,
}

/// What tells one refresh token from another.
#[derive(Debug, Clone, Copy, Default)]
pub struct GrantIdentity<'a> {
    /// The OAuth client.
    pub client_id: &'a str,
    /// The provider, by its `iss` (OpenID Connect Core section 2).
    pub issuer: Option<&'a str>,
    /// The user name or account.
    pub user: Option<&'a str>,
    /// Dex's connector.
    pub connector: Option<&'a str>,
    /// What weakened the way to the provider.
    pub weakened: Weakened,
}

/// What weakens the way to an endpoint: a session that came on it may be somebody else's, and is no answer to those who
/// go a verified one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weakened {
    /// Certificates went unverified.
    pub insecure_skip_tls_verify: bool,
    /// Secrets were allowed to travel over plain http.
    pub allow_insecure_http: bool,
}

impl Weakened {
    fn parts(self) -> [(&'static str, Option<&'static str>); 2] {
        let Self {
            insecure_skip_tls_verify,
            allow_insecure_http,
        } = self;
        let flag = |is_set: bool| is_set.then_some("true");
        [
            ("insecure-skip-tls-verify", flag(insecure_skip_tls_verify)),
            ("allow-insecure-http", flag(allow_insecure_http)),
        ]
    }
}

/// Names one stored session or password.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(String);

impl Key {
    /// Names the session of an identity, e.g. `https://kf.example.com/pipeline method=dex user=u@example.com`.
    pub fn of_session(identity: &Identity) -> Self {
        let Identity {
            endpoint,
            method,
            user,
            connector,
            audience,
            client_id,
            further,
            weakened,
            trusted,
        } = *identity;
        let Trusted {
            certificate_authority,
            certificate_authority_data,
            tls_server_name,
        } = trusted;
        let mut parts = vec![
            ("method", Some(method)),
            ("user", user),
            ("connector", connector),
            ("audience", audience),
            ("client-id", client_id),
        ];
        let further = further.iter();
        parts.extend(further.map(|(name, value)| (*name, Some(value.as_str()))));
        parts.extend(weakened.parts());
        parts.extend([
            ("certificate-authority", certificate_authority),
            ("certificate-authority-data", certificate_authority_data),
            ("tls-server-name", tls_server_name),
        ]);
        Self::written("", endpoint, &parts)
    }

    /// Names the password of an identity.
    ///
    /// Method, audience and client are no part of it: a person has one password at a connector, and it must be found
    /// again when a detected method has been written into the configuration. Nor is what weakens the way: nobody on it
    /// has made the password, and where it may be sent is decided each time.
    pub fn of_password(identity: &Identity) -> Self {
        let Identity {
            endpoint,
            user,
            connector,
            ..
        } = *identity;
        Self::written(
            "password ",
            endpoint,
            &[("user", user), ("connector", connector)],
        )
    }

    /// Names what renews a person's logins at an OAuth client, e.g. `grant kfp issuer=https://kf.example.com/dex`:
    /// whatever the endpoint.
    pub fn of_grant(identity: &GrantIdentity<'_>) -> Self {
        let GrantIdentity {
            client_id,
            issuer,
            user,
            connector,
            weakened,
        } = *identity;
        let mut parts = vec![("issuer", issuer), ("user", user), ("connector", connector)];
        parts.extend(weakened.parts());
        Self::written("grant ", client_id, &parts)
    }

    /// Names a file that several processes edit.
    pub(super) fn of_file(path: &Path) -> Self {
        Self::written("the file ", &path.to_string_lossy(), &[])
    }

    /// Names what is kept for a moment, to see whether a store can keep something.
    pub(super) fn of_trial() -> Self {
        Self("trial".to_owned())
    }

    /// Gives the key as one line of text.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Gives the key of this text.
    pub(super) fn named(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Gives the name of the files that belong to this key: the text's SHA-256 in hex, as any text may be too long or
    /// hold what a file name may not.
    pub fn file_name(&self) -> String {
        format!("{:x}", Sha256::digest(&self.0))
    }

    fn written(prefix: &str, endpoint: &str, parts: &[(&str, Option<&str>)]) -> Self {
        let mut text = prefix.to_owned();
        push_encoded(&mut text, endpoint);
        for (name, value) in parts {
            if let Some(value) = value {
                text.push(' ');
                text.push_str(name);
                text.push('=');
                push_encoded(&mut text, value);
            }
        }
        Self(text)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Appends a value so that it ends at the next space: white space, control characters and `%` as in a URL (RFC 3986
/// section 2.1).
fn push_encoded(text: &mut String, value: &str) {
    for character in value.chars() {
        if character == '%' || character.is_whitespace() || character.is_control() {
            for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                write!(text, "%{byte:02X}").expect("a String takes any text");
            }
        } else {
            text.push(character);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: Identity = Identity {
        endpoint: "https://kf.example.com/pipeline",
        method: "dex",
        user: Some("user@example.com"),
        connector: Some("ldap"),
        audience: None,
        client_id: None,
        further: &[],
        weakened: Weakened {
            insecure_skip_tls_verify: false,
            allow_insecure_http: false,
        },
        trusted: Trusted {
            certificate_authority: None,
            certificate_authority_data: None,
            tls_server_name: None,
        },
    };

    #[test]
    fn who_was_trusted_is_part_of_a_sessions_key_and_of_no_passwords() {
        let trusting = |trusted| Identity { trusted, ..FULL };
        let identities = [
            Trusted {
                certificate_authority: Some("/etc/my ca.pem"),
                ..FULL.trusted
            },
            Trusted {
                certificate_authority_data: Some("sha256:00"),
                ..FULL.trusted
            },
            Trusted {
                tls_server_name: Some("kf.example.com"),
                ..FULL.trusted
            },
        ]
        .map(trusting);
        let usual = Key::of_session(&FULL);
        let added = identities.map(|identity| {
            let key = Key::of_session(&identity);
            key.text().strip_prefix(usual.text()).map(str::to_owned)
        });
        assert_eq!(
            added.map(Option::unwrap),
            [
                " certificate-authority=/etc/my%20ca.pem",
                " certificate-authority-data=sha256:00",
                " tls-server-name=kf.example.com"
            ]
        );
        let passwords = identities.map(|identity| Key::of_password(&identity));
        assert!(passwords.iter().all(|key| *key == Key::of_password(&FULL)));
    }

    #[test]
    fn what_weakened_the_way_is_part_of_a_sessions_key_and_of_no_passwords() {
        let ways = [(true, false), (false, true), (true, true)];
        let weakened = ways.map(|(insecure_skip_tls_verify, allow_insecure_http)| Identity {
            weakened: Weakened {
                insecure_skip_tls_verify,
                allow_insecure_http,
            },
            ..FULL
        });
        let sessions = weakened.map(|identity| Key::of_session(&identity));
        let usual = Key::of_session(&FULL);
        let added = |key: &Key| key.text().strip_prefix(usual.text()).map(str::to_owned);
        assert_eq!(
            sessions.each_ref().map(added).map(Option::unwrap),
            [
                " insecure-skip-tls-verify=true",
                " allow-insecure-http=true",
                " insecure-skip-tls-verify=true allow-insecure-http=true"
            ]
        );
        let passwords = weakened.map(|identity| Key::of_password(&identity));
        assert!(passwords.iter().all(|key| *key == Key::of_password(&FULL)));
    }

    #[test]
    fn a_key_reads_as_text() {
        let session = Key::of_session(&FULL);
        assert_eq!(
            session.text(),
            "https://kf.example.com/pipeline method=dex user=user@example.com connector=ldap"
        );
        let password = Key::of_password(&FULL);
        assert_eq!(
            password.text(),
            "password https://kf.example.com/pipeline user=user@example.com connector=ldap"
        );
        let of_iap = GrantIdentity {
            client_id: "1-a.apps.googleusercontent.com",
            user: Some("user@example.com"),
            ..GrantIdentity::default()
        };
        assert_eq!(
            Key::of_grant(&of_iap).text(),
            "grant 1-a.apps.googleusercontent.com user=user@example.com"
        );
        let of_dex = GrantIdentity {
            client_id: "kfp",
            issuer: Some("https://kf.example.com/dex"),
            connector: Some("ldap"),
            ..of_iap
        };
        assert_eq!(
            Key::of_grant(&of_dex).text(),
            "grant kfp issuer=https://kf.example.com/dex user=user@example.com connector=ldap"
        );
        assert_ne!(session.file_name(), password.file_name());
        assert_eq!(session.file_name().len(), 64);
    }

    #[test]
    fn no_two_identities_share_a_key() {
        let keys = [
            FULL,
            Identity {
                endpoint: "https://kf.example.com",
                ..FULL
            },
            Identity {
                method: "auto",
                ..FULL
            },
            Identity { user: None, ..FULL },
            Identity {
                user: Some(""),
                ..FULL
            },
            Identity {
                user: Some("user@example.com connector=ldap"),
                connector: None,
                ..FULL
            },
            Identity {
                user: Some("user@example.com%20connector=ldap"),
                connector: None,
                ..FULL
            },
            Identity {
                audience: Some("ldap"),
                connector: None,
                ..FULL
            },
            Identity {
                client_id: Some("ldap"),
                connector: None,
                ..FULL
            },
        ]
        .map(|identity| Key::of_session(&identity));
        for (index, key) in keys.iter().enumerate() {
            assert!(!keys[index + 1..].contains(key), "{key}");
        }
    }

    #[test]
    fn a_key_is_one_line() {
        let key = Key::of_session(&Identity {
            user: Some("a b%c\nd\u{2028}é"),
            ..FULL
        });
        assert!(
            key.text().contains(" user=a%20b%25c%0Ad%E2%80%A8é "),
            "{key}"
        );
    }
}
