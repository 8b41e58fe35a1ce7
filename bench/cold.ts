import { once } from "node:events";
import { connect } from "node:net";
import { AnswerReader } from "./answer.ts";
import type { Prepared } from "./load.ts";

/**
 * Milliseconds to the first answer of isolates whose script is loaded and that were asked nothing yet: from the request's
 * first byte on an open connection to the answer's last. Their deployment's cell has the configuration already.
 */
export async function coldTimes(ports: readonly number[], request: Prepared): Promise<readonly number[]> {
  const times: number[] = [];
  for (const port of ports) times.push(await firstAnswer(port, request));
  return times;
}

async function firstAnswer(port: number, { text, status, bytes }: Prepared): Promise<number> {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  const reader = new AnswerReader();
  const ended = new Promise<void>((resolve, reject) => {
    socket.on("data", (data) => reader.feed(data) && resolve());
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("a cold isolate closed the connection")));
  });
  const began = performance.now();
  socket.write(text, "latin1");
  await ended;
  const took = performance.now() - began;
  socket.destroy();
  if (reader.status !== status || reader.bytes !== bytes)
    throw new Error(`a cold isolate answered ${reader.status} with ${reader.bytes} bytes`);
  return took;
}
