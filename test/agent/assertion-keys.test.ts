import { expect, it } from "vitest";
import { AssertionKeys } from "../../agent/assertion-keys.ts";

const KEPT = '{"keys":[{"kty":"OKP","kid":"kept"}]}';

it("waits for control where no keys are known, and for no frozen one where some were kept", async () => {
  const frozen = { get: () => new Promise<string>(() => undefined) };
  const kept = new AssertionKeys(frozen, { read: () => KEPT, write: () => undefined });
  await kept.start();
  expect(kept.keys).toEqual([{ kty: "OKP", kid: "kept" }]);
  kept.stop();
  const written: string[] = [];
  const fresh = new AssertionKeys(
    { get: async () => KEPT },
    { read: () => null, write: (_, text) => written.push(text) },
  );
  await fresh.start();
  expect([fresh.keys, written]).toEqual([[{ kty: "OKP", kid: "kept" }], [KEPT]]);
  fresh.stop();
});
