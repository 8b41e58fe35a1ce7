import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { scheduler } from "node:timers/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, expect, it } from "vitest";
import type { DecisionRecord } from "../../src/decide/decision-record.ts";
import type { RequestFacts } from "../../src/request/facts.ts";
import type { TokenFact } from "../../src/request/token-fact.ts";
import { link, type LinkedSlice } from "../../src/snapshot/link.ts";
import type { Endpoint } from "../../src/snapshot/model.ts";
import { admit } from "../../workers/gateway/admit.ts";
import { Callers } from "../../workers/gateway/callers.ts";
import { decideOn } from "../../workers/gateway/decide-on.ts";
import type { Exchange } from "../../workers/gateway/exchange.ts";
import { HttpCall } from "../../workers/gateway/http-call.ts";
import { Limits } from "../../workers/gateway/limits.ts";
import type { Mesh } from "../../workers/gateway/mesh.ts";
import { Recorder } from "../../workers/gateway/recorder.ts";
import { service, TestWorld } from "../compile/world.ts";
import { factsOf, HOST, randomMesh, type RandomMesh } from "../policy/random-meshes.ts";
import { Dice } from "../policy/random-policies.ts";

const WANTED = 10_000;
/** Some verdicts are rare, a full pool among them: it goes on until it has seen each. */
const MOST = 5 * WANTED;
const REQUESTS = 50;

/** Routes with a fault, weights, a subset of its own policies, breakers and a small pool; limits for who names a role. */
const ROUTES = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: api, namespace: shop }
spec:
  host: api
  trafficPolicy:
    outlierDetection: { consecutive5xxErrors: 1, maxEjectionPercent: 100 }
    connectionPool: { http: { http2MaxRequests: 3, http1MaxPendingRequests: 1 } }
  subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: api, namespace: shop }
spec:
  hosts: [api]
  http:
    - name: kept
      match: [{ uri: { prefix: /x } }, { headers: { x-role: { prefix: adm } } }]
      fault: { abort: { percentage: { value: 30 }, httpStatus: 418 } }
      rewrite: { uri: /a/b }
      route: [{ destination: { host: api, subset: v1 } }]
    - name: gone
      match: [{ uri: { exact: /c } }]
      directResponse: { status: 410 }
    - match: [{ method: { regex: "GET|POST|DELETE" } }]
      route:
        - { destination: { host: api, subset: v1 }, weight: 40 }
        - { destination: { host: api, subset: v2 }, weight: 60 }
---
apiVersion: tulle.dev/v1alpha1
kind: RateLimitPolicy
metadata: { name: roles, namespace: shop }
spec:
  targetRefs: [{ kind: Service, name: api }]
  limits:
    - name: few
      when: '"x-role" in request.headers && request.method != "GET"'
      key: ['request.headers["x-role"]']
      onMissingKey: Refuse
      scope: Local
      rates: [{ limit: 1, window: 60s }]
    - name: told
      when: '"x-role" in request.headers'
      scope: Local
      onExceeded: Audit
      rates: [{ limit: 1, window: 60s }]
