//! The programs that get their credential from us: kubectl and the Kubernetes clients, the kfp SDK, the clients of
//! `protocol/clients` in their five languages, the Python package; and Google's own clients, which Google's stand-ins
//! and we are held to.
//!
//! The tables of what each client can do are made from the runs that have just been made.

mod documents;
mod exec;
mod google_differential;
mod google_stand_ins;
mod guide;
mod kfp_sdk;
mod kubernetes;
mod own;
mod python_package;
mod real;
mod toy;
