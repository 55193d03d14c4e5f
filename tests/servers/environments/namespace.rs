//! Other places to run in: a user namespace with mounts of its own, another user, a session keyring.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use testkit::binary;
use testkit::peers::process::{self, Process};
use testkit::peers::{Found, Missing, install};
use testkit::sandbox::Sandbox;

/// Is a user and mount namespace in which we are root; it ends with its owner.
pub(super) struct Namespace {
    holder: Process,
    nsenter: PathBuf,
    folder: TempDir,
}

impl Namespace {
    /// Makes one, and runs a script in it first, with these words after its name.
    pub(super) fn start(script: &str, words: &[&Path]) -> Found<Self> {
        let unshare = install::program("unshare", "util-linux")?;
        let nsenter = install::program("nsenter", "util-linux")?;
        let mut tried = Command::new(&unshare);
        let tried = tried.args(["-rm", "true"]).status();
        if !tried.is_ok_and(|status| status.success()) {
            return Err(Missing::new("user namespaces (`unshare -rm`)"));
        }
        let folder = TempDir::new().expect("a temporary folder");
        let ready = folder.path().join("ready");
        let mut command = process::command(unshare);
        let script = format!("{script}\ntouch \"$0\" && exec sleep 600");
        command.args(["-rm", "sh", "-euc", &script]).arg(&ready);
        command.args(words);
        let log = folder.path().join("log");
        let mut holder = Process::start("unshare -rm", command, &log);
        holder.wait_until(|| ready.exists());
        Ok(Self {
            holder,
            nsenter,
            folder,
        })
    }

    /// Runs a script inside.
    pub(super) fn run(&self, script: &str, word: &Path) {
        let mut command = self.enter();
        let done = command.args(["sh", "-euc", script]).arg(word).output();
        let done = done.expect("nsenter");
        assert!(done.status.success(), "{script}: {done:?}");
    }

    /// Makes a program that is ours, run inside.
    pub(super) fn binary(&self) -> PathBuf {
        let command = self.enter();
        let words: Vec<_> = command
            .get_args()
            .map(|word| word.to_string_lossy())
            .collect();
        let line = format!("{} {}", self.nsenter.display(), words.join(" "));
        script(
            self.folder.path(),
            &format!("exec {line} {} \"$@\"", binary()),
        )
    }

    /// Makes a program that is ours, run in a container of its own inside: a folder of its own lies at this path.
    pub(super) fn container(&self, path: &Path, own: &Path) -> Found<PathBuf> {
        let unshare = install::program("unshare", "util-linux")?;
        let command = self.enter();
        let words: Vec<_> = command
            .get_args()
            .map(|word| word.to_string_lossy())
            .collect();
        let line = format!(
            r#"exec {} {} {} -m sh -euc 'mount --bind "$1" "$2"; shift 2; exec "$@"' sh {} {} {} "$@""#,
            self.nsenter.display(),
            words.join(" "),
            unshare.display(),
            own.display(),
            path.display(),
            binary()
        );
        Ok(script(own, &line))
    }

    fn enter(&self) -> Command {
        let mut command = Command::new(&self.nsenter);
        command.arg(format!("--target={}", self.holder.id()));
        command.args(["--user", "--mount", "--preserve-credentials", "--"]);
        command
    }
}

/// Makes a program that is ours, run by these words before it.
pub(super) struct Wrapped {
    pub(super) binary: PathBuf,
    _folder: TempDir,
}

impl Wrapped {
    pub(super) fn in_words(words: &str) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let binary = script(folder.path(), &format!("exec {words} {} \"$@\"", binary()));
        Self {
            binary,
            _folder: folder,
        }
    }

    /// Runs where no process but its own has a number.
    pub(super) fn in_a_pid_namespace() -> Found<Self> {
        let unshare = install::program("unshare", "util-linux")?;
        let mut tried = Command::new(&unshare);
        let tried = tried.args(["-pf", "true"]).stderr(Stdio::null()).status();
        if !tried.is_ok_and(|status| status.success()) {
            return Err(Missing::new("PID namespaces (`unshare -pf`)"));
        }
        Ok(Self::in_words(&format!("{} -pf", unshare.display())))
    }

    /// Runs in a user namespace, under the number of all whom it does not know.
    pub(super) fn as_the_unknown_user() -> Found<Self> {
        let unshare = install::program("unshare", "util-linux")?;
        let words = ["--user", "--map-user=65534"];
        let mut tried = Command::new(&unshare);
        let tried = tried.args(words).arg("true").stderr(Stdio::null()).status();
        if !tried.is_ok_and(|status| status.success()) {
            return Err(Missing::new("user namespaces (`unshare --user`)"));
        }
        Ok(Self::in_words(&format!(
            "{} {}",
            unshare.display(),
            words.join(" ")
        )))
    }

    /// Runs as another user, who can reach neither our folders nor where cargo builds.
    pub(super) fn as_user(id: u32) -> Found<Self> {
        let setpriv = install::program("setpriv", "util-linux")?;
        if !rustix::process::geteuid().is_root() {
            return Err(Missing::new("root, to run as another user"));
        }
        let folder = TempDir::new().expect("a temporary folder");
        let copy = folder.path().join("kfp-credential");
        fs::copy(binary(), &copy).expect("a copy of the binary");
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(folder.path(), open).expect("mode 0755");
        let (setpriv, copy) = (setpriv.display(), copy.display());
        let line =
            format!("exec {setpriv} --reuid {id} --regid {id} --clear-groups -- {copy} \"$@\"");
        let binary = script(folder.path(), &line);
        Ok(Self {
            binary,
            _folder: folder,
        })
    }
}

/// Makes a home another user's.
pub(super) fn give_away(home: &Sandbox, id: u32) {
    let home = home.home();
    let root = home.parent().expect("the sandbox");
    let mut command = Command::new("chown");
    let done = command.args(["-R", &id.to_string()]).arg(root).status();
    assert!(done.expect("chown").success());
}

fn script(folder: &Path, line: &str) -> PathBuf {
    let file = folder.join("wrapped");
    fs::write(&file, format!("#!/bin/sh\n{line}\n")).expect("a script");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("mode 0755");
    file
}
