import { convertV4MiniflareOptions } from "miniflare";
import { expect, it } from "vitest";
import { COMPATIBILITY_DATE } from "../../edge/miniflare-workers.ts";
import { Runtime } from "./runtime.ts";
import { within } from "./until.ts";

/** More than connections hold on their own. */
const SCRIPT = `export default { fetch: () => new Response("x".repeat(4_000_000)) }`;

it("a runtime ends though nobody reads what it answered", async () => {
  const runtime = new Runtime(
    convertV4MiniflareOptions({
      host: "127.0.0.1",
      port: 0,
      cf: false,
      workers: [
        {
          name: "large",
          compatibilityDate: COMPATIBILITY_DATE,
          modules: [{ type: "ESModule", path: "index.js", contents: SCRIPT }],
        },
      ],
    }),
  );
  const worker = (await runtime.getWorker("large")) as unknown as { fetch: typeof fetch };
  const [left, begun, whole] = [
    await worker.fetch("http://large.test/"),
    await worker.fetch("http://large.test/"),
    await worker.fetch("http://large.test/"),
  ];
  const reader = begun.body?.getReader();
  expect([left.status, (await reader?.read())?.done, (await whole.text()).length]).toEqual([200, false, 4_000_000]);
  await within("the runtime to end", 60_000, runtime.dispose());
  expect(left.bodyUsed).toBe(false);
});
