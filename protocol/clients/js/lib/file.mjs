/** Reads what a user named, which may be a device without an end. */

import { closeSync, openSync, readSync } from "node:fs";

/** More than any exec configuration or authority is long. */
const LARGEST_FILE = 1024 * 1024;

/** @param {string} file @param {BufferEncoding} encoding */
export function readFile(file, encoding) {
  const bytes = Buffer.alloc(LARGEST_FILE + 1);
  const opened = openSync(file, "r");
  try {
    let length = 0;
    for (let more = -1; more !== 0 && length < bytes.length; length += more) {
      more = readSync(opened, bytes, length, bytes.length - length, null);
    }
    if (length > LARGEST_FILE) throw Object.assign(new Error("too large"), { code: "it is larger than 1 MiB" });
    return bytes.toString(encoding, 0, length);
  } finally {
    closeSync(opened);
  }
}
