//! Gets a Rust program into a Kubeflow Pipelines API, with the credential that a helper such as `kfp-credential`
//! prints. Which helper that is, the exec configuration says (see [`ExecConfig::find`]).
//!
//! The crate makes no HTTP itself. [`Helper::send`] hands a request's URL and credential to a closure around the
//! program's own HTTP library, renews the credential once where the endpoint refuses it, and asks again:
//!
//! ```no_run
//! use kfp_credential_client::{Helper, Reply};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let http = reqwest::blocking::Client::builder()
//!     .redirect(reqwest::redirect::Policy::none()) // A redirect to a login is for `send` to see.
//!     .build()?;
//! let helper = Helper::find()?.context("team-a");
//! let runs = helper.send("/apis/v2beta1/runs", |url, credential| {
//!     let mut request = http.get(url);
//!     for (name, value) in credential.header_lines() {
//!         request = request.header(name, value);
//!     }
//!     let answer = request.send()?;
//!     let header = |name| Some(answer.headers().get(name)?.to_str().ok()?.to_owned());
//!     Ok::<_, Box<dyn std::error::Error>>(Reply {
//!         status: answer.status().as_u16(),
//!         content_type: header("content-type"),
//!         location: header("location"),
//!         answer,
//!     })
//! })?;
//! println!("{}", runs.text()?);
//! # Ok(())
//! # }
//! ```
//!
//! How to reach the endpoint as the helper did (authorities, proxy, names), [`Credential::connection`] says; the
//! example `conformance` honours all of it, with a server's own certificate that says `CA:TRUE`, as openssl makes it, which
//! rustls refuses by itself. A [`Helper`] may be shared by any number of threads: they share one run of
//! the helper.

mod credential;
mod error;
mod exec;
mod file;
mod helper;
mod process;
mod send;

pub use credential::{Connection, Credential};
pub use error::HelperError;
pub use exec::ExecConfig;
pub use helper::Helper;
pub use send::Reply;
