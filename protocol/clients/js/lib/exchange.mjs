/** One request to the endpoint with a credential on it, made as the document's `connection` says. */
import { existsSync, readFileSync } from "node:fs";
import * as http from "node:http";
import * as https from "node:https";
import { isIP } from "node:net";
import * as tls from "node:tls";
import { readFile } from "./file.mjs";
import { HelperError } from "./helper_error.mjs";

/**
 * @typedef {import("./credential.mjs").Credential} Credential
 * @typedef {{ method: string, headers: Headers, body: Buffer, signal: AbortSignal | undefined }} Sent
 */

/**
 * TLS settings by credential, as reading all the authorities takes longer than a request.
 * @type {WeakMap<Credential, object>}
 */
const tlsSettings = new WeakMap();

/**
 * Gives the address of a request, which must be at the endpoint's origin.
 * @param {Credential} credential
 * @param {string} url absolute, or a path below the endpoint
 */
export function address({ endpoint }, url) {
  const isAbsolute = /^[a-z][a-z0-9+.-]*:\/\//i.test(url);
  const whole = new URL(isAbsolute ? url : `${endpoint.replace(/\/+$/, "")}/${url.replace(/^\//, "")}`);
  if (whole.origin !== new URL(endpoint).origin) {
    const message = `${whole.origin} is not the origin of the endpoint ${endpoint}: nothing was sent there`;
    const hint = "give a path below the endpoint, or a context for that other place";
    throw new HelperError("origin-refused", message, { hint });
  }
  whole.username = whole.password = whole.hash = "";
  return whole;
}

/**
 * Makes the request, and follows no redirect. The body of the reply is still to be read, or the reply to be destroyed.
 * @param {Credential} credential
 * @param {URL} url
 * @param {Sent} sent
 * @returns {Promise<http.IncomingMessage>}
 */
export async function exchange(credential, url, sent) {
  const isSecure = url.protocol === "https:";
  const secure = isSecure ? secureOptions(credential) : {};
  const proxy = isLoopback(url) ? undefined : proxyOf(credential);
  const headers = { host: url.host, ...Object.fromEntries(sent.headers), ...ofCredential(credential) };
  const options = { method: sent.method, headers, signal: sent.signal, agent: false, ...place(url), ...secure };
  if (proxy === undefined) return call(isSecure ? https : http, options, sent.body);
  if (isSecure) {
    const createConnection = tunnel(proxy, url, secure, sent.signal);
    return call(https, { ...options, agent: undefined, createConnection }, sent.body);
  }
  return call(proxy.protocol === "https:" ? https : http, { ...options, ...place(proxy), path: url.href }, sent.body);
}

/**
 * @param {typeof http | typeof https} library
 * @param {https.RequestOptions} options
 * @param {Buffer} body
 */
function call({ request }, options, body) {
  return new Promise((resolve, reject) => {
    const call = request(options, resolve);
    call.on("error", reject);
    call.end(body.length > 0 ? body : undefined);
  });
}

/** @param {URL} url */
function place(url) {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  return { host, port: url.port || (url.protocol === "https:" ? 443 : 80), path: url.pathname + url.search };
}

/** Node joins several values of Cookie by itself, and sends several lines of others. @param {Credential} credential */
function ofCredential({ headers }) {
  /** @type {Map<string, string[]>} */
  const lowered = new Map();
  for (const [name, values] of Object.entries(headers)) {
    const known = lowered.get(name.toLowerCase()) ?? [];
    // Node writes headers as Latin-1; so they leave as UTF-8.
    lowered.set(name.toLowerCase(), [...known, ...values.map((value) => Buffer.from(value).toString("latin1"))]);
  }
  // Some headers, such as Host, may not be an array.
  return Object.fromEntries([...lowered].map(([name, values]) => [name, values.length === 1 ? values[0] : values]));
}

/**
 * Makes of a reply what `fetch` gives: its body comes as the program reads it.
 * @param {http.IncomingMessage} reply
 * @param {AbortSignal | undefined} signal
 */
export function response(reply, signal) {
  const headers = new Headers();
  for (let i = 0; i < reply.rawHeaders.length; i += 2) headers.append(reply.rawHeaders[i], reply.rawHeaders[i + 1]);
  const status = /** @type {number} */ (reply.statusCode);
  const mayHaveBody = ![204, 205, 304].includes(status);
  if (!mayHaveBody) reply.resume();
  return new Response(mayHaveBody ? bodyOf(reply, signal) : null, { status, statusText: reply.statusMessage, headers });
}

