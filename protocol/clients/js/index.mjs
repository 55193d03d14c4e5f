/**
 * Calls the Kubeflow Pipelines API with the credential that a credential helper prints. It needs Node's own modules only.
 *
 *     import { Helper } from "kfp-credential-client";
 *     const helper = new Helper({ context: "team-a" });
 *     const reply = await helper.send("/apis/v2beta1/experiments");
 *
 * `send` takes and gives what `fetch` does, so it can stand in for it in a generated client:
 *
 *     new ExperimentServiceApi(configuration, "", (url, init) => helper.send(url, init));
 *
 * Read on in `lib/helper.mjs`: from there each file is one step of a request.
 */
export { Credential } from "./lib/credential.mjs";
export { ExecConfig } from "./lib/exec_config.mjs";
export { Helper } from "./lib/helper.mjs";
export { HelperError } from "./lib/helper_error.mjs";
