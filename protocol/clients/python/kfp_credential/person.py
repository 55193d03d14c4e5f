"""Logging in as a person from Python: a notebook has no terminal for kfp-credential to ask at."""

from __future__ import annotations

import getpass
import json
import subprocess
from typing import List, Optional

from . import process
from .errors import HelperError
from .exec_config import ExecConfig
from .helper import Helper

# The methods whose login takes a password; the others need a browser, or nobody.
_WITH_PASSWORD = ("dex", "auto")
# Seconds for a question that nobody else is asked for.
STATUS_TIMEOUT = 30.0


def login(
    context: Optional[str] = None,
    *,
    username: Optional[str] = None,
    exec_config: Optional[ExecConfig] = None,
) -> None:
    """Logs in to a context, by default the current one, and prints what kfp-credential says.

    Asks for the password with getpass, and for the user name if the context names none. The password
    goes to ``kfp-credential login`` through a pipe and is kept nowhere here. A login in a browser opens
    it or shows the address. Raises HelperError when it fails.
    """
    config = exec_config or ExecConfig.find()
    options = _options(config) + ([] if context is None else ["--context", context])
    named = [] if username is None else ["--username", username]
    if _method(config, options) in _WITH_PASSWORD:
        password = getpass.getpass(f"Password for {username or context or 'the current context'}: ")
        try:
            _run(config, ["login", "--password-stdin", *options, *named], password)
        except HelperError as error:
            if username is not None or error.slug != "login-required":
                raise
            named = ["--username", input("The context names no user. User name (e-mail address): ")]
            _run(config, ["login", "--password-stdin", *options, *named], password)
    else:
        _run(config, ["login", *options, *named], None)
    Helper.forget_all()  # what was rejected before is not what is there now


def _options(config: ExecConfig) -> List[str]:
    """Returns what the configured `kfp-credential get` is told besides."""
    if config.args[:1] != ["get"]:
        message = f"the exec configuration ({config.source}) does not run `kfp-credential get`, so it tells of no login"
        raise HelperError("exec-config-invalid", message, "log in with the helper's own command")
    return config.args[1:]


def _method(config: ExecConfig, options: List[str]) -> str:
    """Asks how the context logs in; nobody is contacted for that."""
    arguments = [config.program(), "status", "-o", "json", *options]
    try:
        done = subprocess.run(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=process.environment(config),
            timeout=STATUS_TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        message = f"`{config.command} status` did not end within {STATUS_TIMEOUT:g} s and was ended"
        raise HelperError("helper-timeout", message, "run it in a terminal to see where it waits") from None
    if done.returncode != 0:
        raise process.failure(config, done.returncode, done.stderr.decode("utf-8", "replace"))
    contexts = json.loads(done.stdout.decode("utf-8"))
    meant = [context for context in contexts if len(contexts) == 1 or context["current"]]
    return str(meant[0].get("method", "auto")) if meant else "auto"


def _run(config: ExecConfig, args: List[str], password: Optional[str]) -> None:
    """Runs the program, prints its words as they come, and raises those of an error."""
    started = subprocess.Popen(
        [config.program(), *args],
        stdin=subprocess.DEVNULL if password is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=process.environment(config),
        # With a password in the pipe it is not to ask at a terminal: we ask, where the person looks.
        start_new_session=password is not None,
    )
    words: List[str] = []
    try:
        if started.stdin is not None:
            with started.stdin:
                started.stdin.write(f"{password}\n".encode("utf-8"))
        assert started.stdout is not None
        with started.stdout:
            for line in started.stdout:
                words.append(line.decode("utf-8", "replace"))
                if not any("error[" in word for word in words):
                    print(words[-1], end="", flush=True)
        code = started.wait()
    finally:
        if started.poll() is None:
            started.kill()
            started.wait()
    if code != 0:
        raise process.failure(config, code, "".join(words))
