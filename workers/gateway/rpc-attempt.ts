import { type AnswerCode, answerOf } from "../../src/decide/answers.ts";
import type { Outcome } from "../../src/resilience/outlier.ts";
import type { Result } from "../../src/routing/retries.ts";
import type { Endpoint } from "../../src/snapshot/model.ts";
import type { WorkerBinding } from "./env.ts";
import type { End } from "./lease.ts";
import { callMethod, disposeOf, isOfApplication, readProperty } from "./rpc-values.ts";
import type { RpcCall } from "./rpc-call.ts";

/** Makes the next attempt where one may follow; null: what is there stands. */
type Again = (call: RpcCall, result: Result) => Promise<unknown> | null;

const LATE: Result = { kind: "late" };
const RESET: Result = { kind: "reset" };

/** Stands for the answer when the time is up. */
const TOO_LATE = Symbol("too late");

/** An application that answers is well, whatever it says: by Workers RPC it has no other word for "not found" than an error. */
const ANSWERED: Outcome = 200;

/** One call of one endpoint's method: its time, its outcome, and the answer's way back. */
export class RpcAttempt {
  readonly endpoint: Endpoint;
  readonly #call: RpcCall;
  readonly #again: Again;
  /** How the service's health is judged by it. */
  #outcome: Outcome | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Epoch ms. */
  #sentAt = 0;
  /** What ends it when the time is up. */
  #limit: "response_timeout" | "upstream_per_try_timeout" | "stream_idle_timeout" = "response_timeout";

  /** From now on the endpoint counts as active, until `settle`. */
  constructor(call: RpcCall, endpoint: Endpoint, again: Again) {
    this.endpoint = endpoint;
    this.#call = call;
    this.#again = again;
    call.mesh.callers.start(endpoint);
  }

  /** What has not ended by itself says nothing of the service. @param now epoch ms */
  settle(_: End, now: number): void {
    const { mesh, view } = this.#call;
    mesh.callers.finish(this.endpoint);
    if (this.#outcome !== null) view.judge(this.endpoint, this.#outcome, now);
  }

  /**
   * @param now epoch ms
   * @returns what the method returns
   * @throws what the method throws, or a `MeshError`
   */
  perform(worker: WorkerBinding, now: number): Promise<unknown> {
    this.#sentAt = now;
    const ms = this.#timeLeft(now);
    const { name, args } = this.#call;
    const called = args === null ? readProperty(worker, name) : callMethod(worker, name, args);
    if (ms === Number.POSITIVE_INFINITY)
      return called.then(
        (value) => this.#answered(value),
        (error: unknown) => this.#threw(error),
      );
    const answered = new Promise<unknown>((resolve, reject) => {
      this.#timer = setTimeout(resolve, Math.max(0, ms), TOO_LATE);
      called.then(resolve, reject);
    });
    return answered.then(
      (value) => (value === TOO_LATE ? this.#late(called) : this.#answered(value)),
      (error: unknown) => this.#threw(error),
    );
  }

  #answered(value: unknown): unknown {
    this.#outcome = ANSWERED;
    this.#end(200, "via_upstream");
    return value;
  }

  #threw(error: unknown): Promise<unknown> {
    if (isOfApplication(error)) {
      this.#outcome = ANSWERED;
      this.#end(500, "application_error");
      throw error;
    }
    this.#arrived();
    this.#outcome = "reset";
    return this.#failed("upstream_reset_before_headers", RESET);
  }

  /** The service runs on: nothing stops it. What it returns yet is let go of. */
  #late(called: Promise<unknown>): Promise<unknown> {
    this.#arrived();
    this.#outcome = "timeout";
    called.then(disposeOf, () => undefined);
    return this.#failed(this.#limit, this.#limit === "upstream_per_try_timeout" ? LATE : null);
  }

  #failed(code: AnswerCode, result: Result | null): Promise<unknown> {
    const next = result === null ? null : this.#again(this.#call, result);
    return next ?? Promise.reject(this.#call.answer(answerOf(code)));
  }

  #end(status: number, details: string): void {
    const { journal, lease } = this.#call;
    this.#arrived();
    journal.status = status;
    journal.details = details;
    lease.end("ok");
  }

  #arrived(): void {
    clearTimeout(this.#timer);
    this.#call.journal.upstreamMs = Date.now() - this.#sentAt;
  }

  #timeLeft(now: number): number {
    const { forward, deadline } = this.#call;
    const { retries, idleTimeoutMs } = forward.route.model;
    let ms = deadline - now;
    const tryMs = retries?.perTryTimeoutMs;
    if (tryMs !== undefined && tryMs < ms) {
      ms = tryMs;
      this.#limit = "upstream_per_try_timeout";
    }
    // Nothing is heard of a call before its answer.
    if (idleTimeoutMs !== undefined && idleTimeoutMs < ms) {
      ms = idleTimeoutMs;
      this.#limit = "stream_idle_timeout";
    }
    return ms;
  }
}
