import { expect, it } from "vitest";
import { EventStream } from "../../workers/control/event-stream.ts";

it("a stream that is ended loses what waits for its reader, who may see no more", async () => {
  const stream = new EventStream(() => undefined);
  const data = "x".repeat(60_000);
  for (let line = 0; line < 10; line += 1) expect(stream.send("line", data)).toBe(true);
  stream.end();
  const chunks: string[] = [];
  for await (const chunk of stream.readable.pipeThrough(new TextDecoderStream()) as unknown as AsyncIterable<string>)
    chunks.push(chunk);
  // One was on its way.
  expect(chunks.length).toBeLessThanOrEqual(1);
});
