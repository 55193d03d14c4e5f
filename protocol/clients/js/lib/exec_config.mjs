/** Which helper to run: the exec configuration (protocol/exec.schema.json), and where a client finds it. */
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { readFile } from "./file.mjs";
import { HelperError } from "./helper_error.mjs";

const VARIABLE = "KFP_CREDENTIAL_EXEC";
const KFP_CONTEXT = join(".config", "kfp", "context.json");

/**
 * @typedef {object} Exec
 * @property {string} command
 * @property {readonly string[]} [args]
 * @property {readonly { name: string, value: string }[]} [env]
 * @property {string} [installHint]
 */

export class ExecConfig {
  /** @type {Record<string, string>} Private, as values may be secrets. */
  #env = {};

  /**
   * @param {Exec} exec what stands under the key `exec`
   * @param {string} [source] where it comes from, for errors
   * @param {string} [folder] what a relative command is relative to
   */
  constructor(exec, source = "the program", folder = ".") {
    const check = (/** @type {boolean} */ right, /** @type {string} */ key, /** @type {string} */ wanted) => {
      if (!right) throw invalid(source, `${key} must be ${wanted}`);
    };
    check(isObject(exec), "exec", "an object");
    const { command, args = [], env = [], installHint } = exec;
    check(isText(command) && command !== "", "exec.command", "a string that is not empty");
    check(Array.isArray(args) && args.every(isText), "exec.args", "an array of strings");
    check(Array.isArray(env) && env.every(isVariable), "exec.env", "an array of {name, value}");
    check(installHint === undefined || isText(installHint), "exec.installHint", "a string");
    this.command = command.includes("/") ? resolve(folder, command) : command;
    this.args = Object.freeze([...args]);
    this.installHint = installHint;
    this.source = source;
    for (const { name, value } of env) this.#env[name] = value;
    Object.freeze(this);
  }

  /** The environment of the helper. Exec info from a parent would ask it for another form than the document. */
  environment() {
    /** @type {NodeJS.ProcessEnv} */
    const environment = { ...process.env, ...this.#env };
    delete environment.KUBERNETES_EXEC_INFO;
    return environment;
  }

  /**
   * Reads the text of a configuration: a JSON object with the key `exec`.
   * @param {string} text
   * @param {string} [source] where it comes from, for errors
   * @param {string} [folder] what a relative command is relative to
   */
  static parse(text, source, folder) {
    return new ExecConfig(parsed(text, source ?? "the text").exec, source ?? "the text", folder);
  }

  /** Finds the configuration where the program names none. */
  static find() {
    const set = process.env[VARIABLE];
    if (set?.startsWith("{")) return ExecConfig.parse(set, VARIABLE);
    if (set) {
      const source = `${VARIABLE}: ${set}`;
      return ExecConfig.parse(readText(set, source), source, dirname(set));
    }
    const file = join(homedir(), KFP_CONTEXT);
    const exec = existsSync(file) ? parsed(readText(file, file), file).exec : undefined;
    if (exec !== undefined) return new ExecConfig(exec, file, dirname(file));
    return new ExecConfig({ command: "kfp-credential", args: ["get"] }, "the default");
  }
}

/** @param {string} file @param {string} source */
function readText(file, source) {
  try {
    return readFile(file, "utf8");
  } catch (error) {
    throw invalid(source, `it cannot be read (${/** @type {NodeJS.ErrnoException} */ (error).code})`);
  }
}

/**
 * Parses without the parser's words: they quote the text, which may hold secrets.
 * @param {string} text
 * @param {string} source
 */
function parsed(text, source) {
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid(source, "it is not JSON");
  }
  if (!isObject(value)) throw invalid(source, "it is not a JSON object");
  return value;
}

/** @param {string} source @param {string} reason */
function invalid(source, reason) {
  return new HelperError("exec-config-invalid", `the exec configuration is wrong (${source}): ${reason}`, {
    hint: 'write it as {"exec": {"command": "kfp-credential", "args": ["get"]}}',
  });
}

/** @param {unknown} value */
function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** No process can be given a NUL. @param {unknown} value */
function isText(value) {
  return typeof value === "string" && !value.includes("\0");
}

/** @param {{ name: string, value: string }} entry */
function isVariable(entry) {
  return isObject(entry) && isText(entry.name) && /^[^=]+$/.test(entry.name) && isText(entry.value);
}
