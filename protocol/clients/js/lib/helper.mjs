/** Keeps a credential until it ends, and renews it once when the endpoint refuses it; never in a loop. */
import { performance } from "node:perf_hooks";
import { isDeepStrictEqual } from "node:util";
import { Credential } from "./credential.mjs";
import { address, exchange, response } from "./exchange.mjs";
import { ExecConfig } from "./exec_config.mjs";
import { HelperError } from "./helper_error.mjs";
import { run } from "./run.mjs";

export class Helper {
  #exec;
  #context;
  #timeout;
  #retryPause;
  /** @type {Credential | undefined} */
  #cached;
  /** The run under way, which everybody waits for. @type {{ refresh: boolean, end: Promise<Credential> } | undefined} */
  #flight;
  /**
   * What came from `--refresh` last, and until when a refusal of it means that renewing was of no use: one that a reply
   * has accepted may be refused later.
   * @type {{ credential: Credential, isProven: boolean, until: number } | undefined}
   */
  #renewed;
  /** Until when there is no renewal, as the last one was of no use. */
  #pausedUntil = -Infinity;
  /** How the last renewal failed, if it did. @type {HelperError | undefined} */
  #failure;

  /**
   * @param {object} [options]
   * @param {ExecConfig} [options.exec] which helper to run, in place of the one that `ExecConfig.find` finds
   * @param {string} [options.context] the context to ask it for
   * @param {number} [options.timeoutSeconds] how long it may take
   * @param {number} [options.retryPauseSeconds] how long there is no renewal after one that was of no use
   */
  constructor({ exec, context, timeoutSeconds = 240, retryPauseSeconds = 60 } = {}) {
    this.#exec = exec ?? ExecConfig.find();
    this.#context = context;
    this.#timeout = timeoutSeconds;
    this.#retryPause = retryPauseSeconds * 1000;
  }

  /** Gives the credential at hand, or runs the helper for one. */
  async credential() {
    return this.#usable() ?? this.#once(false).end;
  }

  /**
   * Gives another credential than the one that was refused.
   * @param {Credential} rejected
   */
  async renew(rejected) {
    return this.#renew(rejected, "a rejection");
  }

  /**
   * Makes a request like `fetch`, with the credential on it, and with a renewed one if the first is refused.
   * @param {string | URL} url a path below the endpoint, or a URL at its origin
   * @param {RequestInit} [init] `method`, `headers`, `body` and `signal`
   * @returns {Promise<Response>} any reply but one that refuses the credential
   */
  async send(url, init = {}) {
    const sent = await repeatable(init);
    let credential = await unlessAborted(this.credential(), sent.signal);
    let place = address(credential, String(url));
    let reply = await exchange(credential, place, sent);
    let refusal = refusalOf(reply, place);
    if (refusal !== undefined) {
      credential = await unlessAborted(this.#renew(credential, refusal), sent.signal);
      place = address(credential, String(url));
      reply = await exchange(credential, place, sent);
      refusal = refusalOf(reply, place);
      if (refusal !== undefined) {
        const error = rejection(credential, refusal);
        // Else it is what a run without `--refresh` has found meanwhile, and renewing was not tried yet.
        throw this.#isRenewed(credential) ? this.#pause(error) : error;
      }
    }
    if (this.#renewed && this.#isRenewed(credential)) this.#renewed.isProven = true;
    return response(reply, sent.signal);
  }

  #usable() {
    return this.#cached?.isExpired ? undefined : this.#cached;
  }

  /** @param {Credential} rejected @param {string} refusal what came back */
  async #renew(rejected, refusal) {
    for (;;) {
      const cached = this.#usable();
      if (cached !== undefined && !isSame(cached, rejected)) return cached;
      if (this.#flight === undefined) {
        const now = performance.now();
        if (now < this.#pausedUntil) throw this.#failure ?? rejection(rejected, refusal);
        const renewed = this.#renewed;
        const isNew = renewed !== undefined && !renewed.isProven && now < renewed.until;
        if (isNew && isSame(renewed.credential, rejected)) throw this.#pause(rejection(rejected, refusal));
      }
      const { refresh, end } = this.#once(true);
      const renewed = await end;
      // A run that was under way without `--refresh` may have found the refused one again.
      if (refresh || !isSame(renewed, rejected)) return renewed;
    }
  }

  /** Runs the helper, once for all who ask meanwhile. @param {boolean} refresh */
  #once(refresh) {
    const end = () =>
      this.#run(refresh).finally(() => {
        this.#flight = undefined;
      });
    this.#flight ??= { refresh, end: end() };
    return this.#flight;
  }

  /** Tells whether this is what `--refresh` answered last. @param {Credential} credential */
  #isRenewed(credential) {
    return this.#renewed !== undefined && isSame(this.#renewed.credential, credential);
  }

  /** @param {boolean} refresh */
  async #run(refresh) {
    const context = this.#context === undefined ? [] : ["--context", this.#context];
    try {
      const stdout = await run(this.#exec, [...context, ...(refresh ? ["--refresh"] : [])], this.#timeout);
      const credential = Credential.parse(stdout);
      this.#cached = credential;
      if (refresh) this.#renewed = { credential, isProven: false, until: performance.now() + this.#retryPause };
      return credential;
    } catch (error) {
      if (refresh) this.#pause(/** @type {HelperError} */ (error), true);
      throw error;
    }
  }

  /** Begins a pause, unless there is one: it must end. @param {HelperError} error @param {boolean} [isFailure] */
  #pause(error, isFailure = false) {
    if (performance.now() >= this.#pausedUntil) {
      this.#pausedUntil = performance.now() + this.#retryPause;
      this.#failure = isFailure ? error : undefined;
    }
    return error;
  }
}

