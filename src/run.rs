//! What every step of a run may use.

use chrono::{DateTime, Utc};

use crate::environment::Environment;
use crate::trace::Trace;

/// The environment, the clock, and where words for people go.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    /// The environment.
    pub environment: &'a Environment,
    /// Where words for people go.
    pub trace: &'a Trace,
    /// The clock.
    pub now: fn() -> DateTime<Utc>,
}
