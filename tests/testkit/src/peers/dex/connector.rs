//! The connectors of Dex: who it asks who somebody is.

use serde_json::{Value, json};

use super::Account;
use crate::peers::slapd::{self, Slapd};

/// Is one connector of Dex's configuration.
#[derive(Clone)]
pub struct Connector(pub(super) Value);

impl Connector {
    /// Is one as somebody has written it.
    pub fn written(connector: Value) -> Self {
        Self(connector)
    }

    /// Asks a directory; has the same login form as static passwords.
    pub fn ldap(id: &str, name: &str, directory: &Slapd) -> Self {
        Self(json!({
            "type": "ldap", "id": id, "name": name,
            "config": {
                "host": directory.address(),
                "insecureNoSSL": true,
                "bindDN": slapd::ADMIN_DN,
                "bindPW": slapd::ADMIN_PASSWORD,
                "usernamePrompt": "Username",
                "userSearch": {
                    "baseDN": slapd::PEOPLE_DN, "filter": "(objectClass=inetOrgPerson)",
                    "username": "uid", "idAttr": "uid", "emailAttr": "mail", "nameAttr": "cn",
                },
                "groupSearch": {
                    "baseDN": slapd::GROUPS_DN, "filter": "(objectClass=groupOfNames)",
                    "userMatchers": [{"userAttr": "DN", "groupAttr": "member"}],
                    "nameAttr": "cn",
                },
            },
        }))
    }

    /// Has no form: it redirects straight on, and logs a made-up user in.
    pub fn mock_callback(id: &str, name: &str) -> Self {
        Self(json!({"type": "mockCallback", "id": id, "name": name, "config": {}}))
    }

    /// Has the login form, and knows one user without any directory (and without bcrypt).
    pub fn mock_password(id: &str, name: &str, account: Account) -> Self {
        let config = json!({"username": account.login, "password": account.password});
        Self(json!({"type": "mockPassword", "id": id, "name": name, "config": config}))
    }

    /// Has no form: it sends the browser to an identity provider at `origin`, as GitHub's does.
    pub fn sso(id: &str, name: &str, origin: &str) -> Self {
        Self(json!({
            "type": "oauth", "id": id, "name": name,
            "config": {
                "clientID": "dex", "clientSecret": "sso-client-secret-80",
                "redirectURI": "", // of Dex: known when it starts
                "authorizationURL": format!("{origin}/login"),
                "tokenURL": format!("{origin}/token"),
                "userInfoURL": format!("{origin}/user"),
            },
        }))
    }

    /// Has no form: it sends the browser to an OpenID provider, which Dex asks for its addresses.
    pub fn oidc(id: &str, name: &str, issuer: &str) -> Self {
        Self(json!({
            "type": "oidc", "id": id, "name": name,
            "config": {
                "issuer": issuer,
                "clientID": "dex", "clientSecret": "sso-client-secret-80",
                "redirectURI": "", // of Dex: known when it starts
            },
        }))
    }

    /// Takes the JWTs of jobs of GitHub Actions for subject tokens, those of these owners only
    /// where any are named: the repository becomes the email, the owner a group.
    pub fn github_actions(id: &str, issuer: &str, owners: &[&str]) -> Self {
        let mut connector = Self::subject_tokens(id, "GitHub", issuer);
        let config = &mut connector.0["config"];
        config["claimMapping"] = json!({"email": "repository", "groups": "repository_owner"});
        config["insecureEnableGroups"] = true.into();
        config["allowedGroups"] = json!(owners);
        connector
    }

    /// Takes the tokens of Kubernetes' service accounts for subject tokens.
    pub fn kubernetes(id: &str, issuer: &str) -> Self {
        let mut connector = Self::subject_tokens(id, "Kubernetes", issuer);
        connector.0["config"]["claimMapping"] = json!({"email": "sub"});
        connector
    }

    /// Is an issuer of machines' tokens, which have neither a name nor an email of their own.
    fn subject_tokens(id: &str, name: &str, issuer: &str) -> Self {
        let mut connector = Self::oidc(id, name, issuer);
        let config = &mut connector.0["config"];
        config["scopes"] = json!(["openid"]);
        config["userNameKey"] = "sub".into();
        config["insecureSkipEmailVerified"] = true.into();
        connector
    }
}
