"""Logs in by the kfp SDK's own ways, and lists the experiments behind the door."""
import os
import sys

import kfp

host, client_id, other_client_id, other_client_secret = sys.argv[1:]
client = kfp.Client(
    host=host,
    client_id=client_id or None,
    other_client_id=other_client_id or None,
    other_client_secret=other_client_secret or None,
    namespace="team-a",
    # The SDK's API client does not read HTTPS_PROXY.
    proxy=os.environ["HTTPS_PROXY"],
    ssl_ca_cert=os.environ["SSL_CERT_FILE"],
)
experiments = client.list_experiments(namespace="team-a").experiments or []
print("\nlisted", kfp.__version__, len(experiments), "experiments")