/** Reads the body, whatever kind it is, so that it can be sent twice. @param {RequestInit} init */
async function repeatable(init) {
  const carrier = new Response(init.body ?? null);
  const headers = new Headers(init.headers);
  const type = carrier.headers.get("content-type");
  if (type !== null && !headers.has("content-type")) headers.set("content-type", type);
  const body = Buffer.from(await carrier.arrayBuffer());
  return { method: init.method ?? "GET", headers, body, signal: init.signal ?? undefined };
}

/**
 * Tells how a reply refuses the credential, if it does. Its body is of no use then, and may be of any length.
 * @param {import("node:http").IncomingMessage} reply
 * @param {URL} place
 */
function refusalOf(reply, place) {
  const refusal = refusalIn(reply, place);
  if (refusal !== undefined) reply.on("error", () => undefined).destroy();
  return refusal;
}

/** @param {import("node:http").IncomingMessage} reply @param {URL} place */
function refusalIn({ statusCode: status = 0, headers }, place) {
  if (status === 401) return "the status 401";
  const { location } = headers;
  if (status >= 300 && status < 400 && location !== undefined) return `a redirect${destination(location, place)}`;
  const type = (headers["content-type"] ?? "").split(";")[0].trim().toLowerCase();
  const isAnswer = (status >= 200 && status < 300) || status === 403;
  if (isAnswer && type === "text/html") return `a page (text/html), status ${status}`;
  return undefined;
}

/**
 * Lets a caller leave who waits for the helper. The run goes on, for others and for later.
 * @template T
 * @param {Promise<T>} run
 * @param {AbortSignal | undefined} signal
 * @returns {Promise<T>}
 */
function unlessAborted(run, signal) {
  if (signal === undefined) return run;
  return new Promise((resolve, reject) => {
    const leave = () => reject(signal.reason);
    signal.addEventListener("abort", leave, { once: true });
    run.then(resolve, reject).finally(() => signal.removeEventListener("abort", leave));
    if (signal.aborted) leave();
  });
}

/** @param {string} location @param {URL} place */
function destination(location, place) {
  try {
    return ` to ${new URL(location, place).origin}`;
  } catch {
    return "";
  }
}

/** Tells whether a server sees no difference. @param {Credential} one @param {Credential} other */
function isSame(one, other) {
  return isDeepStrictEqual(one.headers, other.headers);
}

/** @param {Credential} credential @param {string} refusal */
function rejection({ endpoint, context }, refusal) {
  const login = context === undefined ? "kfp-credential login" : `kfp-credential login --context ${context}`;
  const hint = `run \`${login}\`, or check the endpoint`;
  const message = `${endpoint} refused the credential with ${refusal}; ${hint}`;
  return new HelperError("credential-rejected", message, { hint });
}
