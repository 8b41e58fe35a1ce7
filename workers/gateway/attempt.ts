import { type AnswerCode, answerOf } from "../../src/decide/answers.ts";
import { MAX_HEADER_BYTES } from "../../src/request/header-size.ts";
import type { Outcome } from "../../src/resilience/outlier.ts";
import { isRetriedAnswer, type Result } from "../../src/routing/retries.ts";
import type { Endpoint } from "../../src/snapshot/model.ts";
import { changeAnswer, copyAnswer, readAnswer, stripAnswer } from "./answer.ts";
import type { Backend } from "./backend.ts";
import { type BodyEnd, passBody, passUpload } from "./body.ts";
import type { HttpCall } from "./http-call.ts";
import { IdleTimer } from "./idle-timer.ts";
import { toldLength } from "./kept-body.ts";
import type { End } from "./lease.ts";

/** A body up to this many bytes, by its Content-Length, is passed on untouched: its end is not worth watching. */
const SMALL_BYTES = 65_536;

/** When a service has closed, the body of a client that sends breaks on that within so long; one of which nothing comes does not. */
const BREAKS_MS = 100;

/** Makes the next attempt where one may follow; null: the answer that is there stands. */
export type Again = (call: HttpCall, result: Result, answer: Response | null) => Promise<Response> | null;

/** What ended an attempt before its answer: somebody's time was up, or the client's body broke. */
type Limit =
  | "response_timeout"
  | "upstream_per_try_timeout"
  | "stream_idle_timeout"
  | "request_timeout"
  | "request_body_broken";

const LATE: Result = { kind: "late" };
const RESET: Result = { kind: "reset" };
const PROTOCOL: Result = { kind: "protocol" };

/** One call of one endpoint: its time, its abort, its outcome, and the answer's way to the client. */
export class Attempt {
  readonly endpoint: Endpoint;
  /** How the service's health is judged by it; null: not at all (a local answer, a client that went away). */
  outcome: Outcome | null = null;
  readonly #call: HttpCall;
  readonly #again: Again;
  #abort: AbortController | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #idle: IdleTimer | null = null;
  /** What ends the call when the time is up. */
  #limit: Limit = "response_timeout";
  #late = false;
  /** The body on its way to the endpoint, where it is worth watching; null: nobody looks. */
  #upload: "running" | BodyEnd | null = null;
  #uploadBroke: PromiseWithResolvers<true> | null = null;
  /** Epoch ms; 0: it did not. */
  #brokeAt = 0;
  /** Epoch ms. */
  #sentAt = 0;

  /**
   * From now on the endpoint counts as active, until `settle`.
   *
   * @param again makes the next attempt, where this one's answer does not stand
   */
  constructor(call: HttpCall, endpoint: Endpoint, again: Again) {
    this.endpoint = endpoint;
    this.#call = call;
    this.#again = again;
    call.mesh.callers.start(endpoint);
  }

