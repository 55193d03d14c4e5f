/** What went wrong: `slug` is for programs (protocol/errors.json lists them), `message` and `hint` are for people. */
export class HelperError extends Error {
  /**
   * @param {string} slug
   * @param {string} message
   * @param {{ hint?: string, exitCode?: number }} [details]
   */
  constructor(slug, message, { hint, exitCode } = {}) {
    super(message);
    this.name = "HelperError";
    /** @readonly */
    this.slug = slug;
    /** What to do next. @readonly */
    this.hint = hint;
    /** The helper's exit code, where it failed. @readonly */
    this.exitCode = exitCode;
  }
}
