//! The grammar of the command line, and the way from a command to its file.

mod config;
mod get;
mod login;
mod logout;
mod man;
mod sdk;
mod status;
mod words;

use std::ffi::OsString;
use std::fs::File;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::Process;
use crate::config::context::StoreChoice;
use crate::config::options::{CommonOptions, ContactOptions, TargetOptions};
use crate::config::{Context, Inputs, resolve};
use crate::environment::{self, Environment};
use crate::error::{Error, Result, Slug};
use crate::protocol::format;
use crate::protocol::request::ExecConfig;
use crate::read_file;
use crate::run::Run;
use crate::sanitize::address::without_addresses;
use crate::store::Store;
use crate::trace::{Stderr, Trace};

/// A credential helper for Kubeflow Pipelines.
///
/// Prints one JSON document with a bearer token or session cookies, and when they expire. Programs run it as kubectl runs
/// an exec credential plugin; people run `login` once. The Kubeflow to log in to is a context of the configuration file, or
/// given by options: `kfp-credential get --endpoint URL --username USER`.
#[derive(Debug, Parser)]
#[command(name = "kfp-credential", version, max_term_width = 100, after_help = AFTER_HELP)]
pub struct Cli {
    #[command(flatten)]
    common: CommonOptions,
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
--context, --config, the context options, --no-verify and --timeout can be set by environment
variables too: --some-name by KFP_CREDENTIAL_SOME_NAME; the option takes precedence.
KFP_CREDENTIAL_PASSWORD is the password for Dex's login form, KFP_CREDENTIAL_LOG a file for the log.

Exit codes: 0 success, 1 internal error, 2 usage, 3 configuration, 4 user interaction required,
5 refused, 6 unreachable, 130 interrupted.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the credential, stored or new; never prompts
    Get(get::GetOptions),
    /// Log in as a user: prompts for what is missing and stores the session
    Login(login::LoginOptions),
    /// Remove the stored session and password of a context, and end the session at the server
    Logout(logout::LogoutOptions),
    /// Show every context: method, user, expiry, where the session is stored; contacts no server
    Status(status::StatusOptions),
    /// Show and change the configuration file
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Import IAP logins from the kfp SDK's credentials.json
    Import(sdk::ImportOptions),
    /// Export an IAP login as the kfp SDK's credentials.json, for machines without a user
    Export(sdk::ExportOptions),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page
    Man,
}

/// What every command is given.
pub(crate) struct Setting<'a, 'p> {
    pub(crate) common: CommonOptions,
    pub(crate) trace: Trace,
    pub(crate) process: &'a mut Process<'p>,
}

impl Setting<'_, '_> {
    pub(crate) fn run(&self) -> Run<'_> {
        Run {
            environment: &self.process.environment,
            trace: &self.trace,
            now: self.process.now,
        }
    }

    /// Finds the context that the options mean.
    pub(crate) fn context(
        &self,
        target: &TargetOptions,
        contact: &ContactOptions,
        exec: Option<&ExecConfig>,
    ) -> Result<Context> {
        let (common, environment) = (&self.common, &self.process.environment);
        let context = resolve(&Inputs {
            common,
            target,
            contact,
            exec,
            environment,
        })?;
        if !context.left_aside.is_empty() {
            let names = context.left_aside.join(", ");
            self.trace.say(format_args!(
                "{names} is ignored: KF_PIPELINES_ENDPOINT names no endpoint at this origin"
            ));
        }
        Ok(context)
    }

    /// Gives a store to a command that a person runs, who may be asked to unlock it.
    pub(crate) fn store(&self, choice: StoreChoice) -> Store<'_> {
        Store::new(choice, &self.process.environment, &self.trace, true)
    }

    /// Writes a command's answer to stdout.
    pub(crate) fn print(&mut self, text: &str) -> Result<()> {
        format::write(self.process.stdout, text)
    }

    /// Tells the person something on stderr.
    pub(crate) fn tell(&self, text: &str) {
        self.process
            .stderr
            .borrow_mut()
            .write_all(format!("{text}\n").as_bytes())
            .ok();
    }
}

/// Parses the arguments and runs the command.
pub(crate) fn run(
    arguments: impl IntoIterator<Item = OsString>,
    mut process: Process<'_>,
) -> Result<()> {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return help_or_usage(&error, &mut process),
    };
    if let Some(name) = process.environment.not_text() {
        let what = format!("the value of the variable {name} is not valid UTF-8");
        return Err(
            Error::new(Slug::ConfigInvalid, what).hint(format!("correct {name}, or unset it"))
        );
    }
    let common = cli.common.with_environment(&process.environment);
    let trace = trace(&common, &process.environment, &process.stderr)?;
    let mut setting = Setting {
        common,
        trace,
        process: &mut process,
    };
    match cli.command {
        Command::Get(options) => get::run(setting, options),
        Command::Login(options) => login::run(&mut setting, options),
        Command::Logout(options) => logout::run(&setting, options),
        Command::Status(options) => status::run(&mut setting, options),
        Command::Config(command) => config::run(&mut setting, command),
        Command::Import(options) => sdk::import(&mut setting, options),
        Command::Export(options) => sdk::export(&mut setting, options),
        Command::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "kfp-credential", &mut text);
            setting.print(&String::from_utf8_lossy(&text))
        }
        Command::Man => setting.print(&man::page(Cli::command())?),
    }
}

fn trace(common: &CommonOptions, environment: &Environment, stderr: &Stderr) -> Result<Trace> {
    let file = environment.path(environment::LOG).map(|path| {
        open_log(path).map_err(|error| {
            Error::new(
                Slug::ConfigWriteFailed,
                format!("cannot write the log file {}", path.display()),
            )
            .because(error)
            .hint("correct or unset KFP_CREDENTIAL_LOG")
        })
    });
    Ok(Trace::new(
        common.verbose.then(|| stderr.clone()),
        file.transpose()?,
    ))
}

fn open_log(path: &std::path::Path) -> std::io::Result<File> {
    let mut options = File::options();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    read_file::open_to_append(path, &mut options)
}

/// Help and version go to stdout; anything else that the grammar refuses is an error like every other.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the grammar's library adds kinds, and every one but these is a usage error"
)]
fn help_or_usage(error: &clap::Error, process: &mut Process<'_>) -> Result<()> {
    let text = error.render().to_string();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            return format::write(process.stdout, &text);
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            return Err(Error::new(Slug::Usage, "a command is missing"));
        }
        _ => {}
    }
    let text = without_addresses(&text);
    let lines = text.lines().map(str::trim);
    let mut lines = lines.filter(|line| !line.is_empty()).peekable();
    let first = lines.next().unwrap_or_default();
    let mut first = first.trim_start_matches("error: ").to_owned();
    if first.ends_with(':') {
        while let Some(line) = lines.next_if(|line| !line.starts_with("Usage:")) {
            first.push(' ');
            first.push_str(line);
        }
    }
    let mut usage = Error::new(Slug::Usage, first.as_str());
    for line in lines {
        usage = usage.hint(line.trim_start_matches("tip: "));
    }
    if first.contains("--password'") {
        usage = usage.hint("a password is never given as an option, as other users could read it: use --password-file F, --password-stdin (login) or KFP_CREDENTIAL_PASSWORD");
    }
    Err(usage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_is_sound() {
        Cli::command().debug_assert();
    }
}