  /**
   * It has ended. A client that went away says nothing of the service; a body that broke off or came too late does.
   *
   * @param now epoch ms
   */
  settle(end: End, now: number): void {
    const { endpoint, outcome } = this;
    const { mesh, view } = this.#call;
    mesh.callers.finish(endpoint);
    if (end === "DC" || (end === "UT" && this.#idle?.waitsForClient === true)) return;
    const judged = end === "ok" ? outcome : end === "UT" ? "timeout" : "reset";
    if (judged !== null) view.judge(endpoint, judged, now);
  }

  /**
   * One promise and one timer: it is the way of every request.
   *
   * @param now epoch ms
   * @returns the client's answer, whatever the endpoint did; never rejects
   */
  perform(backend: Backend, url: string, init: RequestInit, now: number): Promise<Response> {
    const { lease, forward, deadline, kept, received } = this.#call;
    const { retries, idleTimeoutMs } = forward.route.model;
    this.#sentAt = now;
    let ms = deadline - now;
    const tryMs = retries?.perTryTimeoutMs;
    if (tryMs !== undefined && tryMs < ms) {
      ms = tryMs;
      this.#limit = "upstream_per_try_timeout";
      // Another may follow, which begins when this one is gone.
      init.signal = this.#signal();
    }
    if (idleTimeoutMs !== undefined) this.#idle = new IdleTimer(idleTimeoutMs);
    if (init.body !== null && kept === null && (this.#idle !== null || isWatched(toldLength(received.headers))))
      this.#upload = "running";
    // What is pending in `waitUntil` would keep the call to the service alive when its client or its time is gone.
    if (lease.held) init.signal = this.#signal();
    const answered =
      ms === Number.POSITIVE_INFINITY && this.#idle === null && this.#upload === null
        ? backend.fetch(url, init)
        : new Promise<Response | null>((resolve, reject) => {
            if (ms !== Number.POSITIVE_INFINITY) this.#timer = setTimeout(resolve, Math.max(0, ms), null);
            this.#idle?.start(() => {
              this.#limit = "stream_idle_timeout";
              resolve(null);
            });
            if (this.#upload !== null) this.#watchUpload(init, resolve);
            backend.fetch(url, init).then(resolve, reject);
          });
    return answered.then(
      (response) => this.#answered(response),
      () => this.#answered(undefined),
    );
  }

  /**
   * A body that its client breaks looks to the runtime like a service that breaks off. Passed on here it does not: what the service
   * does comes from the call to it, and only where nothing does is it the client. On its way out it ends the silence, too.
   */
  #watchUpload(init: RequestInit, resolve: (none: null) => void): void {
    const { body, received, lease } = this.#call;
    if (body === null) return;
    const [idle, length, signal] = [this.#idle, toldLength(received.headers), this.#signal()];
    const broke = Promise.withResolvers<true>();
    this.#uploadBroke = broke;
    const onBroken = (): boolean => {
      broke.resolve(true);
      this.#brokeAt = Date.now();
      // Also where the time is up before anything is heard of the service.
      this.#limit = "request_body_broken";
      return lease.ended;
    };
    if (idle !== null) idle.isToSend = true;
    const passed =
      idle === null ? passUpload(body, length, signal, onBroken) : passBody(body, length, signal, idle.onRequest);
    lease.waitUntil(
      passed.end.then((how) => {
        this.#upload = how;
        if (how === "broken") {
          this.#limit = "request_body_broken";
          resolve(null);
          return;
        }
        if (how === "untaken") broke.resolve(true);
        if (idle !== null) idle.isToSend = false;
      }),
    );
    init.body = passed.body;
    init.signal = signal;
  }

  /** Nothing more comes of it: what the client has not sent yet is no silence of the service's. */
  get #waitsForClient(): boolean {
    if (this.#idle !== null) return this.#idle.waitsForClient;
    return this.#upload !== null && this.#upload !== "whole";
  }

  /** @param response null when the time is up; undefined where the platform failed: what it says is not for the client */
  #answered(response: Response | null | undefined): Response | Promise<Response> {
    const call = this.#call;
    try {
      clearTimeout(this.#timer);
      this.#idle?.stop();
      call.journal.upstreamMs = Date.now() - this.#sentAt;
      if (call.lease.ended) return call.gone();
      if (response === null) {
        const byClient = this.#waitsForClient;
        this.outcome = byClient ? null : "timeout";
        if (byClient && this.#limit !== "request_body_broken") this.#limit = "request_timeout";
        this.#abort?.abort();
        return this.#failed(this.#limit, this.#limit === "upstream_per_try_timeout" ? LATE : null);
      }
      return response ? this.#passOn(response) : this.#brokenOff();
    } catch (error) {
      // Of an answer that nobody gets nothing goes on.
      clearTimeout(this.#timer);
      this.#idle?.stop();
      this.#abort?.abort();
      return call.broken(error);
    }
  }

  /**
   * The call broke off before an answer. A body that its client breaks looks to the runtime like a service that breaks off: what
   * may be the client's doing never counts against the service (R33). One that was kept came whole, and of one that is passed on
   * here it would be known.
   */
  #brokenOff(): Response | Promise<Response> {
    const { body, kept } = this.#call;
    if (this.#upload === "running") return this.#brokenUpload();
    if (body === null || kept !== null || this.#upload !== null) this.outcome = "reset";
    return this.#failed("upstream_reset_before_headers", RESET);
  }

  /** A service may have closed because its client stalled, or broke its body: it is blamed where bytes came that it did not take. */
  async #brokenUpload(): Promise<Response> {
    const call = this.#call;
    try {
      // Long before the service closed: it was not the service that broke it.
      if (this.#brokeAt !== 0 && Date.now() - this.#brokeAt > BREAKS_MS)
        return this.#failed("request_body_broken", null);
      const isBroken = await Promise.race([this.#uploadBroke?.promise, scheduler.wait(BREAKS_MS)]);
      if (call.lease.ended) return call.gone();
      if (isBroken === true || this.#upload === "whole") this.outcome = "reset";
      return await this.#failed("upstream_reset_before_headers", RESET);
    } catch (error) {
      return call.broken(error);
    } finally {
      this.#abort?.abort();
    }
  }

  /** @param result null where nothing may follow */
  #failed(code: AnswerCode, result: Result | null): Response | Promise<Response> {
    const next = result === null ? null : this.#again(this.#call, result, null);
    return next ?? this.#call.answer(answerOf(code));
  }

  #passOn(response: Response): Response | Promise<Response> {
    const call = this.#call;
    const { status, headers } = response;
    const switched = status === 101 && call.received.webSocket && response.webSocket !== null;
    const { bytes, length, strip, grpcStatus, rateLimited } = readAnswer(headers, call.entrance.kind === "public");
    if ((!switched && (status < 200 || status > 599)) || bytes > MAX_HEADER_BYTES) {
      response.body?.cancel().catch(() => undefined);
      this.outcome = "reset";
      return this.#failed("upstream_protocol_error", PROTOCOL);
    }
    this.outcome = status;
    const { retries } = call.forward.route;
    if (retries !== null && isRetriedAnswer(retries, status, grpcStatus, rateLimited)) {
      const next = this.#again(call, { kind: "answer", status, grpcStatus, rateLimited }, response);
      if (next !== null) return next;
    }
    call.journal.status = status;
    call.journal.details = "via_upstream";
    call.journal.answer = headers;
    // A look at the body costs, even at whether there is one, so a small one is told by its length.
    const small = length !== null && length <= SMALL_BYTES && this.#idle === null;
    const body = small ? null : response.body;
    const none = (body === null && !small) || !hasBody(call.received.method, status);
    if (body === null || none || switched) {
      call.journal.bytes = none ? 0 : length;
      // Made before the call ends: where it cannot be, the log says so.
      const answer =
        strip || call.forward.response.length > 0 ? this.#dressed(response, response.body, strip) : response;
      // The messages of a WebSocket do not pass through here, so its end is not seen: the slot comes back with the handshake.
      call.lease.end("ok");
      return answer;
    }
    return this.#dressed(response, this.#watched(body, length), strip);
  }

  /** The call ends with the body; what is left of the time is for it. */
  #watched(body: ReadableStream, length: number | null): ReadableStream {
    const call = this.#call;
    const idle = this.#idle;
    const passed = passBody(body, length, this.#signal(), idle && idle.onAnswer);
    if (call.deadline !== Number.POSITIVE_INFINITY)
      this.#timer = setTimeout(() => this.#expire(), Math.max(1, call.deadline - Date.now()));
    idle?.start(() => this.#expire());
    call.lease.waitUntil(
      passed.end.then((how) => {
        clearTimeout(this.#timer);
        idle?.stop();
        // How much of a body arrived that broke off is not known.
        if (how === "whole") call.journal.bytes = length;
        call.lease.end(this.#endOf(how));
      }),
    );
    return passed.body;
  }

  #expire(): void {
    this.#late = true;
    this.#abort?.abort();
  }

  #endOf(how: BodyEnd): "ok" | "DC" | "UT" | "UC" {
    if (how === "whole") return "ok";
    if (this.#call.request.signal.aborted) return "DC";
    return this.#late ? "UT" : "UC";
  }

  #dressed(response: Response, body: ReadableStream | null, strip: boolean): Response {
    const answer = copyAnswer(response, body);
    if (strip) stripAnswer(answer.headers, answer.status === 101);
    changeAnswer(answer.headers, answer.status, this.#call.forward.response);
    return answer;
  }

  /** Aborts with the client and at the deadline. */
  #signal(): AbortSignal {
    if (this.#abort !== null) return this.#abort.signal;
    const abort = new AbortController();
    this.#abort = abort;
    const client = this.#call.request.signal;
    if (client.aborted) abort.abort();
    else client.addEventListener("abort", () => abort.abort());
    return abort.signal;
  }
}

/** Small ones come at once, whole, or the runtime says that they did not. @param length null: not known */
function isWatched(length: number | null): boolean {
  return length === null || length > SMALL_BYTES;
}

/** Whether an answer may hold one at all, whatever length it tells (RFC 9110 §6.4.1). */
function hasBody(method: string, status: number): boolean {
  return method !== "HEAD" && status !== 204 && status !== 205 && status !== 304 && status !== 101;
}
