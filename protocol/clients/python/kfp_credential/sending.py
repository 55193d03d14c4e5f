"""One request with a credential, by the standard library: to the endpoint's origin, without redirects."""

from __future__ import annotations

import base64
import http.client
import io
import ipaddress
import re
import socket
import ssl
import time
import urllib.request
from email.message import Message
from typing import IO, Any, Mapping, NamedTuple, Optional, Tuple, Union
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from .document import Credential, unsupported
from .errors import HelperError

BODY_LIMIT = 64 << 20

_PORTS = {"http": 80, "https": 443}


class Reply(NamedTuple):
    """What the server has answered."""

    status: int
    headers: Message
    body: bytes


def exchange(
    credential: Credential,
    method: str,
    url: str,
    headers: Optional[Mapping[str, str]],
    body: Union[bytes, str, None],
    timeout: float,
    limit: int,
) -> "Tuple[Reply, Optional[str]]":
    """Returns the reply, and what it is when it is a rejection of the credential: then without a body.

    ``timeout`` seconds are for all of it, but for the look-up of the host's name; ``limit`` is how many
    bytes the body may have.
    """
    url = absolute(credential, url)
    connection, target, proxy_headers = _connect(credential, urlsplit(url), timeout)
    own = {"content-length", *(name.lower() for name in credential.headers)}
    lines = [(name, value) for name, value in (headers or {}).items() if name.lower() not in own]
    lines.extend(proxy_headers.items())
    for name, values in credential.headers.items():
        joined = ["; ".join(values)] if name.lower() == "cookie" else values
        lines.extend((name, value) for value in joined)
    data = body.encode("utf-8") if isinstance(body, str) else body
    if data is not None or method.upper() in ("POST", "PUT", "PATCH"):
        lines.append(("Content-Length", str(len(data or b""))))
    given = {name.lower() for name, _ in lines}
    response: Optional[http.client.HTTPResponse] = None
    try:
        connection.putrequest(method, target, "host" in given, "accept-encoding" in given)
        for name, value in lines:
            connection.putheader(name, value.encode("utf-8"))
        connection.endheaders(data)
        response = connection.getresponse()
        came_back = rejection(url, response.status, response.headers)
        if came_back is not None:
            return Reply(response.status, response.headers, b""), came_back  # its body may be of any length
        return Reply(response.status, response.headers, _body(response, limit)), None
    except http.client.HTTPException as error:
        raise ConnectionError(f"{origin(url)} gave no whole answer in HTTP: {type(error).__name__}") from None
    finally:
        connection.close()
        if response is not None:
            response.close()


def _body(response: http.client.HTTPResponse, limit: int) -> bytes:
    body = bytearray()
    while len(body) <= limit:
        part = response.read(min(1 << 16, limit + 1 - len(body)))
        if not part:
            break
        body += part
    if len(body) > limit:
        raise OSError(f"the answer is longer than {limit} bytes: give send() another `limit` if it is to be")
    if response.length:
        raise http.client.IncompleteRead(b"", response.length)  # read() keeps silent when it is given a size
    return bytes(body)


def absolute(credential: Credential, url: str) -> str:
    """Returns the URL, or the path below the endpoint; raises ``origin-refused`` for another origin."""
    if not re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*://", url):
        return credential.endpoint + "/" + (url[1:] if url.startswith("/") else url)
    asked = origin(url)
    if asked is None or asked != origin(credential.endpoint):
        place = asked or "no http(s) address"
        message = f"the request is for {place}, the credential for {origin(credential.endpoint)}: nothing was sent"
        hint = "give a path below the endpoint, or use a context for that other place"
        raise HelperError("origin-refused", message, hint)
    return url


def origin(url: str) -> Optional[str]:
    """Returns scheme, host and port, or nothing for what is no http(s) URL."""
    try:
        parts = urlsplit(url)
        port = parts.port if parts.port is not None else _PORTS[parts.scheme]
    except (KeyError, ValueError):
        return None
    host = parts.hostname or ""
    return f"{parts.scheme}://[{host}]:{port}" if ":" in host else f"{parts.scheme}://{host}:{port}"


def rejection(url: str, status: int, headers: "Mapping[str, str] | Message") -> Optional[str]:
    """Names what came back when it rejects the credential: an expired session has many faces."""
    content_type = (headers.get("Content-Type") or "").split(";")[0].strip().lower()
    location = headers.get("Location")
    if status == 401:
        return "status 401"
    if 300 <= status <= 399 and location is not None:
        return f"a redirect to {origin(urljoin(url, location)) or 'elsewhere'}"
    if (200 <= status <= 299 or status == 403) and content_type == "text/html":
        return f"a page (text/html, status {status})"
    return None


