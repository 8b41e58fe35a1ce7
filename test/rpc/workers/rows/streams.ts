import type { CalleeApi } from "../api.ts";
import { identityOf, pulled, readAll } from "../streams.ts";
import type { Kit, Rows } from "./row.ts";

const BYTES = 10 * 2 ** 20;
/** So often somebody else calls while nobody reads: without back-pressure all would have been made long before. */
const OTHER_CALLS = 100;
/** What may wait on the way, of the ten: one window and what each pipe holds. */
const UNREAD_BYTES = 4 * 2 ** 20;

async function produced(watch: Kit["watch"]): Promise<number> {
  return (await watch.events()).filter((event) => event === "produced").length * 65_536;
}

/** Reads one chunk, lets time go by in calls, and looks how much was made; then reads the rest. */
async function readSlowly({ callee, watch }: Kit, kind: "pulled" | "identity"): Promise<unknown> {
  const stream = await callee.produce(BYTES, kind);
  const reader = stream.getReader();
  const first = (await reader.read()).value?.byteLength ?? 0;
  for (let call = 0; call < OTHER_CALLS; call += 1) await watch.hits();
  const unread = await produced(watch);
  reader.releaseLock();
  return { stopped: unread < UNREAD_BYTES, all: first + (await readAll(stream)), produced: await produced(watch) };
}

/** Cancels after one chunk; what the producer heard. */
async function cancelEarly({ callee, happened }: Kit, kind: "pulled" | "identity"): Promise<unknown> {
  const reader = (await callee.produce(BYTES, kind)).getReader();
  await reader.read();
  await reader.cancel(new RangeError("enough"));
  return (await happened("cancelled")).filter((event) => event !== "produced");
}

async function sent(
  callee: CalleeApi,
  make: (tell: (event: string) => void) => ReadableStream<Uint8Array>,
): Promise<unknown> {
  const told: string[] = [];
  return { consumed: await callee.consume(make((event) => told.push(event))), chunks: told.length };
}

export const STREAM_ROWS: Rows = {
  "10 MB back, read at once": async ({ callee }) => readAll(await callee.produce(BYTES, "pulled")),
  "10 MB back through the platform's pipe": async ({ callee }) => readAll(await callee.produce(BYTES, "identity")),
  "10 MB back, nobody reads for a while: the producer stops": async (kit) => readSlowly(kit, "pulled"),
  "10 MB back through a pipe, nobody reads for a while: the producer stops": async (kit) => readSlowly(kit, "identity"),
  "10 MB there": async ({ callee }) => sent(callee, (tell) => pulled(BYTES, tell, "bytes")),
  "10 MB there through the platform's pipe": async ({ callee }) =>
    sent(callee, (tell) => identityOf(BYTES, tell, () => undefined)),
  "10 MB there and back at once": async ({ callee }) =>
    readAll((await callee.echo(pulled(BYTES, () => undefined, "bytes"))) as ReadableStream<Uint8Array>),
  "10 MB in a Response": async ({ callee }) => {
    const response = await callee.response(BYTES);
    return [
      response.status,
      response.headers.get("x-made"),
      await readAll(response.body as ReadableStream<Uint8Array>),
    ];
  },
  "10 MB in a Request": async ({ callee }) => {
    const body = pulled(BYTES, () => undefined, "bytes");
    const echoed = (await callee.echo(new Request("http://one.test/", { method: "POST", body }))) as Request;
    return [echoed.method, await readAll(echoed.body as ReadableStream<Uint8Array>)];
  },
  "10 MB through fetch": async ({ callee }) => {
    const answer = await callee.fetch("http://one.test/unsaid", {
      method: "POST",
      body: pulled(BYTES, () => undefined, "bytes"),
    });
    if (answer.status !== 200) return answer.text();
    return readAll(answer.body as ReadableStream<Uint8Array>);
  },
  "a stream of values that are no bytes": async ({ callee }) => readAll(await callee.produce(65_536, "values")),
  "an empty stream": async ({ callee }) => readAll(await callee.produce(0, "pulled")),
  "the reader cancels: the producer hears it": async (kit) => cancelEarly(kit, "pulled"),
  "the reader cancels: the writer of a pipe hears it": async (kit) => cancelEarly(kit, "identity"),
  "the callee cancels what it reads: the caller hears it": async ({ callee, tell, told }) => {
    const read = await callee.readSome(pulled(BYTES, tell, "bytes"));
    for (let turn = 0; turn < 100 && !told.some((event) => event.startsWith("cancelled")); turn += 1)
      await scheduler.wait(5);
    return [read > 0, told.filter((event) => event !== "produced"), told.length < 100];
  },
  "the producer breaks: the reader hears it": async ({ callee }) => readAll(await callee.breakOff(200_000)),
  "the caller's stream breaks: the callee hears it": async ({ callee }) =>
    callee.consume(pulled(200_000, () => undefined, "bytes", new TypeError("the caller broke"))),
  "the callee writes into the caller's stream": async ({ callee }) => {
    let bytes = 0;
    let closed = false;
    const sink = new WritableStream<Uint8Array>({
      write: (chunk) => void (bytes += chunk.byteLength),
      close: () => void (closed = true),
    });
    await callee.writeTo(sink, BYTES);
    return [bytes, closed];
  },
  "the callee writes into a pipe of the caller's": async ({ callee }) => {
    const { readable, writable } = new IdentityTransformStream();
    const [bytes] = await Promise.all([readAll(readable), callee.writeTo(writable, BYTES)]);
    return bytes;
  },
  "the caller writes into the callee's stream": async ({ callee, happened }) => {
    await pulled(BYTES, () => undefined, "bytes").pipeTo(await callee.sink());
    return happened(`the sink took ${BYTES} bytes`);
  },
  "the caller aborts what it writes": async ({ callee, happened }) => {
    const writer = (await callee.sink()).getWriter();
    await writer.write(new Uint8Array(10));
    await writer.abort(new RangeError("no more"));
    return happened("the sink was aborted");
  },
  "the callee's stream takes no more: the caller hears it": async ({ callee }) => {
    const writer = (await callee.brokenSink()).getWriter();
    await writer.write(new Uint8Array(10));
    return writer.close();
  },
};
