//! The operating system's keyring, asked from a thread of its own so that it can be given up on.
//!
//! The libraries below wait for their daemon without a limit (one that is stopped, or asks a person who is not there,
//! would hold us for ever). So one thread owns the connection, each question has a deadline, and a keyring that has
//! missed one is not asked again in the same run. The thread then ends with the process.

use std::cell::RefCell;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use super::{Backend, BackendError};
use crate::secret::Secret;

/// The service under which everything of ours is kept.
pub(in crate::store) const SERVICE: &str = "kfp-credential";
/// How long the keyring may take where it asks nobody.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long it may take where a person may be typing.
const PATIENCE_WITH_A_PERSON: Duration = Duration::from_secs(60);

/// Makes the connection, on the thread that then owns it.
pub(in crate::store) type Connect =
    Box<dyn FnOnce() -> Result<Box<dyn Backend>, BackendError> + Send>;

/// The keyring, not touched before the first question.
pub(in crate::store) struct Keyring {
    may_prompt: bool,
    state: RefCell<State>,
}

enum State {
    Untouched(Connect),
    Open(Sender<Job>),
    GivenUp(BackendError),
}

type Job = Box<dyn FnOnce(&mut dyn Backend) + Send>;

impl Keyring {
    /// Makes a keyring that connects when it is first asked something.
    pub(in crate::store) fn new(may_prompt: bool, connect: Connect) -> Self {
        Self {
            may_prompt,
            state: RefCell::new(State::Untouched(connect)),
        }
    }

    /// Tells whether it has kept something back that a person could let us have.
    pub(in crate::store) fn would_ask(&self) -> bool {
        matches!(*self.state.borrow(), State::GivenUp(BackendError::WouldAsk))
    }

    /// Tells whether it was asked, and there is none.
    pub(in crate::store) fn is_absent(&self) -> bool {
        matches!(
            *self.state.borrow(),
            State::GivenUp(BackendError::Absent(_))
        )
    }

    fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut dyn Backend) -> Result<T, BackendError> + Send + 'static,
    ) -> Result<T, BackendError> {
        let jobs = self.open()?;
        let (answer, answers) = mpsc::channel();
        // Where the thread is gone, or we are by the time it answers, the other side's wait tells.
        jobs.send(Box::new(move |backend| {
            answer.send(question(backend)).ok();
        }))
        .ok();
        let patience = if self.may_prompt {
            PATIENCE_WITH_A_PERSON
        } else {
            PATIENCE
        };
        let outcome = wait(&answers, patience);
        if let Err(error) = &outcome {
            self.give_up_on(error);
        }
        outcome
    }

    /// Connects once. No connection asks a person anything, so it never gets a person's time.
    fn open(&self) -> Result<Sender<Job>, BackendError> {
        let given_up = State::GivenUp(BackendError::Failed("it could not be opened".to_owned()));
        let state = match self.state.replace(given_up) {
            State::Untouched(connect) => {
                let (jobs, queue) = mpsc::channel();
                let (opened, answers) = mpsc::channel();
                let thread = thread::Builder::new().name("keyring".to_owned());
                let started = thread.spawn(move || serve(connect, &opened, queue));
                let opened = match started {
                    Ok(_) => wait(&answers, PATIENCE),
                    Err(error) => Err(BackendError::Failed(format!("no thread: {error}"))),
                };
                match opened {
                    Ok(()) => State::Open(jobs),
                    Err(error) => State::GivenUp(error),
                }
            }
            state @ (State::Open(_) | State::GivenUp(_)) => state,
        };
        let answer = match &state {
            State::Open(jobs) => Ok(jobs.clone()),
            State::GivenUp(error) => Err(error.clone()),
            State::Untouched(_) => unreachable!("it has just been opened or given up"),
        };
        self.state.replace(state);
        answer
    }

    /// Remembers an error that a second question would only meet again: a wait, or a person who has said no.
    fn give_up_on(&self, error: &BackendError) {
        let lasting = match error {
            BackendError::Absent(_) | BackendError::Silent(_) | BackendError::WouldAsk => true,
            BackendError::Locked => self.may_prompt,
            BackendError::Failed(_) | BackendError::NoFolder(_) | BackendError::File(_) => false,
        };
        if lasting {
            self.state.replace(State::GivenUp(error.clone()));
        }
    }
}

impl Backend for &Keyring {
    fn read(&mut self, name: &str) -> Result<Option<Secret>, BackendError> {
        let name = name.to_owned();
        self.ask(move |backend| backend.read(&name))
    }

