import { describe, expect, it } from "vitest";
import { keptLength, readWhole } from "../../workers/gateway/kept-body.ts";

describe("the length of a body that is kept", () => {
  it.each([
    { told: "0", length: 0 },
    { told: "65536", length: 65_536 },
    { told: "65537", length: null },
    { told: "99999", length: null },
    { told: "100000", length: null },
    { told: "-1", length: null },
    { told: "0x10", length: null },
    { told: "", length: null },
  ])("told as $told is $length", ({ told, length }) => {
    expect(keptLength({ "content-length": told })).toBe(length);
  });

  it("is not known of a chunked one", () => {
    expect(keptLength({})).toBeNull();
  });
});

describe("a kept body", () => {
  const streamOf = (chunks: readonly string[], end: "close" | "break" = "close") => {
    const canceled = { yes: false };
    const left = [...chunks];
    const stream = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        const chunk = left.shift();
        if (chunk !== undefined) controller.enqueue(new TextEncoder().encode(chunk));
        else if (end === "close") controller.close();
        else controller.error(new Error("gone"));
      },
      cancel: () => void (canceled.yes = true),
    });
    return { stream, canceled };
  };
  const read = async (chunks: readonly string[], length: number, end: "close" | "break" = "close") => {
    const bytes = await readWhole(streamOf(chunks, end).stream, length, () => undefined);
    return bytes && new TextDecoder().decode(bytes);
  };

  it("is what came, in whatever pieces", async () => {
    expect(await read(["pay", "", "=1"], 5)).toBe("pay=1");
    expect(await read([], 0)).toBe("");
  });

  it("is none where it broke off or ended early", async () => {
    expect(await read(["pay"], 5, "break")).toBeNull();
    expect(await read(["pay"], 5)).toBeNull();
  });

  it("is none where more comes than was told, and the rest is not read (R26)", async () => {
    const { stream, canceled } = streamOf(["pay=1", "&more"]);
    expect(await readWhole(stream, 5, () => undefined)).toBeNull();
    expect(canceled.yes).toBe(true);
  });
});
