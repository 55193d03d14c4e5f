//! Where the user name and password of a form login come from: the context's sources, what `login --save-password`
//! stored, or the person at the terminal.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use crate::config::Context;
use crate::config::method::Account;
use crate::config::source;
use crate::config::source::Source;
use crate::error::{Error, Result, Slug};
use crate::method::Person;
use crate::run::Run;
use crate::secret::Secret;
use crate::store::{Key, Store, StoredPassword};
use crate::terminal;

/// How the person may be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asking {
    /// Not at all: whatever is missing is an error that says how to give it.
    Never,
    /// At the terminal, for what is missing.
    WhatIsMissing,
    /// At the terminal, for the password even where one is stored: it may be the stored one that is wrong.
    Afresh,
}

/// The person on whose behalf a login is made.
pub struct Caller<'a> {
    run: Run<'a>,
    context: &'a Context,
    account: Account<'a>,
    store: &'a Store<'a>,
    key: Key,
    asking: Asking,
    given: Option<Secret>,
    used: RefCell<Option<(String, Secret)>>,
    waited: Cell<Duration>,
}

impl<'a> Caller<'a> {
    /// Prepares to answer a form; `key` is where a password may be stored, `given` one that came over stdin.
    pub fn new(
        run: Run<'a>,
        context: &'a Context,
        account: Account<'a>,
        store: &'a Store<'a>,
        key: Key,
        asking: Asking,
        given: Option<Secret>,
    ) -> Self {
        Self {
            run,
            context,
            account,
            store,
            key,
            asking,
            given,
            used: RefCell::default(),
            waited: Cell::default(),
        }
    }

    /// Gives the user name and password that a form would be filled in with, `None` where something is missing.
    pub fn account(&self) -> Option<(String, Secret)> {
        let username = self.username().ok()?;
        let limit = self.context.deadlines.login;
        let password = self.password(&username, limit).ok()?;
        Some((username, password))
    }

    /// Gives the user name and password that were used, for `--save-password`.
    pub fn used(&self) -> Option<(String, Secret)> {
        self.used.borrow().clone()
    }

    fn stored(&self) -> Option<StoredPassword> {
        self.store.load_password(&self.key)
    }

    fn found_password(&self, username: &str, limit: Duration) -> Result<Secret> {
        // Nobody types, and no slow source is asked, twice.
        if let Some((_, password)) = self.used().filter(|(name, _)| name == username) {
            return Ok(password);
        }
        if let Some(password) = &self.given {
            return Ok(password.clone());
        }
        let may_ask = self.asking != Asking::Never && terminal::is_there();
        if let Some(source) = self.account.password {
            let (environment, trace) = (self.run.environment, self.run.trace);
            match source::read_within(limit, source, "the password", environment, trace) {
                Ok(Some(password)) => return Ok(password),
                Ok(None) => {}
                Err(error) if may_ask => self.run.trace.say(error.one_line()),
                Err(error) => return Err(error),
            }
        }
        if may_ask && self.asking == Asking::Afresh {
            return self.ask_password(username);
        }
        match self.stored().filter(|stored| stored.username == username) {
            Some(stored) => Ok(stored.password),
            None if may_ask => self.ask_password(username),
            None => Err(self.password_required(username)),
        }
    }

    fn ask_password(&self, username: &str) -> Result<Secret> {
        let place = self.context.display_name();
        let prompt = format!("Password of {username} for {place}: ");
        self.asked(|| terminal::ask_secret(&prompt))
    }

    /// Asks the person, whose time is not the login's.
    fn asked<T>(&self, ask: impl FnOnce() -> Result<T>) -> Result<T> {
        let started = Instant::now();
        let answer = ask();
        self.waited.set(self.waited.get() + started.elapsed());
        answer
    }

    fn password_required(&self, username: &str) -> Error {
        let name = self.context.display_name();
        let login = format!(
            "`kfp-credential login {} --save-password`",
            self.context.as_arguments()
        );
        let error = Error::new(
            Slug::PasswordRequired,
            format!("the password of {username:?} for {name} is needed"),
        );
        if self.account.password == Some(&Source::Keyring) {
            return error
                .because("the context takes it from the keyring, which does not have it or cannot be read now")
                .hint(format!("run {login} in a terminal"));
        }
        error.hint(format!(
            "run {login} in a terminal, or set KFP_CREDENTIAL_PASSWORD or `--password-file F`"
        ))
    }
}

impl Person for Caller<'_> {
    fn username(&self) -> Result<String> {
        if let Some(username) = self.account.username {
            return Ok(username.to_owned());
        }
        if let Some((username, _)) = self.used() {
            return Ok(username);
        }
        if let Some(stored) = self.stored().filter(|_| self.asking != Asking::Afresh) {
            return Ok(stored.username);
        }
        let place = self.context.display_name();
        if self.asking != Asking::Never && terminal::is_there() {
            let prompt = format!("User name (e-mail address) for {place}: ");
            return self.asked(|| terminal::ask(&prompt));
        }
        Err(Error::new(
            Slug::LoginRequired,
            format!("{place} wants a login with a password, and no user name is configured"),
        )
        .hint(format!(
            "run `kfp-credential login {}` in a terminal, or give --username USER and a password",
            self.context.as_arguments()
        )))
    }

    fn password(&self, username: &str, limit: Duration) -> Result<Secret> {
        let password = self.found_password(username, limit)?;
        *self.used.borrow_mut() = Some((username.to_owned(), password.clone()));
        Ok(password)
    }

    fn waited(&self) -> Duration {
        self.waited.get()
    }
}
