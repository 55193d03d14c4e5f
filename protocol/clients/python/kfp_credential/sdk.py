"""The kfp SDK, 1.8 and 2: clients whose tokens and cookies renew by themselves.

All service APIs of a client, uploads too, share one ``ApiClient`` of the generated ``kfp_server_api``,
and every request goes through its ``request``. That method is what is replaced here: it puts the
helper's headers on, and treats a rejection as Helper.call does. The SDK's own ways are not enough. Its
``credentials`` know no cookies; its ``wait_for_run_completion`` answers a 401 by asking Google for a token,
at once and for ever; it follows a redirect to a login and takes the page for an empty answer.

kfp is imported when it is needed and not before: the rest of this package works without it.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Dict, Mapping, Optional, Tuple, TypeVar
from urllib.parse import urlsplit

from . import sending
from .document import Credential, unsupported
from .helper import Helper

if TYPE_CHECKING:
    import kfp

Client = TypeVar("Client")

# What a context decides; two sources of one thing would only hide which of them is in use.
_DECIDED = (
    "host",
    "client_id",
    "other_client_id",
    "other_client_secret",
    "existing_token",
    "cookies",
    "credentials",
    "kube_context",
)


def client(context: Optional[str] = None, *, helper: Optional[Helper] = None, **kfp_kwargs: Any) -> "kfp.Client":
    """Makes a ``kfp.Client`` for a context (by default the current one) of kfp-credential.

    Endpoint and credential are the context's; so are namespace, certificate authority, proxy and
    TLS verification, unless ``kfp_kwargs`` say otherwise, which go to ``kfp.Client``.
    """
    sdk = _kfp()
    for name in _DECIDED:
        if kfp_kwargs.pop(name, None) is not None:
            advice = "leave it out, or make a kfp.Client of your own and use kfp_credential.attach()"
            raise TypeError(f"kfp_credential.client() takes {name} from the context: {advice}")
    source = helper or Helper(context=context)
    credential = source.credential()
    namespace = kfp_kwargs.pop("namespace", None) or credential.namespace
    if namespace:
        kfp_kwargs["namespace"] = namespace

    class RenewingClient(sdk.Client):  # type: ignore[misc, name-defined]
        def get_kfp_healthz(self, *args: Any, **kwargs: Any) -> Any:
            # The constructor may ask for it, before anybody else can attach.
            _renew_by(source, credential, _api_client(self), kfp_kwargs)
            return super().get_kfp_healthz(*args, **kwargs)

    # Without a token the SDK would look for one by itself, where variables or the host tell it to.
    made = RenewingClient(host=credential.endpoint, existing_token="never sent", cookies="", **kfp_kwargs)
    _renew_by(source, credential, _api_client(made), kfp_kwargs)
    if namespace:
        made._context_setting["namespace"] = namespace  # the constructor takes `kubeflow` for nothing
    return made


def attach(client: Client, context: Optional[str] = None, *, helper: Optional[Helper] = None) -> Client:
    """Lets a client that is there already use and renew a context's credential, and returns it.

    Takes a ``kfp.Client``, a ``kfp.kubeflow_client.PipelinesClient``, or an API or ``ApiClient`` of
    ``kfp_server_api``. What the client was made with stays: its namespace, authority and proxy; its host,
    which must be of the endpoint's origin. Only its token and cookies go.
    """
    helper = helper or Helper(context=context)
    credential = helper.credential()
    _renew_by(helper, credential, _api_client(client), {})
    settings = getattr(client, "_context_setting", None)
    if settings is not None and not settings.get("namespace") and credential.namespace:
        settings["namespace"] = credential.namespace
    return client


class TokenCredentials:
    """Is a ``TokenCredentialsBase`` for ``kfp.Client(credentials=…)``, for contexts that give a bearer token.

    It cannot see what came back for the token, and the SDK follows redirects with it: ``client`` and
    ``attach`` do better.
    """

    def __init__(self, context: Optional[str] = None, *, helper: Optional[Helper] = None) -> None:
        _token_credentials_base().register(type(self))
        self._helper = helper or Helper(context=context)

    def refresh_api_key_hook(self, config: Any) -> None:
        """Puts the token where the SDK reads it; the SDK calls this before each request."""
        given: Optional[Credential] = getattr(config, "_kfp_credential", None)
        if given is None:
            credential = self._helper.credential()
        elif config.api_key.get("authorization") == _bearer(given):
            self._helper.accepted(given)
            credential = self._helper.credential()
        else:
            # While it waits for a run, the SDK has put something else there: it does so after a 401.
            credential = self._helper.renew(given, "status 401")
        config._kfp_credential = credential
        config.api_key["authorization"] = _bearer(credential)
        config.api_key_prefix["authorization"] = "Bearer"


class _Renewing:
    """Is mixed into the class of an ``ApiClient``."""

    kfp_credential_helper: Helper

    def request(
        self,
        method: str,
        url: str,
        query_params: Any = None,
        headers: Optional[Mapping[str, str]] = None,
        **options: Any,
    ) -> Any:
        from kfp_server_api.exceptions import ApiException

        def attempt(credential: Credential) -> Tuple[Any, Optional[str]]:
            sending.absolute(credential, url)
            # A new object each time: the generated code takes headers out of it.
            own = _with_credential(headers or {}, credential)
            try:
                response = super(_Renewing, self).request(  # type: ignore[misc]
                    method, url, query_params=query_params, headers=own, **options
                )
            except ApiException as error:
                came_back = sending.rejection(url, error.status or 0, error.headers or {})
                if came_back is None:
                    raise
                return None, came_back
            return response, sending.rejection(url, response.status, response.getheaders())

        return self.kfp_credential_helper.call(attempt)


def _renew_by(helper: Helper, credential: Credential, api_client: Any, given: Mapping[str, Any]) -> None:
    configuration = api_client.configuration
    sending.absolute(credential, configuration.host)
    configuration.refresh_api_key_hook = None
    configuration.api_key.pop("authorization", None)
    api_client.cookie = None
    for name in list(api_client.default_headers):
        if name.lower() in ("authorization", "cookie"):
            del api_client.default_headers[name]
    _connect(api_client, credential, given)
    api_client.kfp_credential_helper = helper
    if not isinstance(api_client, _Renewing):
        api_client.__class__ = type("RenewingApiClient", (_Renewing, type(api_client)), {})


def _connect(api_client: Any, credential: Credential, given: Mapping[str, Any]) -> None:
    """Reaches the endpoint as the context says, where the client's maker has said nothing."""
    configuration, connection = api_client.configuration, credential.connection
    endpoint = urlsplit(credential.endpoint)
    if connection.proxy_url and not configuration.proxy and not sending.is_loopback(endpoint.hostname):
        if urlsplit(connection.proxy_url).scheme not in ("http", "https"):
            raise unsupported("proxyUrl", "is no http(s) proxy, and the kfp SDK knows no other")
        configuration.proxy = connection.proxy_url
    if connection.insecure_skip_tls_verify and given.get("verify_ssl") is None:
        configuration.verify_ssl = False
    rest = type(api_client.rest_client)(configuration)
    tls: Dict[str, Any] = {}
    if endpoint.scheme == "https" and configuration.verify_ssl:
        if not configuration.ssl_ca_cert:
            tls["ssl_context"] = _ssl_context(credential)
    if endpoint.scheme == "https" and connection.tls_server_name:
        tls["server_hostname"] = connection.tls_server_name
    rest.pool_manager.connection_pool_kw.update(tls)
    # A redirect leads to a login, and would take the headers with it.
    rest.pool_manager.urlopen = functools.partial(rest.pool_manager.urlopen, redirect=False)
    api_client.rest_client = rest


