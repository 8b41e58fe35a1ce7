import { parseSpiffeId } from "../../src/identity/spiffe-id.ts";
import type { RequestFacts } from "../../src/request/facts.ts";
import { canonicalPath } from "../../src/routing/canonical-path.ts";
import { link, type LinkedSlice } from "../../src/snapshot/link.ts";
import { service, TestWorld } from "../compile/world.ts";
import { decided, facts, headers } from "../decide/requests.ts";
import { naiveVerdict } from "../policy/naive.ts";
import type { AttackCase, AttackRequest } from "./corpus.ts";
import { demand, demandEqual, NotCovered } from "./outcome.ts";
import { type Asked, type Policy, randomPolicies, randomRequests, shuffled } from "./random-policies.ts";
import { meshConfig } from "./worlds.ts";

const HOST = (namespace: string): string => `api.${namespace}.svc.cluster.local`;
const SERVED = /^(?:forward)$/;

/** @throws where the case does not hold, or nobody knows how to try it */
export async function runUnitCase(attack: AttackCase, oneIn: number): Promise<void> {
  const { setup = {}, requests, must } = attack;
  const held = HELD.get(must.invariant ?? must.words ?? setup.words ?? "");
  if (held === undefined) throw new NotCovered(`unit \`${must.invariant ?? setup.words ?? setup.generator}\``);
  if (requests.some(({ generator }) => generator !== undefined && generator !== "random-requests"))
    throw new NotCovered("generator of a unit");
  held(attack, oneIn);
}

const HELD: ReadonlyMap<string, (attack: AttackCase, oneIn: number) => void> = new Map([
  ["test hook makes the matcher throw", matcherThrows],
  ["decision equal for every shuffle of the same set", shufflesAgree],
  ["compiled evaluator and a 150-line naive interpreter agree on all 40,000 pairs", agreesWithNaive],
]);

/** A world of namespaces with a service `api` each, and policies. */
function worldOf(namespaces: readonly string[], policies: string): TestWorld {
  const world = new TestWorld("mesh.example");
  const objects = [
    ...["istio-system", "mesh-root", ...namespaces].map((name) => ({
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name },
    })),
    meshConfig(),
  ].map((object) => JSON.stringify(object));
  const services = namespaces.map((namespace) => service("api", { namespace }));
  const said = world.apply([...objects, ...services, policies].filter((text) => text !== "").join("\n---\n"));
  const errors = said.filter((line) => line.startsWith("error "));
  demandEqual("what is refused", errors, [], policies.slice(0, 1_000));
  return world;
}

function linkedOf(world: TestWorld, namespace: string): LinkedSlice {
  const slice = world.slice("mesh/*", HOST(namespace)) ?? world.slice(`mesh/${namespace}`, HOST(namespace));
  if (slice === null) throw new Error(`nothing is served as ${HOST(namespace)}`);
  return link(slice);
}

function factsOf(asked: Asked, slice: LinkedSlice, host: string): RequestFacts {
  const path = canonicalPath(asked.path, slice.model.path);
  if (!path.ok) throw new Error(`a bad path: ${asked.path}`);
  const id = asked.principal === null ? null : parseSpiffeId(`spiffe://${asked.principal}`);
  const [, namespace = null] = /\/ns\/([^/]+)\//.exec(asked.principal ?? "") ?? [];
  return facts({
    method: asked.method,
    path: path.value.match,
    forwardPath: path.value.forward,
    host,
    authority: host,
    headers: headers(asked.headers),
    peer:
      id === null
        ? { principal: null, namespace: null, trustDomain: null, by: "none" }
        : { principal: asked.principal, namespace, trustDomain: "mesh.example", by: "binding" },
  });
}

/** The effect alone: which of several policies is named may depend on their order. */
function effectOf(slice: LinkedSlice, asked: Asked, host: string): string {
  const decision = decided(slice, factsOf(asked, slice, host));
  return decision.effect === "answer" ? `${decision.status} ${decision.code}` : decision.effect;
}

function askedOf({ method = "GET", target = "/", headers: fields = [] }: AttackRequest): Asked {
  return { method, path: target, host: "", headers: Object.fromEntries(fields), principal: null };
}

