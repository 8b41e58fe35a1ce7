import type { LinkedAuthorizer } from "../../src/policy/external-authorization.ts";
import type { CheckFact } from "../../src/request/check-fact.ts";
import { counterKey } from "../../src/telemetry/counters.ts";

/** One failure of a provider in so long is told: each is counted. */
const TOLD_EVERY_MS = 60_000;

/** Providers whose last failure is remembered. */
const MAX_TOLD = 1_000;

/** What an isolate tells of the external authorizers that it asks. */
export class Authorizers {
  readonly #counts: { count(key: string): void };
  /** Epoch ms, by provider. */
  readonly #told = new Map<string, number>();

  constructor(counts: { count(key: string): void }) {
    this.#counts = counts;
  }

  /** Counts what came of a question, and tells of a failure now and then. */
  answered({ name, model }: LinkedAuthorizer, fact: CheckFact): void {
    const open = model.failOpen === true;
    const result = fact.verdict === "failed" ? (open ? "failed_open" : "error") : fact.verdict;
    this.#counts.count(counterKey("tulle_ext_authz_requests_total", { provider: name, result }));
    if (fact.verdict !== "failed") return;
    const now = Date.now();
    if (now - (this.#told.get(name) ?? Number.NEGATIVE_INFINITY) < TOLD_EVERY_MS) return;
    if (this.#told.size >= MAX_TOLD) this.#told.clear();
    this.#told.set(name, now);
    console.warn({ event: "ext_authz_failed", provider: name, reason: fact.reason, open });
  }
}
