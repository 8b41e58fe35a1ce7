import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { listenerOf } from "./listener.ts";
import { OtlpReceiver } from "./otlp-receiver.ts";

it("a receiver whose sender is cut in mid-batch lets the batch go", async () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  process.on("unhandledRejection", note);
  onTestFinished(() => void process.off("unhandledRejection", note));
  const receiver = await new OtlpReceiver().start();
  const socket = connect(receiver.port, "127.0.0.1");
  socket.write("POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n");
  // Its handler has begun.
  await once(socket, "data");
  socket.write('{"resourceSpans":');
  socket.destroy();
  await receiver.kill();
  // The socket is gone before its request hears of it, and that before anybody hears of a promise that nobody handles.
  for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  expect([unhandled, receiver.spans, receiver.problems]).toEqual([[], [], []]);
});

it("a handler that fails is heard of by who asked", async () => {
  const server = createServer(
    listenerOf(() => {
      throw new Error("no such stand-in");
    }),
  );
  await once(server.listen(0, "127.0.0.1"), "listening");
  const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  expect([answer.status, await answer.text()]).toEqual([500, "Error: no such stand-in"]);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