def is_loopback(host: Optional[str]) -> bool:
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return host == "localhost" or (host or "").endswith(".localhost")


def _connect(
    credential: Credential, url: SplitResult, timeout: float
) -> "Tuple[http.client.HTTPConnection, str, Mapping[str, str]]":
    """Returns a connection, what to ask it for, and what else to tell a proxy that reads the request."""
    path = quote((url.path or "/") + (f"?{url.query}" if url.query else ""), safe="/%:=&?~#+!$,;'@()*[]")
    host, port = url.hostname or "", url.port or _PORTS[url.scheme]
    proxy = _proxy(credential, url)
    via = (host, port) if proxy is None else (proxy.hostname or "", proxy.port or 80)
    proxy_headers = {} if proxy is None else _proxy_headers(proxy)
    if url.scheme == "http":
        whole = path if proxy is None else f"http://{url.netloc.rpartition('@')[2]}{path}"
        return _Plain(*via, timeout), whole, proxy_headers
    name = credential.connection.tls_server_name or host
    connection = _Tls(*via, _ssl_context(credential), name, timeout)
    if proxy is not None:
        connection.set_tunnel(host, port, proxy_headers)
    return connection, path, {}


def _ssl_context(credential: Credential) -> ssl.SSLContext:
    context = ssl.create_default_context()
    credential.connection.trust(context)
    if credential.connection.insecure_skip_tls_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _proxy(credential: Credential, url: SplitResult) -> Optional[SplitResult]:
    """Finds the proxy: the context's, else the environment's; none on the way to this machine."""
    if is_loopback(url.hostname):
        return None
    named = credential.connection.proxy_url
    if named is None and not urllib.request.proxy_bypass(url.hostname or ""):
        named = urllib.request.getproxies().get(url.scheme)
    if not named:
        return None
    proxy = urlsplit(named if "://" in named else f"http://{named}")
    if proxy.scheme != "http" or not proxy.hostname:
        raise unsupported("proxyUrl", f"is a {proxy.scheme} proxy, and Python's standard library knows http only")
    return proxy


def _proxy_headers(proxy: SplitResult) -> Mapping[str, str]:
    if proxy.username is None:
        return {}
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": "Basic " + base64.b64encode(pair.encode("utf-8")).decode("ascii")}


class _Plain(http.client.HTTPConnection):
    """Is http, with one time for the whole of a connection: a socket's own begins anew with every byte."""

    def __init__(self, host: str, port: int, timeout: float) -> None:
        super().__init__(host, port)
        self._end = time.monotonic() + timeout
        self._create_connection = self._reach  # which connect() calls

    def _reach(self, address: "Tuple[str, int]", *_: Any) -> "_Timed":
        failure: OSError = OSError(f"{address[0]} has no address")
        for family, kind, protocol, _name, place in socket.getaddrinfo(*address, type=socket.SOCK_STREAM):
            reached = socket.socket(family, kind, protocol)
            try:
                reached.settimeout(_left(self._end))
                reached.connect(place)
                return _Timed(reached, self._end)
            except OSError as error:
                reached.close()
                failure = error
        raise failure


class _Tls(_Plain):
    """Is https with the name to verify in our hands: it may be another one than the host."""

    default_port = 443

    def __init__(self, host: str, port: int, context: ssl.SSLContext, server_name: str, timeout: float) -> None:
        super().__init__(host, port, timeout)
        self._context = context
        self._server_name = server_name

    def connect(self) -> None:
        super().connect()
        plain = self.sock.plain  # type: ignore[union-attr]
        plain.settimeout(_left(self._end))
        self.sock = _Timed(self._context.wrap_socket(plain, server_hostname=self._server_name), self._end)


class _Timed:
    """Is what http.client wants of a socket, up to this moment."""

    def __init__(self, plain: socket.socket, end: float) -> None:
        self.plain = plain
        self._end = end

    def sendall(self, data: bytes) -> None:
        rest = memoryview(data)
        while len(rest) > 0:
            self.plain.settimeout(_left(self._end))
            rest = rest[self.plain.send(rest) :]

    def makefile(self, mode: str) -> IO[bytes]:
        return io.BufferedReader(_TimedReader(self.plain, self._end))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.plain, name)


class _TimedReader(io.RawIOBase):
    def __init__(self, plain: socket.socket, end: float) -> None:
        super().__init__()
        self._plain = plain
        self._raw: Any = plain.makefile("rb", buffering=0)
        self._end = end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> Optional[int]:
        self._plain.settimeout(_left(self._end))
        return self._raw.readinto(buffer)  # type: ignore[no-any-return]

    def close(self) -> None:
        self._raw.close()
        super().close()


def _left(end: float) -> float:
    left = end - time.monotonic()
    if left <= 0:
        raise socket.timeout("the time for the request is over")
    return left
