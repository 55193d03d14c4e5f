//! A gate that a server's answers wait at until the test opens it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long anybody waits, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(50);

/// Is closed at first; copies are the same gate.
#[derive(Clone, Default)]
pub struct Gate(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    arrived: usize,
    is_open: bool,
}

impl Gate {
    /// Arrives, and waits until it is open.
    pub fn pass(&self) {
        self.state().arrived += 1;
        self.0.1.notify_all();
        let (state, changed) = &*self.0;
        let state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let _passed = changed.wait_timeout_while(state, PATIENCE, |state| !state.is_open);
    }

    /// Waits until so many have arrived.
    #[track_caller]
    pub fn wait_for(&self, count: usize) {
        let waited = self
            .0
            .1
            .wait_timeout_while(self.state(), PATIENCE, |state| state.arrived < count);
        let (state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        let arrived = state.arrived;
        assert!(!timeout.timed_out(), "{arrived} of {count} have arrived");
    }

    /// Opens it for good.
    pub fn open(&self) {
        self.state().is_open = true;
        self.0.1.notify_all();
    }

    /// Tells how many have arrived.
    pub fn arrived(&self) -> usize {
        self.state().arrived
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
