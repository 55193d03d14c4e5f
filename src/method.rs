//! The ways to log in: a folder or file each, siblings that know nothing of each other, and the list of them all.
//!
//! What the configuration knows of a method is a file of the same name in [`crate::config::method`].

pub mod bearer;
pub mod check;
pub mod dex;
mod gateway;
pub mod gcp;
pub mod google;
pub mod iap;
mod identity;
mod login;
pub mod none;
mod oidc;
pub mod proof;
pub mod sign_out;
pub mod token_file;

use crate::config::Context;
use crate::config::method::Method;
use crate::endpoint::Endpoint;
use crate::error::{Error, Result, Slug};
pub use login::{Given, Login, LoginMethod, NewCredential, Person, side};

/// Gives what answers for a method.
pub fn of(method: &Method) -> Box<dyn LoginMethod + '_> {
    match method {
        Method::Detect(dex) => Box::new(dex::Detect(dex)),
        Method::Dex(dex) => Box::new(dex),
        Method::Iap(iap) => Box::new(iap),
        Method::Gcp(google) => Box::new(gcp::Gcp(google)),
        Method::TokenFile(file) => Box::new(file),
        Method::Oidc(oidc) => Box::new(oidc),
        Method::None => Box::new(none::NoLogin),
    }
}

/// Gives where a context leads.
pub fn endpoint(context: &Context) -> Result<&Endpoint> {
    context.endpoint.as_ref().ok_or_else(|| {
        let what = format!("{} has no endpoint", context.display_name());
        Error::new(Slug::ConfigMissing, what)
    })
}
