//! `kfp-credential login`: a person logs in; what comes of it is stored, proven and told.

mod google;

use std::io::{BufRead, BufReader, Read};
use std::time::Duration;

use clap::Args;
use zeroize::Zeroizing;

use crate::cli::config;
use crate::cli::{Setting, words};
use crate::config::context::Context;
use crate::config::method::Method;
use crate::config::method::block::Found;
use crate::config::options::{ContactOptions, TargetOptions};
use crate::config::source::Source;
use crate::credential::Material;
use crate::error::{Error, Result, Slug};
use crate::get;
use crate::guard;
use crate::method::{self, Given, Login, NewCredential, Person};
use crate::oauth::authorization_code::Reaching;
use crate::person::{Asking, Caller};
use crate::read_file::Stdin;
use crate::secret::Secret;
use crate::store::{Lock, Place, Store, StoredPassword};

/// Options of `login`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  kfp-credential login --endpoint https://kubeflow.example.com/pipeline \\
      --username user@example.com --save-password --save-context team-a")]
pub(super) struct LoginOptions {
    /// Read the password from the first line of stdin
    #[arg(long)]
    password_stdin: bool,
    /// Store the password in the OS keyring, so that `get` logs in again by itself
    #[arg(long)]
    save_password: bool,
    /// Save the settings that worked as a context of this name in the configuration file
    #[arg(long, value_name = "NAME")]
    save_context: Option<String>,
    /// Do not open a browser: print the address, and prompt for the one that the browser ends at
    #[arg(long)]
    no_browser: bool,
    /// Port on 127.0.0.1 that the browser is redirected to [default: a free one]
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    #[command(flatten)]
    target: TargetOptions,
    #[command(flatten)]
    contact: ContactOptions,
}

/// Runs the command.
pub(super) fn run(setting: &mut Setting<'_, '_>, options: LoginOptions) -> Result<()> {
    let environment = &setting.process.environment;
    let target = options.target.with_environment(environment)?;
    let contact = options.contact.with_environment(environment)?;
    let mut context = setting.context(&target, &contact, None)?;
    let given = options
        .password_stdin
        .then(|| first_line(&mut setting.process.stdin, context.deadlines.for_reading()))
        .transpose()?;
    let (run, environment) = (setting.run(), &setting.process.environment);
    guard::interrupts();

    let extra_headers = get::extra_headers(run, &context)?;
    let store = setting.store(context.store);
    google::settle_client_id(setting, &mut context)?;
    check_stores(&context, &store, options.save_password)?;
    if let Some(name) = &options.save_context {
        config::check_saveable(setting, name, &context)?;
    }
    // Whoever asks meanwhile waits for this login and does not make another.
    let key = get::session_key(&context);
    let lock = Lock::acquire(environment, &key, context.deadlines.lock, &setting.trace)?;
    get::forget_refusal(run, &key);
    let tell = |words: &str| setting.tell(words);
    let reaching = Reaching {
        no_browser: options.no_browser,
        port: options.port,
        environment,
        tell: &tell,
    };
    let caller = context.method.account().map(|account| {
        let key = get::password_key(&context);
        Caller::new(run, &context, account, &store, key, Asking::Afresh, given)
    });
    let person = caller.as_ref().map(|caller| caller as &dyn Person);
    let method = method::of(&context.method);
    let login = Login {
        run,
        context: &context,
        endpoint: method::endpoint(&context)?,
        extra_headers: &extra_headers,
        person,
        store: &store,
        given: &Given::default(),
        may_renew: false,
        tell: &tell,
        limit: context.deadlines.login,
    };
    let given = method.person_logs_in(&login, reaching)?;
    let new = method.log_in(&Login {
        given: &given,
        ..login
    })?;
    let used = caller.as_ref().and_then(Caller::used);
    let password = used.filter(|_| options.save_password || wants_keyring(&context));
    let keeping = Keeping {
        setting,
        store: &store,
        new: &new,
        password,
    };
    let place = keeping.keep_for(&context)?;
    if let Some(name) = &options.save_context {
        let found = Found {
            method: new.method,
            username: new.credential.principal.as_deref(),
            password_saved: keeping.password.is_some(),
        };
        config::save_context(setting, name, &context, &found)?;
        // It names the method and the user that were found, so its keys may differ from those of this run.
        let saved = config::load_context(setting, name)?;
        keeping.keep_for(&saved)?;
        keeping.forget_for(&context, &saved);
    }
    drop(lock);
    report(
        setting,
        &context,
        &new,
        place.as_ref(),
        keeping.password.is_some(),
    );
    Ok(())
}

/// Keeps what a login gave.
struct Keeping<'a, 's, 'p> {
    setting: &'a Setting<'s, 'p>,
    store: &'a Store<'a>,
    new: &'a NewCredential,
    password: Option<(String, Secret)>,
}

