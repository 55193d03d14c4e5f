/** The helper's answer, read as strictly as the protocol asks (protocol/document.schema.json). */
import { HelperError } from "./helper_error.mjs";

const API_VERSION = "client.authentication.k8s.io/v1";
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const CONTROL_CHARACTER = /[\u0000-\u001f\u007f]/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
const URL_WITHOUT_QUERY = /^https?:\/\/[^\u0000-\u0020/?#@\\]+(\/[^\u0000-\u0020?#\\]*)?$/i;

export class Credential {
  /** @type {Record<string, readonly string[]>} */
  #headers;

  /** @param {any} document */
  constructor(document) {
    const { status } = document;
    this.#headers = Object.freeze(status.headers);
    /** The base URL of the API. */
    this.endpoint = /** @type {string} */ (status.kfp.endpoint);
    this.type = optionalText(status.kfp.type, "status.kfp.type");
    this.context = optionalText(status.kfp.context, "status.kfp.context");
    /** The namespace to use by default. */
    this.namespace = optionalText(status.kfp.namespace, "status.kfp.namespace");
    /** Who it stands for. */
    this.principal = optionalText(status.kfp.principal, "status.kfp.principal");
    /** Until when to use it. */
    this.expiration = new Date(status.expirationTimestamp);
    /** How to reach the endpoint. */
    this.connection = connection(status.kfp.connection ?? {});
    Object.freeze(this);
  }

  /** What to put on each request to the endpoint, and on no other. */
  get headers() {
    return this.#headers;
  }

  get isExpired() {
    return this.expiration.getTime() <= Date.now();
  }

  /** For logs: without what opens doors. */
  toString() {
    return `Credential ${JSON.stringify(this)}`;
  }

  toJSON() {
    return { type: this.type, principal: this.principal, expiration: this.expiration };
  }

  [Symbol.for("nodejs.util.inspect.custom")]() {
    return this.toString();
  }

  /**
   * Reads what a helper wrote to stdout.
   * @param {string | Uint8Array} stdout
   */
  static parse(stdout) {
    const document = parsed(stdout);
    must(isObject(document), "it is not one JSON object");
    must(document.kind === "ExecCredential", "kind is not ExecCredential");
    must(document.apiVersion === API_VERSION, `apiVersion is not ${API_VERSION}`);
    const { status } = document;
    must(isObject(status), "status is not an object");
    must(isObject(status.headers), "status.headers is not an object");
    for (const [name, values] of Object.entries(status.headers)) checkHeader(name, values);
    must(isObject(status.kfp), "status.kfp is not an object");
    must(status.kfp.version === 1, "status.kfp.version is not 1");
    must(isEndpoint(status.kfp.endpoint), "status.kfp.endpoint is not an http(s) URL without user, query and fragment");
    must(isTime(status.expirationTimestamp), "status.expirationTimestamp is not a time like 2026-01-31T23:59:59Z");
    const credential = new Credential(document);
    must(!credential.isExpired, "status.expirationTimestamp is past");
    return credential;
  }
}

/** @param {string} name @param {any} values */
function checkHeader(name, values) {
  must(HEADER_NAME.test(name), "status.headers has a name that no header can have");
  must(Array.isArray(values) && values.length > 0, "status.headers has a value that is not an array, or an empty one");
  for (const value of values) {
    must(typeof value === "string", "status.headers has a value that is not a string");
    must(!CONTROL_CHARACTER.test(value), "status.headers has a value with a control character");
  }
  Object.freeze(values);
}

/** @param {string | Uint8Array} stdout */
function parsed(stdout) {
  const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  try {
    return JSON.parse(typeof stdout === "string" ? stdout : strict.decode(stdout));
  } catch {
    // The parser's own words quote the text.
    throw invalid("it is not one JSON document in UTF-8");
  }
}

/** @param {any} value */
function connection(value) {
  must(isObject(value), "status.kfp.connection is not an object");
  const text = (/** @type {string} */ key) => optionalText(value[key], `status.kfp.connection.${key}`);
  return Object.freeze({
    certificateAuthority: text("certificateAuthority"),
    certificateAuthorityData: text("certificateAuthorityData"),
    insecureSkipTlsVerify: optionalFlag(value.insecureSkipTlsVerify, "status.kfp.connection.insecureSkipTlsVerify"),
    proxyUrl: text("proxyUrl"),
    tlsServerName: text("tlsServerName"),
  });
}

/** Reads a text that may be absent or null. @param {unknown} value @param {string} key */
function optionalText(value, key) {
  must(value === undefined || value === null || typeof value === "string", `${key} is not a string`);
  return /** @type {string | undefined} */ (value ?? undefined);
}

/** Reads a flag that may be absent or null. @param {unknown} value @param {string} key */
function optionalFlag(value, key) {
  must(value === undefined || value === null || typeof value === "boolean", `${key} is not a boolean`);
  return /** @type {boolean | undefined} */ (value ?? undefined);
}

/** @param {unknown} value */
function isEndpoint(value) {
  if (typeof value !== "string" || !URL_WITHOUT_QUERY.test(value)) return false;
  try {
    return new URL(value).hostname !== "";
  } catch {
    return false;
  }
}

/** @param {unknown} value */
function isTime(value) {
  if (typeof value !== "string" || !TIME.test(value)) return false;
  const time = new Date(value);
  // Not every such text is a day: the 30th of February becomes another one.
  return !Number.isNaN(time.getTime()) && time.toISOString() === value.replace("Z", ".000Z");
}

/** @param {unknown} value */
function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** @param {boolean} holds @param {string} broken */
function must(holds, broken) {
  if (!holds) throw invalid(broken);
}

/** @param {string} broken */
function invalid(broken) {
  return new HelperError("helper-answer-invalid", `the helper's answer is not what the protocol asks for: ${broken}`, {
    hint: "check that the exec configuration runs `kfp-credential get`, without `-o`",
  });
}
