//! What needs real servers: Dex, oauth2-proxy, Envoy, Apache, OpenLDAP, oidc-provider, Hydra, keyrings and Chromium; and
//! what needs strace. The first run builds or installs them, see `testkit::peers`.

mod dead_credentials;
mod dex;
mod environments;
mod google_browser;
mod google_rotation;
mod hygiene;
mod login;
mod oidc;
mod providers;
mod real_peers;
mod single_flight;
mod stock_door;
mod store;
