import { describe, expect, it } from "vitest";
import { unwrapKey, wrapKey } from "../../workers/control/key-wrap.ts";

const SECRET = "s".repeat(43);

describe("a wrapped key", () => {
  const key = new Uint8Array([1, 2, 3]);

  it("opens by its secret and purpose alone, and never looks the same twice", async () => {
    const text = await wrapKey(key, SECRET, "purpose");
    expect(new Uint8Array(await unwrapKey(text, SECRET, "purpose"))).toEqual(key);
    expect(await wrapKey(key, SECRET, "purpose")).not.toBe(text);
    await expect(unwrapKey(text, "t".repeat(43), "purpose")).rejects.toThrow();
    await expect(unwrapKey(text, SECRET, "other")).rejects.toThrow();
    expect(text).not.toContain(Buffer.from(key).toString("base64url"));
  });

  it("opens in no place where a character was changed", async () => {
    const text = await wrapKey(key, SECRET, "purpose");
    for (const at of text.split("").keys()) {
      const other = text[at] === "A" ? "B" : "A";
      await expect(unwrapKey(text.slice(0, at) + other + text.slice(at + 1), SECRET, "purpose")).rejects.toThrow();
    }
  });

  it.each([
    { name: "empty", secret: "" },
    { name: "short", secret: "s".repeat(31) },
    // What a Worker finds where its secret was never set.
    { name: "unset", secret: (JSON.parse("{}") as { secret: string }).secret },
  ])("is never made under a secret that is $name", async ({ secret }) => {
    await expect(wrapKey(key, secret, "purpose")).rejects.toThrow("wrapping secret");
  });
});
