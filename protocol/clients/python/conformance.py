"""The conformance driver of the Python client: one JSON object on stdin, one array of results on stdout."""

import json
import os
import sys
import threading
import time
from typing import Any, Dict, List

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from kfp_credential import Credential, ExecConfig, Helper, HelperError  # noqa: E402

Result = Dict[str, Any]


def main() -> None:
    task = json.load(sys.stdin)
    if "documents" in task:
        results: Any = [read(text) for text in task["documents"]]
    elif task.get("find"):
        results = found()
    else:
        results = requested(task)
    json.dump(results, sys.stdout)
    sys.stdout.write("\n")


def read(text: str) -> Result:
    try:
        credential = Credential.parse(text.encode("utf-8", "surrogatepass"))
    except HelperError as error:
        return failed(error)
    return {
        "ok": True,
        "endpoint": credential.endpoint,
        "headers": credential.headers,
        "expiration": credential.expiration.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "namespace": credential.namespace,
    }


def found() -> Result:
    try:
        config = ExecConfig.find()
    except HelperError as error:
        return failed(error)
    return {"command": config.command, "args": config.args}


def requested(task: Dict[str, Any]) -> List[Result]:
    requests, count = task["requests"], task.get("parallel", 1)
    try:
        config = None
        if "exec" in task:
            config = ExecConfig.parse(json.dumps({"exec": task["exec"]}), "the driver's input")
        helper = Helper(
            config,
            context=task.get("context"),
            timeout=task.get("timeoutSeconds", 240),
            retry_pause=task.get("retryPauseSeconds", 60),
        )
    except HelperError as error:
        return [failed(error)] * (len(requests) * count)
    results: List[List[Result]] = [[] for _ in range(count)]

    def work(mine: List[Result]) -> None:
        for request in requests:
            if mine:
                time.sleep(task.get("pauseSeconds", 0))
            mine.append(sent(helper, request, task.get("requestTimeoutSeconds", 60)))

    threads = [threading.Thread(target=work, args=(mine,)) for mine in results]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [result for mine in results for result in mine]


def sent(helper: Helper, request: Dict[str, Any], timeout: float) -> Result:
    try:
        reply = helper.send(request["method"], request["url"], request.get("headers"), request.get("body"), timeout)
    except HelperError as error:
        return failed(error)
    except OSError as error:
        return {"error": "unreachable", "message": str(error)}
    return {
        "status": reply.status,
        "contentType": reply.headers.get("Content-Type"),
        "body": reply.body.decode("utf-8", "replace"),
    }


def failed(error: HelperError) -> Result:
    result: Result = {"error": error.slug, "message": error.message, "hint": error.hint}
    if error.exit_code is not None:
        result["exit"] = error.exit_code
    return result


main()