function matcherThrows({ setup = {}, requests, must }: AttackCase): void {
  const slice = linkedOf(worldOf(["prod"], setup.policies ?? ""), "prod");
  const host = HOST("prod");
  const rules = {
    size: 1,
    find: () => {
      throw new Error("the matcher fails");
    },
  } as unknown as LinkedSlice["policySets"][number]["deny"]["rules"];
  const broken = {
    ...slice,
    policySets: slice.policySets.map((set) => ({ ...set, deny: { ...set.deny, rules } })),
  };
  for (const request of requests) {
    const good = effectOf(slice, askedOf(request), host);
    demand(SERVED.test(good), "without the fault it is refused", good);
    const decision = decided(broken, factsOf(askedOf(request), broken, host));
    const status = decision.effect === "answer" ? decision.status : 200;
    demand(
      (must.status ?? [403, 500]).includes(status),
      `the status is ${status}`,
      JSON.stringify(decision).slice(0, 300),
    );
  }
}

const yamlOf = (policies: readonly Policy[]): string =>
  policies.map(({ name, namespace, spec }) => documentOf({ metadata: { name, namespace }, spec })).join("\n---\n");

const documentOf = (fields: object): string =>
  JSON.stringify({ apiVersion: "security.istio.io/v1", kind: "AuthorizationPolicy", ...fields });

function shufflesAgree({ setup = {}, requests }: AttackCase, oneIn: number): void {
  const { n = 200, seed = 1 } = setup;
  const [generated] = requests;
  const asked = randomRequests(generated?.n ?? 500, generated?.seed ?? 1);
  const sets = randomPolicies(4, seed, () => "prod").map((set, at) =>
    set.map((one) => ({ ...one, name: `s${at}-${one.name}` })),
  );
  const set = sets.flat();
  const effects = (policies: readonly Policy[], order: number): readonly string[] => {
    const text = policies
      .map(({ name, namespace, spec }) => shuffled({ metadata: { name, namespace }, spec }, order))
      .map(documentOf)
      .join("\n---\n");
    const slice = linkedOf(worldOf(["prod"], text), "prod");
    return asked.map((one) => effectOf(slice, one, HOST("prod")));
  };
  const first = effects(set, 0);
  demand(new Set(first).size > 1, "all requests have one fate", first[0] ?? "");
  for (let order = 1; order <= Math.ceil(n / oneIn); order += 1)
    demandEqual(
      `shuffle ${order}`,
      effects(shuffled(set, order), order).join(),
      first.join(),
      JSON.stringify(set).slice(0, 2_000),
    );
}

const AT_ONCE = 50;

/** What the documents say of a call over a binding of the service `api`, without a token. */
function naiveAllows(policies: readonly Policy[], asked: Asked, namespace: string): boolean {
  const mesh = {
    rootNamespace: "mesh-root",
    domains: ["mesh.example"],
    policies: policies.map(({ namespace: own, spec: { selector, action, rules } }) => ({
      namespace: own,
      action,
      ...(selector && { selector: selector.matchLabels }),
      ...(rules && { rules }),
    })),
    peers: [],
  };
  const to = { namespace, labels: { app: "api", version: "v1" }, port: 80 };
  const byBinding = { token: null, entrance: "mesh", sourceIp: null, remoteIp: null, authority: asked.host } as const;
  return naiveVerdict(mesh, to, { ...asked, ...byBinding }) === "allowed";
}

function agreesWithNaive({ setup = {}, requests }: AttackCase, oneIn: number): void {
  const { n = 2_000, seed = 7 } = setup;
  const count = Math.ceil(n / oneIn);
  const each = requests[0]?.n ?? 20;
  let [allowed, pairs] = [0, 0];
  const sets = randomPolicies(count, seed, (at) => `n${at}`);
  for (let from = 0; from < count; from += AT_ONCE) {
    const some = sets.slice(from, from + AT_ONCE);
    const namespaces = some.map((_, at) => `n${from + at}`);
    const world = worldOf(namespaces, yamlOf(some.flat()));
    for (const [at, policies] of some.entries()) {
      const namespace = `n${from + at}`;
      const slice = linkedOf(world, namespace);
      for (const drawn of randomRequests(each, seed + from + at)) {
        const asked = { ...drawn, host: HOST(namespace) };
        const [seen, wanted] = [effectOf(slice, asked, asked.host), naiveAllows(policies, asked, namespace)];
        demandEqual(
          "allowed",
          SERVED.test(seen),
          wanted,
          `${JSON.stringify(asked)} ${JSON.stringify(policies)} -> ${seen}`,
        );
        allowed += Number(wanted);
        pairs += 1;
      }
    }
  }
  demandEqual("pairs", pairs, count * each, "");
  demand(allowed > pairs / 20 && allowed < (pairs * 19) / 20, "all have one fate", `${allowed} of ${pairs}`);
}
