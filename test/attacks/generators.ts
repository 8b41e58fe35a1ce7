import { randomUUID } from "node:crypto";
import * as fc from "fast-check";
import type { AttackRequest } from "./corpus.ts";

const HOST = "api.test";
const ALPHABET = "/ . % 2 e f 5 c ; \\ a d m i n /admin %2f %2e";

/** Requests that a case asks for by a name and a number. */
type Generator = (count: number, seed: number) => readonly AttackRequest[];

export const GENERATORS: ReadonlyMap<string, Generator> = new Map<string, Generator>([
  [
    "random-kid",
    (count: number) =>
      Array.from({ length: count }, () => ({
        target: "/x",
        host: HOST,
        jwt: { header: { alg: "RS256", kid: randomUUID(), typ: "JWT" } },
      })),
  ],
  [
    "random-paths",
    (count, seed) => {
      const drawn = fc.array(fc.constantFrom(...ALPHABET.split(" ")), {
        minLength: 1,
        maxLength: 12,
      });
      return fc.sample(drawn, { seed, numRuns: count }).map((parts) => ({ target: `/${parts.join("")}`, host: HOST }));
    },
  ],
  // The last one is legitimate.
  [
    "denied",
    (count: number) => [
      ...Array.from({ length: count }, () => ({ target: "/admin", host: HOST })),
      { target: "/public", host: HOST },
    ],
  ],
]);

/** The requests of a case, those that it generates written out: one in `oneIn` of them. */
export function written(requests: readonly AttackRequest[], oneIn: number): readonly AttackRequest[] {
  return requests.flatMap((request) => {
    const { generator, n = 1, seed = 0 } = request;
    if (generator === undefined) return [request];
    return GENERATORS.get(generator)?.(Math.ceil(n / oneIn), seed) ?? [];
  });
}