`;

interface Tried {
  readonly slices: Map<string, LinkedSlice>;
  readonly recorder: Recorder;
}

// As on the platform: who waits for a place in the limit waits by it.
beforeAll(() => void Object.assign(globalThis, { scheduler }));

it(`explaining says what the gateway said, of ${WANTED} requests, in another process and without its words`, async () => {
  const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));
  const dice = new Dice(seed);
  const slices = new Map<string, LinkedSlice>();
  const idOf = (slice: LinkedSlice): string | null => [...slices].find(([, one]) => one === slice)?.[0] ?? null;
  const places = { refused: WANTED, failed: WANTED, passed: WANTED };
  const recorder = new Recorder({ idOf, drop: (reason) => expect.fail(`a record was dropped: ${reason}`) }, places);
  const records: DecisionRecord[] = [];
  const seen = new Set<string>();
  const isLacking = () => VERDICTS.some((one) => !seen.has(one)) && records.length < MOST;
  for (let now = 0; records.length < WANTED || isLacking(); now += 1_000) {
    await tryMesh(dice, { slices, recorder });
    for (const { text } of await recorder.write(now)) {
      const record = JSON.parse(text) as DecisionRecord;
      records.push(record);
      seen.add(record.outcome.verdict);
    }
  }
  const explained = await elsewhere(slices, records);
  const different = records.flatMap(({ outcome: { verdict, policy }, ...record }, at) => {
    const got = explained[at];
    return got?.verdict === verdict && got.policy === policy ? [] : [{ verdict, policy, got, record }];
  });
  expect(different.slice(0, 3), `SEED=${seed}, ${different.length} of ${records.length}`).toEqual([]);
  // What refuses is named, once.
  for (const [at, { outcome }] of records.entries())
    if (/rbac|mtls|jwt|no_route|overflow|no_healthy|rate_limited/.test(outcome.verdict))
      expect([outcome.verdict, explained[at]?.refusing]).toEqual([
        outcome.verdict,
        expect.toSatisfy((n: number) => n > 0),
      ]);
  expect([...seen]).toEqual(expect.arrayContaining(VERDICTS));
});

const VERDICTS = [
  "forward",
  "mtls_required",
  "rbac_denied_matched_policy",
  "rbac_denied_no_allow",
  "jwt_invalid",
  "no_route",
  "direct_response",
  "fault_filter_abort",
  "no_healthy_upstream",
  "overflow",
  "request_rate_limited",
];

async function tryMesh(dice: Dice, { slices, recorder }: Tried): Promise<void> {
  const mesh: RandomMesh = randomMesh(dice);
  const world = new TestWorld();
  const documents = [...mesh.documents, ROUTES];
  world.apply(
    [service("api", { namespace: "shop", port: mesh.port, versions: ["v1", "v2"] }), ...documents].join("\n---\n"),
  );
  const model = world.slice("mesh/*", HOST);
  if (model === null) throw new Error("no slice");
  const slice = link(model);
  slices.set(String(slices.size), slice);
  const ejected = new Set(dice.list(0, 2, () => dice.pick(["v1", "v2"])));
  const gateway = gatewayOf(ejected);
  const open: HttpCall[] = [];
  const waiting: Promise<void>[] = [];
  for (let at = 0; at < REQUESTS; at += 1) {
    const request = dice.request(HOST, mesh.port);
    const facts = { ...factsOf(request, mesh), port: mesh.port, seed: Math.floor(dice.next() * 2 ** 32) | 0 };
    const { call, answered } = send(facts, slice, gateway.mesh(dice.one(0.9) ? facts.tokens[0] : BAD_TOKEN), recorder);
    if (answered instanceof Promise) waiting.push(answered.then((answer) => (answer === null ? end(call) : undefined)));
    // Some calls last: others find the pool full.
    else if (answered === null && dice.one(0.3)) open.push(call);
    else if (answered === null) end(call);
  }
  for (const call of open) end(call);
  await Promise.all(waiting);
}

const BAD_TOKEN: TokenFact = { ok: false, code: "jwt_invalid", detail: "token_expired" };

/** What of an isolate these steps use. */
function gatewayOf(ejected: ReadonlySet<string>) {
  const isOut = (id: string): boolean => [...ejected].some((version) => id.toLowerCase().includes(version));
  const configuration = {
    isEjected: (_: string, __: string, endpoint: Endpoint["id"]) => isOut(endpoint),
    probes: { isUnhealthy: () => false, use: () => undefined },
    outcomes: { record: () => undefined },
  } as unknown as Exchange;
  const callers = new Callers(configuration);
  const nobody = async () => expect.fail("a limit of one isolate asks nobody");
  const limits = new Limits({
    state: { take: nobody, charge: nobody },
    location: () => null,
    count: () => undefined,
  });
  return {
    mesh: (token: TokenFact | null | undefined): Mesh =>
      ({
        callers,
        configuration,
        limits,
        tokens: { cached: () => token },
        holdsCalls: false,
        whereabouts: null,
      }) as unknown as Mesh,
  };
}

/** As far as its endpoint. `answered`: null where it is let through; a promise where it waits for a place. */
function send(facts: RequestFacts, slice: LinkedSlice, mesh: Mesh, recorder: Recorder) {
  const entrance = { kind: "mesh", props: {} } as const;
  const request = new Request(`http://${HOST}${facts.path}`, { method: facts.method });
  const ctx = { waitUntil: () => undefined } as unknown as ExecutionContext;
  const call = new HttpCall(request, entrance, ctx, mesh, (ended) => {
    if (ended.ticket !== null) ended.view.pool.leave(ended.ticket, ended.forward.cluster.model.pool, Date.now());
    recorder.offer(ended, Date.now());
  });
  call.slice = slice;
  call.peer = facts.peer;
  call.journal.peer = facts.peer;
  call.port = facts.port;
  const tokens: (TokenFact | null | undefined)[] = [];
  const decided = decideOn(call, { ...facts, tokens }, tokens, async () => null);
  const answered =
    decided instanceof Promise ? decided.then((answer) => answer ?? admit(call)) : (decided ?? admit(call));
  return { call, answered };
}

function end(call: HttpCall): void {
  call.journal.status = 200;
  call.journal.details = "via_upstream";
  call.lease.end("ok");
}

/** What another process says of the records, who does not know what came of them. */
async function elsewhere(
  slices: ReadonlyMap<string, LinkedSlice>,
  records: readonly DecisionRecord[],
): Promise<readonly { readonly verdict: string | null; readonly policy: string | null; readonly refusing: number }[]> {
  const folder = await mkdtemp(join(tmpdir(), "tulle-explain-"));
  try {
    const file = join(folder, "records.json");
    const models = Object.fromEntries(Array.from(slices, ([id, { model }]) => [id, model]));
    const stripped = records.map((record) => ({ ...record, outcome: undefined }));
    await writeFile(file, JSON.stringify({ slices: models, records: stripped }));
    const script = fileURLToPath(import.meta.resolve("./explain-process.ts"));
    const { stdout } = await promisify(execFile)("node", [script, file], { maxBuffer: 64 * 1024 * 1024 });
    return JSON.parse(stdout);
  } finally {
    await rm(folder, { recursive: true });
  }
}
