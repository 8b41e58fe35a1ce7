import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { GatewaySvid } from "../../edge/gateway-svid.ts";
import { layoutOf } from "../../edge/layout.ts";

it("waits for no frozen control where it was told before who was revoked, and says when it hears no more of it", async () => {
  const state = mkdtempSync(join(tmpdir(), "tulle-gateway-svid-"));
  const frozen = new Set<Socket>();
  const asked = Promise.withResolvers<void>();
  const told = Promise.withResolvers<string>();
  const control = createServer((socket) => {
    frozen.add(socket.on("error", () => undefined));
    asked.resolve();
  });
  await new Promise<void>((resolve) => control.listen(0, "127.0.0.1", resolve));
  const layout = layoutOf(state, (control.address() as AddressInfo).port - 2);
  writeFileSync(
    join(state, "public.revocations.txt"),
    `${Date.now()} ${JSON.stringify({ version: 1, serials: [], ids: [], maxAgeSeconds: null })}`,
  );
  let isTold = false;
  const svid = new GatewaySvid("public", layout, ({ event, reason }) => {
    if (event !== "revocations_unknown") return;
    isTold = true;
    told.resolve(reason);
  });
  try {
    // There is no certificate and no token to get one with: it says so at once.
    expect(await svid.toPeers([])).toBeNull();
    expect(isTold).toBe(false);
    await asked.promise;
    for (const socket of frozen) socket.destroy();
    expect(await told.promise).toContain("http://127.0.0.1");
  } finally {
    svid.close();
    for (const socket of frozen) socket.destroy();
    control.close();
    rmSync(state, { recursive: true });
  }
});
