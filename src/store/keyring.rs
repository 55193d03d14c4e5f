//! The operating system's keyring, asked from a thread of its own so that it can be given up on.
//!
//! The libraries below wait for their daemon without a limit (one that is stopped, or asks a person who is not there,
//! would hold us for ever). So one thread owns the connection, each question has a deadline, and a keyring that has
//! missed one is not asked again in the same run. The thread then ends with the process.

use std::cell::RefCell;
use std::fmt;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use crate::secret::Secret;

/// The service under which everything of ours is kept.
pub(super) const SERVICE: &str = "kfp-credential";
/// How long the keyring may take where it asks nobody.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long it may take where a person may be typing.
const PATIENCE_WITH_A_PERSON: Duration = Duration::from_secs(60);

/// What an operating system's keyring does for us; tests put a double in its place.
pub(super) trait Backend {
    /// Reads what is kept under a name.
    fn read(&mut self, name: &str) -> Result<Option<Secret>, Trouble>;
    /// Keeps something under a name, in place of what was there.
    fn write(&mut self, name: &str, secret: &Secret) -> Result<(), Trouble>;
    /// Removes what is kept under a name; tells whether there was something.
    fn delete(&mut self, name: &str) -> Result<bool, Trouble>;
    /// Removes everything of ours; `known` are the names to try where the keyring cannot be searched.
    fn delete_all(&mut self, known: &[String]) -> Result<usize, Trouble>;
    /// Tells whether something could be kept under a name without asking anybody.
    fn check(&mut self, name: &str) -> Result<(), Trouble>;
}

/// Makes the connection, on the thread that then owns it.
pub(super) type Connect = Box<dyn FnOnce() -> Result<Box<dyn Backend>, Trouble> + Send>;

/// Why the keyring gave no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// There is none here.
    Absent(String),
    /// It is locked, and nobody unlocked it.
    Locked,
    /// It holds what was asked for and would ask a person before it hands that to this program.
    WouldAsk,
    /// It did not answer in time.
    Silent(Duration),
    /// It answered with an error.
    Failed(String),
}

/// Adds up what was removed, and gives the first trouble only when all was tried.
pub(super) fn sum_of(
    removed: impl Iterator<Item = Result<usize, Trouble>>,
) -> Result<usize, Trouble> {
    let all: Vec<Result<usize, Trouble>> = removed.collect();
    all.into_iter().sum()
}

/// The keyring, not touched before the first question.
pub(super) struct Keyring {
    may_prompt: bool,
    state: RefCell<State>,
}

enum State {
    Untouched(Connect),
    Open(Sender<Job>),
    GivenUp(Trouble),
}

type Job = Box<dyn FnOnce(&mut dyn Backend) + Send>;

impl Keyring {
    /// Makes a keyring that connects when it is first asked something.
    pub(super) fn new(may_prompt: bool, connect: Connect) -> Self {
        Self {
            may_prompt,
            state: RefCell::new(State::Untouched(connect)),
        }
    }

    /// Reads what is kept under a name.
    pub(super) fn read(&self, name: &str) -> Result<Option<Secret>, Trouble> {
        let name = name.to_owned();
        self.ask(move |backend| backend.read(&name))
    }

    /// Keeps something under a name, in place of what was there.
    pub(super) fn write(&self, name: &str, secret: &Secret) -> Result<(), Trouble> {
        let (name, secret) = (name.to_owned(), secret.clone());
        self.ask(move |backend| backend.write(&name, &secret))
    }

    /// Removes what is kept under a name; tells whether there was something.
    pub(super) fn delete(&self, name: &str) -> Result<bool, Trouble> {
        let name = name.to_owned();
        self.ask(move |backend| backend.delete(&name))
    }

    /// Removes everything of ours; tells how much there was.
    pub(super) fn delete_all(&self, known: Vec<String>) -> Result<usize, Trouble> {
        self.ask(move |backend| backend.delete_all(&known))
    }

    /// Tells whether something could be kept under a name without asking anybody.
    pub(super) fn check(&self, name: &str) -> Result<(), Trouble> {
        let name = name.to_owned();
        self.ask(move |backend| backend.check(&name))
    }

    /// Tells whether it has kept something back that a person could let us have.
    pub(super) fn would_ask(&self) -> bool {
        matches!(*self.state.borrow(), State::GivenUp(Trouble::WouldAsk))
    }

    /// Tells whether it was asked, and there is none.
    pub(super) fn is_absent(&self) -> bool {
        matches!(*self.state.borrow(), State::GivenUp(Trouble::Absent(_)))
    }

    fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut dyn Backend) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, Trouble> {
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
        if let Err(trouble) = &outcome {
            self.give_up_on(trouble);
        }
        outcome
    }

    /// Connects once. No connection asks a person anything, so it never gets a person's time.
    fn open(&self) -> Result<Sender<Job>, Trouble> {
        let given_up = State::GivenUp(Trouble::Failed("it could not be opened".to_owned()));
        let state = match self.state.replace(given_up) {
            State::Untouched(connect) => {
                let (jobs, queue) = mpsc::channel();
                let (opened, answers) = mpsc::channel();
                let thread = thread::Builder::new().name("keyring".to_owned());
                let started = thread.spawn(move || serve(connect, &opened, queue));
                let opened = match started {
                    Ok(_) => wait(&answers, PATIENCE),
                    Err(error) => Err(Trouble::Failed(format!("no thread: {error}"))),
                };
                match opened {
                    Ok(()) => State::Open(jobs),
                    Err(trouble) => State::GivenUp(trouble),
                }
            }
            state @ (State::Open(_) | State::GivenUp(_)) => state,
        };
        let answer = match &state {
            State::Open(jobs) => Ok(jobs.clone()),
            State::GivenUp(trouble) => Err(trouble.clone()),
            State::Untouched(_) => unreachable!("it has just been opened or given up"),
        };
        self.state.replace(state);
        answer
    }

    /// Remembers a trouble that a second question would only meet again: a wait, or a person who has said no.
    fn give_up_on(&self, trouble: &Trouble) {
        let lasting = match trouble {
            Trouble::Absent(_) | Trouble::Silent(_) | Trouble::WouldAsk => true,
            Trouble::Locked => self.may_prompt,
            Trouble::Failed(_) => false,
        };
        if lasting {
            self.state.replace(State::GivenUp(trouble.clone()));
        }
    }
}

/// The thread: connects, then answers until nobody can ask any more.
fn serve(connect: Connect, opened: &Sender<Result<(), Trouble>>, queue: Receiver<Job>) {
    match connect() {
        Ok(mut backend) => {
            opened.send(Ok(())).ok();
            for job in queue {
                job(&mut *backend);
            }
        }
        Err(trouble) => drop(opened.send(Err(trouble))),
    }
}

fn wait<T>(answers: &Receiver<Result<T, Trouble>>, patience: Duration) -> Result<T, Trouble> {
    answers
        .recv_timeout(patience)
        .unwrap_or_else(|missed| match missed {
            RecvTimeoutError::Timeout => Err(Trouble::Silent(patience)),
            RecvTimeoutError::Disconnected => Err(Trouble::Failed("its thread ended".to_owned())),
        })
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Absent(why) => write!(f, "there is no keyring: {why}"),
            Trouble::Locked => f.write_str("the keyring is locked"),
            Trouble::WouldAsk => {
                f.write_str("the keyring would ask a person before it lets this program read")
            }
            Trouble::Silent(patience) => {
                write!(
                    f,
                    "the keyring did not answer within {} s",
                    patience.as_secs()
                )
            }
            Trouble::Failed(why) => write!(f, "the keyring failed: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    /// A keyring whose daemon is stopped.
    struct Stopped;

    impl Backend for Stopped {
        fn read(&mut self, _name: &str) -> Result<Option<Secret>, Trouble> {
            thread::sleep(Duration::from_secs(60));
            Ok(None)
        }

        fn write(&mut self, _name: &str, _secret: &Secret) -> Result<(), Trouble> {
            Err(Trouble::Locked)
        }

        fn delete(&mut self, _name: &str) -> Result<bool, Trouble> {
            Err(Trouble::Failed("x".to_owned()))
        }

        fn delete_all(&mut self, _known: &[String]) -> Result<usize, Trouble> {
            panic!("a fault in a library")
        }

        fn check(&mut self, _name: &str) -> Result<(), Trouble> {
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
        assert_eq!(keyring.read("x"), Err(Trouble::Silent(PATIENCE)));
        assert_eq!(keyring.check("x"), Err(Trouble::Silent(PATIENCE)));
        assert!((PATIENCE..PATIENCE + Duration::from_millis(500)).contains(&start.elapsed()));
    }

    #[test]
    fn connecting_has_no_more_than_the_short_deadline_even_with_a_person() {
        let hangs: Connect = Box::new(|| {
            thread::sleep(Duration::from_secs(60));
            Err(Trouble::Locked)
        });
        assert_eq!(
            Keyring::new(true, hangs).read("x"),
            Err(Trouble::Silent(PATIENCE))
        );
    }

    #[test]
    fn a_person_is_asked_once() {
        let alone = stopped(false);
        assert_eq!(alone.write("x", &Secret::new("")), Err(Trouble::Locked));
        assert_eq!(alone.check("x"), Ok(()));
        let with_person = stopped(true);
        assert_eq!(
            with_person.write("x", &Secret::new("")),
            Err(Trouble::Locked)
        );
        assert_eq!(with_person.check("x"), Err(Trouble::Locked));
    }

    #[test]
    fn a_single_failure_gives_nothing_up() {
        let keyring = stopped(false);
        assert!(keyring.delete("x").is_err());
        assert_eq!(keyring.check("x"), Ok(()));
    }

    #[test]
    fn a_fault_below_is_trouble_and_no_hang() {
        let keyring = stopped(false);
        assert_eq!(
            keyring.delete_all(Vec::new()),
            Err(Trouble::Failed("its thread ended".to_owned()))
        );
        assert_eq!(
            keyring.check("x"),
            Err(Trouble::Failed("its thread ended".to_owned()))
        );
    }
}
