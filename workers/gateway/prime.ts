import { nextAttempt } from "../../src/decide/attempts.ts";
import { decide } from "../../src/decide/decide.ts";
import { afterLimits } from "../../src/decide/limits.ts";
import type { Forward } from "../../src/decide/types.ts";
import { Configuration } from "../../src/exchange/configuration.ts";
import { Uplink } from "../../src/exchange/uplink.ts";
import { NO_PEER } from "../../src/identity/peer.ts";
import { type LimitAsk, LimitBook } from "../../src/limits/limit-book.ts";
import { publicEntrance } from "../../src/request/entrance.ts";
import type { RequestFacts } from "../../src/request/facts.ts";
import { dropAliases } from "../../src/request/headers.ts";
import { placesOf } from "../../src/request/places.ts";
import { receive } from "../../src/request/receive.ts";
import type { VerifiedToken } from "../../src/request/token-fact.ts";
import { Pool } from "../../src/resilience/pool.ts";
import { RetryBudget } from "../../src/resilience/retry-budget.ts";
import { canonicalPath } from "../../src/routing/canonical-path.ts";
import { HostIndex } from "../../src/routing/host.ts";
import { KNOWN_PARTS } from "../../src/snapshot/known-parts.ts";
import { link, type LinkedSlice } from "../../src/snapshot/link.ts";
import { AccessLog } from "../../src/telemetry/access-log.ts";
import { Journal } from "../../src/telemetry/journal.ts";
import { SeriesIndex } from "../../src/telemetry/series.ts";
import { formatTraceparent, traceContext } from "../../src/telemetry/trace-context.ts";
import { SAMPLE_HOST, SAMPLE_ISSUER, SAMPLE_SLICE } from "./sample-slice.ts";
import { TokenVerifier } from "./tokens.ts";

/**
 * Half of a cold isolate's first answer is the runtime compiling each function as it is first called. So the pure ones that nearly
 * every call needs are called once while the script loads, which the platform does beside the client's TLS handshake: on a sample,
 * whose outcome nobody looks at. Nothing hangs on it; where it fails the first call is slower.
 */
export function prime(): void {
  try {
    playCall();
  } catch {
    // The first call compiles what is missing.
  }
}

/** @returns what was decided on the sample, `forward` unless somebody broke it */
export function playCall(): string {
  for (const [part, isKnown] of Object.entries(KNOWN_PARTS)) isKnown(SAMPLE_SLICE[part as keyof typeof KNOWN_PARTS]);
  lookUpSample();
  const slice = link(SAMPLE_SLICE);
  const facts = receiveSample(slice);
  verifySampleToken(slice);
  const asked = decide(slice, facts);
  if (asked.effect !== "need") return asked.effect;
  const need = decide(slice, { ...facts, tokens: slice.places.map(() => TOKEN) });
  if (need.effect !== "need" || need.limits === undefined || need.pending === undefined) return need.effect;
  const decision = afterLimits(need.pending, takeSample(need.limits));
  if (decision.effect === "forward") tellOf(decision);
  return decision.effect;
}

function lookUpSample(): void {
  const configuration = new Configuration("sample", async () => [], link);
  configuration.want(SCOPE, SAMPLE_HOST, 0);
  configuration.isStale(0);
  configuration.find(SCOPE, SAMPLE_HOST, 0);
  configuration.hosts(0);
  new HostIndex({ [SCOPE]: { [SAMPLE_HOST]: "sample" } }).lookup(SCOPE, SAMPLE_HOST);
}

