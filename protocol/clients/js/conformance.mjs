/** Does with the client what one JSON object on stdin asks for, and prints what came of it as one JSON value. */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Credential, ExecConfig, Helper, HelperError } from "./index.mjs";

const input = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(`${JSON.stringify(await answer(input))}\n`);

/** @param {any} input */
async function answer({ find, documents, ...input }) {
  if (find) return attempt(found);
  if (documents) return Promise.all(documents.map((/** @type {string} */ text) => attempt(() => read(text))));
  return send(input);
}

function found() {
  const { command, args } = ExecConfig.find();
  return { command, args };
}

/** @param {string} text */
function read(text) {
  const { endpoint, headers, expiration, namespace = null } = Credential.parse(text);
  return { ok: true, endpoint, headers, expiration: expiration.toISOString().replace(".000Z", "Z"), namespace };
}

/** @param {any} input */
async function send({ exec, requests, parallel = 1, pauseSeconds = 0, requestTimeoutSeconds, ...options }) {
  /** @type {Helper | undefined} */
  let helper;
  const one = async (/** @type {any} */ { url, method, headers, body }) => {
    helper ??= new Helper({ exec: exec && new ExecConfig(exec), ...options });
    const signal = requestTimeoutSeconds && AbortSignal.timeout(requestTimeoutSeconds * 1000);
    const reply = await helper.send(url, { method, headers, body, signal });
    return { status: reply.status, contentType: reply.headers.get("content-type"), body: await reply.text() };
  };
  const all = async () => {
    const results = [];
    for (const request of requests) {
      if (results.length > 0) await sleep(pauseSeconds * 1000);
      results.push(await attempt(() => one(request)));
    }
    return results;
  };
  return (await Promise.all(Array.from({ length: parallel }, all))).flat();
}

/** @param {() => any} action */
async function attempt(action) {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof HelperError)) return { error: "transport", message: String(error) };
    return { error: error.slug, exit: error.exitCode, message: error.message, hint: error.hint };
  }
}
