import type { Forward } from "../../src/decide/types.ts";
import { changeAnswer, copyAnswer, readAnswer, stripAnswer } from "./answer.ts";
import type { Backend } from "./backend.ts";
import { type BodyEnd, passBody } from "./body.ts";
import type { Call } from "./call.ts";
import { CONNECTION_FAILURE, PROTOCOL_ERROR, TIMEOUT, refuse } from "./refuse.ts";

/** An answer up to this many bytes, by its Content-Length, is passed on untouched: its end is not worth watching. */
const SMALL_BYTES = 65_536;

/** Names and values, with 4 bytes a line, as Envoy takes them. */
const MAX_HEADER_BYTES = 61_440;

/** One call of one endpoint: its time, its abort, its outcome, and the answer's way to the client. */
export class Attempt {
  readonly #call: Call;
  readonly #decision: Forward;
  readonly #upgrade: boolean;
  readonly #client: AbortSignal;
  #abort: AbortController | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #late = false;

  /** @param upgrade the request asks for a WebSocket */
  constructor(call: Call, decision: Forward, upgrade: boolean) {
    this.#call = call;
    this.#decision = decision;
    this.#upgrade = upgrade;
    this.#client = call.request.signal;
  }

  /** @returns the client's answer, whatever the endpoint did */
  async perform(backend: Backend, url: string, init: RequestInit): Promise<Response> {
    const call = this.#call;
    // What is pending in `waitUntil` would keep the call to the service alive when its client or its time is gone.
    if (call.lease.held) init.signal = this.#signal();
    const sentAt = Date.now();
    let response: Response | null | undefined;
    try {
      response = await this.#inTime(backend, url, init);
    } catch {
      // What the platform says of it is not for the client.
    }
    clearTimeout(this.#timer);
    call.journal.upstreamMs = Date.now() - sentAt;
    if (this.#client.aborted) return gone(call);
    if (response instanceof Response) return this.#passOn(response);
    this.#abort?.abort();
    return this.#failed(response === null ? TIMEOUT : CONNECTION_FAILURE);
  }

  /** One promise and one timer. @returns null when the route's time is up */
  async #inTime(backend: Backend, url: string, init: RequestInit): Promise<Response | null> {
    const { timeoutMs } = this.#decision.route.model;
    if (timeoutMs === undefined) return backend.fetch(url, init);
    return new Promise((resolve, reject) => {
      this.#timer = setTimeout(resolve, timeoutMs, null);
      backend.fetch(url, init).then(resolve, reject);
    });
  }

  #failed(answer: typeof TIMEOUT): Response {
    this.#call.outcome = "gateway_error";
    return refuse(this.#call, answer);
  }

  #passOn(response: Response): Response {
    const call = this.#call;
    const { status, body } = response;
    const switched = status === 101 && this.#upgrade && response.webSocket !== null;
    const { bytes, length, strip } = readAnswer(response.headers, call.entrance.kind === "public");
    if ((!switched && (status < 200 || status > 599)) || bytes > MAX_HEADER_BYTES) {
      body?.cancel().catch(() => undefined);
      return this.#failed(PROTOCOL_ERROR);
    }
    call.journal.status = status;
    call.journal.details = "via_upstream";
    call.outcome = status >= 500 ? (status >= 502 && status <= 504 ? "gateway_error" : "5xx") : "success";
    if (switched || body === null || (length !== null && length <= SMALL_BYTES)) {
      call.journal.bytes = body === null ? 0 : length;
      // The messages of a WebSocket do not pass through here, so its end is not seen: the slot comes back with the handshake.
      call.lease.end("ok");
      return strip || this.#decision.response.length > 0 ? this.#dressed(response, body) : response;
    }
    return this.#dressed(response, this.#watched(body, length));
  }

  /** The call ends with the body; what is left of the time is for it. */
  #watched(body: ReadableStream, length: number | null): ReadableStream {
    const call = this.#call;
    const { timeoutMs } = this.#decision.route.model;
    const passed = passBody(body, length, this.#signal());
    if (timeoutMs !== undefined) {
      this.#timer = setTimeout(() => this.#expire(), Math.max(1, timeoutMs - (call.journal.upstreamMs ?? 0)));
    }
    call.lease.waitUntil(
      passed.end.then((how) => {
        clearTimeout(this.#timer);
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
    if (this.#client.aborted) return "DC";
    return this.#late ? "UT" : "UC";
  }

  #dressed(response: Response, body: ReadableStream | null): Response {
    const answer = copyAnswer(response, body);
    stripAnswer(answer.headers, answer.status === 101);
    changeAnswer(answer.headers, this.#decision.response);
    return answer;
  }

  /** Aborts with the client and at the deadline. */
  #signal(): AbortSignal {
    if (this.#abort !== null) return this.#abort.signal;
    const abort = new AbortController();
    this.#abort = abort;
    if (this.#client.aborted) abort.abort();
    else this.#client.addEventListener("abort", () => abort.abort());
    return abort.signal;
  }
}

/** Nobody reads it: the client is gone, which is no failure of the service. */
export function gone(call: Call): Response {
  call.lease.end("DC");
  return new Response(null, { status: 499 });
}
