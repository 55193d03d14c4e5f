/** Which helper to run (protocol/exec.schema.json). Its variables are private: they may be secrets. */
export class ExecConfig {
  /**
   * @param exec what stands under the key `exec`
   * @param source where it comes from, for errors
   * @param folder what a relative command is relative to; by default the working directory
   */
  constructor(
    exec: {
      command: string;
      args?: readonly string[];
      env?: readonly { name: string; value: string }[];
      installHint?: string;
    },
    source?: string,
    folder?: string,
  );
  /** A name to look up in PATH, or an absolute path. */
  readonly command: string;
  readonly args: readonly string[];
  readonly installHint: string | undefined;
  readonly source: string;
  /** Reads the text of a configuration: a JSON object with the key `exec`. */
  static parse(text: string, source?: string, folder?: string): ExecConfig;
  /** Finds it in KFP_CREDENTIAL_EXEC or the kfp SDK's context.json; else it is `kfp-credential get`. */
  static find(): ExecConfig;
}

/** What a helper answered. In logs and JSON it shows its type, principal and expiration only. */
export class Credential {
  private constructor();
  /** What to put on each request to the endpoint, and on no other. */
  readonly headers: Readonly<Record<string, readonly string[]>>;
  /** The base URL of the API. */
  readonly endpoint: string;
  /** `bearer`, `cookie`, `none`, or one that is still to come. */
  readonly type: string | undefined;
  /** The name of the context that it is for. */
  readonly context: string | undefined;
  /** The namespace to use by default. */
  readonly namespace: string | undefined;
  /** Who it stands for. */
  readonly principal: string | undefined;
  /** Until when to use it. */
  readonly expiration: Date;
  readonly isExpired: boolean;
  /** How to reach the endpoint. */
  readonly connection: Connection;
  toString(): string;
  toJSON(): { type: string | undefined; principal: string | undefined; expiration: Date };
  /** Reads what a helper wrote to stdout. */
  static parse(stdout: string | Uint8Array): Credential;
}

export interface Connection {
  /** A PEM file of authorities to trust in addition. */
  readonly certificateAuthority: string | undefined;
  /** The same as base64 of PEM text. */
  readonly certificateAuthorityData: string | undefined;
  readonly insecureSkipTlsVerify: boolean | undefined;
  readonly proxyUrl: string | undefined;
  /** The name that the endpoint's certificate is verified against. */
  readonly tlsServerName: string | undefined;
}

/** Keeps a credential until it ends, and renews it when the endpoint refuses it. */
export class Helper {
  constructor(options?: {
    /** Which helper to run, in place of the one that `ExecConfig.find` finds. */
    exec?: ExecConfig;
    /** The context to ask it for. */
    context?: string;
    /** How long it may take: 240 by default. */
    timeoutSeconds?: number;
    /** How long there is no renewal after one that was of no use: 60 by default. */
    retryPauseSeconds?: number;
  });
  /** Gives the credential at hand, or runs the helper for one. */
  credential(): Promise<Credential>;
  /** Gives another credential than the one that was refused. */
  renew(rejected: Credential): Promise<Credential>;
  /**
   * Makes a request like `fetch`, with the credential on it, and with a renewed one if the first is refused.
   * Follows no redirect.
   *
   * @param url a path below the endpoint, or a URL at its origin
   * @param init `method`, `headers`, `body` and `signal`, which ends the wait for the helper and for the body too
   * @returns any reply but one that refuses the credential; its body comes as the program reads it
   */
  send(url: string | URL, init?: RequestInit): Promise<Response>;
}

/** What went wrong: `slug` is for programs (protocol/errors.json lists them), `message` and `hint` are for people. */
export class HelperError extends Error {
  constructor(slug: string, message: string, details?: { hint?: string; exitCode?: number });
  readonly slug: string;
  /** What to do next. */
  readonly hint: string | undefined;
  /** The helper's exit code, where it failed. */
  readonly exitCode: number | undefined;
}