function receiveSample(slice: LinkedSlice): RequestFacts {
  const url = `http://${SAMPLE_HOST}/sample?a=b`;
  const headers = new Headers({
    host: SAMPLE_HOST,
    authorization: "Bearer sample",
    accept: "*/*",
    cookie: "a=b",
    "user-agent": "sample",
    "x-sample": "a",
  });
  const entrance = publicEntrance(url, undefined, { gateway: null, local: false });
  const received = receive({ url, method: "GET", headers, body: null }, entrance);
  const path = received.ok ? canonicalPath(received.value.target.pathname, SAMPLE_SLICE.path) : received;
  if (!received.ok || !path.ok) throw new Error("the sample is refused");
  const { value } = received;
  placesOf(value, entrance, NO_PEER, null);
  dropAliases(value.headers, value.odd, slice.headers);
  const { traceId, spanId } = traceContext(null, null, "a".repeat(48));
  formatTraceparent(traceId, spanId, false);
  return {
    protocol: "http",
    method: value.method,
    scheme: value.scheme,
    host: value.host,
    authority: value.authority,
    port: 80,
    path: path.value.match,
    forwardPath: path.value.forward,
    query: value.target.query,
    headers: value.headers,
    entrance: "public",
    sourceIp: null,
    clientIp: null,
    peer: NO_PEER,
    tls: null,
    startedAt: 0,
    seed: 1,
    tokens: [],
    conclusions: null,
  };
}

const SCOPE = "gw/*";

/** `{"alg":"ES256"}` and `{"iss":"https://issuer.invalid","exp":1,"aud":"sample"}`, signed by nobody. */
const UNSIGNED = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5pbnZhbGlkIiwiZXhwIjoxLCJhdWQiOiJzYW1wbGUifQ.AAAA";
const NOBODY = { waitUntil: () => undefined };

/** Its keys stand in its rule: nothing is fetched. */
function verifySampleToken({ places: [place] }: LinkedSlice): void {
  if (place === undefined) return;
  const verifier = new TokenVerifier({ now: () => 0, fetch: async () => new Response(), local: false });
  verifier.verify({ place, token: UNSIGNED }, NOBODY).catch(() => undefined);
}

const TOKEN: VerifiedToken = {
  ok: true,
  principal: `${SAMPLE_ISSUER}/sample`,
  issuer: SAMPLE_ISSUER,
  subject: "sample",
  audiences: ["sample"],
  presenter: null,
  claims: { iss: SAMPLE_ISSUER, sub: "sample", scope: "sample" },
  spaceDelimited: ["scope"],
  rule: 0,
};

function takeSample(asks: readonly LimitAsk[]) {
  const book = new LimitBook();
  const begun = book.begin(asks, 0);
  if (!("kind" in begun)) return begun;
  const grants = begun.remote.map(() => ({ amount: 10, left: 90, resetMs: 1_000, retryAfterMs: 0 }));
  return book.settle(begun, { ok: true, at: 0, grants }, 0);
}

/** What a call holds and what is told of it. */
function tellOf(forward: Forward): void {
  const { cluster, route } = forward;
  const active = new Map<string, number>();
  const health = { isEjected: () => false, isUnhealthy: () => false, active, turn: 1, now: 0, whereabouts: null };
  const next = nextAttempt(forward, [], health, 1);
  const pool = new Pool();
  const admission = pool.enter(cluster.model.pool, 0, 1);
  if (admission.kind === "running") pool.leave(admission.ticket, cluster.model.pool, 0);
  const budget = new RetryBudget();
  budget.begin(cluster.model.pool, 0);
  budget.end();
  const journal = new Journal(0, "sample", "GET");
  journal.route = route.model;
  journal.cluster = cluster.model;
  journal.endpoint = next.kind === "attempt" ? next.endpoint : null;
  journal.gateway = SAMPLE_SLICE.front?.workload ?? null;
  journal.path = forward.path;
  journal.userAgent = "sample";
  journal.status = 200;
  journal.bytes = 0;
  new AccessLog("sample").line(journal, "sample", 0);
  const uplink = new Uplink({ line: () => "", trustDomains: () => [] });
  new SeriesIndex(uplink.metrics, uplink.routes, (key) => uplink.count(key)).add(journal, 0, null, SAMPLE_SLICE);
  uplink.tails.keep(journal);
  uplink.outcomes.learn([], [], 0);
  uplink.next(0);
  uplink.delivered();
}
