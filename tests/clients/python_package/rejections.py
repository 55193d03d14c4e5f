"""Does with each context what its name says, and prints what comes of it."""

import contextlib
import sys
import time

import kfp
import kfp_credential

# kfp 1.8 pauses for five seconds while it waits for a run, and for no less.
pause = time.sleep
time.sleep = lambda seconds: pause(min(seconds, 0.2))


def act(name):
    kind = name.split("-")[0]
    if kind == "waits" and "token" in name:
        host = kfp_credential.Helper(context=name).credential().endpoint
        credentials = kfp_credential.TokenCredentials(name)
        client = kfp.Client(host=host, namespace="team-a", credentials=credentials)
    elif kind == "starts":
        # Nothing names a namespace, so the constructor asks the API.
        kfp_credential.client(name)
        return "started"
    else:
        client = kfp_credential.client(name, namespace="team-a")
    if kind == "waits":
        client.wait_for_run_completion("of-the-test", timeout=30)
        return "ended"
    if kind == "uploads":
        uploaded = client.upload_pipeline("pipeline.yaml", pipeline_name="greeting")
        return f"uploaded {getattr(uploaded, 'display_name', None) or uploaded.name}"
    found = client.list_experiments(namespace="team-a").experiments
    return [getattr(one, "display_name", None) or one.name for one in found]


for name in sys.argv[1:]:
    try:
        with contextlib.redirect_stdout(sys.stderr):  # the SDK prints links
            result = act(name)
    except kfp_credential.HelperError as error:
        result = error.slug
    print(f"{name}: {result}")
