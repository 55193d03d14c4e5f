"""Gets a Python program into a Kubeflow Pipelines API, with credentials that renew by themselves.

With the kfp SDK::

    client = kfp_credential.client(context="team-a")   # a kfp.Client
    kfp_credential.attach(another_client)              # one that is there already

Without it, by the standard library alone::

    helper = kfp_credential.Helper(context="team-a")
    reply = helper.send("GET", "/apis/v2beta1/healthz")

A person logs in with ``kfp_credential.login()``. What fails is a ``HelperError`` that says what to do.
The contract behind this is protocol/README.md of kfp-credential.
"""

from .document import Connection, Credential
from .errors import HelperError
from .exec_config import ExecConfig
from .helper import Helper
from .person import login
from .sdk import TokenCredentials, attach, client
from .sending import Reply

__all__ = [
    "Connection",
    "Credential",
    "ExecConfig",
    "Helper",
    "HelperError",
    "Reply",
    "TokenCredentials",
    "attach",
    "client",
    "login",
]
