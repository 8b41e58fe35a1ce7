import type { AttackCase } from "./corpus.ts";
import { routes, TO_API } from "./worlds.ts";

/** What is applied where a case says it in words: each document by itself. */
type Applied = (value: string) => readonly object[];

const matching = (...regexes: readonly string[]): readonly object[] =>
  regexes.map((regex) => ({
    ...routes(0, [{ match: [{ uri: { regex } }], route: TO_API }]),
    metadata: { name: "matching", namespace: "prod" },
  }));

function requestAuthentication(jwksUri: string): object {
  return {
    apiVersion: "security.istio.io/v1",
    kind: "RequestAuthentication",
    metadata: { name: "attacked", namespace: "prod" },
    spec: { jwtRules: [{ issuer: "https://issuer.test", jwksUri, audiences: ["api"] }] },
  };
}

function serviceEntry(address: string): object {
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name: "attacked", namespace: "prod" },
    spec: {
      hosts: ["attacked.test"],
      ports: [{ number: 443, name: "https", protocol: "HTTPS" }],
      resolution: "DNS",
      endpoints: [{ address }],
    },
  };
}

/** A provider is named by the mesh's settings, and a service that is none of its own by a ServiceEntry. */
function provider(address: string): readonly object[] {
  const settings = (spec: object): object => ({
    apiVersion: "tulle.dev/v1alpha1",
    kind: "MeshConfig",
    metadata: { name: "default", namespace: "istio-system" },
    spec,
  });
  return [
    serviceEntry(address),
    settings({ extensionProviders: [{ name: "ext", envoyExtAuthzHttp: { service: address, port: 443 } }] }),
  ];
}

/** By the field that the words name. */
const LISTS: readonly (readonly [RegExp, Applied])[] = [
  [/jwksUri/i, (value) => [requestAuthentication(value)]],
  [/external authorization|ext_authz/i, provider],
  [/ServiceEntry|endpoint/i, (value) => [serviceEntry(value)]],
  // The one URL of a policy that the mesh fetches, and the addresses of what it calls.
  [/webhook|sink|url/i, (value) => [requestAuthentication(value), serviceEntry(value)]],
];

const WORDS: readonly (readonly [RegExp, (value: string, ...parts: readonly string[]) => readonly object[]])[] = [
  [
    /^apply an? .+? whose (.+) is each of the list$/,
    (value, field = "") => LISTS.find(([names]) => names.test(field))?.[1](value) ?? [],
  ],
  [/^backendRef binding: (.+)$/, (_, names = "") => names.split(" / ").map((name) => serviceEntry(`binding:${name}`))],
  [/^jwksUri (\S+)(?: \(.*\))?$/, (_, url = "") => [requestAuthentication(url)]],
  [/^\(\(\(\(\.\.\.a\.\.\.\)\)\)\)$/, () => matching(`${"(".repeat(2_000)}a${")".repeat(2_000)}`)],
  [/^(?:regex )?(\(\S*) and (\S+)$/, (_, ...regexes) => matching(...regexes)],
  [/^regex (\S+)$/, (_, regex = "") => matching(regex)],
];

/** Documents that a case shortens. */
const SHORTENED: readonly (readonly [RegExp, (text: string) => string])[] = [
  [/^\[\[\[\[\.\.\.\]\]\]\]$/, () => `${"[".repeat(20_000)}${"]".repeat(20_000)}`],
  [
    /\n# x ([\d,]+)\n$/,
    (text) =>
      text.replace(/# x [\d,]+\n$/, "").repeat(Number(/# x ([\d,]+)/.exec(text)?.[1]?.replaceAll(",", "") ?? 1)),
  ],
];

/** What of an attack is applied, each document by itself; null where nobody knows what its words mean. */
export function documentsOf({ setup = {}, requests }: AttackCase): readonly string[] | null {
  const text = setup.document ?? setup.policies;
  if (text !== undefined) {
    const longer = SHORTENED.find(([shortened]) => shortened.test(text));
    return [longer?.[1](text) ?? text];
  }
  const known = WORDS.find(([words]) => words.test(setup.words ?? ""));
  if (known === undefined) return null;
  const parts = known[0].exec(setup.words ?? "")?.slice(1) ?? [];
  const objects = requests.flatMap(({ value = "" }) => known[1](value, ...parts));
  return objects.map((object) => JSON.stringify(object));
}
