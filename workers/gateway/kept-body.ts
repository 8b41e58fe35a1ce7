import { type AnswerCode, answerOf } from "../../src/decide/answers.ts";
import { GatheredBytes } from "../../src/request/gathered-bytes.ts";
import type { HeaderRecord } from "../../src/request/headers.ts";
import { isRepeatable } from "../../src/routing/retries.ts";
import type { HttpCall } from "./http-call.ts";
import { IdleTimer } from "./idle-timer.ts";

/** What is kept counts against the isolate's memory: longer bodies are sent once (R34). */
const MAX_KEPT_BYTES = 65_536;

/**
 * Keeps the request's body where it may have to be sent more than once, its length is known and small, and the isolate has room: it
 * is then read whole before the first attempt. Any other body goes to the service as it comes, once.
 */
export function keepBody(call: HttpCall): Response | null | Promise<Response | null> {
  const { body } = call;
  if (body === null || call.kept !== null || !isSentAgain(call)) return null;
  const length = keptLength(call.received.headers);
  if (length === null) return null;
  // Its lease has ended: nobody would give the room back.
  if (call.lease.ended) return call.gone();
  if (!call.mesh.memory.take(length)) return null;
  call.keptBytes = length;
  return keep(call, body, length);
}

function isSentAgain({ forward, received }: HttpCall): boolean {
  if (forward.mirrors.length > 0) return true;
  const { retries } = forward.route.model;
  return retries !== undefined && isRepeatable(retries, received.method);
}

/** @returns null where a body is too long to be kept, or does not tell how long it is */
export function keptLength(headers: HeaderRecord): number | null {
  const length = toldLength(headers);
  return length !== null && length <= MAX_KEPT_BYTES ? length : null;
}

/** As long as Envoy waits for a body by default: here nothing else ends one that its client sends too slowly. */
const MAX_WAIT_MS = 60_000;

/**
 * Keeps the body whole for somebody who is asked about the request, whether it tells its length or not.
 *
 * @param most bytes
 * @returns the body, null where there is none; or why it cannot be kept
 */
export async function keepUpTo(call: HttpCall, most: number): Promise<Uint8Array | null | AnswerCode> {
  const { body } = call;
  if (body === null || call.kept !== null) return keptUpTo(call, most);
  const told = toldLength(call.received.headers);
  if (told !== null && told > most) return TOO_LARGE;
  const room = told ?? most;
  if (call.lease.ended || !call.mesh.memory.takeNeeded(room)) return "overflow";
  call.keptBytes = room;
  const late = Promise.withResolvers<"request_body_broken">();
  const timer = setTimeout(late.resolve, MAX_WAIT_MS, "request_body_broken");
  const kept = await Promise.race([
    told === null ? readUpTo(body, most) : readWhole(body, told, () => {}),
    late.promise,
  ]);
  clearTimeout(timer);
  if (kept === null || typeof kept === "string") return kept ?? "request_body_broken";
  call.kept = kept;
  return kept;
}

/** The body as it was kept already, or the code of the answer to one that is longer. */
export async function keptUpTo({ kept }: HttpCall, most: number): Promise<Uint8Array | null | AnswerCode> {
  return kept !== null && kept.length > most ? TOO_LARGE : kept;
}

const TOO_LARGE: AnswerCode = "ext_authz_body_too_large";

/** @returns the body, or the code of the answer to one that is longer, or that broke off */
export async function readUpTo(body: ReadableStream<Uint8Array>, most: number): Promise<Uint8Array | AnswerCode> {
  const reader = body.getReader();
  const gathered = new GatheredBytes(most);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return gathered.bytes;
      if (gathered.add(value)) continue;
      await reader.cancel();
      return TOO_LARGE;
    }
  } catch {
    return "request_body_broken";
  }
}

/** By Content-Length; null where it is not told. */
export function toldLength(headers: HeaderRecord): number | null {
  const text = headers["content-length"];
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/** A client that sends its body too slowly has as long as it has where the body goes on at once. */
async function keep(call: HttpCall, body: ReadableStream<Uint8Array>, length: number): Promise<Response | null> {
  const { timeoutMs, idleTimeoutMs } = call.forward.route.model;
  const late = Promise.withResolvers<AnswerCode>();
  const timer = timeoutMs === undefined ? undefined : setTimeout(late.resolve, timeoutMs, "response_timeout");
  const idle = idleTimeoutMs === undefined ? null : new IdleTimer(idleTimeoutMs);
  idle?.start(() => late.resolve("stream_idle_timeout"));
  const kept = await Promise.race([readWhole(body, length, () => idle?.touch()), late.promise]);
  clearTimeout(timer);
  idle?.stop();
  if (call.request.signal.aborted) return call.gone();
  if (kept === null) return call.answer(answerOf("request_body_broken"));
  if (typeof kept === "string") return call.answer(answerOf(kept));
  call.kept = kept;
  return null;
}

/** @returns null where the body broke off, or is not as long as it told (R26): its client's doing */
export async function readWhole(
  body: ReadableStream<Uint8Array>,
  length: number,
  onBytes: () => void,
): Promise<Uint8Array | null> {
  const whole = new Uint8Array(length);
  const reader = body.getReader();
  let at = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return at === length ? whole : null;
      onBytes();
      if (at + value.length > length) {
        await reader.cancel();
        return null;
      }
      whole.set(value, at);
      at += value.length;
    }
  } catch {
    return null;
  }
}
