import { convertV4MiniflareOptions } from "miniflare";
import { expect, it } from "vitest";
import { COMPATIBILITY_DATE, GATEWAY_FLAGS } from "../../edge/miniflare-workers.ts";
import { moduleFrom } from "../../edge/workers.ts";
import { Runtime } from "../support/runtime.ts";

it("the sample goes the whole way while a script loads, too", async () => {
  const runtime = new Runtime(
    convertV4MiniflareOptions({
      host: "127.0.0.1",
      port: 0,
      cf: false,
      modules: await moduleFrom("test/gateway/priming-worker.ts"),
      compatibilityDate: COMPATIBILITY_DATE,
      compatibilityFlags: [...GATEWAY_FLAGS],
    }),
  );
  try {
    const response = await fetch(await runtime.ready);
    expect(await response.text()).toBe("forward");
  } finally {
    await runtime.dispose();
  }
});
