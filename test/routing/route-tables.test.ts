import * as fc from "fast-check";
import { describe, it } from "vitest";
import { decide } from "../../src/decide/decide.ts";
import { factsFor, hypotheticalRequest } from "../../src/decide/hypothetical.ts";
import type { Place } from "../../src/request/places.ts";
import { HostIndex } from "../../src/routing/host.ts";
import { link, type LinkedSlice } from "../../src/snapshot/link.ts";
import { service, TestWorld } from "../compile/world.ts";
import { expectEqual } from "../support/equal.ts";
import { times } from "../support/scale.ts";
import { type Asked, type Block, type Rule, ruleAtGateway, ruleInMesh, type Text } from "./naive-routes.ts";

/** Requests to each table. */
const REQUESTS = 40;
const TABLES = times(40, 800);
/** To repeat a run that failed: the seed that it printed. */
const SEED = Number(process.env["TULLE_SEED"] ?? Date.now() % 2_147_483_647);

/** Words are few and begin alike, so that most rules hold for some requests and hide others. */
const text = (words: readonly string[], patterns: readonly string[]): fc.Arbitrary<Text> =>
  fc.oneof(
    fc.constantFrom(...words).map((exact) => ({ exact })),
    fc.constantFrom(...words).map((word) => ({ prefix: word.slice(0, Math.max(1, word.length - 1)) })),
    fc.constantFrom(...patterns).map((regex) => ({ regex })),
  );

const PATHS = ["/", "/a", "/A", "/a/b", "/a/B/", "/ab", "/a%20b", "/static/x.js"] as const;
const VALUES = ["gold", "golden", "free", "free,gold", "g", ""] as const;
const METHODS = ["GET", "POST", "PUT"] as const;

const headerText = fc.oneof(
  text(["gold", "golden", "free", "free,gold"], ["go.*", ".*", "*", "free,.*", "g|free"]),
  fc.constant<Text>({}),
);
const uri = fc.oneof(
  { weight: 9, arbitrary: text(PATHS, ["/a/.*", "/[ab]+", ".*b", "/a(/b)?"]) },
  { weight: 1, arbitrary: fc.constantFrom<Text>({ prefix: "/" }, { regex: ".*" }, { prefix: "" }) },
);

const named = (names: readonly string[], value: fc.Arbitrary<Text>): fc.Arbitrary<Record<string, Text>> =>
  fc.dictionary(fc.constantFrom(...names), value, { maxKeys: 2 });

const block: fc.Arbitrary<Block> = fc.record(
  {
    uri,
    ignoreUriCase: fc.boolean(),
    scheme: text(["http", "https"], ["https?"]),
    method: text(METHODS, ["P.*", "GET|PUT"]),
    authority: text(["reviews", "reviews:9080", "api.test", "api.test:80"], ["reviews.*", "api\\..*"]),
    headers: fc.oneof(
      { weight: 6, arbitrary: named(["x-tier", "X-User"], headerText) },
      { weight: 1, arbitrary: fc.record({ ":method": text(METHODS, ["P.*"]) }) },
      { weight: 1, arbitrary: fc.record({ ":scheme": text(["http"], ["https?"]) }) },
    ),
    withoutHeaders: named(["x-tier", "x-user"], headerText),
    queryParams: named(
      ["q", "qq"],
      fc.oneof(text(["1", "12", "a%20b"], ["\\d+", "*"]), fc.constantFrom<Text>({}, { exact: "" })),
    ),
    port: fc.constantFrom(80, 9080),
    sourceNamespace: fc.constantFrom("default", "shop", "istio-system"),
    sourceLabels: fc.constantFrom({ app: "web" }, { app: "web", tier: "front" }, { app: "cron" }, {}),
  },
  { requiredKeys: ["uri", "method", "headers", "withoutHeaders", "queryParams"] },
);

/** Most blocks ask for a few things: one that asks for all is never met, and one that asks for nothing hides the rest. */
const sparse = fc
  .tuple(block, fc.array(fc.nat(10), { minLength: 2, maxLength: 5 }))
  .map(([full, kept]): Block => Object.fromEntries(Object.entries(full).filter((_, at) => kept.includes(at))));

const rule: fc.Arbitrary<Rule> = fc.oneof(
  { weight: 20, arbitrary: fc.record({ match: fc.array(sparse, { minLength: 1, maxLength: 2 }) }) },
  { weight: 1, arbitrary: fc.constantFrom<Rule>({}, { match: [] }, { match: [{}] }) },
);
const table = fc.array(rule, { minLength: 4, maxLength: 20 });

const lines = fc.dictionary(
  fc.constantFrom("x-tier", "x-user"),
  fc.array(fc.constantFrom(...VALUES), { minLength: 1, maxLength: 2 }),
);
const query = fc
  .array(fc.constantFrom("q=1", "q=12", "q", "q=", "qq=1", "q=a%20b", "x=q"), { maxLength: 3 })
  .map((pairs) => pairs.join("&"));

const CALLERS = [
  { namespace: "default", account: "web", labels: { app: "web", tier: "front" } },
  { namespace: "default", account: "cron", labels: { app: "cron" } },
  { namespace: "shop", account: "web", labels: { app: "web" } },
] as const;

interface Request extends Asked {
  readonly account: string;
}

