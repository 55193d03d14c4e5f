"""Who decides what: the context, the SDK's context.json, or the program."""

import os
import time

import kfp
import kfp_credential

HOST = kfp_credential.Helper().credential().endpoint


def refused(kind, words, act):
    try:
        act()
    except kind as error:
        assert words in str(error), error
    else:
        raise AssertionError(f"no {kind.__name__}: {words}")


# The context's namespace is the client's, unless the program says otherwise.
client = kfp_credential.client()
assert isinstance(client, kfp.Client)
assert client.get_user_namespace() == "of-context"
assert kfp_credential.client(namespace="of-program").get_user_namespace() == "of-program"
assert kfp_credential.client(namespace="kubeflow").get_user_namespace() == "kubeflow"
client.list_experiments()

# What the context decides cannot be said twice.
for name in ("host", "existing_token", "cookies", "credentials", "client_id"):
    refused(TypeError, f"takes {name} from the context", lambda: kfp_credential.client(**{name: "x"}))

# A client that is there already keeps its namespace and loses its stale credentials.
mine = kfp.Client(host=HOST, namespace="of-program", existing_token="stale", cookies="stale=2")
assert kfp_credential.attach(mine) is mine
assert mine.get_user_namespace() == "of-program"
mine.list_experiments()
mine.get_kfp_healthz()
kfp_credential.attach(mine, "token").list_experiments()
refused(TypeError, "a dict is no client", lambda: kfp_credential.attach({}))

# It keeps its host too, and a credential goes to no other origin.
other = kfp.Client(host="http://127.0.0.1:9", namespace="of-program", existing_token="stale")
refused(kfp_credential.HelperError, "nothing was sent", lambda: kfp_credential.attach(other))
client._existing_config.host = "http://127.0.0.1:9"
refused(kfp_credential.HelperError, "nothing was sent", client.list_experiments)

# Token credentials are the SDK's own kind.
del os.environ["KF_PIPELINES_IAP_OAUTH2_CLIENT_ID"]  # it comes before them
credentials = kfp_credential.TokenCredentials()
kfp.Client(host=HOST, namespace="of-program", credentials=credentials, cookies="").list_experiments()
if kfp.__version__.startswith("2."):
    from kfp.client.token_credentials_base import TokenCredentialsBase
    from kfp.kubeflow_client import KubernetesBackendConfig, PipelinesClient

    token = kfp_credential.Helper().credential().headers["Authorization"][0].split()[1]
    config = KubernetesBackendConfig(base_url=HOST, user_token=token, namespace="of-program")
    pipelines = kfp_credential.attach(PipelinesClient(config))
    assert not pipelines._backend.api_config.api_key
    pipelines.list_experiments()
else:
    from kfp.auth import TokenCredentialsBase
assert isinstance(credentials, TokenCredentialsBase)

# A helper that does not run is an error at once, not after the SDK's tries.
start = time.monotonic()
os.environ["KFP_CREDENTIAL_EXEC"] = '{"exec": {"command": "/nowhere/kfp-credential"}}'
refused(kfp_credential.HelperError, "the variable KFP_CREDENTIAL_EXEC", kfp_credential.client)
assert time.monotonic() - start < 2

print("ok")
