/** Runs the helper once: no shell, nothing on stdin, both outputs drained, and an end at the deadline. */
import { spawn } from "node:child_process";
import { HelperError } from "./helper_error.mjs";

const STDOUT_LIMIT = 1024 * 1024;
const STDERR_KEPT = 64 * 1024;
const OUTPUT_GRACE_MS = 1000;
/** A timer for longer ends at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Gives what the helper wrote to stdout.
 * @param {import("./exec_config.mjs").ExecConfig} exec
 * @param {string[]} extra arguments after the configured ones
 * @param {number} seconds
 * @returns {Promise<Buffer>}
 */
export function run(exec, extra, seconds) {
  return new Promise((resolve, reject) => {
    const helper = start(exec, extra);
    const deadline = Math.min(seconds * 1000, LONGEST_TIMER_MS);
    let timer = setTimeout(() => abandon("helper-timeout", `did not end within ${seconds} s`), deadline);
    /** @type {Buffer[]} */
    const stdout = [];
    let stdoutSize = 0;
    let stderr = Buffer.alloc(0);

    helper.stdout.on("data", (chunk) => {
      stdoutSize += chunk.length;
      stdout.push(chunk);
      if (stdoutSize > STDOUT_LIMIT) {
        abandon("helper-answer-invalid", `wrote more than ${STDOUT_LIMIT} bytes to stdout`);
      }
    });
    helper.stderr.on("data", (chunk) => {
      stderr = Buffer.concat([stderr, chunk]).subarray(-STDERR_KEPT);
    });
    helper.on("error", (error) => {
      clearTimeout(timer);
      reject(missing(exec, error));
    });
    // "close" follows when the outputs have ended; a process that the helper left behind may hold them for ever.
    helper.on("exit", () => {
      clearTimeout(timer);
      timer = setTimeout(settle, OUTPUT_GRACE_MS);
    });
    helper.on("close", settle);

    function settle() {
      letGo();
      const { exitCode, signalCode } = helper;
      if (exitCode === 0) resolve(Buffer.concat(stdout));
      else reject(failure(exec, exitCode, signalCode, stderr.toString().trim()));
    }

    /** @param {string} slug @param {string} what */
    function abandon(slug, what) {
      end(helper);
      letGo();
      const hint = "run it in a terminal to see what it does";
      reject(new HelperError(slug, `the helper ${exec.command} ${what}`, { hint }));
    }

    function letGo() {
      clearTimeout(timer);
      helper.stdout.destroy();
      helper.stderr.destroy();
      helper.unref();
    }
  });
}

/**
 * Starts the helper as the leader of its own process group, by which it can be ended with its children. In Node that is
 * a new session as well, so that it has no terminal to ask at.
 * @param {import("./exec_config.mjs").ExecConfig} exec
 * @param {string[]} extra
 */
function start(exec, extra) {
  try {
    return spawn(exec.command, [...exec.args, ...extra], {
      env: exec.environment(),
      stdio: ["ignore", "pipe", "pipe"],
      detached: process.platform !== "win32",
      windowsHide: true,
    });
  } catch (error) {
    throw missing(exec, error);
  }
}

/** @param {import("node:child_process").ChildProcess} helper */
function end(helper) {
  try {
    if (process.platform === "win32" || helper.pid === undefined) helper.kill("SIGKILL");
    else process.kill(-helper.pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

/** @param {import("./exec_config.mjs").ExecConfig} exec @param {unknown} error */
function missing(exec, error) {
  const { code } = /** @type {NodeJS.ErrnoException} */ (error);
  const reason = code === "ENOENT" ? "was not found" : `cannot be executed (${code})`;
  const hint = exec.installHint ?? "install kfp-credential: pip install kfp-credential";
  const message = `the helper ${exec.command} ${reason}; the exec configuration is from ${exec.source}; ${hint}`;
  return new HelperError("helper-missing", message, { hint });
}

/**
 * @param {import("./exec_config.mjs").ExecConfig} exec
 * @param {number | null} code
 * @param {string | null} signal
 * @param {string} stderr
 */
function failure(exec, code, signal, stderr) {
  const slug = /error\[([a-z0-9-]+)\]: /.exec(stderr)?.[1] ?? "helper-failed";
  const hints = [...stderr.matchAll(/^\s*hint: (.*)$/gm)].map((found) => found[1]);
  const end = signal === null ? `exit code ${code}` : signal;
  return new HelperError(slug, stderr || `the helper ${exec.command} failed without a word (${end})`, {
    hint: hints.join("\n") || undefined,
    exitCode: code ?? undefined,
  });
}
