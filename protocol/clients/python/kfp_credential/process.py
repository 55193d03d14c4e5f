"""Running the helper: no shell, nothing on stdin, both pipes drained, and an end in any case."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from typing import IO, Dict, List, Optional, Sequence

from .errors import HelperError
from .exec_config import ExecConfig

ANSWER_LIMIT = 1 << 20
WORDS_KEPT = 64 << 10
# How long to wait for the rest of a pipe that something the helper left behind still holds.
GRACE = 0.5

_SLUG = re.compile(r"error\[([a-z0-9-]+)\]: ")
_HINT = re.compile(r"^\s*hint: (.*)$", re.MULTILINE)


def run(config: ExecConfig, args: Sequence[str], timeout: float) -> bytes:
    """Returns what the helper has written to stdout, or raises what it has said on stderr."""
    helper = _start(config, args)
    answer, words = _Pipe(helper.stdout, ANSWER_LIMIT + 1, helper), _Pipe(helper.stderr, WORDS_KEPT)
    deadline = time.monotonic() + timeout
    try:
        code = helper.wait(timeout)
    except subprocess.TimeoutExpired:
        message = f"the helper {config.command!r} did not end within {timeout:g} s and was ended"
        raise HelperError("helper-timeout", message, "run it with `-v` in a terminal to see where it waits") from None
    finally:
        _end(helper)
    rest = min(GRACE, max(0.0, deadline - time.monotonic()))
    if len(answer.text(rest)) > ANSWER_LIMIT:
        message = f"the helper {config.command!r} wrote more than 1 MiB"
        raise HelperError("helper-answer-invalid", message, "check the exec configuration")
    if code != 0:
        raise failure(config, code, words.text(rest).decode("utf-8", "replace"))
    return answer.text(0)


def failure(config: ExecConfig, code: int, words: str) -> HelperError:
    """Is the error of a helper that has ended with this code and these words on stderr."""
    slug = _SLUG.search(words)
    hint = "\n".join(_HINT.findall(words)) or "run the same command in a terminal to see what it says"
    message = words.strip() or f"the helper {config.command!r} failed with exit code {code} and without a word"
    return HelperError(slug.group(1) if slug else "helper-failed", message, hint, code)


def environment(config: ExecConfig) -> Dict[str, str]:
    """Returns this process's variables with the configured ones."""
    variables = {**os.environ, **config.env}
    variables.pop("KUBERNETES_EXEC_INFO", None)  # it would ask for another form of answer
    return variables


def _start(config: ExecConfig, args: Sequence[str]) -> "subprocess.Popen[bytes]":
    program = config.program()
    try:
        return subprocess.Popen(
            [program, *config.args, *args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(config),
            start_new_session=True,  # with what it starts it is one group, to be ended together
        )
    except OSError as error:
        raise config.missing(f"cannot be executed: {error.strerror}") from None


def _end(helper: "subprocess.Popen[bytes]") -> None:
    """Ends a helper that still runs, and what it has started."""
    if helper.poll() is not None:
        return
    try:
        if hasattr(os, "killpg"):
            os.killpg(helper.pid, signal.SIGKILL)
        else:
            helper.kill()
        helper.wait(GRACE)
    except (OSError, subprocess.TimeoutExpired):
        pass  # it has just ended, or the kernel does not let go of it: nobody waits for that


class _Pipe:
    """Reads a pipe to its end in a thread of its own, and keeps the last bytes of it."""

    def __init__(self, pipe: Optional[IO[bytes]], limit: int, flooding: "Optional[subprocess.Popen[bytes]]" = None):
        assert pipe is not None
        self._pipe = pipe
        self._limit = limit
        self._flooding = flooding
        self._chunks: List[bytes] = []
        self._thread = threading.Thread(target=self._drain, daemon=True)
        self._thread.start()

    def text(self, wait: float) -> bytes:
        self._thread.join(wait)
        return b"".join(self._chunks)[-self._limit :]

    def _drain(self) -> None:
        size = 0
        with self._pipe:
            while True:
                chunk = os.read(self._pipe.fileno(), 1 << 16)
                if not chunk:
                    return
                self._chunks.append(chunk)
                size += len(chunk)
                while size - len(self._chunks[0]) >= self._limit:
                    size -= len(self._chunks.pop(0))
                    if self._flooding is not None:
                        _end(self._flooding)  # no answer is this long: why wait for its end
                        return
