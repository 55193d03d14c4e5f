//! A door whose people are known to somebody else: Dex sends them on to a real oidc-provider.

use super::{Options, StockDoor};
use crate::peers::Found;
use crate::peers::dex::Connector;
use crate::peers::oidc_provider::{self, Client, OidcProvider, Pages, Proof};

/// Is the connector that leads to the provider.
pub const CONNECTOR: &str = "sso";

/// Is a running door with its provider, whose form takes any name and password.
pub struct SingleSignOn {
    pub door: StockDoor,
    pub provider: OidcProvider,
}

impl SingleSignOn {
    /// Starts both. Dex's issuer is its public address, as the browser has to come back.
    pub fn start() -> Found<Self> {
        let provider = OidcProvider::start(&oidc_provider::Options {
            clients: vec![Client::native(
                "dex",
                Proof::Basic("sso-client-secret-80"),
                &["http://127.0.0.1/dex/callback"],
            )],
            pages: Pages::Own,
            pkce: false,
            ..oidc_provider::Options::default()
        })?;
        let mut options = Options {
            public_issuer: true,
            ..Options::default()
        };
        options.dex.static_passwords = false;
        let connector = Connector::oidc(CONNECTOR, "Single sign-on", provider.issuer());
        options.dex.connectors = vec![connector];
        Ok(Self {
            door: StockDoor::start(options)?,
            provider,
        })
    }
}
