// What only the JavaScript client can get wrong: signals, and bodies that come as the program reads them.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const { ExecConfig, Helper } = await import(pathToFileURL(join(process.argv[2], "index.mjs")).href);

const MEBIBYTE = 1024 * 1024;
const tries = {
  async "a caller leaves while the helper runs, and the run goes on for others"() {
    const helper = new Helper({ exec: new ExecConfig({ command: "sh", args: ["-c", `sleep 1; printf %s '${document}'`] }) });
    const start = performance.now();
    const leaving = helper.send("/small", { signal: AbortSignal.timeout(200) });
    const staying = helper.send("/small");
    await assert.rejects(leaving, { name: "TimeoutError" });
    assert.ok(performance.now() - start < 900, "the caller that left had to wait");
    assert.equal(await (await staying).text(), "small");
  },

  async "a run may take as long as it likes where the program says so"() {
    const exec = new ExecConfig({ command: "sh", args: ["-c", `sleep 0.3; printf %s '${document}'`] });
    const credential = await new Helper({ exec, timeoutSeconds: Infinity }).credential();
    assert.deepEqual(credential.headers, { "X-Team": ["a"] });
  },

  async "a signal that was raised before is honoured"() {
    await assert.rejects(helper.send("/small", { signal: AbortSignal.abort() }), { name: "AbortError" });
  },

  async "a body of 512 MiB passes in little memory"() {
    const reply = await helper.send("/large");
    let [size, most] = [0, 0];
    for await (const part of reply.body) {
      size += part.length;
      most = Math.max(most, process.memoryUsage.rss());
    }
    assert.equal(size, 512 * MEBIBYTE);
    assert.ok(most < 300 * MEBIBYTE, `${most} bytes of memory`);
  },

  async "a program may leave a body after its beginning"() {
    const reply = await helper.send("/endless");
    const reader = reply.body.getReader();
    assert.ok((await reader.read()).value.length > 0);
    await reader.cancel();
    await closed.endless;
  },

  async "a signal ends a body"() {
    const reply = await helper.send("/endless", { signal: AbortSignal.timeout(300) });
    await assert.rejects(reply.arrayBuffer(), { name: "TimeoutError" });
  },

  async "a body that is cut off is an error"() {
    const reply = await helper.send("/cut");
    await assert.rejects(reply.text());
  },

  async "an answer without a body is none"() {
    assert.equal((await helper.send("/none")).status, 204);
    assert.equal(await (await helper.send("/small", { method: "HEAD" })).text(), "");
  },
};

const closed = { endless: undefined };
const server = createServer(async (request, reply) => {
  const part = Buffer.alloc(MEBIBYTE, "x");
  if (request.url === "/small") reply.end(request.method === "HEAD" ? undefined : "small");
  if (request.url === "/none") reply.writeHead(204).end();
  if (request.url === "/cut") {
    reply.writeHead(200, { "content-length": 10 }).write("half");
    setTimeout(() => reply.destroy(), 100);
  }
  const parts = { "/large": 512, "/endless": Infinity }[request.url];
  if (parts === undefined) return;
  closed.endless = once(reply, "close");
  for (let i = 0; i < parts && !reply.destroyed; i++) {
    if (!reply.write(part)) await Promise.race([once(reply, "drain"), closed.endless]);
  }
  reply.end();
});
server.listen(0, "127.0.0.1");
await once(server, "listening");

const document = JSON.stringify({
  apiVersion: "client.authentication.k8s.io/v1",
  kind: "ExecCredential",
  status: {
    expirationTimestamp: "2999-01-01T00:00:00Z",
    headers: { "X-Team": ["a"] },
    kfp: { version: 1, endpoint: `http://127.0.0.1:${server.address().port}` },
  },
});
const helper = new Helper({ exec: new ExecConfig({ command: "printf", args: ["%s", document] }) });

const alarm = setTimeout(() => {
  console.error("a try hangs");
  process.exit(1);
}, 60_000);
for (const [name, attempt] of Object.entries(tries)) {
  await attempt().catch((error) => {
    console.error(`${name}: ${error.stack}`);
    process.exitCode = 1;
  });
}
clearTimeout(alarm);
console.error(`Ran ${Object.keys(tries).length} tries`);
server.close();
server.closeAllConnections?.();
