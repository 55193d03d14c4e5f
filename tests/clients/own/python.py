"""What only the Python client can get wrong: forks, interruptions, and what http.client leaves open."""

import contextlib
import http.server
import json
import os
import signal
import socket
import sys
import tempfile
import threading
import time
import unittest
from typing import Callable, Iterator, List

sys.path.insert(0, sys.argv.pop(1))

from kfp_credential import ExecConfig, Helper, HelperError, login, person  # noqa: E402

# Each run notes itself in `runs`; the first one waits until `go-on` is there.
SCRIPT = """
echo run >>"$1/runs"
if [ "$(wc -l <"$1/runs")" -eq 1 ]; then until [ -e "$1/go-on" ]; do sleep 0.02; done; fi
cat "$1/answer"
"""


def document(endpoint: str) -> str:
    kfp = {"version": 1, "type": "bearer", "endpoint": endpoint}
    headers = {"Authorization": ["Bearer own-token-2b61"]}
    status = {"expirationTimestamp": "2999-01-01T00:00:00Z", "headers": headers, "kfp": kfp}
    return json.dumps({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status})


class Runs(unittest.TestCase):
    """A helper whose first run is under way while something happens."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        with open(os.path.join(self.folder, "answer"), "w") as file:
            file.write(document("http://127.0.0.1:1"))
        self.helper = Helper(ExecConfig("sh", ["-c", SCRIPT, "helper", self.folder]), timeout=30)
        self.addCleanup(self.go_on)

    def go_on(self) -> None:
        open(os.path.join(self.folder, "go-on"), "w").close()

    def begin(self) -> threading.Thread:
        thread = threading.Thread(target=self.helper.credential)
        thread.start()
        self.wait_for_a_run()
        return thread

    def wait_for_a_run(self) -> None:
        while not os.path.exists(os.path.join(self.folder, "runs")):
            time.sleep(0.01)

    def in_a_child(self, action: Callable[[], object]) -> None:
        child = os.fork()
        if child == 0:
            signal.alarm(10)
            try:
                action()
                os._exit(0)
            finally:
                os._exit(1)
        self.assertEqual(os.waitpid(child, 0)[1], 0, "the child hung, or failed")

    def test_a_child_waits_for_no_run_of_its_parent(self) -> None:
        thread = self.begin()
        self.in_a_child(self.helper.credential)
        self.go_on()
        thread.join()
        self.assertEqual(self.helper.credential().endpoint, "http://127.0.0.1:1")

    def test_a_child_finds_no_lock_that_its_parent_holds(self) -> None:
        self.go_on()
        with self.helper._lock:
            self.in_a_child(self.helper.credential)

    def test_a_child_uses_what_its_parent_had(self) -> None:
        self.go_on()
        self.helper.credential()
        self.in_a_child(self.helper.credential)
        with open(os.path.join(self.folder, "runs")) as file:
            self.assertEqual(file.read(), "run\n")

    def test_an_interrupted_thread_interrupts_no_other(self) -> None:
        found: List[object] = []

        def wait() -> None:
            self.wait_for_a_run()
            other = threading.Thread(target=lambda: found.append(self.helper.credential()))
            other.start()
            time.sleep(0.3)
            os.kill(os.getpid(), signal.SIGINT)
            other.join()

        waiting = threading.Thread(target=wait)
        waiting.start()
        with self.assertRaises(KeyboardInterrupt):
            self.helper.credential()
        waiting.join()
        self.assertEqual(len(found), 1, "the other thread got no credential")


class Exchanges(unittest.TestCase):
    """A server that does as little as it can."""

    def test_a_head_that_drips_ends_with_the_time(self) -> None:
        self.times_out(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x")

    def test_a_head_of_one_hundred_continues_ends_with_the_time(self) -> None:
        self.times_out(b"", b"HTTP/1.1 100 Continue\r\n\r\n")

    def test_a_chunk_that_drips_ends_with_the_time(self) -> None:
        self.times_out(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFF\r\n", b"x")

    def test_a_body_that_drips_ends_with_the_time(self) -> None:
        self.times_out(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", b"x")

    def test_a_handshake_that_never_comes_ends_with_the_time(self) -> None:
        self.times_out(b"", b"", scheme="https")

    def test_a_body_above_the_limit_is_an_error(self) -> None:
        with served(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 4096, pause=0) as port:
            with self.assertRaisesRegex(OSError, "longer than 1000000 bytes"):
                helper(f"http://127.0.0.1:{port}").send("GET", "/", limit=1_000_000)

    def test_a_body_of_the_limit_is_none(self) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
        with served(head + b"x" * 1_000_000, b"") as port:
            reply = helper(f"http://127.0.0.1:{port}").send("GET", "/", limit=1_000_000)
        self.assertEqual(len(reply.body), 1_000_000)

    def test_a_body_that_is_cut_off_is_an_error(self) -> None:
        for part in (b"", b"half"):
            with served(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n" + part, None) as port:
                with self.assertRaisesRegex(ConnectionError, "no whole answer"):
                    helper(f"http://127.0.0.1:{port}").send("GET", "/")

    def test_no_http_is_an_error_of_the_connection(self) -> None:
        with served(b"SSH-2.0-OpenSSH_9.9\r\n", None) as port:
            with self.assertRaises(ConnectionError):
                helper(f"http://127.0.0.1:{port}").send("GET", "/")

    def test_a_whole_answer_is_read_by_its_length(self) -> None:
        with served(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfour", b"") as port:
            self.assertEqual(helper(f"http://127.0.0.1:{port}").send("GET", "/", timeout=5).body, b"four")
            self.assertEqual(helper(f"http://127.0.0.1:{port}").send("HEAD", "/", timeout=5).body, b"")

    def test_a_request_that_nobody_reads_ends_with_the_time(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            asking = helper(f"http://127.0.0.1:{listener.getsockname()[1]}")
            self.in_time(lambda: asking.send("POST", "/", body=b"x" * (64 << 20), timeout=1))

    def times_out(self, start: bytes, drop: bytes, scheme: str = "http") -> None:
        with served(start, drop, pause=0.2) as port:
            asking = helper(f"{scheme}://127.0.0.1:{port}")
            self.in_time(lambda: asking.send("GET", "/", timeout=1))

    def in_time(self, action: Callable[[], object]) -> None:
        start = time.monotonic()
        with self.assertRaises(socket.timeout):
            action()
        self.assertLess(time.monotonic() - start, 5)


class Logins(unittest.TestCase):
    def test_a_status_that_never_ends_is_ended(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            program = os.path.join(folder, "hanging")
            with open(program, "w") as file:
                file.write("#!/bin/sh\nexec sleep 60\n")
            os.chmod(program, 0o755)
            person.STATUS_TIMEOUT = 0.5
            with self.assertRaises(HelperError) as raised:
                login(exec_config=ExecConfig(program, ["get"]))
        self.assertEqual(raised.exception.slug, "helper-timeout")


def helper(endpoint: str) -> Helper:
    return Helper(ExecConfig("printf", ["%s", document(endpoint)]))


@contextlib.contextmanager
def served(start: bytes, drop: "bytes | None", pause: float = 0.2) -> Iterator[int]:
    """Answers everybody with a start, then with drop after drop for twenty seconds; None: closes."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                self.connection.recv(1 << 16)
                self.connection.sendall(start)
                end = time.monotonic() + 20
                while drop is not None and time.monotonic() < end and not over.wait(pause):
                    self.connection.sendall(drop)

    over = threading.Event()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        over.set()
        server.shutdown()
        server.server_close()


unittest.main()
