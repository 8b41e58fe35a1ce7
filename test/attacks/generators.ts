import { randomUUID } from "node:crypto";
import { times } from "../support/scale.ts";
import type { AttackRequest } from "./corpus.ts";

const HOST = "api.test";

/** Requests that a case asks for by a name and a number. */
export const GENERATORS: ReadonlyMap<string, (count: number) => readonly AttackRequest[]> = new Map([
  [
    "random-kid",
    (count: number) =>
      Array.from({ length: count }, () => ({
        target: "/x",
        host: HOST,
        jwt: { header: { alg: "RS256", kid: randomUUID(), typ: "JWT" } },
      })),
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

/** The requests of a case, those that it generates written out; a tenth of them where there is not much time. */
export function written(requests: readonly AttackRequest[]): readonly AttackRequest[] {
  return requests.flatMap((request) => {
    const { generator, n = 1 } = request;
    return generator === undefined ? [request] : (GENERATORS.get(generator)?.(times(Math.ceil(n / 10), n)) ?? []);
  });
}
