import { once } from "node:events";
import { connect } from "node:net";
import { Worker } from "node:worker_threads";
import { expect, it } from "vitest";
import { turn } from "./turn.ts";

/** Ends each connection as soon as it is told something, and then says so in the memory that both sides see. */
const ENDING = `
const { parentPort, workerData } = require("node:worker_threads");
const server = require("node:net").createServer((socket) => {
  socket.on("error", () => undefined);
  socket.on("close", () => {
    Atomics.store(workerData, 0, 1);
    Atomics.notify(workerData, 0);
  });
  socket.once("data", () => socket.destroy());
});
server.listen(0, "127.0.0.1", () => parentPort.postMessage(server.address().port));
`;

it("what ended while the thread was busy is known to have ended after a turn", async () => {
  const said = new Int32Array(new SharedArrayBuffer(4));
  const other = new Worker(ENDING, { eval: true, workerData: said });
  const [port] = (await once(other, "message")) as [number];
  const socket = connect(port, "127.0.0.1").on("error", () => undefined);
  await once(socket, "connect");
  let hasEnded = false;
  socket.on("end", () => (hasEnded = true)).resume();
  socket.write("x");
  expect(Atomics.wait(said, 0, 0, 10_000)).not.toBe("timed-out");
  expect(hasEnded).toBe(false);
  await turn();
  expect(hasEnded).toBe(true);
  socket.destroy();
  await other.terminate();
});
