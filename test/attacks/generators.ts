import { randomUUID } from "node:crypto";
import * as fc from "fast-check";
import type { AttackRequest } from "./corpus.ts";

const HOST = "api.test";
const ALPHABET = "/ . % 2 e f 5 c ; \\ a d m i n /admin %2f %2e";
const METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "BREW", "get", "X".repeat(40)];

/** Requests that a case asks for by a name and a number. */
export interface Generator {
  /** One after the other: what comes of one depends on those before. */
  readonly ordered?: boolean;
  /** The case says how many of them pass: a part of them would say something else. */
  readonly counted?: boolean;
  requests(count: number, seed: number, request: AttackRequest): readonly AttackRequest[];
}

const repeat = (count: number, make: (at: number) => AttackRequest): readonly AttackRequest[] =>
  Array.from({ length: count }, (_, at) => make(at));

export const GENERATORS: ReadonlyMap<string, Generator> = new Map<string, Generator>([
  [
    "random-kid",
    {
      requests: (count) =>
        repeat(count, () => ({
          target: "/x",
          host: HOST,
          jwt: { header: { alg: "RS256", kid: randomUUID(), typ: "JWT" } },
        })),
    },
  ],
  [
    "random-paths",
    {
      requests: (count, seed) => {
        const drawn = fc.array(fc.constantFrom(...ALPHABET.split(" ")), { minLength: 1, maxLength: 12 });
        return fc
          .sample(drawn, { seed, numRuns: count })
          .map((parts) => ({ target: `/${parts.join("")}`, host: HOST }));
      },
    },
  ],
  [
    "random-labels",
    {
      requests: (count, seed) => {
        const word = fc.stringMatching(/^[a-z0-9]{1,12}$/);
        const drawn = fc.tuple(word, word, word, fc.constantFrom(...METHODS), fc.nat(3));
        return fc.sample(drawn, { seed, numRuns: count }).map(([path, host, account, method, kind]) => ({
          method,
          target: `/${path}`,
          host: kind === 0 ? `${host}.test` : HOST,
          headers: [["User-Agent", path]],
          // Whoever has no authority of the mesh's makes up identities as he likes.
          ...(kind === 1 && { tls: { peer: `spiffe://mesh.example/ns/${host}/sa/${account}`, issuer: "a stranger" } }),
        }));
      },
    },
  ],
  // The last one is legitimate.
  [
    "denied",
    {
      ordered: true,
      requests: (count) => [
        ...repeat(count, () => ({ target: "/admin", host: HOST })),
        { target: "/public", host: HOST },
      ],
    },
  ],
  // Then ten of somebody else.
  [
    "poison",
    {
      ordered: true,
      requests: (count) => [
        ...repeat(count, () => ({ target: "/poison", host: HOST })),
        ...repeat(10, () => ({ target: "/x", host: HOST, tls: { peer: "spiffe://mesh.example/ns/prod/sa/web" } })),
      ],
    },
  ],
  ["load", { requests: (count) => repeat(count, (at) => ({ target: `/x?${at}`, host: HOST })) }],
  ["burst", { ordered: true, counted: true, requests: (count) => repeat(count, () => ({ target: "/x", host: HOST })) }],
  [
    "rotate-xff",
    {
      ordered: true,
      counted: true,
      requests: (count, _, { from_ip }) =>
        repeat(count, (at) => ({
          target: "/x",
          host: HOST,
          headers: [["X-Forwarded-For", `198.51.${at >> 8}.${at & 255}`]],
          ...(from_ip !== undefined && { cf_connecting_ip: from_ip }),
        })),
    },
  ],
  [
    "rotate-header-spelling",
    {
      ordered: true,
      counted: true,
      requests: (count) => {
        const spellings: readonly (readonly (readonly [string, string])[])[] = [
          [["x-api-key", "one"]],
          [["X-API-KEY", "one"]],
          [["x-api-key", "  one  "]],
          [["x-api-key", "\tone"]],
          [
            ["X-Api-Key", "one"],
            ["x-api-key", "one"],
          ],
          [],
        ];
        return repeat(count, (at) => ({ target: "/x", host: HOST, headers: spellings[at % spellings.length] ?? [] }));
      },
    },
  ],
  [
    "collide",
    {
      ordered: true,
      counted: true,
      requests: (count) =>
        repeat(count, (at) => ({
          target: at % 2 === 0 ? "/c" : "/b:c",
          host: HOST,
          headers: [["x-tenant", at % 2 === 0 ? "a:b" : "a"]],
        })),
    },
  ],
]);

/** The requests of a case, those that it generates written out: one in `oneIn` of them, but all where they are counted. */
export function written(requests: readonly AttackRequest[], oneIn: number): readonly AttackRequest[] {
  return requests.flatMap((request) => {
    const { generator, n = 1, seed = 0 } = request;
    if (generator === undefined) return [request];
    const known = GENERATORS.get(generator);
    return known?.requests(known.counted === true ? n : Math.ceil(n / oneIn), seed, request) ?? [];
  });
}

/** Whether the requests may be sent side by side: they are many, and none minds the others. */
export function isFlood(requests: readonly AttackRequest[]): boolean {
  const generators = requests.map(({ generator }) => generator);
  return generators.every((name) => name !== undefined && GENERATORS.get(name)?.ordered !== true);
}
