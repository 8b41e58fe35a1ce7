import * as fc from "fast-check";
import type { NaiveRequest, NaiveRule } from "../policy/naive.ts";

/** An AuthorizationPolicy, as it is drawn. */
export interface Policy {
  readonly name: string;
  readonly namespace: string;
  readonly spec: {
    readonly selector?: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly action: "ALLOW" | "DENY";
    readonly rules?: readonly NaiveRule[];
  };
}

export type Asked = Pick<NaiveRequest, "method" | "path" | "host" | "headers" | "principal">;

const ACCOUNTS = ["prod/sa/web", "prod/sa/ops", "dev/sa/web"];
const PRINCIPALS = ACCOUNTS.map((account) => `mesh.example/ns/${account}`);

const some = (values: readonly string[]): fc.Arbitrary<readonly string[]> =>
  fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: 2 });

const principals = some([...PRINCIPALS, "mesh.example/ns/prod/*", "*/sa/web", "*"]);
const namespaces = some(["prod", "dev", "pr*", "*"]);
const paths = some(["/a", "/a/b", "/a/*", "*/b", "/", "/*", "/a/{*}", "/a/{*}/c"]);
const methods = some(["GET", "POST", "P*", "*"]);
const hosts = some([
  "api.prod.svc.cluster.local",
  "*.svc.cluster.local",
  "API.prod.svc.cluster.local",
  "api.*",
  "other.test",
]);
const values = some(["1", "2", "1*", "*"]);

/** At least one of these fields. */
function fieldsOf(all: Readonly<Record<string, fc.Arbitrary<readonly string[]>>>) {
  return fc.record(all, { requiredKeys: [] }).filter((fields) => Object.keys(fields).length > 0) as fc.Arbitrary<
    Record<string, readonly string[]>
  >;
}

const source = fieldsOf({ principals, notPrincipals: principals, namespaces, notNamespaces: namespaces });
const operation = fieldsOf({ paths, notPaths: paths, methods, notMethods: methods, hosts, notHosts: hosts });
const condition = fc.tuple(
  fc.constantFrom("request.headers[x-k]", "source.principal", "source.namespace"),
  fc.boolean(),
  values,
  principals,
  namespaces,
);

const rule: fc.Arbitrary<NaiveRule> = fc
  .record(
    {
      from: fc.array(fc.record({ source }), { minLength: 1, maxLength: 2 }),
      to: fc.array(fc.record({ operation }), { minLength: 1, maxLength: 2 }),
      when: fc.array(
        condition.map(([key, not, header, principal, namespace]) => {
          const list = key.endsWith("]") ? header : key.endsWith("principal") ? principal : namespace;
          return { key, ...(not ? { notValues: list } : { values: list }) };
        }),
        { minLength: 1, maxLength: 2 },
      ),
    },
    { requiredKeys: [] },
  )
  .map((drawn) => drawn as NaiveRule);

const policy = (namespace: string, at: number): fc.Arbitrary<Policy> =>
  fc
    .record({
      action: fc.constantFrom("ALLOW" as const, "DENY" as const),
      labels: fc.constantFrom({ app: "api" }, { app: "api" }, null, { app: "other" }),
      rules: fc.option(fc.array(rule, { minLength: 1, maxLength: 3 }), { freq: 8, nil: undefined }),
    })
    .map(({ action, labels, rules }) => ({
      name: `p${at}`,
      namespace,
      spec: {
        ...(labels !== null && { selector: { matchLabels: labels } }),
        action,
        ...(rules !== undefined && { rules }),
      },
    }));

/** So many sets of policies of one namespace each. */
export function randomPolicies(
  count: number,
  seed: number,
  namespaceOf: (at: number) => string,
): readonly (readonly Policy[])[] {
  const sizes = fc.sample(fc.integer({ min: 1, max: 4 }), { numRuns: count, seed });
  return sizes.map((size, at) =>
    Array.from({ length: size }, (_, nth) => {
      const [drawn] = fc.sample(policy(namespaceOf(at), nth), { numRuns: 1, seed: seed + 1_000 * at + nth });
      if (drawn === undefined) throw new Error("nothing is drawn");
      return drawn;
    }),
  );
}

export function randomRequests(count: number, seed: number): readonly Asked[] {
  const drawn = fc.record({
    method: fc.constantFrom("GET", "POST", "PUT", "DELETE"),
    path: fc.constantFrom("/", "/a", "/a/", "/a/b", "/a/b/c", "/a/x/c", "/ab", "/b", "/x/b"),
    host: fc.constant("api.prod.svc.cluster.local"),
    headers: fc.constantFrom({}, { "x-k": "1" }, { "x-k": "2" }, { "x-k": "12" }, { "x-k": "" }),
    principal: fc.constantFrom(null, ...PRINCIPALS, "mesh.example/ns/dev/sa/ops"),
  });
  return fc.sample(drawn, { numRuns: count, seed });
}

/** The same, in another order: of policies, of their rules, and of the keys of every object. */
export function shuffled<T>(value: T, seed: number): T {
  let state = seed;
  const order = <U>(list: readonly U[]): U[] =>
    list
      .map((one) => {
        state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
        return { one, by: state >>> 8 };
      })
      .toSorted((a, b) => a.by - b.by)
      .map(({ one }) => one);
  const visit = (one: unknown): unknown => {
    if (Array.isArray(one)) return order(one).map(visit);
    if (typeof one !== "object" || one === null) return one;
    return Object.fromEntries(order(Object.entries(one)).map(([key, inner]) => [key, visit(inner)]));
  };
  return visit(value) as T;
}
