//! The memory of a refused login, so that a wrong password is not sent by every caller in turn until the account is
//! locked.
//!
//! For half a minute a caller with the same password gets the same refusal without any contact. Another password is
//! tried at once, wherever it comes from: the note knows the refused one by two bytes of a slow, salted digest, which
//! tell it from another, and which so many entries of any dictionary share that they confirm no guess.

use std::num::NonZeroU32;

use chrono::{DateTime, TimeDelta, Utc};
use ring::pbkdf2;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::run::Run;
use crate::secret::Secret;
use crate::store::{Key, Notes};

/// How long a refusal stands.
const STANDS: TimeDelta = TimeDelta::seconds(30);
/// What one digest costs whoever guesses, some milliseconds.
const ITERATIONS: NonZeroU32 = NonZeroU32::new(5_000).expect("not zero");

/// The last refused login for a key.
pub(super) struct Refusal<'a> {
    run: Run<'a>,
    key: &'a Key,
    notes: Notes<'a>,
}

#[derive(Serialize, Deserialize)]
struct Refused {
    at: DateTime<Utc>,
    password: [u8; 2],
    error: Error,
}

impl<'a> Refusal<'a> {
    /// Gives the memory of a key.
    pub(super) fn of(run: Run<'a>, key: &'a Key) -> Self {
        let notes = Notes::new(run.environment, run.trace, "refusals");
        Self { run, key, notes }
    }

    /// Gives the refusal that stands for the user name and password which the caller would log in with; they are asked
    /// for only where one might.
    pub(super) fn standing(
        &self,
        account: impl FnOnce() -> Option<(String, Secret)>,
    ) -> Option<Error> {
        let refused: Refused = self.notes.read(self.key)?;
        let age = (self.run.now)() - refused.at;
        if age < TimeDelta::zero() || age >= STANDS {
            self.forget();
            return None;
        }
        let (username, password) = account()?;
        if self.digest(&username, &password) != refused.password {
            return None;
        }
        let (age, stands) = (age.num_seconds(), STANDS.num_seconds());
        Some(refused.error.because(format!(
            "tried {age} s ago with the same password, which is not sent again before {stands} s are over, as accounts lock"
        )))
    }

    /// Remembers that a login was refused.
    pub(super) fn remember(&self, error: &Error, username: &str, password: &Secret) {
        let refused = Refused {
            at: (self.run.now)(),
            password: self.digest(username, password),
            error: error.clone(),
        };
        self.notes.write(self.key, &refused);
    }

    /// Forgets it: a person or a program knows better, or a login went well.
    pub(super) fn forget(&self) {
        self.notes.forget(self.key);
    }

    fn digest(&self, username: &str, password: &Secret) -> [u8; 2] {
        let salt = format!("{} {username}", self.key);
        let mut digest = [0; 2];
        pbkdf2::derive(
            pbkdf2::PBKDF2_HMAC_SHA256,
            ITERATIONS,
            salt.as_bytes(),
            password.expose().as_bytes(),
            &mut digest,
        );
        digest
    }
}