    fn write(&mut self, name: &str, secret: &Secret) -> Result<(), BackendError> {
        let (name, secret) = (name.to_owned(), secret.clone());
        self.ask(move |backend| backend.write(&name, &secret))
    }

    fn delete(&mut self, name: &str) -> Result<bool, BackendError> {
        let name = name.to_owned();
        self.ask(move |backend| backend.delete(&name))
    }

    fn delete_all(&mut self, known: &[String]) -> Result<usize, BackendError> {
        let known = known.to_vec();
        self.ask(move |backend| backend.delete_all(&known))
    }

    fn check(&mut self, name: &str) -> Result<(), BackendError> {
        let name = name.to_owned();
        self.ask(move |backend| backend.check(&name))
    }
}

/// The thread: connects, then answers until nobody can ask any more.
fn serve(connect: Connect, opened: &Sender<Result<(), BackendError>>, queue: Receiver<Job>) {
    match connect() {
        Ok(mut backend) => {
            opened.send(Ok(())).ok();
            for job in queue {
                job(&mut *backend);
            }
        }
        Err(error) => drop(opened.send(Err(error))),
    }
}

fn wait<T>(
    answers: &Receiver<Result<T, BackendError>>,
    patience: Duration,
) -> Result<T, BackendError> {
    answers
        .recv_timeout(patience)
        .unwrap_or_else(|missed| match missed {
            RecvTimeoutError::Timeout => Err(BackendError::Silent(patience)),
            RecvTimeoutError::Disconnected => {
                Err(BackendError::Failed("its thread ended".to_owned()))
            }
        })
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    /// A keyring whose daemon is stopped.
    struct Stopped;

    impl Backend for Stopped {
        fn read(&mut self, _name: &str) -> Result<Option<Secret>, BackendError> {
            thread::sleep(Duration::from_secs(60));
            Ok(None)
        }

        fn write(&mut self, _name: &str, _secret: &Secret) -> Result<(), BackendError> {
            Err(BackendError::Locked)
        }

        fn delete(&mut self, _name: &str) -> Result<bool, BackendError> {
            Err(BackendError::Failed("x".to_owned()))
        }

        fn delete_all(&mut self, _known: &[String]) -> Result<usize, BackendError> {
            panic!("a fault in a library")
        }

        fn check(&mut self, _name: &str) -> Result<(), BackendError> {
            Ok(())
        }
    }

    fn stopped(may_prompt: bool) -> Keyring {
        Keyring::new(may_prompt, Box::new(|| Ok(Box::new(Stopped))))
    }

    #[test]
    fn a_keyring_that_misses_its_deadline_is_not_asked_again() {
        let keyring = stopped(false);
        let start = Instant::now();
        assert_eq!((&keyring).read("x"), Err(BackendError::Silent(PATIENCE)));
        assert_eq!((&keyring).check("x"), Err(BackendError::Silent(PATIENCE)));
        assert!((PATIENCE..PATIENCE + Duration::from_millis(500)).contains(&start.elapsed()));
    }

    #[test]
    fn connecting_has_no_more_than_the_short_deadline_even_with_a_person() {
        let hangs: Connect = Box::new(|| {
            thread::sleep(Duration::from_secs(60));
            Err(BackendError::Locked)
        });
        assert_eq!(
            (&Keyring::new(true, hangs)).read("x"),
            Err(BackendError::Silent(PATIENCE))
        );
    }

    #[test]
    fn a_person_is_asked_once() {
        let alone = stopped(false);
        assert_eq!(
            (&alone).write("x", &Secret::new("")),
            Err(BackendError::Locked)
        );
        assert_eq!((&alone).check("x"), Ok(()));
        let with_person = stopped(true);
        assert_eq!(
            (&with_person).write("x", &Secret::new("")),
            Err(BackendError::Locked)
        );
        assert_eq!((&with_person).check("x"), Err(BackendError::Locked));
    }

    #[test]
    fn a_single_failure_gives_nothing_up() {
        let keyring = stopped(false);
        assert!((&keyring).delete("x").is_err());
        assert_eq!((&keyring).check("x"), Ok(()));
    }

    #[test]
    fn a_fault_below_is_trouble_and_no_hang() {
        let keyring = stopped(false);
        assert_eq!(
            (&keyring).delete_all(&[]),
            Err(BackendError::Failed("its thread ended".to_owned()))
        );
        assert_eq!(
            (&keyring).check("x"),
            Err(BackendError::Failed("its thread ended".to_owned()))
        );
    }
}
