import kfp_credential
from kfp import components, dsl


def greet(name: str) -> str:
    return "Hello, " + name


greet_op = components.create_component_from_func(greet)


@dsl.pipeline(name="greeting")
def greeting(name: str = "Kubeflow"):
    greet_op(name)


client = kfp_credential.client(context="team-a")
run = client.create_run_from_pipeline_func(greeting, arguments={})
print(run.wait_for_run_completion(timeout=3600).run.status)