def _ssl_context(credential: Credential) -> Any:
    """Trusts the system's authorities and the context's; the SDK adds certifi's to them."""
    from urllib3.util import ssl_

    context = ssl_.create_urllib3_context()  # as this version of urllib3 wants it
    context.load_default_certs()
    credential.connection.trust(context)
    return context


def _with_credential(headers: Mapping[str, str], credential: Credential) -> Dict[str, str]:
    own = {name.lower() for name in credential.headers}
    kept = {name: value for name, value in headers.items() if name.lower() not in own}
    return {**kept, **credential.joined_headers()}


def _bearer(credential: Credential) -> str:
    for name, value in credential.joined_headers().items():
        if name.lower() == "authorization" and value[:7].lower() == "bearer ":
            return value[7:]
    raise ValueError(
        "kfp_credential.TokenCredentials is for contexts that give a bearer token in the header Authorization, "
        f"and this one gives {', '.join(credential.headers) or 'no header'}: use kfp_credential.client() or attach()"
    )


def _api_client(client: Any) -> Any:
    """Finds the one ``ApiClient`` that all of a client's requests go through."""
    backend = getattr(client, "_backend", client)  # PipelinesClient
    service = getattr(backend, "_run_api", backend)
    api_client = getattr(service, "api_client", service)
    if not hasattr(api_client, "rest_client"):
        raise TypeError(f"a {type(client).__name__} is no client of the kfp SDK")
    return api_client


def _kfp() -> Any:
    try:
        import kfp
    except ImportError as error:
        raise ImportError(f"this needs the kfp SDK ({error}): pip install 'kfp-credential[kfp]'") from error
    return kfp


def _token_credentials_base() -> Any:
    _kfp()
    try:
        from kfp.client.token_credentials_base import TokenCredentialsBase
    except ImportError:  # 1.8
        from kfp.auth import TokenCredentialsBase
    return TokenCredentialsBase
