//! `kfp-credential logout`: forgets what is stored, then ends it at the server where that can be done.
//!
//! What rests here is forgotten first and whatever any server says: nobody who logs out waits for that, or keeps a
//! session because a server is down.

use std::time::{Duration, Instant};

use clap::Args;

use crate::cli::Setting;
use crate::cli::config;
use crate::config::context::{Context, Deadlines, StoreChoice};
use crate::config::options::{ContactOptions, TargetOptions};
use crate::credential::wire_time;
use crate::error::Result;
use crate::get;
use crate::method;
use crate::method::iap::logins::Logins;
use crate::method::sign_out::{Ending, sign_out};
use crate::store::{Entry, Store, StoredGrant, all_done};

/// How long the servers of one command may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Options of `logout`.
#[derive(Debug, Args)]
pub(super) struct LogoutOptions {
    /// Remove every session and password of every context
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    target: TargetOptions,
}

/// Runs the command.
pub(super) fn run(setting: &Setting<'_, '_>, options: LogoutOptions) -> Result<()> {
    if options.all {
        return of_all(setting);
    }
    let target = options
        .target
        .with_environment(&setting.process.environment)?;
    let context = setting.context(&target, &ContactOptions::default(), None)?;
    let store = setting.store(context.store);
    let held = Held::of(setting, context, &store);
    let context = &held.context;
    let sessions = get::session_keys(context).into_iter().map(|key| {
        get::forget_refusal(setting.run(), &key);
        store.forget(&key)
    });
    let grant = match method::of(&context.method).grant_key(context) {
        Some(key) => store.forget(&key),
        None => Ok(false),
    };
    let session = all_done(sessions.into_iter().chain([grant])).map(|done| done.contains(&true));
    let password = store.forget_password(&get::password_key(context));
    let forgotten = all_done([session, password].into_iter()).map(|done| (done[0], done[1]));
    if let Ok((session, password)) = &forgotten {
        let what = match (session, password) {
            (true, true) => "Removed the session and the password",
            (true, false) => "Removed the session",
            (false, true) => "Removed the password",
            (false, false) => "Nothing was stored",
        };
        setting.tell(&format!("{what} of {}.", context.display_name()));
    }
    held.end_at_the_server(setting, &store, Instant::now() + PATIENCE);
    forgotten.map(drop)
}

fn of_all(setting: &Setting<'_, '_>) -> Result<()> {
    let store = setting.store(StoreChoice::Auto);
    let contexts = config::all_contexts(setting, None)?;
    let held: Vec<Held> = contexts
        .into_iter()
        .filter_map(|(_, context)| context.ok())
        .map(|context| {
            let store = store.for_choice(context.store);
            Held::of(setting, context, &store)
        })
        .collect();
    let keys: Vec<_> = held
        .iter()
        .flat_map(|Held { context, .. }| {
            let sessions = get::session_keys(context).into_iter();
            let others = method::of(&context.method).grant_key(context).into_iter();
            sessions.chain([get::password_key(context)]).chain(others)
        })
        .collect();
    for key in &keys {
        get::forget_refusal(setting.run(), key);
    }
    let forgotten = store.forget_all(&keys);
    if let Ok(count) = &forgotten {
        setting.tell(&format!(
            "Removed all that was stored: {count} sessions and passwords."
        ));
    }
    let until = Instant::now() + PATIENCE;
    let mut ended: Vec<StoredGrant> = Vec::new();
    for mut held in held {
        // Contexts of one OAuth client share a login.
        held.grant = held.grant.filter(|grant| !ended.contains(grant));
        ended.extend(held.grant.clone());
        held.end_at_the_server(setting, &store, until);
    }
    forgotten.map(drop)
}

/// What was stored of a context, in hand when it is stored no more.
struct Held {
    context: Context,
    sessions: Vec<Entry>,
    grant: Option<StoredGrant>,
}

impl Held {
    fn of(setting: &Setting<'_, '_>, context: Context, store: &Store<'_>) -> Self {
        let now = (setting.process.now)();
        let keys = get::session_keys(&context);
        let is_stored = method::of(&context.method).is_stored();
        let sessions = keys.iter().filter(|_| is_stored);
        let sessions = sessions.filter_map(|key| store.load(key).ok().flatten());
        let grant = method::of(&context.method).grant_key(&context);
        let grant = grant.and_then(|key| store.load_grant(&key));
        Self {
            sessions: sessions
                .filter(|entry| entry.credential.is_live(now))
                .collect(),
            grant,
            context,
        }
    }

    /// Ends it at the server within the time that is left, and tells what was seen.
    fn end_at_the_server(mut self, setting: &Setting<'_, '_>, store: &Store<'_>, until: Instant) {
        let left = until.saturating_duration_since(Instant::now());
        self.context.deadlines = Deadlines {
            connect: left.min(self.context.deadlines.connect),
            request: left,
            login: left,
            lock: left,
        };
        for session in &self.sessions {
            if let Some(words) = self.of_session(setting, session) {
                setting.tell(&words);
            }
        }
        let logins = Logins::of(setting.run(), &self.context, store);
        if logins.is_some_and(|logins| logins.find().is_ok_and(|grant| grant.is_some())) {
            setting.tell("The kfp SDK's credentials.json still holds a login, which `get` takes.");
        }
        if let Some(grant) = &self.grant {
            let method = method::of(&self.context.method);
            if let Some(words) = method.end_login(setting.run(), &self.context, grant) {
                setting.tell(&words);
            }
        }
    }

    fn of_session(&self, setting: &Setting<'_, '_>, session: &Entry) -> Option<String> {
        let run = setting.run();
        let place = &session.endpoint;
        let unknown =
            |why: &str| format!("Whether {place} has ended the session is not known: {why}.");
        let headers = match get::extra_headers(run, &self.context) {
            Ok(headers) => headers,
            Err(error) => return Some(unknown(&error.one_line())),
        };
        Some(match sign_out(run, &self.context, &headers, session)? {
            Ending::Ended => format!("{place} has ended the session."),
            Ending::StillAccepted => format!(
                "{place} was asked to end the session, and still accepts a copy of its cookies, until {}.",
                wire_time(session.credential.expires_at)
            ),
            Ending::Unknown(why) => unknown(&why),
        })
    }
}
