"""Lists pods as Python programs do, with `kubernetes`. Each argument is KUBECONFIG=STEP,STEP…; a line of JSON answers it."""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from kubernetes import client, config


def connect(kubeconfig):
    return client.CoreV1Api(config.new_client_from_config(kubeconfig))


def take(api, steps):
    answers = []
    for step in steps.split(","):
        name, _, value = step.partition(":")
        if name == "pause":
            time.sleep(float(value))
        elif name == "parallel":
            with ThreadPoolExecutor(int(value)) as threads:
                answers += threads.map(lambda _: list_pods(api), range(int(value)))
        else:
            answers.append(list_pods(api))
    return answers


def list_pods(api):
    try:
        return {"status": 200, "pods": len(api.list_namespaced_pod("default").items)}
    except client.ApiException as error:
        return {"status": error.status}
    except Exception as error:
        return {"error": str(error)}


for argument in sys.argv[1:]:
    kubeconfig, _, steps = argument.partition("=")
    try:
        answers = take(connect(kubeconfig), steps)
    except Exception as error:
        answers = [{"error": str(error)}]
    print(json.dumps(answers), flush=True)
