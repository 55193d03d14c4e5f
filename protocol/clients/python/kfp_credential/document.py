"""Reading the helper's answer: protocol/document.schema.json, refused by the rule that it breaks.

No error holds a word of the answer, which is all secrets: the parser's own exceptions keep the text
that they failed on, so none of them is ever the cause of ours.
"""

from __future__ import annotations

import base64
import datetime
import json
import re
import ssl
import time
from typing import Any, Dict, List, NamedTuple, Optional
from urllib.parse import urlsplit

from . import named_file
from .errors import HelperError

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ENDPOINT = re.compile(r"https?://[^\s\x00-\x20\x7f/?#@\\]+(/[^\s\x00-\x20\x7f?#\\]*)?", re.IGNORECASE)
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


class Connection(NamedTuple):
    """How to reach the endpoint; authorities are trusted in addition to the system's."""

    certificate_authority: Optional[str] = None
    certificate_authority_data: Optional[str] = None
    insecure_skip_tls_verify: bool = False
    proxy_url: Optional[str] = None
    tls_server_name: Optional[str] = None

    def trust(self, context: ssl.SSLContext) -> None:
        """Adds the authorities to a context, or raises ``connection-unsupported``."""
        for key, value in (
            ("certificateAuthority", self.certificate_authority),
            ("certificateAuthorityData", self.certificate_authority_data),
        ):
            if value is None:
                continue
            try:
                if key == "certificateAuthority":
                    pem = named_file.read(value)
                else:
                    pem = base64.b64decode(value, validate=True)
                context.load_verify_locations(cadata=pem.decode("ascii", "ignore"))  # words between may be in any script
            except (OSError, ValueError) as error:
                raise unsupported(key, f"contains no PEM certificates that can be read: {error}") from None


class Credential:
    """What to put on requests to ``endpoint``, until ``expiration``. Its ``headers`` are secrets."""

    def __init__(
        self,
        headers: Dict[str, List[str]],
        endpoint: str,
        expiration: datetime.datetime,
        type: Optional[str] = None,
        context: Optional[str] = None,
        namespace: Optional[str] = None,
        principal: Optional[str] = None,
        connection: Connection = Connection(),
    ) -> None:
        self.headers = headers
        self.endpoint = endpoint
        self.expiration = expiration
        self.type = type
        self.context = context
        self.namespace = namespace
        self.principal = principal
        self.connection = connection

    def __repr__(self) -> str:
        return f"<Credential: {self.type} of {self.principal}, until {self.expiration.isoformat()}>"

    def joined_headers(self) -> Dict[str, str]:
        """Returns one value for each name, for libraries that take no more."""
        separators = {"cookie": "; "}
        return {name: separators.get(name.lower(), ", ").join(values) for name, values in self.headers.items()}

    def expired(self) -> bool:
        return self.expiration.timestamp() <= time.time()

    @classmethod
    def parse(cls, output: bytes) -> Credential:
        """Reads what a helper has written to stdout, or raises ``helper-answer-invalid``."""
        document = _json(output)
        if not isinstance(document, dict):
            raise _invalid("it is not one JSON object in UTF-8")
        if document.get("kind") != "ExecCredential":
            raise _invalid("`kind` is not ExecCredential")
        if document.get("apiVersion") != "client.authentication.k8s.io/v1":
            raise _invalid("`apiVersion` is not client.authentication.k8s.io/v1")
        status = _object(document, "status", "status")
        kfp = _object(status, "kfp", "status.kfp")
        version = kfp.get("version")
        if isinstance(version, bool) or version != 1:
            raise _invalid("`status.kfp.version` is not 1, the version that this client knows")
        connection = _object(kfp, "connection", "status.kfp.connection", {})
        credential = cls(
            headers=_headers(status.get("headers")),
            endpoint=_endpoint(kfp.get("endpoint")),
            expiration=_time(status.get("expirationTimestamp")),
            type=_text(kfp, "type"),
            context=_text(kfp, "context"),
            namespace=_text(kfp, "namespace"),
            principal=_text(kfp, "principal"),
            connection=Connection(
                _text(connection, "certificateAuthority"),
                _text(connection, "certificateAuthorityData"),
                _flag(connection, "insecureSkipTlsVerify"),
                _text(connection, "proxyUrl"),
                _text(connection, "tlsServerName"),
            ),
        )
        if credential.expired():
            raise _invalid("`status.expirationTimestamp` is past")
        return credential


def unsupported(key: str, why: str) -> HelperError:
    """Is the error for a connection that cannot be made as the context wants it."""
    hint = "change the context's connection settings, or use a client in another language"
    return HelperError("connection-unsupported", f"status.kfp.connection.{key} {why}", hint)


def _json(output: bytes) -> Any:
    try:
        return json.loads(output.decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None


def _refuse(constant: str) -> None:
    raise ValueError  # NaN and Infinity, which json reads and JSON has not


def _object(parent: Dict[str, Any], key: str, name: str, default: Any = None) -> Dict[str, Any]:
    value = parent.get(key)
    if value is None:
        value = default
    if not isinstance(value, dict):
        raise _invalid(f"`{name}` is not an object")
    return value


def _headers(headers: Any) -> Dict[str, List[str]]:
    if not isinstance(headers, dict):
        raise _invalid("`status.headers` is not an object")
    for name, values in headers.items():
        if not _TOKEN.fullmatch(name):
            raise _invalid("a name in `status.headers` is no header name (RFC 9110)")
        if not isinstance(values, list) or not values or not all(isinstance(value, str) for value in values):
            raise _invalid("a value in `status.headers` is not an array of strings, or is empty")
        if any(_CONTROL.search(value) or not _is_unicode(value) for value in values):
            raise _invalid("a value in `status.headers` has a control character")
    return headers


def _endpoint(endpoint: Any) -> str:
    rule = "`status.kfp.endpoint` is not an absolute http(s) URL without user, query and fragment"
    if not isinstance(endpoint, str) or not _ENDPOINT.fullmatch(endpoint) or not _is_unicode(endpoint):
        raise _invalid(rule)
    try:
        parts = urlsplit(endpoint)
        valid = bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise _invalid(rule)
    return endpoint.rstrip("/")


def _time(value: Any) -> datetime.datetime:
    try:
        if isinstance(value, str) and _TIME.fullmatch(value):
            time = datetime.datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ")
            return time.replace(tzinfo=datetime.timezone.utc)
    except ValueError:
        pass
    raise _invalid("`status.expirationTimestamp` is not a time as 2026-11-22T21:38:36Z")


def _text(parent: Dict[str, Any], key: str) -> Optional[str]:
    value = parent.get(key)
    if value is not None and not (isinstance(value, str) and _is_unicode(value)):
        raise _invalid(f"`{key}` is not a string")
    return value


def _flag(parent: Dict[str, Any], key: str) -> bool:
    value = parent.get(key)
    if value is not None and not isinstance(value, bool):
        raise _invalid(f"`{key}` is not true or false")
    return bool(value)


def _is_unicode(value: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in value)


def _invalid(rule: str) -> HelperError:
    hint = "check that the exec configuration runs `kfp-credential get`, without `-o`"
    return HelperError("helper-answer-invalid", f"the helper's answer is no document of this protocol: {rule}", hint)
