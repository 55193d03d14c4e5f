//! The signal that the exec protocol does not have: a client whose request was answered 401 only runs its helper again.
//!
//! So when the same process asks again in the exec form, a while after an answer that has not ended, the stored
//! credential is in doubt. Who was answered, and when, is a note for each key, written in the exec form only.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::program;
use crate::run::Run;
use crate::store::{Key, Notes};

/// Some clients run their helper two or three times as they start.
const AT_ONCE: TimeDelta = TimeDelta::seconds(2);
/// As many clients as are remembered for a key.
const MOST_CLIENTS: usize = 8;

/// Who was answered for a key.
pub(super) struct Reruns<'a> {
    run: Run<'a>,
    key: &'a Key,
    notes: Notes<'a>,
}

#[derive(Serialize, Deserialize)]
struct Answered {
    client: program::Identity,
    at: DateTime<Utc>,
}

impl<'a> Reruns<'a> {
    /// Gives the memory of a key.
    pub(super) fn of(run: Run<'a>, key: &'a Key) -> Self {
        let notes = Notes::new(run.environment, run.trace, "answers");
        Self { run, key, notes }
    }

    /// Tells whether the program that runs us was answered before, and not just now.
    pub(super) fn puts_in_doubt(&self) -> bool {
        let Some(client) = program::parent() else {
            return false;
        };
        let now = (self.run.now)();
        self.answered()
            .iter()
            .any(|answered| answered.client == client && now - answered.at > AT_ONCE)
    }

    /// Takes note that the program that runs us gets an answer.
    pub(super) fn answering(&self) {
        let Some(client) = program::parent() else {
            return;
        };
        let mut answered = self.answered();
        answered.retain(|answered| answered.client != client);
        answered.insert(
            0,
            Answered {
                client,
                at: (self.run.now)(),
            },
        );
        answered.truncate(MOST_CLIENTS);
        self.notes.write(self.key, &answered);
    }

    fn answered(&self) -> Vec<Answered> {
        self.notes.read(self.key).unwrap_or_default()
    }
}
