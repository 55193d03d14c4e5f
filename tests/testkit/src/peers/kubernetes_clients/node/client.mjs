// Lists pods as JavaScript programs do, with @kubernetes/client-node. Each argument is KUBECONFIG=STEP,STEP…; a line of
// JSON answers it.

import { CoreV1Api, KubeConfig } from "@kubernetes/client-node";

function connect(kubeconfig) {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  return config.makeApiClient(CoreV1Api);
}

async function take(api, steps) {
  const answers = [];
  for (const step of steps.split(",")) {
    const [name, value] = step.split(":");
    if (name === "pause") {
      await new Promise((done) => setTimeout(done, Number(value) * 1000));
    } else if (name === "parallel") {
      const requests = Array.from({ length: Number(value) }, () => list(api));
      answers.push(...(await Promise.all(requests)));
    } else {
      answers.push(await list(api));
    }
  }
  return answers;
}

async function list(api) {
  try {
    const pods = await api.listNamespacedPod({ namespace: "default" });
    return { status: 200, pods: pods.items.length };
  } catch (error) {
    return typeof error.code === "number" ? { status: error.code } : { error: error.message };
  }
}

for (const argument of process.argv.slice(2)) {
  const [kubeconfig, steps] = argument.split("=");
  console.log(JSON.stringify(await take(connect(kubeconfig), steps)));
}
