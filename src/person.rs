//! Where the user name and password of a form login come from: the context's sources, what `login --save-password`
//! stored, or the person at the terminal.

use std::cell::RefCell;

use crate::config::Context;
use crate::config::context::Dex;
use crate::config::file::Source;
use crate::config::source;
use crate::error::{Error, Result, Slug};
use crate::method::dex::Person;
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
    dex: &'a Dex,
    store: &'a Store<'a>,
    key: Key,
    asking: Asking,
    given: Option<Secret>,
    used: RefCell<Option<(String, Secret)>>,
}

impl<'a> Caller<'a> {
    /// Prepares to answer a form; `key` is where a password may be stored, `given` one that came over stdin.
    pub fn new(
        run: Run<'a>,
        context: &'a Context,
        dex: &'a Dex,
        store: &'a Store<'a>,
        key: Key,
        asking: Asking,
        given: Option<Secret>,
    ) -> Self {
        Self {
            run,
            context,
            dex,
            store,
            key,
            asking,
            given,
            used: RefCell::default(),
        }
    }

    /// Gives the user name and password that a form would be filled in with, `None` where something is missing.
    pub fn account(&self) -> Option<(String, Secret)> {
        let username = self.username().ok()?;
        let password = self.password(&username).ok()?;
        Some((username, password))
    }

    /// Gives the user name and password that were used, for `--save-password`.
    pub fn used(&self) -> Option<(String, Secret)> {
        self.used.borrow().clone()
    }

    fn stored(&self) -> Option<StoredPassword> {
        self.store.load_password(&self.key)
    }

    fn found_password(&self, username: &str) -> Result<Secret> {
        // A form that expired meanwhile is filled in again; nobody types, and no slow source is asked, twice.
        if let Some((_, password)) = self.used().filter(|(name, _)| name == username) {
            return Ok(password);
        }
        if let Some(password) = &self.given {
            return Ok(password.clone());
        }
        let may_ask = self.asking != Asking::Never && terminal::is_there();
        if let Some(source) = &self.dex.password {
            match source::read(source, "the password", self.run.environment, self.run.trace) {
                Ok(Some(password)) => return Ok(password),
                Ok(None) => {}
                Err(error) if may_ask => self.run.trace.say(error.one_line()),
                Err(error) => return Err(error),
            }
        }
        if may_ask && self.asking == Asking::Afresh {
            return ask_password(username, self.context);
        }
        match self.stored().filter(|stored| stored.username == username) {
            Some(stored) => Ok(stored.password),
            None if may_ask => ask_password(username, self.context),
            None => Err(self.password_required(username)),
        }
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
        if self.dex.password == Some(Source::Keyring) {
            return error
                .because("the context takes it from the keyring, where it is not, or which cannot be read now")
                .hint(format!("run {login} in a terminal"));
        }
        error.hint(format!(
            "run {login} in a terminal, or set KFP_CREDENTIAL_PASSWORD or `--password-file F`"
        ))
    }
}

impl Person for Caller<'_> {
    fn username(&self) -> Result<String> {
        if let Some(username) = &self.dex.username {
            return Ok(username.clone());
        }
        if let Some((username, _)) = self.used() {
            return Ok(username);
        }
        if let Some(stored) = self.stored().filter(|_| self.asking != Asking::Afresh) {
            return Ok(stored.username);
        }
        let place = self.context.display_name();
        if self.asking != Asking::Never && terminal::is_there() {
            return terminal::ask(&format!("User name (e-mail address) for {place}: "));
        }
        Err(Error::new(
            Slug::LoginRequired,
            format!("{place} wants a login at Dex, and no user name is configured"),
        )
        .hint(format!(
            "run `kfp-credential login {}` in a terminal, or give --username USER and a password",
            self.context.as_arguments()
        )))
    }

    fn password(&self, username: &str) -> Result<Secret> {
        let password = self.found_password(username)?;
        *self.used.borrow_mut() = Some((username.to_owned(), password.clone()));
        Ok(password)
    }
}

fn ask_password(username: &str, context: &Context) -> Result<Secret> {
    terminal::ask_secret(&format!(
        "Password of {username} for {}: ",
        context.display_name()
    ))
}
