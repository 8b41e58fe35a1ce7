import { connect } from "node:net";

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly ms: number;
}

/**
 * Sends bytes as they are and reads one answer, past interim ones. A connection that is closed without one is a 400.
 *
 * @throws if nothing comes within `patienceMs`
 */
export async function sendRaw(port: number, bytes: Buffer, patienceMs: number): Promise<Reply> {
  const startedAt = performance.now();
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
    const done = (): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ ...readAnswer(answer), ms: performance.now() - startedAt });
    };
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`no answer within ${patienceMs} ms: ${bytes.subarray(0, 200).toString("latin1")}`));
    }, patienceMs);
    socket.on("data", (data: Buffer) => {
      answer = final(answer + data.toString("latin1"));
      if (isWhole(answer)) done();
    });
    socket.on("error", done);
    socket.on("close", done);
  });
}

/** What stands behind interim answers (RFC 9110 §15.2); 101 is the last one. */
export function final(answer: string): string {
  const interim = /^HTTP\/1\.1 1(?!01)\d\d[\s\S]*?\r\n\r\n/.exec(answer);
  return interim === null ? answer : final(answer.slice(interim[0].length));
}

/** With the length that it announces, or with none. */
function isWhole(answer: string): boolean {
  if (!answer.includes("\r\n\r\n")) return false;
  const { status, headers, body } = readAnswer(answer);
  if (status === 101 || status === 204 || status === 304) return true;
  if (headers["transfer-encoding"] !== undefined) return answer.endsWith("0\r\n\r\n");
  return body.length >= Number(headers["content-length"] ?? Number.POSITIVE_INFINITY);
}

function readAnswer(answer: string): Omit<Reply, "ms"> {
  const [head = "", ...rest] = answer.split("\r\n\r\n");
  const [first = "", ...fields] = head.split("\r\n");
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(first)?.[1] ?? 400);
  const headers: Record<string, string> = {};
  for (const field of fields) {
    const colon = field.indexOf(":");
    const name = field.slice(0, colon).toLowerCase();
    const value = field.slice(colon + 1).trim();
    headers[name] = name in headers ? `${headers[name]}, ${value}` : value;
  }
  return { status, headers, body: rest.join("\r\n\r\n") };
}
