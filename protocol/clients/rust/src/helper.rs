//! Keeps a credential until it expires, renews one that was refused, and makes one run of what many threads ask for.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::credential::Credential;
use crate::error::{CREDENTIAL_REJECTED, HelperError};
use crate::exec::ExecConfig;
use crate::process;

type Outcome = Result<Arc<Credential>, HelperError>;

/// Gets credentials from a helper. Any number of threads may share one.
#[derive(Debug)]
pub struct Helper {
    exec: ExecConfig,
    pub(crate) context: Option<String>,
    timeout: Duration,
    retry_pause: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    kept: Option<Kept>,
    running: Option<Arc<Run>>,
    pause: Option<Pause>,
}

/// The credential at hand.
#[derive(Debug)]
struct Kept {
    credential: Arc<Credential>,
    since: Instant,
    /// It comes from a run with `--refresh`.
    renewed: bool,
    /// The endpoint has taken it.
    accepted: bool,
}

/// One run of the helper; whoever asks for its outcome first makes it, and the others wait.
#[derive(Debug)]
struct Run {
    refresh: bool,
    outcome: OnceLock<Outcome>,
}

/// Keeps a client from renewing again and again what no renewal mends.
#[derive(Debug)]
struct Pause {
    until: Instant,
    error: HelperError,
}

impl Helper {
    /// Runs the helper that the program names.
    pub fn new(exec: ExecConfig) -> Self {
        Self {
            exec,
            context: None,
            timeout: Duration::from_secs(240),
            retry_pause: Duration::from_secs(60),
            state: Mutex::default(),
        }
    }

    /// Runs the helper that the user names (see [`ExecConfig::find`]).
    pub fn find() -> Result<Self, HelperError> {
        ExecConfig::find().map(Self::new)
    }

    /// Names one of the helper's contexts.
    #[must_use]
    pub fn context(mut self, name: impl Into<String>) -> Self {
        self.context = Some(name.into());
        self
    }

    /// Changes how long a run may take: 240 s.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// Changes how long to let a failed renewal be: 60 s.
    #[must_use]
    pub fn retry_pause(mut self, pause: Duration) -> Self {
        self.retry_pause = pause;
        self
    }

    /// Gives the credential at hand, or what a run of the helper answers.
    pub fn credential(&self) -> Result<Arc<Credential>, HelperError> {
        let run = {
            let mut state = self.state();
            if let Some(credential) = state.at_hand() {
                return Ok(credential);
            }
            state.run_of(false)
        };
        self.outcome(&run)
    }

    /// Gives another credential than the rejected one: what another thread has renewed meanwhile, or what the helper
    /// answers to `--refresh`. After a renewal that did not help, this only fails for as long as the pause lasts.
    pub fn renew(&self, rejected: &Credential) -> Result<Arc<Credential>, HelperError> {
        loop {
            let run = {
                let mut state = self.state();
                if let Some(newer) = state.at_hand().filter(|kept| !same(kept, rejected)) {
                    return Ok(newer);
                }
                if state.running.is_none() {
                    state.check_pause(rejected, self.retry_pause)?;
                }
                state.run_of(true)
            };
            let credential = self.outcome(&run)?;
            // A run that was under way without `--refresh` may have found the rejected one again.
            if run.refresh || !same(&credential, rejected) {
                return Ok(credential);
            }
        }
    }

    /// Remembers that the endpoint has taken a credential: its refusal is news from now on.
    pub(crate) fn accept(&self, credential: &Arc<Credential>) {
        if let Some(kept) = &mut self.state().kept
            && Arc::ptr_eq(&kept.credential, credential)
        {
            kept.accepted = true;
        }
    }

    /// Begins a pause where the renewed credential was refused as well.
    pub(crate) fn give_up(&self, rejected: &Arc<Credential>, error: &HelperError) {
        let mut state = self.state();
        let is_renewed = |kept: &Kept| kept.renewed && Arc::ptr_eq(&kept.credential, rejected);
        if state.kept.as_ref().is_some_and(is_renewed) {
            state.begin_pause(error.clone(), self.retry_pause);
        }
    }

    fn outcome(&self, run: &Run) -> Outcome {
        run.outcome
            .get_or_init(|| {
                let outcome = self.run(run.refresh);
                let mut state = self.state();
                state.running = None;
                match &outcome {
                    Ok(credential) => {
                        state.kept = Some(Kept {
                            credential: Arc::clone(credential),
                            since: Instant::now(),
                            renewed: run.refresh,
                            accepted: false,
                        });
                        if run.refresh {
                            state.pause = None;
                        }
                    }
                    Err(error) if run.refresh => {
                        state.begin_pause(error.clone(), self.retry_pause);
                    }
                    Err(_) => {}
                }
                outcome
            })
            .clone()
    }

    fn run(&self, refresh: bool) -> Outcome {
        let mut further = Vec::new();
        if let Some(context) = &self.context {
            further.extend(["--context", context]);
        }
        if refresh {
            further.push("--refresh");
        }
        let stdout = process::run(&self.exec, &further, self.timeout)?;
        Credential::parse(&stdout).map(Arc::new)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Gives the credential that is kept, where it is still good.
    fn at_hand(&self) -> Option<Arc<Credential>> {
        let kept = self.kept.as_ref()?;
        kept.credential
            .is_live()
            .then(|| Arc::clone(&kept.credential))
    }

    /// Gives the run that is under way, or a new one.
    fn run_of(&mut self, refresh: bool) -> Arc<Run> {
        let new = || {
            Arc::new(Run {
                refresh,
                outcome: OnceLock::new(),
            })
        };
        Arc::clone(self.running.get_or_insert_with(new))
    }

    /// Says why there is no renewal now. A credential that was just renewed, and is refused before it was ever
    /// accepted, begins a pause.
    fn check_pause(&mut self, rejected: &Credential, length: Duration) -> Result<(), HelperError> {
        if let Some(pause) = &self.pause
            && Instant::now() < pause.until
        {
            return Err(pause.error.clone());
        }
        let was_in_vain = |kept: &Kept| {
            let is_new = kept.renewed && kept.since.elapsed() < length;
            is_new && !kept.accepted && same(&kept.credential, rejected)
        };
        if !self.kept.as_ref().is_some_and(was_in_vain) {
            return Ok(());
        }
        let endpoint = &rejected.endpoint;
        let what = format!("{endpoint} refused a credential that was just renewed");
        let error = HelperError::new(CREDENTIAL_REJECTED, what);
        self.begin_pause(error.clone(), length);
        Err(error)
    }

    fn begin_pause(&mut self, error: HelperError, length: Duration) {
        let until = Instant::now() + length;
        self.pause = Some(Pause { until, error });
    }
}

fn same(one: &Credential, other: &Credential) -> bool {
    one.headers() == other.headers()
}
