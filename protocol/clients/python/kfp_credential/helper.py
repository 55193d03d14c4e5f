"""The helper as a source of credentials: run when needed, by one thread for all, and never in a loop."""

from __future__ import annotations

import os
import threading
import time
import weakref
from concurrent.futures import Future
from typing import Callable, Mapping, Optional, Tuple, TypeVar, Union

from . import process, sending
from .document import Credential
from .errors import HelperError
from .exec_config import ExecConfig

Answer = TypeVar("Answer")


class Helper:
    """Runs the configured helper and keeps its credential in memory until it expires.

    Threads may share one. ``timeout`` is how long a run may take, ``retry_pause`` how long nothing is
    renewed after renewing was of no use, both in seconds.
    """

    _all: "weakref.WeakSet[Helper]" = weakref.WeakSet()

    def __init__(
        self,
        exec_config: Optional[ExecConfig] = None,
        context: Optional[str] = None,
        timeout: float = 240.0,
        retry_pause: float = 60.0,
    ) -> None:
        self.exec_config = exec_config or ExecConfig.find()
        self.context = context
        self._timeout = timeout
        self._retry_pause = retry_pause
        self._lock = threading.Lock()
        self._cached: Optional[Credential] = None
        self._flight: Optional[Future[Optional[Credential]]] = None
        # What --refresh answered last, whether a server has accepted it, and until when a refusal of it
        # means that renewing was of no use.
        self._renewed: Optional[Credential] = None
        self._renewed_is_proven = False
        self._renewed_until = 0.0
        self._paused_until = 0.0
        self._paused_by: Optional[HelperError] = None
        Helper._all.add(self)

    def credential(self) -> Credential:
        """Returns the credential that is kept, or runs the helper for one."""
        while True:
            with self._lock:
                if self._cached is not None and not self._cached.expired():
                    return self._cached
                flight, mine = self._board()
            found = self._land(flight, mine, refresh=False)
            if found is not None:
                return found

    def renew(self, rejected: Credential, came_back: str = "a rejection") -> Credential:
        """Returns another credential than this one, which the endpoint has rejected.

        Raises ``credential-rejected`` where renewing was tried within the pause, or the error that
        it ended with.
        """
        while True:
            with self._lock:
                kept = self._cached
                if kept is not None and not kept.expired() and kept.headers != rejected.headers:
                    return kept
                if self._is_unproven(rejected):
                    self._pause(None)
                if time.monotonic() < self._paused_until:
                    raise self._paused_by or self._rejection(rejected, came_back)
                flight, mine = self._board()
            renewed = self._land(flight, mine, refresh=True)
            # A run that was under way without --refresh may have found the rejected one again.
            if renewed is not None and (mine or renewed.headers != rejected.headers):
                return renewed

    def accepted(self, credential: Credential) -> None:
        """Tells that the endpoint took this credential: when its end comes, it may be renewed."""
        with self._lock:
            if self._is_renewed(credential):
                self._renewed_is_proven = True

    def call(self, attempt: Callable[[Credential], Tuple[Answer, Optional[str]]]) -> Answer:
        """Makes a request, and once more with a renewed credential if the first was rejected.

        ``attempt`` returns the answer, and what came back in its place when it is a rejection.
        """
        credential = self.credential()
        answer, came_back = attempt(credential)
        if came_back is not None:
            credential = self.renew(credential, came_back)
            answer, came_back = attempt(credential)
            if came_back is not None:
                with self._lock:
                    # Else a run without --refresh has found it meanwhile, and renewing was not tried yet.
                    if self._is_renewed(credential):
                        self._pause(None)
                raise self._rejection(credential, came_back)
        self.accepted(credential)
        return answer

    def send(
        self,
        method: str,
        url: str,
        headers: Optional[Mapping[str, str]] = None,
        body: Union[bytes, str, None] = None,
        timeout: float = 60.0,
        limit: int = sending.BODY_LIMIT,
    ) -> sending.Reply:
        """Sends a request to a path below the endpoint, or to a URL of its origin; follows no redirect.

        ``timeout`` is for the whole exchange, to the last byte of the answer; a run of the helper has its
        own. ``limit`` is how many bytes the answer may have, as all of it is kept in memory. Raises
        OSError where the way to the endpoint fails, or one of these two is exceeded.
        """
        return self.call(lambda credential: sending.exchange(credential, method, url, headers, body, timeout, limit))

    def forget(self) -> None:
        """Forgets the credential and the pause: the next request runs the helper."""
        with self._lock:
            self._cached = self._renewed = None
            self._paused_until = 0.0

    @classmethod
    def forget_all(cls) -> None:
        """Lets every helper of this process forget, as somebody has just logged in."""
        for helper in list(cls._all):
            helper.forget()

    @classmethod
    def _begin_anew_in_a_child(cls) -> None:
        """Frees a forked process of its parent's threads, none of which goes on in it."""
        for helper in list(cls._all):
            helper._lock = threading.Lock()
            helper._flight = None

    # Single flight: whoever comes first runs the helper; the others wait for that run and share its
    # result, the error too. None is the result where that thread was interrupted: somebody else runs it.

    def _board(self) -> "Tuple[Future[Optional[Credential]], bool]":
        mine = self._flight is None
        if self._flight is None:
            self._flight = Future()
        return self._flight, mine

    def _land(self, flight: "Future[Optional[Credential]]", mine: bool, refresh: bool) -> Optional[Credential]:
        if not mine:
            return flight.result()
        try:
            credential = self._run(refresh)
        except BaseException as error:
            with self._lock:
                self._flight = None
                if refresh and isinstance(error, HelperError):
                    self._pause(error)
            if isinstance(error, HelperError):
                flight.set_exception(error)
            else:
                flight.set_result(None)
            raise
        with self._lock:
            self._flight = None
            self._cached = credential
            if refresh:
                self._renewed, self._renewed_is_proven = credential, False
                self._renewed_until = time.monotonic() + self._retry_pause
        flight.set_result(credential)
        return credential

    def _run(self, refresh: bool) -> Credential:
        args = [] if self.context is None else ["--context", self.context]
        if refresh:
            args.append("--refresh")
        return Credential.parse(process.run(self.exec_config, args, self._timeout))

    def _is_renewed(self, credential: Credential) -> bool:
        return self._renewed is not None and self._renewed.headers == credential.headers

    def _is_unproven(self, credential: Credential) -> bool:
        return (
            self._is_renewed(credential) and not self._renewed_is_proven and time.monotonic() < self._renewed_until
        )

    def _pause(self, error: Optional[HelperError]) -> None:
        self._paused_until = time.monotonic() + self._retry_pause
        self._paused_by = error

    def _rejection(self, credential: Credential, came_back: str) -> HelperError:
        context = self.context or credential.context
        login = "kfp-credential login" + (f" --context {context}" if context else "")
        message = f"{credential.endpoint} rejects the credential, and a renewed one too: it answered with {came_back}"
        hint = f"check that this is the address of the Kubeflow Pipelines API, and log in again with `{login}`"
        return HelperError("credential-rejected", message, hint)


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=Helper._begin_anew_in_a_child)
