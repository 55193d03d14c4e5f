//! Which answers of a well-behaved server are made bad, and how. A server that is bad from the start is never asked for
//! more than one thing; here each step of a login is reached.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::mutation::{Family, Mutation, Scene};
use testkit::dice::Dice;
use testkit::http::Response;

/// Is what becomes of the answers of one door.
pub(crate) struct Attack {
    strikes: Vec<Strike>,
    answers: AtomicUsize,
    is_over: AtomicBool,
    struck: Mutex<Vec<String>>,
}

/// Is one bad answer, or all from there on.
struct Strike {
    step: usize,
    lasts: bool,
    mutation: Mutation,
}

impl Attack {
    /// Plans one for a server that is asked for so many things: one bad answer most often.
    pub(crate) fn plan(dice: &mut Dice, families: &[Family], steps: usize) -> Self {
        let count = if dice.happens(20) { 2 } else { 1 };
        let mut strike = || Strike {
            step: dice.below(steps),
            lasts: dice.happens(15),
            mutation: Mutation::choose(dice, families),
        };
        Self {
            strikes: (0..count).map(|_| strike()).collect(),
            answers: AtomicUsize::new(0),
            is_over: AtomicBool::new(true),
            struck: Mutex::default(),
        }
    }

    /// Starts: the next answer is the first.
    pub(crate) fn begin(&self) {
        self.answers.store(0, Ordering::SeqCst);
        self.is_over.store(false, Ordering::SeqCst);
    }

    /// Ends: all answers are good from now on.
    pub(crate) fn end(&self) {
        self.is_over.store(true, Ordering::SeqCst);
    }

    /// Passes an answer on, good or bad.
    pub(crate) fn pass(&self, scene: &Scene<'_>, good: Response) -> Response {
        if self.is_over.load(Ordering::SeqCst) {
            return good;
        }
        let step = self.answers.fetch_add(1, Ordering::SeqCst);
        let is_struck =
            |strike: &&Strike| strike.step == step || strike.lasts && strike.step < step;
        let Some(strike) = self.strikes.iter().find(is_struck) else {
            return good;
        };
        self.log().push(format!(
            "{step}: {} {}{}: {}",
            scene.request.method,
            scene.own,
            scene.request.path(),
            strike.mutation.name
        ));
        strike.mutation.apply(scene, good)
    }

    /// Tells what was done, a line for each bad answer.
    pub(crate) fn struck(&self) -> Vec<String> {
        self.log().clone()
    }

    /// Tells the plan.
    pub(crate) fn planned(&self) -> String {
        let strikes = self.strikes.iter().map(|strike| {
            let lasts = if strike.lasts { " and on" } else { "" };
            format!("answer {}{lasts}: {}", strike.step, strike.mutation.name)
        });
        strikes.collect::<Vec<_>>().join("; ")
    }

    fn log(&self) -> MutexGuard<'_, Vec<String>> {
        self.struck.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