const asked = (hosts: readonly string[]): fc.Arbitrary<Request> =>
  fc
    .record({
      method: fc.constantFrom(...METHODS),
      scheme: fc.constantFrom("http" as const, "https" as const),
      authority: fc.constantFrom(...hosts),
      port: fc.constantFrom(80, 9080),
      path: fc.constantFrom(...PATHS),
      query,
      headers: lines,
      caller: fc.constantFrom(...CALLERS),
    })
    .map(({ caller, ...request }) => ({ ...request, ...caller }));

const requests = (hosts: readonly string[]): fc.Arbitrary<readonly Request[]> =>
  fc.array(asked(hosts), { minLength: REQUESTS, maxLength: REQUESTS });

function virtualService(name: string, rules: readonly Rule[], head: object): object {
  const http = rules.map((one) => ({ ...one, route: [{ destination: { host: "reviews", port: { number: 80 } } }] }));
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "VirtualService",
    metadata: { name, namespace: "default" },
    spec: { ...head, http },
  };
}

/** A service with two ports. */
const REVIEWS = service("reviews").replace(
  "ports: [{ name: http, port: 80 }]",
  "ports: [{ name: http, port: 80 }, { name: other, port: 9080 }]",
);

const CALLING = CALLERS.map(({ namespace, account, labels }) => ({
  apiVersion: "networking.istio.io/v1",
  kind: "WorkloadEntry",
  metadata: { name: account, namespace },
  spec: { address: `binding:${`ep_${namespace}_${account}`.toUpperCase()}`, serviceAccount: account, labels },
}));

/** What the gateway holds of all this: the place of a host in each scope, and its linked slices. */
class Held {
  readonly #index: HostIndex;
  readonly #slices = new Map<string, LinkedSlice>();

  constructor(objects: readonly object[]) {
    const world = new TestWorld();
    world.apply(REVIEWS);
    for (const object of [...CALLING, ...objects]) world.apply(JSON.stringify(object));
    const scopes = [...world.compiler.scopes({ fronts: ["*"], gateways: ["*"] })].map(([scope, hosts]) => {
      const ids = [...hosts].map(([host, compiled]) => {
        if (compiled !== null && !this.#slices.has(compiled.text))
          this.#slices.set(compiled.text, link(compiled.slice));
        return [host, compiled?.text ?? null] as const;
      });
      return [scope, Object.fromEntries(ids)] as const;
    });
    this.#index = new HostIndex(Object.fromEntries(scopes));
  }

  sliceAt({ scope, host }: Place): LinkedSlice | null {
    return this.#slices.get(this.#index.lookup(scope, host) ?? "") ?? null;
  }
}

/** The gateway's own way from what came to the name of the route. */
function routeOf(held: Held, request: Request, scope: string | null): string | null {
  const hypothetical = hypotheticalRequest(
    {
      method: request.method,
      scheme: request.scheme,
      host: scope === null ? `reviews.default:${request.port}` : request.authority,
      authority: request.authority,
      path: request.path,
      query: request.query,
      headers: request.headers,
      peer: { principal: `cluster.local/ns/${request.namespace}/sa/${request.account}` },
      clientIp: null,
      tokens: [],
      startedAt: 0,
      seed: 7,
    },
    scope,
  );
  if (!hypothetical.ok || "effect" in hypothetical.value) throw new Error(JSON.stringify(hypothetical));
  const [place] = hypothetical.value.places;
  const slice = place && held.sliceAt(place);
  if (!slice) return null;
  const facts = factsFor(slice, hypothetical.value, request.port, { startedAt: 0, seed: 7 });
  if (!facts.ok) throw new Error(facts.error.code);
  const decision = decide(slice, facts.value);
  return decision.effect === "need" ? "need" : (decision.route?.model.name ?? null);
}

const options = { seed: SEED, numRuns: TABLES };

describe(`the linked route table (seed ${SEED})`, () => {
  it("chooses the rule that a reading of the VirtualService in order chooses", () => {
    fc.assert(
      fc.property(table, requests(["reviews", "reviews:9080", "api.test"]), (rules, all) => {
        const held = new Held([virtualService("routes", rules, { hosts: ["reviews"] })]);
        for (const request of all) {
          const at = ruleInMesh(rules, request);
          const expected = at === null ? null : `default/routes/${at}`;
          expectEqual([request, routeOf(held, request, null)], [request, expected]);
        }
      }),
      options,
    );
  });

  it("joins the VirtualServices of a Gateway's host by age, with what matches everything last", () => {
    const gateway = {
      apiVersion: "networking.istio.io/v1",
      kind: "Gateway",
      metadata: { name: "web", namespace: "default" },
      spec: { servers: [{ port: { number: 80, name: "http", protocol: "HTTP" }, hosts: ["*"] }] },
    };
    fc.assert(
      fc.property(
        fc.array(table, { minLength: 1, maxLength: 3 }),
        requests(["api.test", "api.test:80"]),
        (tables, all) => {
          const routes = tables.map((rules, at) =>
            virtualService(`t${at}`, rules, { hosts: ["api.test"], gateways: ["web"] }),
          );
          const held = new Held([gateway, ...routes]);
          for (const request of all.map((one) => ({ ...one, port: 80 }))) {
            const [at, index] = ruleAtGateway(tables, request)?.split("/") ?? [];
            const expected = at === undefined ? null : `default/t${at}/${index}`;
            expectEqual([request, routeOf(held, request, "gw/default/web/80")], [request, expected]);
          }
        },
      ),
      options,
    );
  });
});