/** @param {http.IncomingMessage} reply @param {AbortSignal | undefined} signal */
function bodyOf(reply, signal) {
  const ahead = new ByteLengthQueuingStrategy({ highWaterMark: 64 * 1024 });
  return new ReadableStream(
    {
      start(controller) {
        reply.on("data", (chunk) => {
          controller.enqueue(new Uint8Array(chunk));
          if ((controller.desiredSize ?? 0) <= 0) reply.pause();
        });
        // What a signal has cut off ends for Node like others, or with an error of the connection.
        reply.on("end", () => (signal?.aborted ? controller.error(signal.reason) : controller.close()));
        reply.on("error", (error) => controller.error(signal?.aborted ? signal.reason : error));
      },
      pull: () => void reply.resume(),
      cancel: () => void reply.destroy(),
    },
    ahead,
  );
}

// ------------------------------------------------------------------ connection

/** @param {Credential} credential */
function secureOptions(credential) {
  const known = tlsSettings.get(credential);
  if (known !== undefined) return known;
  const { insecureSkipTlsVerify, tlsServerName } = credential.connection;
  const authorities = authoritiesOf(credential);
  const { host } = place(new URL(credential.endpoint));
  const options = {
    // Else Node would verify the name in a request's own Host header. An address is no server name (RFC 6066).
    servername: tlsServerName ?? (isIP(host) ? "" : host),
    ...(authorities && { secureContext: tls.createSecureContext({ ca: [...trusted(), ...authorities] }) }),
    ...(insecureSkipTlsVerify && { rejectUnauthorized: false }),
  };
  tlsSettings.set(credential, options);
  return options;
}

/** Gives what Node trusts by itself; before 22.15 only by its list and a variable that it reads. @returns {string[]} */
function trusted() {
  if (typeof tls.getCACertificates === "function") return tls.getCACertificates();
  const extra = process.env.NODE_EXTRA_CA_CERTS;
  return [...tls.rootCertificates, ...(extra && existsSync(extra) ? [readFileSync(extra, "utf8")] : [])];
}

/** @param {Credential} credential @returns {string[] | undefined} */
function authoritiesOf({ connection }) {
  const { certificateAuthority: file, certificateAuthorityData: data } = connection;
  if (file === undefined && data === undefined) return undefined;
  const texts = [];
  if (file !== undefined) texts.push(["certificateAuthority", readAuthorities(file)]);
  if (data !== undefined) texts.push(["certificateAuthorityData", Buffer.from(data, "base64").toString("latin1")]);
  return texts.flatMap(([key, text]) => {
    const found = text.match(/-----BEGIN CERTIFICATE-----[^]+?-----END CERTIFICATE-----/g);
    return found ?? unsupported(key, "there is no PEM certificate in it");
  });
}

/** @param {string} file */
function readAuthorities(file) {
  try {
    return readFile(file, "latin1");
  } catch (error) {
    const { code } = /** @type {NodeJS.ErrnoException} */ (error);
    return unsupported("certificateAuthority", `${file} cannot be read (${code})`);
  }
}

/** @param {Credential} credential */
function proxyOf({ connection }) {
  if (connection.proxyUrl === undefined) return undefined;
  if (!/^https?:\/\/[^/]/i.test(connection.proxyUrl))
    return unsupported("proxyUrl", "only http and https proxies are known");
  try {
    return new URL(connection.proxyUrl);
  } catch {
    return unsupported("proxyUrl", "it is no URL");
  }
}

/**
 * Makes connections for https through a proxy (RFC 9110 section 9.3.6, CONNECT).
 * @param {URL} proxy
 * @param {URL} url
 * @param {object} secure
 * @param {AbortSignal | undefined} signal
 */
function tunnel(proxy, url, secure, signal) {
  const { host, port } = place(url);
  const authority = `${url.hostname}:${port}`;
  return (/** @type {unknown} */ _options, /** @type {(error: Error | null, socket?: any) => void} */ done) => {
    const { request } = proxy.protocol === "https:" ? https : http;
    const call = request({
      ...place(proxy),
      method: "CONNECT",
      path: authority,
      headers: { host: authority },
      agent: false,
      signal,
    });
    call.on("connect", (reply, socket) => {
      if (reply.statusCode === 200) {
        done(null, tls.connect({ socket, host, ...secure }));
      } else {
        socket.destroy();
        done(new Error(`the proxy ${proxy.origin} answered ${reply.statusCode}`));
      }
    });
    call.on("error", done);
    call.end();
    return undefined;
  };
}

/** @param {URL} url */
function isLoopback({ hostname }) {
  return /^(localhost|.*\.localhost|127\.\d+\.\d+\.\d+|\[::1\])\.?$/.test(hostname);
}

/** @param {string} key @param {string} reason @returns {never} */
function unsupported(key, reason) {
  throw new HelperError("connection-unsupported", `the document's connection cannot be made: ${key}: ${reason}`, {
    hint: "change the context's connection settings, or use a client in another language",
  });
}