impl Keeping<'_, '_, '_> {
    /// Stores the session and the password under a context's keys; tells where the session rests.
    fn keep_for(&self, context: &Context) -> Result<Option<Place>> {
        if !method::of(&context.method).is_stored() {
            return Ok(None);
        }
        let key = get::session_key(context);
        let saved = self.store.save(&key, &self.new.entry(&key));
        get::forget_refusal(self.setting.run(), &key);
        if let Some((username, password)) = &self.password {
            let key = get::password_key(context);
            let password = StoredPassword::new(&key, username, password.clone());
            self.store.save_password(&key, &password)?;
        }
        match saved {
            Ok(place) => Ok(Some(place)),
            Err(error) if context.store.is_named() => Err(error),
            Err(error) => {
                let why = error.one_line();
                let words = format!("The session was not stored: {why}");
                self.setting.tell(&words);
                Ok(None)
            }
        }
    }

    /// Forgets what rests under the keys of `before` and not of `after`: no logout would find it.
    fn forget_for(&self, before: &Context, after: &Context) {
        let session = get::session_key(before);
        if session != get::session_key(after) {
            self.store.forget(&session).ok();
        }
        let password = get::password_key(before);
        if self.password.is_some() && password != get::password_key(after) {
            self.store.forget_password(&password).ok();
        }
    }
}

/// Fails before anybody has logged in where what was named cannot keep the login.
fn check_stores(context: &Context, store: &Store<'_>, save_password: bool) -> Result<()> {
    if context.store.is_named() && method::of(&context.method).is_stored() {
        store.check_usable()?;
    }
    if save_password || wants_keyring(context) {
        store.check_keeps_passwords()?;
    }
    Ok(())
}

fn wants_keyring(context: &Context) -> bool {
    let account = context.method.account();
    account.is_some_and(|account| account.password == Some(&Source::Keyring))
}

fn report(
    setting: &Setting<'_, '_>,
    context: &Context,
    new: &NewCredential,
    stored: Option<&Place>,
    password_saved: bool,
) {
    let now = (setting.process.now)();
    let end = words::until(new.credential.expires_at, now);
    let endpoint = &new.endpoint;
    let who = new
        .credential
        .principal
        .as_deref()
        .map(|who| format!(" as {who}"))
        .unwrap_or_default();
    let first = match (&new.credential.material, &context.method) {
        (Material::None, _) if context.headers.is_empty() => {
            format!("{endpoint} requires no login.")
        }
        (Material::None, _) => {
            format!("Nothing to log in: the context's extra headers are for {endpoint}.")
        }
        (_, Method::TokenFile(file)) => {
            let (file, end) = (file.path.display(), words::end_of(&new.credential, now));
            if new.unproven.is_none() {
                format!(
                    "Nothing to log in: {endpoint} accepts the token in {file}{who}, until {end}."
                )
            } else {
                format!("Nothing to log in: there is a token in {file}{who}, until {end}.")
            }
        }
        _ => format!("Logged in to {endpoint}{who}, until {end}."),
    };
    setting.tell(&first);
    if let Some(why) = &new.unproven {
        setting.tell(&format!("Not verified with the endpoint: {why}."));
    }
    if context.connection.insecure_skip_tls_verify {
        setting.tell("Certificates were NOT verified (insecure-skip-tls-verify): whoever answered has the password.");
    }
    if let Some(words) = words::clock(new.clock_ahead) {
        setting.tell(&format!("{words}: check this machine's."));
    }
    match stored {
        Some(Place::Nowhere) => setting.tell(
            "The session was not stored, so `get` logs in again each time; `status` shows why, `--store file` keeps it on disk.",
        ),
        Some(place) => setting.tell(&format!("The session is stored in the {place}.")),
        None => {}
    }
    if password_saved {
        setting.tell("The password is stored in the keyring.");
    }
}

/// Reads the password up to the end of the line, or of the input.
fn first_line(stdin: &mut Stdin, limit: Duration) -> Result<Secret> {
    let read = stdin.take(limit, |stream| {
        let mut bytes = Zeroizing::new(Vec::new());
        BufReader::new(stream.take(64 * 1024)).read_until(b'\n', &mut bytes)?;
        Ok(bytes)
    });
    let bytes = read.map_err(|error| {
        let what = "the password could not be read from stdin";
        Error::new(Slug::ConfigSecretUnavailable, what).because(error)
    })?;
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        return Err(Error::new(
            Slug::PasswordRequired,
            "--password-stdin was given, and stdin holds no password",
        )
        .hint(
            "pipe it in: `printf %s \"$PASSWORD\" | kfp-credential login --password-stdin ...`",
        ));
    }
    Ok(Secret::new(line))
}
